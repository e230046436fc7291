"""What stands between two layers, as a staircase: an integer function of each channel's sum.

Requantisation, ReLU and batch norm are monotone, element by element.  Their exact steps are found
by bisection, so that every straight line above them is one by comparison of integers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxpsim.formats import Overflow
from fxpsim.ops import BatchNorm, Bias, Gain, Op, Relu, Requantize, Rescale, TensorSpec

__all__ = ["Stairs", "is_stair"]

IntArray = NDArray[Any]
#: More steps than any 8-bit activation has.
_MOST = 1 << 10
_SATURATING = (Overflow.SATURATE, Overflow.SATURATE_SYMMETRIC)


def is_stair(op: Op) -> bool:
    """Whether an operation is monotone in each element, by itself."""
    if isinstance(op, Requantize):
        return op.overflow in _SATURATING and not op.draws
    return isinstance(op, Relu | Rescale | Gain | Bias | BatchNorm)


@dataclass(frozen=True, slots=True, eq=False)
class Stairs:
    """A function that does not fall, of one integer for each channel.

    Attributes
    ----------
    sign : int64 array (C,)
        -1 where it is a function of the negated sum, because it falls with the sum.
    low, high : int64 arrays (C,)
        Range of its argument.
    points, values : int64 arrays (P, C)
        Arguments at both ends of every step, and what it is there.  Between neighbours it is
        constant.
    """

    sign: IntArray
    low: IntArray
    high: IntArray
    points: IntArray
    values: IntArray

    @classmethod
    def of(
        cls, ops: Sequence[Op], source: TensorSpec, low: IntArray, high: IntArray, zero: int
    ) -> Stairs | None:
        """Return what operations make of sums (C,) in [low, high], less ``zero``.

        None where it may wrap, or has more steps than are worth following.
        """
        specs = [TensorSpec((len(low),), source.format)]
        for op in ops:
            specs.append(op.infer(specs[-1]))

        def run(sums: IntArray) -> IntArray:
            codes = sums
            for op, spec in zip(ops, specs, strict=False):
                codes = op.run([codes], [spec])
            return codes.astype(np.int64) - zero

        ends, codes = np.stack([low, high]).astype(np.int64), np.stack([low, high]).astype(np.int64)
        for op, spec in zip(ops, specs, strict=False):
            if isinstance(op, Rescale) and op.wraps(codes):
                return None
            codes = op.run([codes], [spec]).astype(np.int64)
        falls = codes[1] < codes[0]
        sign = np.where(falls, -1, 1)
        first, last = np.where(falls, -ends[::-1], ends)
        least, most = (codes - zero).min(axis=0), (codes - zero).max(axis=0)
        if int((most - least).max()) > _MOST:
            return None
        goals = np.minimum(least + 1 + np.arange(int((most - least).max()))[:, None], most)
        below, above = np.broadcast_to(first, goals.shape), np.broadcast_to(last, goals.shape)
        while (above - below > 1).any():
            middle = (below + above) // 2
            reached = run(middle * sign) >= goals
            below, above = np.where(reached, below, middle), np.where(reached, middle, above)
        above = np.where(run(below * sign) >= goals, below, above)
        ends = np.concatenate([first[None], above - 1, above, last[None]])
        points = np.sort(ends.clip(first, last), axis=0)
        return cls(sign, first, last, points, run(points * sign))
