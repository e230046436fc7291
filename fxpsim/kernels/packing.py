"""Operands laid out as the tiles read them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

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


def pack_panels(
    b: NDArray[np.integer], dtype: type[np.signedinteger], shift: int, low_half: bool
) -> Callable[[int, int, int], NDArray[np.signedinteger]]:
    """Return a function (column, panels, width) that copies columns of ``b`` (K, N) into panels.

    A panel is (K, width), with 0 beyond column N.  Entries are scaled by ``2**shift``;
    ``low_half`` keeps the low 16 bits of each.
    """
    scaled = b.astype(dtype) << shift if shift else b.astype(dtype)
    if low_half:
        scaled &= 0xFFFF

    def panels_of(column: int, panels: int, width: int) -> NDArray[np.signedinteger]:
        columns = scaled[:, column : column + panels * width]
        missing = panels * width - columns.shape[1]
        if missing:
            columns = np.pad(columns, ((0, 0), (0, missing)))
        split = columns.reshape(len(b), panels, width)
        return np.ascontiguousarray(split.transpose(1, 0, 2))

    return panels_of
