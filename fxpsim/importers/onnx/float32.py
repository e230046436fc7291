"""float32 arithmetic as IEEE 754 has it and numpy has not."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["fused_multiply_add"]


def fused_multiply_add(a: Any, b: Any, c: Any) -> NDArray[np.float32]:
    """Return a * b + c of float32 numbers, rounded once.

    float64 holds the product exactly.  Its sum is rounded to odd, which makes the second rounding,
    to float32, that of the exact sum.  Boldo, Melquiond: Emulation of a FMA and Correctly Rounded
    Sums: Proved Algorithms Using Rounding to Odd. IEEE Transactions on Computers 57(4), 2008.
    """
    product = np.asarray(a, np.float64) * np.asarray(b, np.float64)
    addend = np.asarray(c, np.float64)
    total = np.asarray(product + addend)
    virtual = total - product
    error = (product - (total - virtual)) + (addend - virtual)
    even = np.atleast_1d(total).view(np.int64).reshape(total.shape) & 1 == 0
    toward = np.nextafter(total, np.where(error > 0, np.inf, -np.inf))
    return np.where((error != 0) & even, toward, total).astype(np.float32)
