"""The four random words of one step of many sums; the rule stands in :mod:`fxpsim.spec.philox`."""

from __future__ import annotations

import numpy as np

from fxpsim.kernels._jit import kernel
from fxpsim.spec.philox import INCREMENTS, MULTIPLIERS, ROUNDS

__all__ = ["draw_step"]

# 64-bit constants, so that no product of two words is widened or cut.
_M0, _M1 = (np.uint64(number) for number in MULTIPLIERS)
_W0, _W1 = (np.uint64(number) for number in INCREMENTS)
_WORD, _HALF = np.uint64(0xFFFFFFFF), np.uint64(32)


@kernel
def draw_step(key_low, key_high, stream, sample, first, step, out):
    """Fill ``out`` (4, n) with the words of the elements from ``first`` on, at one step."""
    for j in range(out.shape[1]):
        c0, c1, c2, c3 = stream, sample, first + np.uint64(j), step
        k0, k1 = key_low, key_high
        for _ in range(ROUNDS):
            one, two = _M0 * c0, _M1 * c2
            c0, c1 = (two >> _HALF) ^ c1 ^ k0, two & _WORD
            c2, c3 = (one >> _HALF) ^ c3 ^ k1, one & _WORD
            k0, k1 = (k0 + _W0) & _WORD, (k1 + _W1) & _WORD
        out[0, j], out[1, j] = np.int64(c0), np.int64(c1)
        out[2, j], out[3, j] = np.int64(c2), np.int64(c3)
