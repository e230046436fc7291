"""Back to a narrow format."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from fxpsim import dispatch
from fxpsim.formats import Overflow, OverflowRule, QFormat, Rounding
from fxpsim.formats.modes import STOCHASTIC, check_overflow, read_mode, read_overflow
from fxpsim.ops.op import Interval, Op, TensorSpec

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

    def infer(self, source: TensorSpec) -> TensorSpec:
        """Return the input's shape in the target format."""
        return TensorSpec(source.shape, self.target)

    def run(self, codes: IntArray, source: TensorSpec) -> IntArray:
        """Return codes of the target."""
        shift = source.format.frac - self.target.frac
        return dispatch.shift_codes(codes, shift, self.target, self.rounding, self.overflow)

    def interval(self, source: TensorSpec, low: IntArray, high: IntArray) -> Interval:
        """Return the cast bounds: rounding and saturation are monotone, wrapping is not."""
        shift = source.format.frac - self.target.frac
        wide = QFormat(62, self.target.frac)
        down, up = self.rounding, self.rounding
        if self.rounding in STOCHASTIC:
            down, up = Rounding.FLOOR, Rounding.CEIL
        low = dispatch.shift_codes(low, shift, wide, down, Overflow.SATURATE)
        high = dispatch.shift_codes(high, shift, wide, up, Overflow.SATURATE)
        lo, hi = self.target.lo, self.target.hi
        inside = (low >= lo) & (high <= hi)
        if self.overflow is Overflow.SATURATE:
            return low.clip(lo, hi), high.clip(lo, hi)
        low, high = low.copy(), high.copy()
        low[~inside], high[~inside] = lo, hi
        if self.overflow is Overflow.SATURATE_SYMMETRIC:
            low = low.clip(min(lo, -hi) + (lo < 0), hi)
        return low, high
