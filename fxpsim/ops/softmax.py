"""Softmax as inference engines have it: tables of exponentials, then shares, without float exp.

The rules stand in :mod:`fxpsim.spec.elementary`; what runs here is the same on whole arrays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxpsim import dispatch, schemes
from fxpsim.casts import check_codes
from fxpsim.dispatch.rescaling import rescale
from fxpsim.engine import compiled
from fxpsim.errors import GraphError
from fxpsim.formats import Affine, QFormat
from fxpsim.ops.op import Op, TensorSpec, freeze, single_scale, zero_code
from fxpsim.spec import elementary

__all__ = ["FloatTableSoftmax", "GemmlowpSoftmax", "LookupSoftmax"]

IntArray = NDArray[Any]
_POSITIVE = QFormat(32, 0, signed=False)
_SHORT = QFormat(16, 0)
#: Their sum, each 2**-12 of a 31-bit number at most, is less than 2**32.
_MOST_SCORES = 8191


def _distances(codes: IntArray) -> IntArray:
    """Return how far every code is below the highest of its row."""
    wide = codes.astype(np.int64)
    return np.asarray(wide.max(axis=-1, keepdims=True) - wide)


def _times_power(raw: IntArray, bits: IntArray | int) -> IntArray:
    """Return raw * 2**-bits, rounded to nearest, ties away from zero; raw is not negative."""
    half = np.left_shift(np.int64(1), np.asarray(bits, np.int64)) // 2
    return np.asarray(np.right_shift(raw + half, bits))


def _rows(codes: IntArray) -> list[list[int]]:
    return codes.reshape(-1, codes.shape[-1]).tolist()


@dataclass(frozen=True, slots=True, eq=False)
class GemmlowpSoftmax(Op):
    """Shares of exponentials with 31 fraction bits, along the last axis.

    TensorFlow Lite Micro for 8-bit scores (:func:`fxpsim.spec.elementary.softmax8`).

    Parameters
    ----------
    table : integer array (D,)
        exp(-d * scale) in units of 2**-31, for d = 0, 1, ...; 0 beyond.
    target : Affine
        Its lowest code stands for 0.
    """

    operation = "softmax"

    table: IntArray
    target: Affine

    def __post_init__(self) -> None:
        table = check_codes(self.table, _POSITIVE, "softmax table")
        if table.ndim != 1 or not table.size or int(table[0]) != elementary.ONE:
            raise GraphError(f"softmax table must be a row that begins with {elementary.ONE}")
        object.__setattr__(self, "table", freeze(table))

    def infer(self, *sources: TensorSpec) -> TensorSpec:
        """Return the input's shape in the target format."""
        shape = _scores(sources)
        if shape[-1] > _MOST_SCORES:
            raise GraphError(f"softmax must have at most {_MOST_SCORES} scores, not {shape[-1]}")
        return TensorSpec(shape, self.target)

    def run(self, inputs: Sequence[IntArray], sources: Sequence[TensorSpec]) -> IntArray:
        """Return shares."""
        (codes,), fmt = inputs, self.target
        if not compiled():
            rows = [
                elementary.softmax8(row, self.table.tolist(), fmt.bits, fmt.lo)
                for row in _rows(codes)
            ]
            return np.array(rows, np.int64).reshape(codes.shape)
        return dispatch.softmax8(codes, self.table, fmt.bits, fmt.lo)


def _lookup(codes: IntArray, table: IntArray) -> IntArray:
    index = (codes >> 7) + 256
    slope = (table[index + 1] - table[index]).astype(np.int16).astype(np.int64)
    value = table[index] + ((slope * (codes & 127) + 64) >> 7)
    return np.asarray(value.astype(np.int16).astype(np.int64))


