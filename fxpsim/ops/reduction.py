"""Sums along axes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxpsim.errors import GraphError
from fxpsim.formats import QFormat
from fxpsim.ops.op import Op, TensorSpec, fraction, zero_code
from fxpsim.stats import bits_for

__all__ = ["ReduceSum"]

IntArray = NDArray[Any]


@dataclass(frozen=True, slots=True)
class ReduceSum(Op):
    """Exact sums of codes less their zero point; the axes summed over are gone.

    Parameters
    ----------
    axes : tuple of int
        Of the input.
    """

    axes: tuple[int, ...]

    monotone = True

    def infer(self, *sources: TensorSpec) -> TensorSpec:
        """Return the other axes in the narrowest format that holds every sum."""
        (source,) = sources
        fmt, rank = source.format, len(source.shape)
        if len(set(self.axes)) != len(self.axes) or any(not 0 <= a < rank for a in self.axes):
            raise GraphError(f"axes to sum over must be some of 0 to {rank - 1}, not {self.axes}")
        count = prod(source.shape[axis] for axis in self.axes)
        zero = zero_code(source)
        bits = bits_for(count * (fmt.lo - zero), count * (fmt.hi - zero))
        shape = tuple(n for axis, n in enumerate(source.shape) if axis not in self.axes)
        return TensorSpec(shape, QFormat(bits, fraction(fmt)))

    def run(self, inputs: Sequence[IntArray], sources: Sequence[TensorSpec]) -> IntArray:
        """Return sums."""
        (codes,), (source,) = inputs, sources
        axes = tuple(axis + 1 for axis in self.axes)
        count = prod(source.shape[axis] for axis in self.axes)
        total: IntArray = codes.sum(axis=axes, dtype=np.int64)
        return total - count * zero_code(source)
