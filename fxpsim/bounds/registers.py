"""The prefix-exact bound: every register of the declared order, one addition after the other.

An addition is monotone in the register and in what is added, rounding included.  So the lowest and
highest a register can hold follow from the lowest and highest addends, and one input reaches both
ends of everything: these bounds are tight, whatever lanes, chunks and spills there are.  They hold
for sums without overflow, and so up to the first one.

The order of events is that of :func:`fxpsim.spec.accumulate`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxpsim import spec
from fxpsim.accumulators import Accumulator, Chunked, Interleaved, Product
from fxpsim.bounds.terms import Terms
from fxpsim.formats import Rounding
from fxpsim.formats.modes import STOCHASTIC

__all__ = ["Addition", "Reach", "additions", "reach"]

IntArray = NDArray[Any]
_LIMIT = 1 << 62


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A number that is not yet known: its ends (N,), fraction bits, and the products in it."""

    low: IntArray
    high: IntArray
    frac: int
    members: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Addition:
    """What one addition may leave in a register, before it overflows.

    Attributes
    ----------
    level : str
        As in :class:`fxpsim.spec.Sum`.
    register : str
        Its name; lanes share one.
    word : Accumulator or Product
        What holds it.
    step : int
        Products count from 1; a bias that comes first is 0.
    low, high : integer arrays (N,)
        The ends, at the register's fraction.
    members : tuple of int
        Steps of the products in it since the register was empty.
    """

    level: str
    register: str
    word: Accumulator | Product
    step: int
    low: IntArray
    high: IntArray
    members: tuple[int, ...]

    @property
    def fits(self) -> bool:
        """Whether it cannot overflow."""
        return bool(self.low.min() >= self.word.lo and self.high.max() <= self.word.hi)


@dataclass(frozen=True, slots=True, eq=False)
class Reach:
    """How far one register goes: ends (N,) over all its additions."""

    level: str
    register: str
    word: Accumulator | Product
    lowest: IntArray
    highest: IntArray


def reach(terms: Terms) -> tuple[Reach, ...]:
    """Return how far every register can go, innermost first, the one with the result last."""
    register = terms.accumulator
    if not register.tiled:
        return _reach(terms)
    parts = [terms.channels(tile) for tile in terms.tiles]
    joined = []
    for same in zip(*map(_reach, parts), strict=True):
        word = register if same[0].word is parts[0].accumulator else same[0].word
        low = np.concatenate([one.lowest for one in same])
        high = np.concatenate([one.highest for one in same])
        joined.append(replace(same[0], word=word, lowest=low, highest=high))
    return tuple(joined)


def _reach(terms: Terms) -> tuple[Reach, ...]:
    found: dict[str, Reach] = {}
    for addition in additions(terms):
        name, before = addition.register, found.get(addition.register)
        low, high = addition.low, addition.high
        if before is not None:
            low, high = np.minimum(low, before.lowest), np.maximum(high, before.highest)
        found[name] = Reach(addition.level, name, addition.word, low, high)
    ranks = {name: rank for rank, name in enumerate(_names(terms.accumulator))}
    return tuple(sorted(found.values(), key=lambda one: ranks[one.register]))


def additions(terms: Terms, *, members: bool = False) -> Iterator[Addition]:
    """Yield every addition in order.

    Parameters
    ----------
    terms : Terms
        What is added up, by outputs that share a schedule of spills.
    members : bool
        Keep which products are in each register (slower).
    """
    accumulator, place = terms.accumulator, terms.place
    low, high = (end[place] for end in terms.products())
    start = terms.start
    walk = _Walk.of(terms, low, high, members)
    last = len(place)
    bias = None if start is None else walk.settled(start, start)
    if bias is not None and accumulator.bias == "first":
        yield from walk.add_bias(bias, 0)
    order = accumulator.order
    size = order.size if isinstance(order, Chunked) else 1
    for first in range(0, last, size):
        parts = []
        for index in range(first, min(first + size, last)):
            step = index + 1
            part = walk.settled(low[index], high[index], (step,) if members else ())
            if accumulator.product is not None:
                part = walk.into(accumulator.product, accumulator.product.frac, part)
                yield walk.addition("product", "product", accumulator.product, step, part)
            parts.append(part)
        step = first + len(parts)
        yield from walk.add_chunk(parts, step)
    yield from walk.finish(last)
    if bias is not None and accumulator.bias == "last":
        yield from walk.add_bias(bias, last + 1)


