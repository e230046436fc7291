"""Layers whose sums are a product of matrices: rows of the input times the weights."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from fxpsim import dispatch
from fxpsim.dispatch import Planes
from fxpsim.ops.layer import Constants, Layer, constants, raw
from fxpsim.ops.op import TensorSpec

__all__ = ["MatrixLayer"]

IntArray = NDArray[Any]
#: Rows are made for so many multiplicands at a time: 8 MiB of 16-bit words.
BLOCK = 1 << 22


@dataclass(frozen=True, slots=True, eq=False)
class MatrixLayer(Layer):
    """A layer of which every output channel sees the same inputs."""

    @abstractmethod
    def gather(self, factors: IntArray, source: TensorSpec) -> IntArray:
        """Return the rows (sums of a channel, K) that multiplicands (n, *shape) are summed in."""

    def adder(self, source: TensorSpec, *, proven: bool = False) -> Callable[[IntArray], IntArray]:
        """Return what makes registers (n, *shape) of codes (n, *source.shape), made once.

        ``proven`` registers never overflow: any order will do.
        """
        return _adder(self, source, proven)

    def planes(self, codes: IntArray, source: TensorSpec, *, exact: bool = False) -> Planes:
        """Return what the registers did (sums, N); ``exact``: those of sums without overflow."""
        known = constants(self, source)
        parts = [
            dispatch.product_planes(
                rows,
                known.matrix,
                None if exact else known.register,
                known.factor_range,
                known.matrix_range,
                known.bias,
                product_frac=known.frac,
            )
            for rows in _Rows.of(self, source).blocks(codes)
        ]
        return parts[0] if len(parts) == 1 else dispatch.joined(parts, axis=0)

    def peaks(self, codes: IntArray, source: TensorSpec) -> tuple[IntArray, IntArray, IntArray]:
        """Return exact sums (sums, N), their lowest and their highest partial sums."""
        known = constants(self, source)
        operands = known.matrix, known.factor_range, known.matrix_range, known.bias
        position = known.register.bias
        parts = []
        for rows in _Rows.of(self, source).blocks(codes):
            found = dispatch.product_peaks(rows, *operands, position=position)
            if found is None:
                return Layer.peaks(self, codes, source)
            parts.append(found)
        exact, lowest, highest = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)
        return exact, lowest, highest


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """The rows that a layer's weights are multiplied with, made in blocks."""

    layer: MatrixLayer
    source: TensorSpec
    known: Constants
    step: int

    @classmethod
    def of(cls, layer: MatrixLayer, source: TensorSpec) -> Self:
        known = constants(layer, source)
        per_sample = prod(known.shape) // layer.outputs * layer.inputs
        return cls(layer, source, known, max(1, BLOCK // per_sample))

    def blocks(self, codes: IntArray) -> Iterator[IntArray]:
        place = self.known.place
        for start in range(0, max(1, len(codes)), self.step):
            part = codes if len(codes) <= self.step else codes[start : start + self.step]
            rows = self.layer.gather(self.known.factors(part), self.source)
            yield np.ascontiguousarray(rows if place is None else rows[:, place])


@lru_cache(maxsize=128)
def _adder(layer: MatrixLayer, source: TensorSpec, proven: bool) -> Callable[[IntArray], IntArray]:
    weights, rows = _prepared(layer, source, proven), _Rows.of(layer, source)
    if weights.any_order and not layer.folded and rows.known.zero and _starts(raw(layer), source):
        layer = raw(layer)
        weights, rows = _prepared(layer, source, proven), _Rows.of(layer, source)
    shape = rows.known.shape

    def registers(codes: IntArray) -> IntArray:
        parts = [weights.product(block) for block in rows.blocks(codes)]
        whole = parts[0] if len(parts) == 1 else np.concatenate(parts)
        return whole.reshape(len(codes), *shape)

    return registers


def _starts(layer: MatrixLayer, source: TensorSpec) -> bool:
    """Whether the register holds the layer's bias: the sums of another start would be others."""
    known = constants(layer, source)
    last = known.register.outermost
    return known.bias is None or bool(last.lo <= known.bias.min() and known.bias.max() <= last.hi)


def _prepared(layer: MatrixLayer, source: TensorSpec, proven: bool) -> dispatch.Prepared:
    """Return a layer's weights, which are packed at the first product."""
    known = constants(layer, source)
    return dispatch.Prepared(
        known.matrix, known.register, known.factor_range, known.matrix_range, known.bias,
        known.frac, proven,
    )  # fmt: skip
