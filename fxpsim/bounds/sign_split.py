"""The sign-split bound: positive and negative products apart, valid in any order.

Where every input reaches 0 or both signs, an input exists that reaches the bound, so it is tight.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["final_range", "sign_split"]

IntArray = NDArray[Any]


def _products(weights: IntArray, low: IntArray, high: IntArray) -> tuple[IntArray, IntArray]:
    """Return the lowest and the highest value (K, N) of every product."""
    peak = max(abs(int(end)) for bound in (low, high) for end in (bound.min(), bound.max()))
    most = max(abs(int(weights.min())), abs(int(weights.max()))) * peak * len(weights)
    dtype = np.dtype(np.int64 if most < 1 << 62 else np.object_)
    w: IntArray = weights.astype(dtype)
    ends = [w * bound.astype(dtype)[:, None] for bound in (low, high)]
    return np.minimum(*ends), np.maximum(*ends)


def sign_split(
    weights: IntArray, low: IntArray, high: IntArray, bias: IntArray | None = None
) -> tuple[IntArray, IntArray]:
    """Return bounds (N,) on every partial sum, in any order, the bias coming first.

    Parameters
    ----------
    weights : integer array (K, N)
        Constants.
    low, high : integer arrays (K,)
        Range of every input.
    bias : integer array (N,), optional
        What the sum starts from; without one it starts from 0, which the range then includes.

    Returns
    -------
    lowest, highest : integer arrays (N,)
        [sum min(0, w low, w high), sum max(0, w low, w high)], moved by the bias.
    """
    least, most = _products(weights, low, high)
    lowest, highest = np.minimum(least, 0).sum(axis=0), np.maximum(most, 0).sum(axis=0)
    return (lowest, highest) if bias is None else (lowest + bias, highest + bias)


def final_range(
    weights: IntArray, low: IntArray, high: IntArray, bias: IntArray | None = None
) -> tuple[IntArray, IntArray]:
    """Return the range (N,) of the complete sums; parameters as for :func:`sign_split`."""
    least, most = _products(weights, low, high)
    lowest, highest = least.sum(axis=0), most.sum(axis=0)
    return (lowest, highest) if bias is None else (lowest + bias, highest + bias)
