"""Softmax as ONNX Runtime has it for 8-bit codes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxpsim.casts import check_codes
from fxpsim.errors import GraphError
from fxpsim.formats import Affine, QFormat
from fxpsim.ops.op import Op, TensorSpec, freeze, single_scale, zero_code

__all__ = ["QLinearSoftmax"]

IntArray = NDArray[Any]
CODES = 256
_WORD = float(1 << 32)


@dataclass(frozen=True, slots=True, eq=False)
class QLinearSoftmax(Op):
    """Shares of float32 exponentials from a table, along the last axis.

    With d = highest score - score: e = table[d], and the share is e * floor(1 / scale) / sum,
    rounded half to even.  ONNX Runtime,
    ``onnxruntime/contrib_ops/cpu/quantization/qlinear_softmax.cc``.

    Parameters
    ----------
    table : integer array (256,)
        exp(-d * scale of the scores) times any constant: the bits of the float32.
    target : Affine
        Format of the shares.
    """

    operation = "softmax"

    table: IntArray
    target: Affine

    def __post_init__(self) -> None:
        table = check_codes(self.table, QFormat(32, 0), "softmax table")
        if table.shape != (CODES,):
            raise GraphError(f"softmax table must have {CODES} entries, not {table.shape}")
        object.__setattr__(self, "table", freeze(table))
        with np.errstate(over="ignore"):
            highest = float(self._parts[0]) * float(self._steps)
        if not 0 < highest < _WORD:
            raise GraphError(f"softmax table and shares must fit 32 bits, not {highest:.3g}")

    @classmethod
    def for_scores(cls, scale: float, classes: int, target: Affine) -> QLinearSoftmax:
        """Return the operation with ONNX Runtime's table for so many scores."""
        room = np.log(max(1, ((1 << 32) - 1) // max(1, classes))) - 5
        table = np.exp(room - np.arange(CODES) * float(np.float32(scale))).astype(np.float32)
        return cls(table.view(np.int32), target)

    @property
    def _parts(self) -> NDArray[np.float32]:
        return self.table.astype(np.int32).view(np.float32)

    @property
    def _steps(self) -> np.float32:
        """How often the output's scale goes into 1."""
        return np.float32(np.floor(np.float32(1) / single_scale(self.target)))

    def infer(self, *sources: TensorSpec) -> TensorSpec:
        """Return the input's shape in the target format."""
        (source,) = sources
        if source.format.bits > 8:
            raise GraphError(f"scores must have 8 bits at most, not {source.format.bits}")
        if not source.shape:
            raise GraphError("softmax needs an axis of scores, but its input is one number")
        return TensorSpec(source.shape, self.target)

    def run(self, inputs: Sequence[IntArray], sources: Sequence[TensorSpec]) -> IntArray:
        """Return shares."""
        wide = inputs[0].astype(np.int64)
        parts = self._parts[wide.max(axis=-1, keepdims=True) - wide]
        # numpy's own sum adds pairwise; a running sum adds one after the other.
        total = np.cumsum(parts, axis=-1, dtype=np.float32)[..., -1:]
        shares = np.rint(parts * self._steps / total).astype(np.int64)
        zero = zero_code(TensorSpec((), self.target))
        return np.asarray((shares + zero).clip(self.target.lo, self.target.hi))
