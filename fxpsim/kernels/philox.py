"""Philox4x32-10, many counters at once; the rule stands in :mod:`fxpsim.spec.philox`."""

from __future__ import annotations

import numpy as np

from fxpsim.kernels._jit import kernel
from fxpsim.spec.philox import INCREMENTS, MULTIPLIERS, ROUNDS

__all__ = ["DRAWS", "draw_words"]

#: How many draws a loop makes ahead: they stay in the nearest cache.
DRAWS = 1024

# 64-bit constants, so that no product of two words is widened or cut.
_M0, _M1 = (np.uint64(number) for number in MULTIPLIERS)
_W0, _W1 = (np.uint64(number) for number in INCREMENTS)
_WORD, _HALF = np.uint64(0xFFFFFFFF), np.uint64(32)


@kernel
def draw_words(counters, start, out):
    """Write the words of the elements ``start``, ``start + 1``... of an array in C order.

    ``counters`` are ``keys`` (3,) uint32 (low and high word of the seed, stream), ``samples``
    uint32 (the ids of the rows; none: their indices), and ``elements``, how many a row has.
    """
    keys, samples, elements = counters
    rows, columns = np.empty(out.size, np.uint32), np.empty(out.size, np.uint32)
    row, column = divmod(start, elements)
    if elements == 1:  # a vector: one row of many samples
        for i in range(out.size):
            rows[i] = row + i
        columns[:] = 0
    elif column + out.size <= elements:
        rows[:] = row
        for i in range(out.size):
            columns[i] = column + i
    else:
        for i in range(out.size):
            rows[i] = row
            columns[i] = column
            column += 1
            full = column == elements
            row += np.int64(full)
            column = 0 if full else column
    if samples.size:
        for i in range(out.size):
            rows[i] = samples[rows[i]]
    # Written out here, in one loop: that alone is vectorised.
    key_low, key_high, stream = np.uint64(keys[0]), np.uint64(keys[1]), np.uint64(keys[2])
    for i in range(out.size):
        c0, c1, c2, c3 = stream, np.uint64(rows[i]), np.uint64(columns[i]), np.uint64(0)
        k0, k1 = key_low, key_high
        for _ in range(ROUNDS):
            first_product, second_product = _M0 * c0, _M1 * c2
            c0, c1 = (second_product >> _HALF) ^ c1 ^ k0, second_product & _WORD
            c2, c3 = (first_product >> _HALF) ^ c3 ^ k1, first_product & _WORD
            k0, k1 = (k0 + _W0) & _WORD, (k1 + _W1) & _WORD
        out[i] = np.uint32(c0)
