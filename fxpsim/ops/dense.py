"""Fully connected layers."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

from numpy.typing import NDArray

from fxpsim.errors import GraphError
from fxpsim.ops.layer import multiplicand_weights
from fxpsim.ops.matrix import MatrixLayer
from fxpsim.ops.op import Interval, TensorSpec

__all__ = ["Dense"]

IntArray = NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Dense(MatrixLayer):
    """Sums over the whole input, which is read in row-major order.

    Weights have shape (K, N); further parameters as for :class:`fxpsim.ops.layer.Layer`.

    Parameters
    ----------
    by_row : bool
        Sum over the last axis only: each row along it is an input of its own.
    """

    by_row: bool = False

    @property
    def axes(self) -> tuple[str, ...]:
        """Names of the weights' axes."""
        return ("K", "N")

    @property
    def inputs(self) -> int:
        """K, the number of products in each sum."""
        return int(self.weights.shape[0])

    @property
    def outputs(self) -> int:
        """N, the number of sums."""
        return int(self.weights.shape[1])

    def window(self, source: TensorSpec) -> tuple[int, ...]:
        """Return the shape of the input, or its last axis."""
        return source.shape[-1:] if self.by_row else source.shape

    def shape(self, source: TensorSpec) -> tuple[int, ...]:
        """Return (N,), or (..., N) row by row."""
        values = prod(self.window(source))
        if values != self.inputs:
            raise GraphError(
                f"the input must have {self.inputs} values (rows of the weights), "
                f"not {values} (shape {source.shape})"
            )
        return (*source.shape[:-1], self.outputs) if self.by_row else (self.outputs,)

    def matrix(self) -> IntArray:
        """Return the weights' multiplicands (K, N)."""
        return multiplicand_weights(self.weights, self.weight_format)

    def gather(self, factors: IntArray, source: TensorSpec) -> IntArray:
        """Return rows (sums of a channel, K)."""
        return factors.reshape(-1, self.inputs)

    def reach(self, source: TensorSpec, low: IntArray, high: IntArray) -> Interval:
        """Return the range of every multiplicand (K,)."""
        zero = self.zero(source)
        low, high = low.reshape(-1, self.inputs), high.reshape(-1, self.inputs)
        return low.min(axis=0) - zero, high.max(axis=0) - zero
