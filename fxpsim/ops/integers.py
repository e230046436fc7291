"""Arithmetic on integers that are nothing but integers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxpsim.dispatch.casts import shift_codes
from fxpsim.errors import DataError, GraphError
from fxpsim.formats import Overflow, QFormat, Rounding
from fxpsim.ops.elementwise import broadcast, stretched
from fxpsim.ops.op import Interval, Op, TensorSpec, binary_point, whole_range

__all__ = ["Arithmetic", "IntegerArithmetic"]

IntArray = NDArray[Any]


class Arithmetic(StrEnum):
    """What becomes of two integers; division rounds toward zero, as C's does."""

    ADD = "add"
    MULTIPLY = "multiply"
    DIVIDE = "divide"
    MINIMUM = "minimum"
    MAXIMUM = "maximum"


@dataclass(frozen=True, slots=True)
class IntegerArithmetic(Op):
    """An operation of C on two tensors of codes; binary points play no part.

    Shapes stretch as numpy's do.

    Parameters
    ----------
    function : Arithmetic or str
        Which one.
    target : QFormat
        Format of the output, into which results wrap.
    """

    function: Arithmetic
    target: QFormat

    arity = 2

    def __post_init__(self) -> None:
        object.__setattr__(self, "function", Arithmetic(self.function))

    def infer(self, *sources: TensorSpec) -> TensorSpec:
        """Return the common shape in the target format."""
        for source in sources:
            fmt = binary_point(source)
            if fmt.lo < -1 << 31 or fmt.hi >= 1 << 31:
                raise GraphError(f"integers must fit 32 bits with a sign, not be {fmt}")
        return TensorSpec(broadcast(sources), self.target)

    def run(self, inputs: Sequence[IntArray], sources: Sequence[TensorSpec]) -> IntArray:
        """Return codes of the target; DataError where a divisor is 0."""
        axes = len(broadcast(sources))
        left, right = (stretched(codes.astype(np.int64), axes) for codes in inputs)
        exact = self._exact(left, right)
        return shift_codes(exact, 0, self.target, Rounding.FLOOR, Overflow.WRAP)

    def _exact(self, left: IntArray, right: IntArray) -> IntArray:
        match self.function:
            case Arithmetic.ADD:
                return np.add(left, right)
            case Arithmetic.MULTIPLY:
                return np.multiply(left, right)
            case Arithmetic.MINIMUM:
                return np.minimum(left, right)
            case Arithmetic.MAXIMUM:
                return np.maximum(left, right)
            case Arithmetic.DIVIDE:
                if not right.all():
                    raise DataError("a divisor must not be 0")
                quotient = np.abs(left) // np.abs(right)
                return np.where((left < 0) != (right < 0), -quotient, quotient)

    def interval(self, ranges: Sequence[Interval], sources: Sequence[TensorSpec]) -> Interval:
        """Return the extremes of the four results of ends, where none wraps or divides by 0."""
        whole = whole_range(self.infer(*sources))
        low, high = ranges[1]
        if self.function is Arithmetic.DIVIDE and ((low <= 0) & (high >= 0)).any():
            return whole
        axes = len(broadcast(sources))
        corners = np.stack(
            [
                self._exact(*(stretched(end[None].astype(np.int64), axes) for end in ends))[0]
                for ends in product(*ranges)
            ]
        )
        low, high = corners.min(0), corners.max(0)
        if low.min() < self.target.lo or high.max() > self.target.hi:
            return whole
        return low, high
