"""Operands laid out as the tiles read them.

Rows are (M, words), panels (vectors, words, lanes): a word holds the products that one
multiply-add takes in.  Where K does not fill the words, and beyond the last output, there are
zeros.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from fxpsim.kernels._jit import kernel
from fxpsim.kernels.lanes import KINDS

__all__ = ["pack_panels", "pack_rows", "words_for"]

IntArray = NDArray[np.integer]


def words_for(lane: str, length: int) -> int:
    """Return how many words hold ``length`` products."""
    return -(-length // KINDS[lane].group)


@kernel
def _double(a, shift, out):
    """Scaled entries in both halves, so that a 32-bit broadcast fills a vector of 16-bit lanes."""
    for i in range(a.shape[0]):
        for k in range(a.shape[1]):
            value = np.int32(np.int32(a[i, k]) << np.int32(shift)) & np.int32(0xFFFF)
            out[i, k] = np.int32(value | np.int32(value << np.int32(16)))


def pack_rows(
    lane: str, a: IntArray, shift: int, moved: bool, out: NDArray[np.signedinteger]
) -> None:
    """Copy ``a`` (M, K), scaled by ``2**shift`` (or ``moved`` up by 128), into words (M, W)."""
    length = a.shape[1]
    if lane == "i16":
        _double(a, shift, out)
        return
    fields = out.view({"bytes": np.uint8, "pairs": np.int16}.get(lane, out.dtype))
    inside = fields[:, :length]
    if moved and a.dtype == np.int8:
        np.bitwise_xor(a.view(np.uint8), np.uint8(128), out=inside)
    elif moved:
        np.add(a, 128, out=inside, casting="unsafe")
    elif shift:
        np.left_shift(a, shift, out=inside, casting="unsafe", dtype=fields.dtype)
    else:
        inside[...] = a
    fields[:, length:] = 0


@functools.cache
def _packer(group: int) -> Callable:
    @kernel
    def pack(b, shift, out):
        """Fill panels (vectors, words, lanes, group)."""
        length, outputs = b.shape
        lanes = out.shape[2]
        for vector in range(out.shape[0]):
            first = vector * lanes
            width = min(lanes, outputs - first)
            for word in range(out.shape[1]):
                k = word * group
                if width == lanes and k + group <= length:
                    for j in range(lanes):
                        for i in range(group):
                            out[vector, word, j, i] = b[k + i, first + j] << shift
                else:
                    for j in range(lanes):
                        for i in range(group):
                            value = 0
                            if j < width and k + i < length:
                                value = b[k + i, first + j] << shift
                            out[vector, word, j, i] = value

    return pack


#: Type of one field of a panel's word, and fields used of those it has, by lane.
_FIELDS = {
    "i16": (np.int16, 1, 1),
    "i32": (np.int32, 1, 1),
    "i64": (np.int64, 1, 1),
    "single": (np.int16, 1, 2),  # the high half is 0, so that what meets it does not count
    "pairs": (np.int16, 2, 2),
    "bytes": (np.int8, 4, 4),
}


def pack_panels(lane: str, b: IntArray, shift: int) -> NDArray[np.signedinteger]:
    """Return ``b`` (K, N), scaled by ``2**shift``, as panels (vectors, words, lanes * fields)."""
    kind = KINDS[lane]
    dtype, used, fields = _FIELDS[lane]
    vectors, words = -(-b.shape[1] // kind.count), words_for(lane, b.shape[0])
    out = np.zeros((vectors, words, kind.count, fields), dtype)
    _packer(used)(b, shift, out)
    return out.reshape(vectors, words, kind.count * fields)
