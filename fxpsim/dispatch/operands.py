"""Two matrices to be multiplied, with what is known of their entries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxpsim.accumulators import Accumulator, Chunked, Interleaved

__all__ = ["Facts", "IntArray", "Operands", "Range", "preload"]

IntArray = NDArray[Any]
Range = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of the products and sums of a layer, whatever its inputs.

    Attributes
    ----------
    length : int
        K, products in a sum.
    a_range, b_range : (int, int)
        Lowest and highest multiplicand.
    bias_peak : int
        No bias is further from 0.
    """

    length: int
    a_range: Range
    b_range: Range
    bias_peak: int

    @property
    def product_peak(self) -> int:
        """No product is further from 0."""
        return max(abs(x * y) for x in self.a_range for y in self.b_range)

    @property
    def sum_peak(self) -> int:
        """No partial sum, bias included, is further from 0."""
        return self.length * self.product_peak + self.bias_peak

    @property
    def sixteen(self) -> bool:
        """Whether both operands fit signed 16-bit words."""
        ends = (*self.a_range, *self.b_range)
        return min(ends) >= -(1 << 15) and max(ends) < 1 << 15

    @property
    def swapped(self) -> Facts:
        """The same of the transposed product."""
        return Facts(self.length, self.b_range, self.a_range, self.bias_peak)

    def fits(self, accumulator: Accumulator) -> bool:
        """Whether no register can overflow, by the ranges of the operands alone."""
        order, peak = accumulator.order, self.product_peak
        chunk = order.size if isinstance(order, Chunked) else 1
        if isinstance(order, Chunked) and order.node_bits is not None:
            node = (1 << (order.node_bits - 1)) - 1 if accumulator.signed else 0
            if min(chunk, self.length) * peak > node:
                return False
        lanes = order.lanes if isinstance(order, Interleaved) else 1
        products: int = chunk
        for register in accumulator.levels[:-1]:
            additions = -(-self.length // (products * lanes))
            if register.spill:
                additions = register.spill.longest(additions)
            products = min(self.length, additions * products)
            if products * peak > min(register.hi, -register.lo):
                return False
            products, lanes = products * lanes, 1
        last = accumulator.outermost
        return self.sum_peak <= min(last.hi, -last.lo)


@dataclass(frozen=True, slots=True)
class Operands:
    """Two matrices with the ranges of their entries; bias (N,) at the products' fraction."""

    a: IntArray
    b: IntArray
    a_range: Range
    b_range: Range
    bias: IntArray | None

    @property
    def facts(self) -> Facts:
        """What the ranges tell of products and sums."""
        peak = 0
        if self.bias is not None and self.bias.size:
            peak = max(abs(int(self.bias.max())), abs(int(self.bias.min())))
        return Facts(int(self.a.shape[1]), self.a_range, self.b_range, peak)

    @property
    def machine(self) -> bool:
        """Whether all entries are machine integers, not Python ones."""
        arrays = (self.a, self.b) if self.bias is None else (self.a, self.b, self.bias)
        return all(array.dtype != np.object_ for array in arrays)

    def columns(self, chosen: NDArray[np.intp] | slice) -> Operands:
        """Return the operands of some outputs."""
        if isinstance(chosen, np.ndarray) and chosen.size == self.b.shape[1]:
            return self
        bias = None if self.bias is None else self.bias[..., chosen]
        b = np.ascontiguousarray(self.b[:, chosen])
        return Operands(self.a, b, self.a_range, self.b_range, bias)

    def arguments(
        self, accumulator: Accumulator
    ) -> tuple[IntArray, IntArray, Accumulator, Range, Range, IntArray | None]:
        """Return them as :func:`fxpsim.dispatch.product` takes them."""
        return self.a, self.b, accumulator, self.a_range, self.b_range, self.bias


def preload(
    accumulator: Accumulator, bias: IntArray | None, outputs: int
) -> tuple[Accumulator, IntArray | None]:
    """Move an accumulator's rounding constant into the bias, where kernels and bounds expect it."""
    constant = accumulator.rounding_constant
    if not constant:
        return accumulator, bias
    start = np.zeros(outputs, np.int64) if bias is None else bias
    if start.dtype != np.object_:
        peak = max(abs(int(start.max(initial=0))), abs(int(start.min(initial=0))))
        start = start.astype(np.int64 if peak + abs(constant) < 1 << 63 else np.object_)
    return accumulator.without_constant, np.asarray(start + constant)
