"""Operands laid out as the tiles read them."""

from __future__ import annotations

import numpy as np

from fxpsim.kernels._jit import kernel

__all__ = ["pack_panels", "pack_rows"]


@kernel
def pack_rows(a, shift, low_half, doubled, out):
    """Copy ``a`` (M, K) into ``out`` of the same shape, scaled by ``2**shift``.

    ``low_half`` keeps the low 16 bits of each entry; ``doubled`` copies them to the high half, so
    that one 32-bit broadcast fills a vector of 16-bit lanes.
    """
    for i in range(a.shape[0]):
        for k in range(a.shape[1]):
            value = np.int64(a[i, k]) << shift
            if low_half:
                value &= 0xFFFF
            if doubled:
                value |= value << 16
            out[i, k] = value


@kernel
def pack_panels(b, column, shift, low_half, out):
    """Copy columns of ``b`` (K, N) from ``column`` on into ``out`` (panels, K, width), 0 beyond N.

    Scaled by ``2**shift``; ``low_half`` keeps the low 16 bits of each entry.
    """
    panels, length, width = out.shape
    for panel in range(panels):
        first = column + panel * width
        count = min(width, b.shape[1] - first)
        for k in range(length):
            for lane in range(count):
                value = np.int64(b[k, first + lane]) << shift
                if low_half:
                    value &= 0xFFFF
                out[panel, k, lane] = value
            for lane in range(count, width):
                out[panel, k, lane] = 0
