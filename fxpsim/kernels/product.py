"""Matrix products with the accumulator at every addition: blocks of tiles."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fxpsim.kernels._host import vector_bits
from fxpsim.kernels._jit import kernel
from fxpsim.kernels.packing import pack_panels, pack_rows
from fxpsim.kernels.tile import LANES, PLANES, run_tile

__all__ = ["Plan", "multiply"]

#: Rows and vectors of a tile, by the number of planes it keeps: together they fill the 32 vector
#: registers of AVX-512 and of NEON, or the 16 of AVX2.
_SHAPES = {512: {1: (12, 2), 3: (4, 2), 6: (2, 2)}, 256: {1: (4, 2), 3: (2, 2), 6: (1, 2)}}

#: Rows are packed this many entries at a time, to stay in the second-level cache.
_CHUNK = 1 << 16


@dataclass(frozen=True)
class Plan:
    """How one product is computed.

    Attributes
    ----------
    step : str
        One of :data:`fxpsim.kernels.tile.PLANES`.
    lane : str
        One of :data:`fxpsim.kernels.tile.LANES`.
    first, second : int
        Parameters of the register (see :class:`fxpsim.kernels.tile._Register`).
    a_shift, b_shift : int
        Scales of the operands, in bits.
    """

    step: str
    lane: str
    first: int = 0
    second: int = 0
    a_shift: int = 0
    b_shift: int = 0

    @property
    def entry(self) -> type[np.signedinteger]:
        """Element type of the output, of starting values and of packed rows."""
        return np.int64 if self.lane == "i64" else np.int32

    @property
    def panel(self) -> type[np.signedinteger]:
        """Element type of packed panels."""
        return np.int16 if self.lane == "i16" else self.entry


@functools.cache
def _driver(step: str, lane: str, count: int, rows: int, vectors: int) -> Callable:
    lane_bytes = LANES[lane] // 8
    entry_bytes = max(4, lane_bytes)
    middle = max(1, rows // 3)

    @kernel
    def drive(a, wide, thin, start, biased, first, second, out):
        """Fill ``out`` (planes, M, N padded) tile by tile."""
        all_rows, length = a.shape
        out_stride = out.shape[2]
        plane = out.strides[0] // entry_bytes
        start_stride = np.int64(0)
        if start.shape[0] > 1:
            start_stride = np.int64(start.shape[1])
        a_at, out_at = np.int64(a.ctypes.data), np.int64(out.ctypes.data)
        start_at = np.int64(start.ctypes.data)
        row = 0
        while row < all_rows:
            step_rows = 1
            if all_rows - row >= rows:
                step_rows = rows
            elif all_rows - row >= middle:
                step_rows = middle
            a_row = a_at + row * length * entry_bytes
            column = 0
            for panel in range(wide.shape[0] + thin.shape[0]):
                corner = out_at + (row * out_stride + column) * entry_bytes
                begin = start_at + (row * start_stride + column) * entry_bytes
                if panel < wide.shape[0]:
                    b_at = np.int64(wide.ctypes.data)
                    b_at += panel * length * count * vectors * lane_bytes
                    if step_rows == rows:
                        run_tile(
                            step, lane, count, rows, vectors, a_row, b_at, length, begin,
                            start_stride, biased, first, second, corner, out_stride, plane,
                        )  # fmt: skip
                    elif step_rows == middle:
                        run_tile(
                            step, lane, count, middle, vectors, a_row, b_at, length, begin,
                            start_stride, biased, first, second, corner, out_stride, plane,
                        )  # fmt: skip
                    else:
                        run_tile(
                            step, lane, count, 1, vectors, a_row, b_at, length, begin,
                            start_stride, biased, first, second, corner, out_stride, plane,
                        )  # fmt: skip
                    column += count * vectors
                else:
                    b_at = np.int64(thin.ctypes.data)
                    b_at += (panel - wide.shape[0]) * length * count * lane_bytes
                    if step_rows == rows:
                        run_tile(
                            step, lane, count, rows, 1, a_row, b_at, length, begin,
                            start_stride, biased, first, second, corner, out_stride, plane,
                        )  # fmt: skip
                    elif step_rows == middle:
                        run_tile(
                            step, lane, count, middle, 1, a_row, b_at, length, begin,
                            start_stride, biased, first, second, corner, out_stride, plane,
                        )  # fmt: skip
                    else:
                        run_tile(
                            step, lane, count, 1, 1, a_row, b_at, length, begin,
                            start_stride, biased, first, second, corner, out_stride, plane,
                        )  # fmt: skip
                    column += count
            row += step_rows

    return drive


def multiply(
    plan: Plan, a: NDArray[np.integer], b: NDArray[np.integer], start: NDArray[np.int64] | None
) -> NDArray[np.signedinteger]:
    """Return the planes of ``a`` (M, K) times ``b`` (K, N).

    Parameters
    ----------
    plan : Plan
        The caller has made sure that operands, products and sums fit it.
    a, b : integer arrays
        C-contiguous.
    start : int64 array of shape (1, N) or (M, N), or None
        What the register holds before the first product.

    Returns
    -------
    int32 or int64 array of shape (planes, M, N)
        As :data:`fxpsim.kernels.tile.PLANES` names them.
    """
    rows, length = a.shape
    outputs = b.shape[1]
    bits = vector_bits()
    count = bits // LANES[plan.lane]
    planes = len(PLANES[plan.step])
    tile_rows, vectors = _SHAPES[bits][planes]
    width = count * vectors
    wide, rest = divmod(outputs, width)
    thin = -(-rest // count)
    padded = wide * width + thin * count

    vnni, sixteen = plan.lane == "vnni", plan.lane == "i16"
    panels = pack_panels(b, plan.panel, plan.b_shift, low_half=vnni)
    wide_panels = panels(0, wide, width)
    thin_panels = panels(wide * width, thin, count)
    begin = np.zeros((1 if start is None else start.shape[0], padded), plan.entry)
    if start is not None:
        begin[:, :outputs] = start << (plan.a_shift + plan.b_shift)

    out = np.empty((planes, rows, padded), plan.entry)
    drive = _driver(plan.step, plan.lane, count, tile_rows, vectors)
    chunk = max(1, _CHUNK // max(1, length) // tile_rows) * tile_rows
    packed = np.empty((min(chunk, rows), length), plan.entry)
    for first in range(0, rows, chunk):
        last = min(first + chunk, rows)
        pack_rows(a[first:last], plan.a_shift, sixteen or vnni, sixteen, packed)
        drive(
            packed[: last - first], wide_panels, thin_panels,
            begin if begin.shape[0] == 1 else begin[first:last],
            np.int64(start is not None), np.int64(plan.first), np.int64(plan.second),
            out[:, first:last],
        )  # fmt: skip
    return out if padded == outputs else np.ascontiguousarray(out[:, :, :outputs])
