"""Softmax with a table of exponentials, as :func:`fxpsim.spec.elementary.softmax8` has it."""

from __future__ import annotations

import numpy as np

from fxpsim.kernels._jit import kernel
from fxpsim.spec.elementary import _NEG_32_17, ONE, SUM_BITS, _48_17

__all__ = ["softmax8"]


@kernel
def _high_product(a, b):
    return min((a * b + (1 << 30)) >> 31, ONE)


@kernel
def _times_power(raw, bits):
    return (raw + ((1 << bits) >> 1)) >> bits


@kernel
def softmax8(codes, table, bits, lowest, out):
    """Fill ``out`` (rows, scores) with the shares of ``codes``, which ``table`` is read for."""
    highest = lowest + (1 << bits) - 1
    for row in range(codes.shape[0]):
        top = np.int64(codes[row, 0])
        for i in range(1, codes.shape[1]):
            top = max(top, np.int64(codes[row, i]))
        total = np.int64(0)
        for i in range(codes.shape[1]):
            distance = top - codes[row, i]
            if distance < table.size:
                total += _times_power(np.int64(table[distance]), SUM_BITS)
        lead = 32
        while total >> (32 - lead):
            lead -= 1
        raw = (total << lead) - (1 << 31)
        half = (raw + ONE + 1) >> 1
        estimate = _48_17 + _high_product(half, _NEG_32_17)
        for _ in range(3):
            error = (1 << 29) - _high_product(half, estimate)
            estimate += _high_product(estimate, error) << 2
        scale = min(estimate << 1, ONE)
        shift = SUM_BITS - lead + 31 - bits
        for i in range(codes.shape[1]):
            distance = top - codes[row, i]
            part = np.int64(table[distance]) if distance < table.size else np.int64(0)
            share = _times_power(_high_product(part, scale), shift) + lowest
            out[row, i] = min(share, highest)
