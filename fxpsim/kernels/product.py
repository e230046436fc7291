"""Matrix products with the accumulator at every addition: blocks of tiles."""

from __future__ import annotations

import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fxpsim.kernels._host import vector_bits
from fxpsim.kernels._jit import kernel
from fxpsim.kernels.lanes import KINDS, Kind
from fxpsim.kernels.orders import Order, order_driver
from fxpsim.kernels.packing import pack_panels, pack_rows
from fxpsim.kernels.steps import PARAMETERS, planes_of
from fxpsim.kernels.tile import run_tile

__all__ = ["Panels", "Plan", "multiply", "pack"]

IntArray = NDArray[np.integer]

#: Rows and vectors of tiles, by the number of values that a step keeps for each sum: together they
#: fill the 32 vector registers of AVX-512 and of NEON, or the 16 of AVX2.
_SHAPES = {512: {1: (12, 2), 3: (4, 2)}, 256: {1: (4, 2), 3: (2, 2)}}
#: Vectors of a tile of a single row: enough sums at once to hide the latency of an addition.
_ALONE = 4

#: What kernels write to; tests put margins around it.
_allocate = np.empty

#: Rows are packed this many words at a time, to stay in the second-level cache.
_BLOCK = 1 << 16


@dataclass(frozen=True)
class Plan:
    """How one product is computed.

    Attributes
    ----------
    step : str
        See :func:`fxpsim.kernels.steps.step_named`.
    lane : str
        One of :data:`fxpsim.kernels.lanes.KINDS`.
    parameters : tuple of int
        Of the step's registers (:class:`fxpsim.kernels.steps.Register`), as many as it has.
    a_shift, b_shift : int
        Scales of the operands, in bits.
    moved : bool
        Whether rows of ``bytes`` are moved up by 128, as the instruction wants them unsigned.
    every : int
        Words in a chunk; 0 where there are none.
    chunk : (int, int), optional
        Products in a chunk, and with the zeros that fill up its words.
    start_shift : int
        Scale of starting values, in bits.
    order : Order, optional
        Stretches of the reduction and what becomes of their sums; None: one.
    """

    step: str
    lane: str
    parameters: tuple[int, ...] = ()
    a_shift: int = 0
    b_shift: int = 0
    moved: bool = False
    every: int = 0
    chunk: tuple[int, int] | None = None
    start_shift: int = 0
    order: Order | None = None

    def filled(self, operand: IntArray, axis: int) -> IntArray:
        """Return an operand with the zeros that fill up every chunk along the reduction."""
        length = operand.shape[axis]
        size, words = self.chunk or (1, 1)
        if size == words and length % size == 0:
            return operand
        whole, chunks = length // size, -(-length // size)
        moved = np.moveaxis(operand, axis, -1)
        rows = moved.shape[0]
        filled = np.zeros((rows, chunks, words), operand.dtype)
        filled[:, :whole, :size] = moved[:, : whole * size].reshape(rows, whole, size)
        filled[:, whole:, : length - whole * size] = moved[:, None, whole * size :]
        filled = np.moveaxis(filled.reshape(rows, chunks * words), -1, axis)
        return np.ascontiguousarray(filled)

    @property
    def usual(self) -> bool:
        """Whether its kernel is one of the few that many accumulators share."""
        kind = self.step.partition(":")[0]
        few = kind not in ("declared", "tree") or self.step == "declared:exact-clamp"
        return few and self.order is None

    @property
    def kind(self) -> Kind:
        """Its kind of lane."""
        return KINDS[self.lane]


@dataclass(frozen=True)
class Panels:
    """The right operand and what is added to, packed once for a plan.

    Attributes
    ----------
    plan : Plan
        What they are packed for.
    outputs : int
        N.
    panels : integer array (vectors, words, lanes * fields)
        As :func:`fxpsim.kernels.packing.pack_panels` makes them.
    begin : integer array (1 or M, N filled up)
        Starting values.
    biased : bool
        Whether they hold a bias.
    parameters : int64 array
        Of the step's registers.
    """

    plan: Plan
    outputs: int
    panels: NDArray[np.signedinteger]
    begin: NDArray[np.signedinteger]
    biased: bool
    parameters: NDArray[np.int64]


@functools.cache
def _driver(step: str, lane: str, rows: int, vectors: int) -> Callable:
    kind = KINDS[lane]
    size = np.dtype(kind.entry).itemsize
    entry_bits, panel_size = size * 8, kind.bits // 8
    count = kind.count

    @kernel
    def drive(
        a, panels, start, biased, parameters, every, out,
        first_row, last_row, first_vector, last_vector,
    ):  # fmt: skip
        """Fill rows and vectors of ``out`` (planes, M, N padded) tile by tile."""
        words = a.shape[1]
        panel_stride = np.int64(words * count)
        out_stride = out.shape[2]
        plane = out.strides[0] // size
        start_stride = 0
        if start.shape[0] > 1:
            start_stride = start.shape[1]
        a_at, b_at = np.int64(a.ctypes.data), np.int64(panels.ctypes.data)
        start_at, out_at = np.int64(start.ctypes.data), np.int64(out.ctypes.data)
        at = np.int64(parameters.ctypes.data)
        for row in range(first_row, last_row, rows):
            for vector in range(first_vector, last_vector, vectors):
                column = vector * count
                run_tile(
                    step, lane, rows, vectors, entry_bits, 0,
                    a_at + row * words * size, words, 1,
                    b_at + vector * panel_stride * panel_size, panel_stride, count, words, every,
                    start_at + (row * start_stride + column) * size, start_stride, np.int64(biased),
                    at, out_at + (row * out_stride + column) * size, out_stride, plane,
                )  # fmt: skip

    return drive


