"""Inputs that take a register as far as it can go, and what a narrower one makes of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxpsim.accumulators import Accumulator, Chunked
from fxpsim.bounds.registers import Addition, additions
from fxpsim.bounds.terms import Terms

__all__ = ["Extreme", "first_overflow", "narrowed", "overflowing_input"]

IntArray = NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Extreme:
    """An input of one sum, and the first overflow of some registers on it.

    Attributes
    ----------
    multiplicands : object array (K,)
        Of the window, in the order of its axes.
    used : bool array (K,)
        Those that the register is full of; the others do not matter.
    level, register : str
        Where it overflows first.
    step : int
        When: products count from 1, a bias that comes first is 0.
    value : int
        What the register would have to hold then.
    """

    multiplicands: IntArray
    used: NDArray[np.bool_]
    level: str
    register: str
    step: int
    value: int


def narrowed(accumulator: Accumulator, register: str, bits: int) -> Accumulator:
    """Return an accumulator with another width of one register.

    ``register`` is a name as in :class:`fxpsim.bounds.registers.Addition`; ``""`` stands for the
    accumulator's own width, which lanes and the register they are added in share.
    """
    chain, order = accumulator.levels, accumulator.order
    if register == "product" and accumulator.product is not None:
        return replace(accumulator, product=replace(accumulator.product, bits=bits))
    if register == "node" and isinstance(order, Chunked):
        return replace(accumulator, order=replace(order, node_bits=bits))
    if register == "final" or register.removeprefix("spill").isdigit():
        depth = len(chain) - 1 if register == "final" else int(register.removeprefix("spill"))
        return _at_depth(accumulator, depth, bits)
    return replace(accumulator, bits=bits)


def _at_depth(accumulator: Accumulator, depth: int, bits: int) -> Accumulator:
    if depth == 0 or accumulator.spill is None:
        return replace(accumulator, bits=bits)
    inner = _at_depth(accumulator.spill.into, depth - 1, bits)
    return replace(accumulator, spill=replace(accumulator.spill, into=inner))


def overflowing_input(terms: Terms, register: str) -> Extreme | None:
    """Return the input (K,) of a single sum that overflows a register by most; None: none does.

    ``terms`` has one channel and the narrow registers.
    """
    worst: tuple[int, bool, Addition] | None = None
    for one in additions(terms, members=True):
        if one.register != register if register else one.word is not terms.accumulator:
            continue
        above, below = int(one.high[0]) - one.word.hi, one.word.lo - int(one.low[0])
        for beyond, up in ((above, True), (below, False)):
            if beyond > 0 and (worst is None or beyond > worst[0]):
                worst = beyond, up, one
    if worst is None:
        return None
    _, up, addition = worst
    low, high = (end[:, 0].astype(object) for end in (terms.low, terms.high))
    positive = terms.weights[:, 0] >= 0
    chosen = np.where(positive == up, high, low)
    used = np.zeros(len(chosen), np.bool_)
    used[terms.place[np.array([step - 1 for step in addition.members], np.intp)]] = True
    multiplicands = np.where(used, chosen, low)
    first = first_overflow(terms.at(multiplicands))
    assert first is not None
    return Extreme(multiplicands, used, first.level, first.register, first.step, int(first.low[0]))


def first_overflow(terms: Terms) -> Addition | None:
    """Return the first addition of one sum, its input fixed, that does not fit its register."""
    return next((one for one in additions(terms) if not one.fits), None)
