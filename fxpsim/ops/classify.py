"""From scores to a decision, in integers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxpsim.casts import check_codes
from fxpsim.errors import GraphError
from fxpsim.formats import QFormat
from fxpsim.ops.op import Interval, Op, TensorSpec, freeze

__all__ = ["Argmax", "Softmax"]

IntArray = NDArray[Any]
LONGEST_TABLE = 4096


@dataclass(frozen=True, slots=True)
class Argmax(Op):
    """Index of the highest score along the last axis; the first of equal ones."""

    def infer(self, *sources: TensorSpec) -> TensorSpec:
        """Return the leading shape, unsigned indices."""
        (source,) = sources
        if not source.shape:
            raise GraphError("argmax needs an axis to search, but its input is one number")
        classes = source.shape[-1]
        bits = max(1, (classes - 1).bit_length())
        return TensorSpec(source.shape[:-1], QFormat(bits, 0, signed=False))

    def run(self, inputs: Sequence[IntArray], sources: Sequence[TensorSpec]) -> IntArray:
        """Return int32 indices."""
        (codes,) = inputs
        return np.asarray(codes.argmax(axis=-1), np.int32)

    def interval(self, ranges: Sequence[Interval], sources: Sequence[TensorSpec]) -> Interval:
        """Return all indices."""
        (source,) = sources
        shape = source.shape[:-1]
        return np.zeros(shape, np.int64), np.full(shape, source.shape[-1] - 1, np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Softmax(Op):
    """Shares of a table of exponentials, along the last axis, in integers.

    With d = highest score - score: e = table[min(d, len(table) - 1)], and the share is
    (e * 2**frac + sum/2) // sum, cut at the target's highest code.

    Parameters
    ----------
    table : integer array (D,)
        exp(-d * resolution) in units of its first entry, 0 to 2**31 - 1, falling.
    target : QFormat
        Unsigned format of the shares.
    """

    operation = "softmax"

    table: IntArray
    target: QFormat

    def __post_init__(self) -> None:
        table = check_codes(self.table, QFormat(31, 0, signed=False), "softmax table")
        if table.ndim != 1 or not table.size or int(table[0]) < 1 or (np.diff(table) > 0).any():
            raise GraphError("softmax table must be a falling row of numbers from 1 or more")
        if self.target.signed or not 0 <= self.target.frac <= 31:
            raise GraphError(
                f"softmax target must be unsigned with 0..31 fraction bits, not {self.target}"
            )
        object.__setattr__(self, "table", freeze(table))

    @classmethod
    def for_scores(cls, scores: QFormat, target: QFormat) -> Softmax:
        """Return the operation with a 16-bit table made for scores of a format.

        The table is computed once, here, and stored with the model; float never runs later.
        """
        # Beyond ln(2 * 65535) below the highest score, a share rounds to 0.
        span = min(1 + scores.hi - scores.lo, 1 + int(np.ceil(11.8 / scores.resolution)))
        if span > LONGEST_TABLE:
            raise GraphError(
                f"softmax of scores in {scores} would need a table of {span} entries, and "
                f"{LONGEST_TABLE} are the most; requantise the scores to fewer fraction bits"
            )
        table = np.rint(65535 * np.exp(-np.arange(span) * scores.resolution)).astype(np.int64)
        return cls(np.append(table, 0), target)

    def infer(self, *sources: TensorSpec) -> TensorSpec:
        """Return the input's shape in the target format."""
        (source,) = sources
        if not source.shape:
            raise GraphError("softmax needs an axis of scores, but its input is one number")
        return TensorSpec(source.shape, self.target)

    def run(self, inputs: Sequence[IntArray], sources: Sequence[TensorSpec]) -> IntArray:
        """Return shares."""
        (codes,) = inputs
        wide = codes.astype(np.int64)
        below = wide.max(axis=-1, keepdims=True) - wide
        parts = self.table.astype(np.int64)[np.minimum(below, len(self.table) - 1)]
        total = parts.sum(axis=-1, keepdims=True)
        shares = ((parts << self.target.frac) + total // 2) // total
        return np.asarray(np.minimum(shares, self.target.hi))
