"""Activation functions of sums as thresholds: no multiplier, only comparisons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxpsim.casts import check_codes
from fxpsim.errors import GraphError
from fxpsim.formats import QFormat
from fxpsim.ops.op import Interval, Op, TensorFormat, TensorSpec, freeze

__all__ = ["MOST_THRESHOLDS", "Thresholds"]

IntArray = NDArray[Any]
MOST_THRESHOLDS = 1 << 20
_WIDE = QFormat(62, 0)


@dataclass(frozen=True, slots=True, eq=False)
class Thresholds(Op):
    """The lowest code plus how many thresholds an input reaches, channels along the last axis.

    Any rising function of an integer (a scale, a batch norm, a ReLU, a rounding) that ends in few
    codes is this.  Umuroglu, Jahre: Streamlined Deployment for Quantized Neural Networks.
    arXiv:1709.04060, section 3.

    Parameters
    ----------
    thresholds : integer array (channels, levels) or (1, levels)
        Rising along the last axis; one row for each channel, or for all.
    falling : integer array (channels,) or (1,)
        1 where the function falls: the highest code less the thresholds reached.
    low : int
        Code of an input that reaches no threshold (reaches all, where it falls).
    target : Affine or QFormat
        Format of the output.
    """

    thresholds: IntArray
    falling: IntArray
    low: int
    target: TensorFormat

    def __post_init__(self) -> None:
        thresholds = check_codes(self.thresholds, _WIDE, "thresholds")
        falling = check_codes(self.falling, QFormat(1, 0, signed=False), "falling")
        if thresholds.ndim != 2 or not 1 <= thresholds.size <= MOST_THRESHOLDS:
            raise GraphError(
                f"thresholds must have shape (channels, levels), {MOST_THRESHOLDS:,} in all at "
                f"most, not {thresholds.shape}"
            )
        if (np.diff(thresholds.astype(np.int64), axis=1) < 0).any():
            raise GraphError("thresholds must rise along the last axis")
        if falling.shape != thresholds.shape[:1]:
            raise GraphError(
                f"falling must have an entry for each row of thresholds, not {falling.shape}"
            )
        if not self.target.lo <= self.low <= self.high <= self.target.hi:
            raise GraphError(
                f"{self.low} to {self.high} must be codes of the target ({self.target})"
            )
        object.__setattr__(self, "thresholds", freeze(thresholds))
        object.__setattr__(self, "falling", freeze(falling))

    @property
    def high(self) -> int:
        """The highest code that comes out."""
        return self.low + int(np.shape(self.thresholds)[1])

    def infer(self, *sources: TensorSpec) -> TensorSpec:
        """Return the input's shape in the target format."""
        (source,) = sources
        channels = len(self.thresholds)
        if channels > 1 and source.shape[-1:] != (channels,):
            raise GraphError(
                f"the last axis of the input must have the {channels} channels of the thresholds, "
                f"but its shape is {source.shape}"
            )
        return TensorSpec(source.shape, self.target)

    def run(self, inputs: Sequence[IntArray], sources: Sequence[TensorSpec]) -> IntArray:
        """Return codes of the target."""
        (codes,), rows = inputs, len(self.thresholds)
        columns = codes.reshape(-1, rows if rows > 1 else 1).astype(np.int64)
        result = np.empty_like(columns)
        table = self.thresholds.astype(np.int64)
        for channel, (row, falls) in enumerate(zip(table, self.falling, strict=True)):
            reached = np.searchsorted(row, columns[:, channel], side="right")
            result[:, channel] = self.high - reached if falls else self.low + reached
        return result.reshape(codes.shape)

    def interval(self, ranges: Sequence[Interval], sources: Sequence[TensorSpec]) -> Interval:
        """Return what the bounds become, in order."""
        ends = [self.run([end[None]], sources)[0] for end in ranges[0]]
        return np.minimum(*ends), np.maximum(*ends)
