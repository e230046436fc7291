"""Casts by the rules of :mod:`fxpsim.spec` themselves, an element at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxpsim import spec
from fxpsim.engine import code_dtype
from fxpsim.errors import OverflowTrap
from fxpsim.formats import OverflowRule, QFormat, Rounding

__all__ = ["Cast", "Rule", "by_rules", "code_rule", "float_rule"]

#: From an element and its draw: the rounded value, and the code it becomes.
Rule = Callable[[Any, int], tuple[float, int]]


@dataclass(frozen=True, slots=True)
class Cast:
    """Codes of the target, and how many of them the overflow rule changed."""

    codes: NDArray[Any]
    changed: int


def code_rule(shift: int, target: QFormat, rounding: Rounding, overflow: OverflowRule) -> Rule:
    """Return the rule for codes that are shifted to the right."""

    def rule(code: int, draw: int) -> tuple[int, int]:
        rounded = spec.round_shift(int(code), shift, rounding, draw)
        return rounded, spec.fit(rounded, target.lo, target.hi, overflow)

    return rule


def float_rule(fmt: QFormat, rounding: Rounding, overflow: OverflowRule, zero_point: int) -> Rule:
    """Return the rule for floats; infinity is a very large power of two."""

    def rule(value: float, draw: int) -> tuple[float, int]:
        if math.isinf(value):
            far = 1 << 2000 if value > 0 else -(1 << 2000)
            try:
                return value, spec.fit(far + zero_point, fmt.lo, fmt.hi, overflow)
            except OverflowTrap as trap:
                raise OverflowTrap(value, trap.lo, trap.hi) from None
        wide = spec.round_float(value, fmt.frac, rounding, draw) + zero_point
        return wide, spec.fit(wide, fmt.lo, fmt.hi, overflow)

    return rule


def by_rules(
    elements: NDArray[Any], words: NDArray[Any], target: QFormat, rules: Sequence[Rule]
) -> Cast:
    """Return what rules make of elements: one for all, or one for each entry of the last axis.

    Raises
    ------
    OverflowTrap
        The first, in C order, of those that the rules raise.
    """
    pairs = list(_apply(elements, words, rules))
    out = np.array([code for _, code in pairs], code_dtype(target.lo, target.hi))
    changed = sum(rounded != code for rounded, code in pairs)
    return Cast(out.reshape(elements.shape), changed)


def _apply(
    elements: NDArray[Any], words: NDArray[Any], rules: Sequence[Rule]
) -> Iterator[tuple[float, int]]:
    for position, element in enumerate(elements.reshape(-1).tolist()):
        try:
            draw = int(words[position]) if words.size else 0
            yield rules[position % len(rules)](element, draw)
        except OverflowTrap as trap:
            index = tuple(int(i) for i in np.unravel_index(position, elements.shape))
            raise OverflowTrap(trap.value, trap.lo, trap.hi, index) from None
