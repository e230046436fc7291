"""Sums and products of tensors, and tables of functions: element by element."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxpsim import schemes
from fxpsim.casts import check_codes
from fxpsim.dispatch.rescaling import rescale
from fxpsim.errors import GraphError
from fxpsim.formats import QFormat
from fxpsim.ops.op import Interval, Op, TensorFormat, TensorSpec, freeze, zero_code
from fxpsim.ops.rescaling import word

__all__ = ["Add", "Multiply", "Table", "broadcast", "stretched"]

IntArray = NDArray[Any]
_WIDE = QFormat(32, 0)
LARGEST_TABLE = 1 << 16


def broadcast(sources: Sequence[TensorSpec]) -> tuple[int, ...]:
    """Return the shape that shapes stretch to; GraphError where they do not."""
    try:
        return np.broadcast_shapes(*(source.shape for source in sources))
    except ValueError:
        raise GraphError(
            f"shapes must be equal or stretch, not {' and '.join(str(s.shape) for s in sources)}"
        ) from None


def stretched(codes: IntArray, axes: int) -> IntArray:
    """Return codes (n, *shape) with axes of length 1 inserted, to have ``axes`` after the first."""
    missing = axes - (codes.ndim - 1)
    return codes.reshape(len(codes), *[1] * missing, *codes.shape[1:])


@dataclass(frozen=True, slots=True)
class Add(Op):
    """The sum of two tensors, each rescaled to a common fine scale first.

    With codes less their zero points x and y: ``scheme(left(x << lift) + right(y << lift))``, where
    shapes stretch as numpy's do.

    Parameters
    ----------
    lift : int
        Bits that the inputs are shifted to the left, 0 to 30.
    left, right : Rescale of :mod:`fxpsim.schemes`
        To the common scale, in 32 bits.
    scheme : Rescale of :mod:`fxpsim.schemes`
        From it to the target.
    target : Affine or QFormat
        Format of the output.
    """

    operation = "add"

    lift: int
    left: schemes.Rescale
    right: schemes.Rescale
    scheme: schemes.Rescale
    target: TensorFormat

    arity = 2
    monotone = True

    def __post_init__(self) -> None:
        if not 0 <= self.lift <= 30:
            raise GraphError(f"the lift must be 0 to 30 bits, not {self.lift}")
        self.scheme.limits(word(self.target))

    def infer(self, *sources: TensorSpec) -> TensorSpec:
        """Return the common shape in the target format."""
        for source in sources:
            zero = zero_code(source)
            reach = max(source.format.hi - zero, zero - source.format.lo)
            if reach << self.lift >= 1 << 31:
                raise GraphError(f"{reach} shifted by {self.lift} bits must fit 32 bits")
        return TensorSpec(broadcast(sources), self.target)

    def run(self, inputs: Sequence[IntArray], sources: Sequence[TensorSpec]) -> IntArray:
        """Return codes of the target."""
        axes = len(broadcast(sources))
        parts = [
            rescale(
                np.left_shift(codes - zero_code(source), self.lift, dtype=np.int64), scheme, _WIDE
            )
            for codes, source, scheme in zip(inputs, sources, (self.left, self.right), strict=True)
        ]
        total = np.add(*(stretched(part, axes) for part in parts), dtype=np.int64)
        return rescale(total, self.scheme, word(self.target))


@dataclass(frozen=True, slots=True)
class Multiply(Op):
    """The product of two tensors, codes less their zero points, rescaled.

    Shapes stretch as numpy's do.

    Parameters
    ----------
    scheme : Rescale of :mod:`fxpsim.schemes`
        From products to the target.
    target : Affine or QFormat
        Format of the output.
    """

    operation = "multiply"

    scheme: schemes.Rescale
    target: TensorFormat

    arity = 2

    def __post_init__(self) -> None:
        self.scheme.limits(word(self.target))

    def infer(self, *sources: TensorSpec) -> TensorSpec:
        """Return the common shape in the target format."""
        if sum(source.format.bits for source in sources) > 32:
            raise GraphError("products must fit 32 bits")
        for source in sources:
            zero_code(source)
        return TensorSpec(broadcast(sources), self.target)

    def run(self, inputs: Sequence[IntArray], sources: Sequence[TensorSpec]) -> IntArray:
        """Return codes of the target."""
        axes = len(broadcast(sources))
        left, right = (
            stretched(codes.astype(np.int64) - zero_code(source), axes)
            for codes, source in zip(inputs, sources, strict=True)
        )
        return rescale(left * right, self.scheme, word(self.target))

    def interval(self, ranges: Sequence[Interval], sources: Sequence[TensorSpec]) -> Interval:
        """Return the extremes of the four products of ends."""
        corners = [self.run([end[None] for end in ends], sources)[0] for ends in product(*ranges)]
        return np.minimum.reduce(corners), np.maximum.reduce(corners)


@dataclass(frozen=True, slots=True, eq=False)
class Table(Op):
    """A function of one code: entry ``code - lowest code`` of a table.

    Parameters
    ----------
    table : integer array (2**bits of the input,)
        Codes of ``target``.
    target : Affine or QFormat
        Format of the output.
    """

    table: IntArray
    target: TensorFormat

    def __post_init__(self) -> None:
        table = check_codes(self.table, self.target, "table")
        if table.ndim != 1 or not 2 <= table.size <= LARGEST_TABLE:
            raise GraphError(
                f"a table must be a row of 2 to {LARGEST_TABLE} codes, not {table.shape}"
            )
        object.__setattr__(self, "table", freeze(table))

    def infer(self, *sources: TensorSpec) -> TensorSpec:
        """Return the input's shape in the target format."""
        (source,) = sources
        codes = source.format.hi - source.format.lo + 1
        if codes != self.table.size:
            raise GraphError(
                f"a table for {source.format} must have {codes} entries, not {self.table.size}"
            )
        return TensorSpec(source.shape, self.target)

    def run(self, inputs: Sequence[IntArray], sources: Sequence[TensorSpec]) -> IntArray:
        """Return the entries."""
        return np.asarray(self.table[inputs[0] - sources[0].format.lo])

    def interval(self, ranges: Sequence[Interval], sources: Sequence[TensorSpec]) -> Interval:
        """Return the extremes of the entries in range."""
        lowest = sources[0].format.lo
        low, high = np.empty_like(ranges[0][0]), np.empty_like(ranges[0][1])
        for start, stop in set(zip(*(end.reshape(-1).tolist() for end in ranges[0]), strict=True)):
            here = (ranges[0][0] == start) & (ranges[0][1] == stop)
            entries = self.table[start - lowest : stop - lowest + 1]
            low[here], high[here] = entries.min(), entries.max()
        return low, high
