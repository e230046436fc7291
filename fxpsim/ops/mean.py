"""Sums over windows, and means in float32 as ONNX Runtime has them; channels last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxpsim.errors import GraphError
from fxpsim.formats import Affine, QFormat
from fxpsim.ops.op import TensorSpec, single_scale, zero_code
from fxpsim.ops.pooling import Pool2D

__all__ = ["FloatAveragePool2D", "SumPool2D"]

IntArray = NDArray[Any]


@dataclass(frozen=True, slots=True)
class SumPool2D(Pool2D):
    """The sum of the codes in a window less their zero points; padding adds nothing.

    Its register has 32 bits; a window must be too small to overflow it.
    """

    operation = "average"

    def infer(self, *sources: TensorSpec) -> TensorSpec:
        """Return (rows, columns, channels) in a register without scale."""
        (source,) = sources
        spec = Pool2D.infer(self, source)
        zero, taps = zero_code(source), self.size[0] * self.size[1]
        if taps * max(source.format.hi - zero, zero - source.format.lo) >= 1 << 31:
            raise GraphError(f"sums of {taps} codes of {source.format} must fit 32 bits")
        return TensorSpec(spec.shape, QFormat(32, 0))

    def run(self, inputs: Sequence[IntArray], sources: Sequence[TensorSpec]) -> IntArray:
        """Return sums."""
        zero = zero_code(sources[0])
        factors = inputs[0].astype(np.int64) - zero
        return self._clamped(self._windows(factors, 0).sum(axis=(3, 4)))


@dataclass(frozen=True, slots=True, kw_only=True)
class FloatAveragePool2D(Pool2D):
    """The mean of a window's real numbers, with another scale, in float32.

    Numbers are added row by row, divided by their count and by the output's scale, and rounded half
    to even.  IEEE 754 defines each of these to the bit.  ONNX Runtime's ``QLinearAveragePool``
    (``onnxruntime/contrib_ops/cpu/quantization/qlinear_pool.cc``) adds its zero point before it
    rounds; its ``AveragePool`` between quantisations after.

    Parameters
    ----------
    target : Affine
        Format of the output.
    count_padding : bool
        Whether padding counts, as zeros.
    offset : int
        Added before rounding, taken off after.
    """

    operation = "average"

    target: Affine
    count_padding: bool = False
    offset: int = 0

    def infer(self, *sources: TensorSpec) -> TensorSpec:
        """Return (rows, columns, channels) in the target format."""
        (source,) = sources
        zero_code(source)
        if not isinstance(source.format, Affine):
            raise GraphError(f"a mean of real numbers needs a scale, not {source.format}")
        for fmt in (source.format, self.target):
            single_scale(fmt)
        return TensorSpec(Pool2D.infer(self, source).shape, self.target)

    def run(self, inputs: Sequence[IntArray], sources: Sequence[TensorSpec]) -> IntArray:
        """Return codes of the target."""
        (codes,), (source,), target = inputs, sources, self.target
        assert isinstance(source.format, Affine)
        reals = (codes - zero_code(source)).astype(np.float32) * single_scale(source.format)
        windows = self._windows(reals, 0)
        total = np.zeros(windows.shape[:3] + windows.shape[5:], np.float32)
        for row in range(self.size[0]):
            for column in range(self.size[1]):
                total += windows[:, :, :, row, column]
        mean = total / self._count(codes).astype(np.float32)
        zero = zero_code(TensorSpec((), target)) - self.offset
        steps = np.rint(mean / single_scale(target) + np.float32(self.offset)) + zero
        return self._clamped(steps.clip(target.lo, target.hi).astype(np.int64))

    def _count(self, codes: IntArray) -> IntArray:
        if self.count_padding:
            return np.array(self.size[0] * self.size[1])
        ones = np.ones((1, *codes.shape[1:3], 1), np.int64)
        return np.asarray(self._windows(ones, 0).sum(axis=(3, 4)))