def _names(accumulator: Accumulator) -> list[str]:
    """Return the names of the registers, innermost first."""
    chain, lanes = accumulator.levels, isinstance(accumulator.order, Interleaved)
    outer = len(chain) - 1 if accumulator.spill else int(lanes)
    names = [*(f"spill{i + 1}" for i in range(outer - 1)), "final"] if outer else []
    innermost = "lane" if lanes else "spill" if outer else "final"
    return ["product", "node", innermost, *names]


@dataclass(slots=True)
class _Walk:
    """The registers of all channels while sums are made."""

    accumulator: Accumulator
    frac: int
    dtype: np.dtype[Any]
    members: bool
    zero: IntArray
    lanes: list[Part] = field(default_factory=list)
    outer: list[tuple[Accumulator, int]] = field(default_factory=list)
    held: list[Part] = field(default_factory=list)
    arrived: list[int] = field(default_factory=list)
    added: int = 0

    @classmethod
    def of(cls, terms: Terms, low: IntArray, high: IntArray, members: bool) -> _Walk:
        accumulator, start = terms.accumulator, terms.start
        ends = [end for end in (low, high, start) if end is not None]
        total = (len(low) + 1) * max(abs(int(v)) for end in ends for v in (end.min(), end.max()))
        plain = accumulator.product is None and all(r.frac is None for r in accumulator.levels)
        dtype = np.dtype(np.int64 if plain and total < _LIMIT else np.object_)
        walk = cls(accumulator, terms.frac, dtype, members, np.zeros(low.shape[1], dtype))
        frac = walk.frac if accumulator.product is None else accumulator.product.frac
        chain = []
        for register in accumulator.levels:
            frac = frac if register.frac is None else register.frac
            chain.append((register, frac))
        order = accumulator.order
        lanes = order.lanes if isinstance(order, Interleaved) else 1
        split = isinstance(order, Interleaved) and accumulator.spill is None
        walk.outer = chain if split else chain[1:]
        walk.lanes = [walk.empty(chain[0][1]) for _ in range(lanes)]
        walk.held = [walk.empty(frac) for _, frac in walk.outer]
        walk.arrived = [0] * (1 + len(walk.outer))
        return walk

    def empty(self, frac: int) -> Part:
        return Part(self.zero, self.zero, frac)

    def settled(self, low: IntArray, high: IntArray, members: tuple[int, ...] = ()) -> Part:
        return Part(low.astype(self.dtype), high.astype(self.dtype), self.frac, members)

    def into(self, word: Accumulator | Product, frac: int, part: Part) -> Part:
        """Round as a register does."""
        shift = part.frac - frac
        if word.frac is None and shift == 0:  # then even ``jam`` leaves it as it is
            return part
        modes = word.rounding, word.rounding
        if word.rounding in STOCHASTIC:
            modes = Rounding.FLOOR, Rounding.CEIL
        low, high = (
            np.array([spec.round_shift(int(v), shift, mode) for v in end], object)
            for end, mode in zip((part.low, part.high), modes, strict=True)
        )
        return Part(low, high, frac, part.members)

    def addition(
        self, level: str, name: str, word: Accumulator | Product, step: int, part: Part
    ) -> Addition:
        return Addition(level, name, word, step, part.low, part.high, part.members)

    def add_chunk(self, parts: list[Part], step: int) -> Iterator[Addition]:
        order = self.accumulator.order
        bits = order.node_bits if isinstance(order, Chunked) else None
        word = None
        if bits is not None:
            word = Accumulator(bits, self.accumulator.overflow, signed=self.accumulator.signed)
        while len(parts) > 1:
            paired = [_plus(a, b) for a, b in zip(parts[::2], parts[1::2], strict=False)]
            if word is not None:
                for part in paired:
                    yield self.addition("node", "node", word, step, part)
            parts = paired + parts[len(parts) & ~1 :]
        yield from self.add_to_lane((step - 1) % len(self.lanes), parts[0], step)
        self.arrived[0] += 1
        self.added += 1
        spill = self.accumulator.spill
        in_each_lane, rest = divmod(self.added, len(self.lanes))
        if spill and rest == 0 and spill.due(in_each_lane):
            yield from self.flush_lanes(step)

    def add_to_lane(self, lane: int, part: Part, step: int) -> Iterator[Addition]:
        lanes = isinstance(self.accumulator.order, Interleaved)
        level = "lane" if lanes else "spill" if self.outer else "final"
        total = self.into(self.accumulator, self.lanes[lane].frac, _plus(self.lanes[lane], part))
        self.lanes[lane] = total
        yield self.addition(level, level, self.accumulator, step, total)

    def add_to_outer(self, index: int, part: Part, step: int) -> Iterator[Addition]:
        word, frac = self.outer[index]
        self.held[index] = self.into(word, frac, _plus(self.held[index], part))
        yield self.addition(*self.outer_name(index), word, step, self.held[index])

    def outer_name(self, index: int) -> tuple[str, str]:
        last = index == len(self.outer) - 1
        return ("final", "final") if last else ("spill", f"spill{index + 1}")

    def add_bias(self, bias: Part, step: int) -> Iterator[Addition]:
        if self.outer:
            yield from self.add_to_outer(len(self.outer) - 1, bias, step)
        else:
            yield from self.add_to_lane(0, bias, step)

    def flush_lanes(self, step: int) -> Iterator[Addition]:
        parts, order = self.lanes, self.accumulator.order
        self.lanes = [self.empty(part.frac) for part in parts]
        self.arrived[0] = 0
        word, frac = self.outer[0]
        sequential = isinstance(order, Interleaved) and order.reduce == "sequential"
        while len(parts) > 1:
            ends = 2 if sequential else len(parts) & ~1
            pairs = list(zip(parts[:ends:2], parts[1:ends:2], strict=True))
            rest = parts[ends:]
            parts = []
            for a, b in pairs:
                parts.append(self.into(word, frac, _plus(a, b)))
                yield self.addition(*self.outer_name(0), word, step, parts[-1])
            parts += rest
        yield from self.arrive(0, parts[0], step)

    def arrive(self, index: int, part: Part, step: int) -> Iterator[Addition]:
        yield from self.add_to_outer(index, part, step)
        self.arrived[index + 1] += 1
        spill = self.outer[index][0].spill
        if spill and spill.every == self.arrived[index + 1]:
            yield from self.flush_outer(index, step)

    def flush_outer(self, index: int, step: int) -> Iterator[Addition]:
        part = self.held[index]
        self.held[index], self.arrived[index + 1] = self.empty(part.frac), 0
        yield from self.arrive(index + 1, part, step)

    def finish(self, step: int) -> Iterator[Addition]:
        if self.outer and self.arrived[0]:
            yield from self.flush_lanes(step)
        for index in range(len(self.outer) - 1):
            if self.arrived[index + 1]:
                yield from self.flush_outer(index, step)


def _plus(a: Part, b: Part) -> Part:
    """Add exactly, at the finer fraction."""
    frac = max(a.frac, b.frac)
    if a.frac == b.frac:
        return Part(a.low + b.low, a.high + b.high, frac, a.members + b.members)
    up = [frac - a.frac, frac - b.frac]
    low, high = (x * (1 << up[0]) + y * (1 << up[1]) for x, y in ((a.low, b.low), (a.high, b.high)))
    return Part(low, high, frac, a.members + b.members)
