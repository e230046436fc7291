"""What the sums of a layer are made of: constants, and how far every input goes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxpsim.accumulators import Accumulator, Sequential
from fxpsim.bounds.windows import fixed_taps
from fxpsim.ops import Layer, TensorSpec
from fxpsim.ops.op import zero_code

__all__ = ["Terms"]

IntArray = NDArray[Any]
Range = tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Terms:
    """The sums of one layer.

    Attributes
    ----------
    weights : integer array (K, N)
        Multiplicands that are constant, in the order of the window's axes.
    low, high : integer arrays (K, 1) or (K, N)
        Range of every multiplicand of the input, padding included.
    bias : object array (N,) or None
        At the products' fraction, without a rounding constant.
    accumulator : Accumulator
        The registers, with their rounding constant.
    frac : int
        Fraction bits of the products.
    window : tuple of int
        Axes of what is summed over.
    input_type, weight_type : (int, int)
        What multiplicands of their formats can be at all.
    meet : bool
        Whether one position of a window reads all that is not padding everywhere; where not, no
        sum reaches all ends at once.
    """

    weights: IntArray
    low: IntArray
    high: IntArray
    bias: IntArray | None
    accumulator: Accumulator
    frac: int
    window: tuple[int, ...]
    input_type: Range
    weight_type: Range
    meet: bool = True

    @classmethod
    def of(cls, layer: Layer, source: TensorSpec, low: IntArray, high: IntArray) -> Terms:
        """Return the sums of a layer whose multiplicands (K,) or (K, N) are in [low, high]."""
        sums, register = layer.sums(source), layer.accumulator
        low, high = (end if end.ndim == 2 else end[:, None] for end in (low, high))
        fixed, meet = fixed_taps(layer, source)
        if fixed.any():
            pad = zero_code(source) - layer.zero(source)
            low, high = (np.where(fixed[:, None], pad, end) for end in (low, high))
        bias = None if sums.bias is None else sums.bias.astype(object) - register.rounding_constant
        zero = layer.zero(source)
        return cls(
            sums.weights,
            low,
            high,
            bias,
            register,
            layer.product_frac(source),
            layer.window(source),
            _hull(source.format.lo - zero, source.format.hi - zero, zero_code(source) - zero),
            layer.weight_format.multiplicand_range,
            meet,
        )

    def with_accumulator(self, accumulator: Accumulator) -> Terms:
        """Return the same sums in other registers."""
        return replace(self, accumulator=accumulator)

    @property
    def tiles(self) -> tuple[slice, ...]:
        """The channels, by what they share: a schedule of spills."""
        return tuple(tile for tile, _ in self.accumulator.tiles(self.weights.shape[1]))

    def channels(self, chosen: slice) -> Terms:
        """Return some of the sums, which share a schedule of spills; theirs is what they keep."""
        low, high = (end if end.shape[1] == 1 else end[:, chosen] for end in (self.low, self.high))
        bias = None if self.bias is None else self.bias[chosen]
        return replace(
            self, weights=self.weights[:, chosen], low=low, high=high, bias=bias,
            accumulator=self.accumulator.for_output(chosen.start or 0),
        )  # fmt: skip

    def at(self, multiplicands: IntArray) -> Terms:
        """Return the same sums of one input (K,)."""
        return replace(self, low=multiplicands[:, None], high=multiplicands[:, None])

    @property
    def place(self) -> NDArray[np.intp]:
        """The declared order: which entry of the window each product is of."""
        order, length = self.accumulator.order, len(self.weights)
        if isinstance(order, Sequential) and order.axes is not None:
            box: NDArray[np.intp] = np.arange(prod(self.window)).reshape(self.window)
            return box.transpose(order.axes).reshape(-1)
        return np.arange(length)

    @property
    def start(self) -> IntArray | None:
        """What is added besides products, the rounding constant in it: (N,) or None."""
        constant = self.accumulator.rounding_constant
        if not constant:
            return self.bias
        bias = np.zeros(self.weights.shape[1], object) if self.bias is None else self.bias
        return np.asarray(bias + constant)

    def products(self) -> tuple[IntArray, IntArray]:
        """Return the lowest and highest of every product (K, N), in the order of the window."""
        peak = max(abs(int(end)) for b in (self.low, self.high) for end in (b.min(), b.max()))
        most = max(abs(int(self.weights.min())), abs(int(self.weights.max()))) * peak
        dtype = np.dtype(np.int64 if most * len(self.weights) < 1 << 62 else np.object_)
        weights: IntArray = self.weights.astype(dtype)
        ends = weights * self.low.astype(dtype), weights * self.high.astype(dtype)
        return np.minimum(*ends), np.maximum(*ends)

    @property
    def zero_in_range(self) -> bool:
        """Whether every input may be 0."""
        return bool((self.low <= 0).all() and (self.high >= 0).all())


def _hull(*values: int) -> Range:
    return min(values), max(values)
