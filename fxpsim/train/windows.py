"""What each sum of a layer reads: the whole input, or a patch of it."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any, Protocol

from numpy.typing import NDArray
from torch import Tensor

from fxpsim.errors import GraphError
from fxpsim.ops import Conv2D, Dense, Layer

__all__ = ["Patches", "Whole", "Windows"]

IntArray = NDArray[Any]
Shape = tuple[int, ...]


class Windows(Protocol):
    """How an input becomes rows of factors, and which operation of a graph does the same."""

    def factors(self, source: Shape) -> int:
        """Return K, the products of a sum."""

    def shape(self, source: Shape, channels: int) -> Shape:
        """Return the output's shape."""

    def rows(self, codes: Tensor) -> Tensor:
        """Return the factors (n, ..., K) of codes (n, *source)."""

    def layer(self, codes: IntArray, source: Shape, **settings: Any) -> Layer:
        """Return the operation with weight codes (K, N); ``settings`` as for every layer."""


@dataclass(frozen=True, slots=True)
class Whole:
    """A dense layer: one sum reads all."""

    def factors(self, source: Shape) -> int:
        """Return K, the products of a sum."""
        return prod(source)

    def shape(self, source: Shape, channels: int) -> Shape:
        """Return the output's shape."""
        return (channels,)

    def rows(self, codes: Tensor) -> Tensor:
        """Return the input, flattened."""
        return codes.flatten(1)

    def layer(self, codes: IntArray, source: Shape, **settings: Any) -> Layer:
        """Return the operation with weight codes (K, N); ``settings`` as for every layer."""
        return Dense(codes, **settings)


@dataclass(frozen=True, slots=True)
class Patches:
    """A convolution over the first two axes, without padding.

    Attributes
    ----------
    size, stride : (int, int)
        Rows and columns.
    """

    size: tuple[int, int]
    stride: tuple[int, int] = (1, 1)

    def factors(self, source: Shape) -> int:
        """Return K, the products of a sum."""
        return prod(self.size) * source[2]

    def shape(self, source: Shape, channels: int) -> Shape:
        """Return the output's shape."""
        rows, columns = (
            (extent - size) // step + 1
            for extent, size, step in zip(source, self.size, self.stride, strict=False)
        )
        if rows < 1 or columns < 1:
            raise GraphError(
                f"a convolution of {self.size[0]} x {self.size[1]} must have at least as many rows "
                f"and columns to read, not {source[0]} x {source[1]}: take wider features, or a "
                "dense network"
            )
        return (rows, columns, channels)

    def rows(self, codes: Tensor) -> Tensor:
        """Return patches (n, rows, columns, K), each row by row, channels last."""
        patches = codes.unfold(1, self.size[0], self.stride[0]).unfold(
            2, self.size[1], self.stride[1]
        )
        return patches.permute(0, 1, 2, 4, 5, 3).flatten(3)

    def layer(self, codes: IntArray, source: Shape, **settings: Any) -> Layer:
        """Return the operation with weight codes (K, N); ``settings`` as for every layer."""
        weights = codes.reshape(*self.size, source[2], -1)
        return Conv2D(weights, stride=self.stride, **settings)