def _spans(total: int, sizes: tuple[int, ...]) -> list[tuple[int, int, int]]:
    """Split ``range(total)`` into (size, first, last), the first sizes first, as far as they go."""
    spans, first = [], 0
    for size in sizes:
        last = first + (total - first) // size * size
        if last > first:
            spans.append((size, first, last))
        first = last
    return spans


@functools.lru_cache(maxsize=1024)
def _regions(rows: int, vectors: int, planes: int) -> list[tuple[int, int, int, int, int, int]]:
    """Split a block into regions of equal tiles: rows and vectors of a tile, then their ranges."""
    height, width = _SHAPES[vector_bits()][planes]
    return [
        (tile_rows, tile_vectors, first, last, left, right)
        for tile_rows, first, last in _spans(rows, (height, max(1, height // 3), 1))
        for tile_vectors, left, right in _spans(vectors, (_ALONE if tile_rows == 1 else width, 1))
    ]


def pack(plan: Plan, b: IntArray, start: NDArray[np.int64] | None = None) -> Panels:
    """Lay out an operand for a plan.

    Parameters
    ----------
    plan : Plan
        How the product is computed; the caller has made sure that operands, products and sums
        fit it.
    b : integer array (K, N)
        Multiplicands.
    start : int64 array of shape (1, N) or (M, N), or None
        What the outermost register holds before the first product.
    """
    outputs = b.shape[1]
    b = plan.filled(b, 0)
    if plan.order is not None:
        b = b[plan.order.places(len(b))]
    panels = pack_panels(plan.lane, b, plan.b_shift)
    rows, padded = 1 if start is None else len(start), len(panels) * plan.kind.count
    begin = np.zeros((rows, padded), plan.kind.entry)
    if start is not None:
        begin[:, :outputs] = start << plan.start_shift
    parameters = np.zeros(PARAMETERS, np.int64)
    parameters[: len(plan.parameters)] = plan.parameters
    packed = Panels(plan, outputs, panels, begin, start is not None, parameters)
    if plan.moved:
        begin -= _times_128(packed)
    return packed


def _times_128(panels: Panels) -> NDArray[np.signedinteger]:
    """Return 128 times the sum of each column, (1, N filled up), made like any other row."""
    words, padded = panels.panels.shape[1], panels.begin.shape[1]
    row = np.full((1, words), 0x80808080 - (1 << 32), np.int32)
    out = _allocate((1, 1, padded), np.int32)
    exact = replace(panels, parameters=np.zeros(PARAMETERS, np.int64))
    _fill(exact, row, np.zeros((1, padded), np.int32), out)
    return out[0]


def multiply(panels: Panels, a: IntArray, threads: int = 1) -> NDArray[np.signedinteger]:
    """Return the planes of ``a`` times the operand that was packed.

    Parameters
    ----------
    panels : Panels
        Made by :func:`pack`.
    a : integer array (M, K)
        C-contiguous.
    threads : int
        Rows are split among so many; no bit depends on it.

    Returns
    -------
    int32 or int64 array of shape (planes, M, N)
        As :func:`fxpsim.kernels.steps.planes_of` names them.
    """
    plan, begin = panels.plan, panels.begin
    a = plan.filled(a, 1)
    rows, padded = len(a), begin.shape[1]
    words = panels.panels.shape[1]
    planes = len(planes_of(plan.step))
    out = _allocate((planes, rows, padded), begin.dtype)
    height = _SHAPES[vector_bits()][planes][0]
    block = max(1, min(_BLOCK // max(1, words), -(-rows // threads)) // height) * height

    def run(first: int) -> None:
        part = slice(first, min(first + block, rows))
        packed = _allocate((part.stop - first, words), begin.dtype)
        pack_rows(plan.lane, a[part], plan.a_shift, plan.moved, packed)
        _fill(panels, packed, begin if len(begin) == 1 else begin[part], out[:, part])

    if threads > 1 and rows > block:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(run, range(0, rows, block)))
    else:
        for first in range(0, rows, block):
            run(first)
    outputs = panels.outputs
    return out if padded == outputs else np.ascontiguousarray(out[:, :, :outputs])


def _fill(
    panels: Panels, packed: IntArray, begin: IntArray, out: NDArray[np.signedinteger]
) -> None:
    """Fill one block of rows, region by region of equal tiles."""
    plan, parameters = panels.plan, panels.parameters
    every = plan.every or max(1, packed.shape[1])
    if plan.order is not None:
        out[0] = begin
    regions = _regions(len(packed), len(panels.panels), len(out))
    for tile_rows, tile_vectors, *where in regions:
        shape = plan.step, plan.lane, tile_rows, tile_vectors
        if plan.order is None:
            _driver(*shape)(
                packed, panels.panels, begin, panels.biased, parameters, every, out, *where
            )
        else:
            order, tile = plan.order, tile_rows * tile_vectors * plan.kind.count
            kept, registers, numbers = order.tables(plan.lane)
            order_driver(*shape, np.dtype(kept).itemsize * 8)(
                packed, panels.panels, parameters, every, out[0], *where,
                order.tree, order.ends(packed.shape[1]), registers, numbers,
                _allocate((order.lanes, tile), kept),
                np.zeros((len(order.outers) - 1, tile), plan.kind.entry),
            )  # fmt: skip
