"""The sign-split bound: positive and negative products apart, valid in any order.

Where every input reaches 0 or both signs, an input exists that reaches the bound, so it is tight.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["SumRange", "sum_range"]

IntArray = NDArray[Any]


@dataclass(frozen=True, slots=True)
class SumRange:
    """Bounds on the sums of each channel, integer arrays (N,).

    Attributes
    ----------
    lowest, highest
        Of every partial sum, in any order: the bias, and then
        [sum min(0, w low, w high), sum max(0, w low, w high)].
    final_lowest, final_highest
        Of the complete sum.
    """

    lowest: IntArray
    highest: IntArray
    final_lowest: IntArray
    final_highest: IntArray


def sum_range(
    weights: IntArray, low: IntArray, high: IntArray, bias: IntArray | None = None
) -> SumRange:
    """Bound the sums of products with constants.

    Parameters
    ----------
    weights : integer array (K, N)
        Constants.
    low, high : integer arrays (K,) or (K, N)
        Range of every input, or of each channel's own; Python integers where they are wide.
    bias : integer array (N,), optional
        What the sum starts from; without one it starts from 0.
    """
    peak = max(abs(int(end)) for bound in (low, high) for end in (bound.min(), bound.max()))
    most = max(abs(int(weights.min())), abs(int(weights.max()))) * peak * len(weights)
    dtype = np.dtype(np.int64 if most < 1 << 62 else np.object_)
    w: IntArray = weights.astype(dtype)
    ends = [
        w * (bound if bound.ndim == 2 else bound[:, None]).astype(dtype) for bound in (low, high)
    ]
    least, greatest = np.minimum(*ends), np.maximum(*ends)
    sums = (
        np.minimum(least, 0).sum(axis=0),
        np.maximum(greatest, 0).sum(axis=0),
        least.sum(axis=0),
        greatest.sum(axis=0),
    )
    offset = 0 if bias is None else bias.astype(object)
    return SumRange(*(total.astype(object) + offset for total in sums))
