"""Philox4x32-10, many counters at once; the rule stands in :mod:`fxpsim.spec.philox`."""

from __future__ import annotations

import numpy as np

from fxpsim.kernels._jit import kernel
from fxpsim.spec.philox import INCREMENTS, MULTIPLIERS, ROUNDS

__all__ = ["draw_words"]

# 64-bit constants, so that no product of two words is widened or cut.
_M0, _M1 = (np.uint64(number) for number in MULTIPLIERS)
_W0, _W1 = (np.uint64(number) for number in INCREMENTS)
_WORD, _HALF = np.uint64(0xFFFFFFFF), np.uint64(32)


@kernel
def _draw_row(key_low, key_high, stream, samples, elements, step, out):
    for i in range(out.size):
        c0, c1, c2, c3 = stream, np.uint64(samples[i]), np.uint64(elements[i]), step
        k0, k1 = key_low, key_high
        for _ in range(ROUNDS):
            first, second = _M0 * c0, _M1 * c2
            c0, c1 = (second >> _HALF) ^ c1 ^ k0, second & _WORD
            c2, c3 = (first >> _HALF) ^ c3 ^ k1, first & _WORD
            k0, k1 = (k0 + _W0) & _WORD, (k1 + _W1) & _WORD
        out[i] = np.uint32(c0)


@kernel
def draw_words(key_low, key_high, stream, samples, elements, step, out):
    """Write the first words of (stream, samples[i], j, step), j up to ``elements``, in order."""
    if elements == 1:  # a vector: one row of many samples
        _draw_row(key_low, key_high, stream, samples, np.zeros_like(samples), step, out)
        return
    numbers = np.arange(elements).astype(np.uint32)
    repeated = np.empty_like(numbers)
    for i in range(samples.size):
        repeated[:] = samples[i]
        row = out[i * elements : (i + 1) * elements]
        _draw_row(key_low, key_high, stream, repeated, numbers, step, row)
