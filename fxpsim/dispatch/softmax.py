"""Softmax of whole arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["softmax8"]

IntArray = NDArray[Any]


def softmax8(codes: IntArray, table: IntArray, bits: int, lowest: int) -> IntArray:
    """Return shares along the last axis; :func:`fxpsim.spec.elementary.softmax8` of every row."""
    from fxpsim.kernels import softmax

    out = np.empty(codes.shape, np.int32)
    rows = np.ascontiguousarray(codes).reshape(-1, codes.shape[-1])
    softmax.softmax8(rows, table, bits, lowest, out.reshape(rows.shape))
    return out
