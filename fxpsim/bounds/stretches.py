"""Stretches: what a register takes between two spills, and how few of them a sum needs.

A stretch of additions is *safe* for a register if the sums of its positive and of its negative
products, each at its most, fit (the sign-split bound): then no input overflows the register, in
whatever order the stretch is added.  A part of a safe stretch is safe, as it has fewer terms of
either sign.

**Greedy is optimal.**  :func:`greedy` makes every stretch as long as is safe.  Let g1 < g2 < ... be
where its stretches end, and s1 < s2 < ... where those of any other safe schedule do; then
g_i >= s_i.  For i = 1 because the first stretch could not be longer.  If g_(i-1) >= s_(i-1), the
additions from g_(i-1) to s_i are a part of the other schedule's stretch from s_(i-1) to s_i, hence
safe, so greedy goes to s_i at least.  So it reaches the end of the sum with no more stretches than
any other.  Nothing in this needs one register: a stretch of a tile is safe where it is for every
lane of every output in it.

The proof wants parts of safe stretches to be safe, which is why the bound of any order is taken and
not that of the declared order: where 0 is not in an input's range, the declared order may be safe
only because an earlier product makes room.  Where it is, both are equal, and fewest is fewest
outright.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from fxpsim.accumulators import Accumulator, Chunked, Interleaved
from fxpsim.bounds.terms import Terms

__all__ = ["Additions", "greedy", "stretches_fit"]

IntArray = NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Additions:
    """How far additions can move the innermost registers.

    Attributes
    ----------
    down, up : integer arrays (S + 1, lanes * N)
        Sums of what the first s additions into each lane of each output take away at most (0 or
        less), and add at most: running sums, so that a stretch is a difference.
    """

    down: IntArray
    up: IntArray

    @classmethod
    def of(cls, terms: Terms) -> Self:
        """Return those of a layer's sums: the negative and the positive products, each apart."""
        low, high = (end[terms.place] for end in terms.products())
        return cls(*_running(terms, np.minimum(low, 0), np.maximum(high, 0)))

    @classmethod
    def by_norm(cls, terms: Terms) -> Self:
        """Return what A2Q's bound knows: weights' magnitudes, times the largest input."""
        ends = terms.low.min(), terms.low.max(), terms.high.min(), terms.high.max()
        largest = max(abs(int(end)) for end in ends)
        most = abs(terms.weights[terms.place].astype(terms.products()[0].dtype)) * largest
        return cls(*_running(terms, -most, most))

    @property
    def count(self) -> int:
        """S, the additions into each lane."""
        return len(self.up) - 1

    def fits(self, ends: Sequence[int], register: Accumulator) -> bool:
        """Whether every stretch of a schedule, its last end included, is safe."""
        bounds = pairwise([0, *ends])
        return all(
            (self.up[end] - self.up[start] <= register.hi).all()
            and (self.down[end] - self.down[start] >= register.lo).all()
            for start, end in bounds
        )


def greedy(additions: Additions, register: Accumulator, unit: int = 1) -> tuple[int, ...] | int:
    """Return the schedule of fewest spills.

    Parameters
    ----------
    additions : Additions
        Of outputs that share it.
    register : Accumulator
        The lanes; of an order, spills and bias nothing is asked.
    unit : int
        Stretches are of so many additions, or a multiple; the last may be shorter.

    Returns
    -------
    tuple of int, or int
        After which additions to spill, the last included; or the first addition after which no
        stretch is safe, not even one of a unit.
    """
    places = np.array([*range(0, additions.count, unit), additions.count])
    up, down = additions.up[places], additions.down[places]
    furthest = np.full(len(places), len(places) - 1)
    for sums, room in ((up, register.hi), (-down, -register.lo)):
        for column in sums.T:
            reached = column.searchsorted(column + min(room, column[-1]), "right") - 1
            np.minimum(furthest, reached, out=furthest)
    ends, at = [], 0
    while at < len(places) - 1:
        if furthest[at] == at:
            return int(places[at])
        at = int(furthest[at])
        ends.append(int(places[at]))
    return tuple(ends)


def stretches_fit(terms: Terms) -> bool:
    """Whether every stretch of a layer's own schedule is safe for its innermost register."""
    for tile in terms.tiles:
        part = terms.channels(tile)
        register = part.accumulator
        additions = Additions.of(part)
        spill = register.spill
        ends = spill.ends(additions.count) if spill else (additions.count,)
        if not additions.fits(ends, register):
            return False
    return True


def _running(terms: Terms, low: IntArray, high: IntArray) -> tuple[IntArray, IntArray]:
    """Return running sums (S + 1, lanes * N) over the additions into each lane."""
    order = terms.accumulator.order
    size = order.size if isinstance(order, Chunked) else 1
    lanes = order.lanes if isinstance(order, Interleaved) else 1
    length, outputs = low.shape
    steps = -(-length // (size * lanes))

    def running(ends: IntArray) -> IntArray:
        filled = np.zeros((steps * size * lanes, outputs), ends.dtype)
        filled[:length] = ends
        added = filled.reshape(steps, lanes, size, outputs).sum(axis=2).reshape(steps, -1)
        return np.concatenate([np.zeros_like(added[:1]), np.cumsum(added, axis=0)])

    return running(low), running(high)