@dataclass(frozen=True, slots=True, eq=False)
class LookupSoftmax(Op):
    """Shares of exponentials read between samples of a table, along the last axis.

    TensorFlow Lite for 16-bit scores (:func:`fxpsim.spec.elementary.softmax16`).

    Parameters
    ----------
    scheme : Rescale of :mod:`fxpsim.schemes`
        From scores to steps of 10 / 65535.
    exponentials, reciprocals : integer arrays (513,)
        Samples of exp(x), x = -10 to 0, and of 1 / (1 + x), x = 0 to 1, in 15 fraction bits.
    target : Affine
        16 bits, zero point 0.
    """

    operation = "softmax"

    scheme: schemes.Rescale
    exponentials: IntArray
    reciprocals: IntArray
    target: Affine

    def __post_init__(self) -> None:
        for name in ("exponentials", "reciprocals"):
            table = check_codes(getattr(self, name), _SHORT, name)
            if table.shape != (513,):
                raise GraphError(f"{name} must be 513 samples, not {table.shape}")
            object.__setattr__(self, name, freeze(table))

    def infer(self, *sources: TensorSpec) -> TensorSpec:
        """Return the input's shape in the target format."""
        return TensorSpec(_scores(sources), self.target)

    def run(self, inputs: Sequence[IntArray], sources: Sequence[TensorSpec]) -> IntArray:
        """Return shares."""
        (codes,) = inputs
        distances = rescale(-_distances(codes), self.scheme, QFormat(32, 0))
        tables = self.exponentials.astype(np.int64), self.reciprocals.astype(np.int64)
        if not compiled():
            rows = [
                elementary.softmax16(row, tables[0].tolist(), tables[1].tolist())
                for row in _rows(distances)
            ]
            return np.array(rows, np.int64).reshape(codes.shape)
        parts = _lookup(
            (distances.astype(np.int64) + 32767).clip(-(1 << 15), (1 << 15) - 1), tables[0]
        )
        total = parts.sum(axis=-1, keepdims=True)
        lead = 32 - np.frexp(total.astype(np.float64))[1].astype(np.int64)
        shifted = ((total << (lead - 1)) + (1 << 13)) >> 14
        scale = _lookup(
            (shifted - (1 << 15) - (1 << 16)).clip(-(1 << 15), (1 << 15) - 1), tables[1]
        )
        return _times_power(parts * scale, 31 - lead).clip(0, 32767)


@dataclass(frozen=True, slots=True, eq=False)
class FloatTableSoftmax(Op):
    """Shares of float32 exponentials from a table, added in order, along the last axis.

    LiteRT's optimised kernel for 8-bit scores (``optimized_ops::Softmax`` with a table): only
    additions, one division and multiplications, which IEEE 754 defines to the bit.

    Parameters
    ----------
    table : integer array (256,)
        exp(-d * scale) for d = 0, 1, ..., 255: the bits of the float32.
    target : Affine
        Format of the shares.
    """

    operation = "softmax"

    table: IntArray
    target: Affine

    def __post_init__(self) -> None:
        table = check_codes(self.table, QFormat(32, 0), "softmax table")
        if table.shape != (256,):
            raise GraphError(f"softmax table must have 256 entries, not {table.shape}")
        object.__setattr__(self, "table", freeze(table))

    def infer(self, *sources: TensorSpec) -> TensorSpec:
        """Return the input's shape in the target format."""
        (source,) = sources
        if source.format.bits > 8:
            raise GraphError(f"scores must have 8 bits at most, not {source.format.bits}")
        return TensorSpec(_scores(sources), self.target)

    def run(self, inputs: Sequence[IntArray], sources: Sequence[TensorSpec]) -> IntArray:
        """Return shares."""
        parts = self.table.astype(np.int32).view(np.float32)[_distances(inputs[0])]
        # numpy's own sum adds pairwise; a running sum adds one after the other.
        total = np.cumsum(parts, axis=-1, dtype=np.float32)[..., -1:]
        fmt = self.target
        scale = np.float32(1) / (total * single_scale(fmt))
        shares = np.trunc(parts * scale + np.float32(0.5)).astype(np.int64)
        zero = zero_code(TensorSpec((), fmt))
        return np.asarray((shares + zero).clip(fmt.lo, fmt.hi))


def _scores(sources: Sequence[TensorSpec]) -> tuple[int, ...]:
    (source,) = sources
    if not source.shape:
        raise GraphError("softmax needs an axis of scores, but its input is one number")
    return source.shape
