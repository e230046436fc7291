"""Back to a narrow format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxpsim import spec
from fxpsim.dispatch import casts as dispatch_casts
from fxpsim.formats import Overflow, OverflowRule, QFormat, Rounding
from fxpsim.formats.modes import STOCHASTIC, check_overflow, read_mode, read_overflow
from fxpsim.ops.op import Interval, Op, TensorSpec, binary_point

__all__ = ["Requantize"]

IntArray = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Requantize(Op):
    """A cast to ``target``: shift by the difference of fractions, round, then overflow.

    Parameters
    ----------
    target : QFormat
        Format of the output.
    rounding : Rounding or str
        Applied first.
    overflow : Overflow, Wrap, WrapSignMagnitude or str
        Applied second.
    """

    target: QFormat
    rounding: Rounding = Rounding.NEAREST_UP
    overflow: OverflowRule = Overflow.SATURATE

    def __post_init__(self) -> None:
        object.__setattr__(self, "rounding", read_mode(self.rounding, Rounding, "rounding"))
        object.__setattr__(self, "overflow", read_overflow(self.overflow, "overflow"))
        check_overflow(self.target, self.overflow)

    @property
    def draws(self) -> bool:
        """Whether it rounds stochastically."""
        return self.rounding in STOCHASTIC

    def infer(self, *sources: TensorSpec) -> TensorSpec:
        """Return the input's shape in the target format."""
        (source,) = sources
        binary_point(source)
        return TensorSpec(source.shape, self.target)

    def run(self, inputs: Sequence[IntArray], sources: Sequence[TensorSpec]) -> IntArray:
        """Return codes of the target."""
        (codes,), (source,) = inputs, sources
        shift = binary_point(source).frac - self.target.frac
        return dispatch_casts.shift_codes(codes, shift, self.target, self.rounding, self.overflow)

    def interval(self, ranges: Sequence[Interval], sources: Sequence[TensorSpec]) -> Interval:
        """Return the cast bounds: rounding and saturation are monotone, wrapping is not."""
        ((low, high),) = ranges
        (source,) = sources
        shift = binary_point(source).frac - self.target.frac
        modes = self.rounding, self.rounding
        if self.rounding in STOCHASTIC:
            modes = Rounding.FLOOR, Rounding.CEIL
        low, high = (
            np.array([spec.round_shift(int(c), shift, mode) for c in end.flat], object).reshape(
                end.shape
            )
            for end, mode in zip((low, high), modes, strict=True)
        )
        lo, hi = self.target.lo, self.target.hi
        if self.overflow is Overflow.SATURATE:
            return low.clip(lo, hi), high.clip(lo, hi)
        if self.overflow is Overflow.SATURATE_SYMMETRIC:
            least = 0 if lo == 0 else -hi
            return low.clip(least, hi), high.clip(least, hi)
        outside = (low < lo) | (high > hi)
        return np.where(outside, lo, low), np.where(outside, hi, high)
