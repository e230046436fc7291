"""Lanes, spills and outer registers: a tile at a time, stretch by stretch of the reduction."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fxpsim.accumulators import Spill
from fxpsim.kernels._jit import kernel
from fxpsim.kernels.lanes import KINDS
from fxpsim.kernels.steps import FITS, PARAMETERS
from fxpsim.kernels.tile import fold_tile, run_tile

__all__ = ["Order", "Outer", "order_driver"]


@dataclass(frozen=True)
class Outer:
    """A register that others are emptied into.

    Attributes
    ----------
    saturates, signed : bool
        What it is.
    bits : int
        Its width.
    every : int
        Arrivals before it is emptied into the next; 0: once, at the end.
    """

    saturates: bool
    signed: bool
    bits: int
    every: int = 0

    def fit(self, lane_bits: int) -> tuple[int, int, int]:
        """Return an index of FITS and its two parameters, for lanes of some width."""
        if not self.saturates:
            return FITS.index("wrap" if self.signed else "uwrap"), lane_bits - self.bits, 0
        highest = (1 << (self.bits - self.signed)) - 1
        name = "full" if self.signed and self.bits == lane_bits == 16 else "clamp"
        return FITS.index(name), highest, -highest - 1 if self.signed else 0


@dataclass(frozen=True)
class Order:
    """Which products meet where.

    Attributes
    ----------
    lanes : int
        Innermost registers that take words in turn.
    tree : bool
        Whether lanes are added pairwise, or one after the other.
    spill : Spill, optional
        When lanes are emptied; None: once, at the end.
    words : int
        Words that an addition takes.
    outers : tuple of Outer
        Innermost first, one at least; lanes are added to each other in the first.
    """

    lanes: int
    tree: bool
    spill: Spill | None
    words: int
    outers: tuple[Outer, ...]

    def ends(self, length: int) -> NDArray[np.int64]:
        """Return after which of so many words the lanes are emptied, the last included."""
        together = self.words * self.lanes
        additions = -(-length // together)
        ends = self.spill.ends(additions) if self.spill else (additions,)
        return np.minimum(np.array(ends, np.int64) * together, length)

    def places(self, length: int) -> NDArray[np.int64]:
        """Return the words of a reduction in the order that panels have them: lane by lane."""
        word = np.arange(length)
        group = np.searchsorted(self.ends(length), word, "right")
        return np.lexsort((word, word % self.lanes, group))

    def tables(self, lane: str) -> tuple[type[np.signedinteger], NDArray, NDArray]:
        """Return the type that lanes are kept in, and all registers as the driver wants them.

        The first row is the register of the lanes' sum, as wide as they are kept; the others are
        the outer registers: parameters; and fits beside arrivals.
        """
        kind = KINDS[lane]
        first = self.outers[0]
        narrow = kind.bits == 16 and first.bits + (not first.signed) <= 16
        kept = np.int16 if narrow else kind.entry
        entry = np.dtype(kind.entry).itemsize * 8
        rows = [(first, np.dtype(kept).itemsize * 8), *((outer, entry) for outer in self.outers)]
        parameters = np.zeros((len(rows), PARAMETERS), np.int64)
        numbers = np.zeros((len(rows), 2), np.int64)
        for i, (outer, bits) in enumerate(rows):
            numbers[i, 0], *parameters[i, :2] = outer.fit(bits)
            numbers[i, 1] = outer.every
        return kept, parameters, numbers


@functools.cache
def order_driver(step: str, lane: str, rows: int, vectors: int, kept: int) -> Callable:
    """Return the driver of tiles of one shape, whose lanes are kept in ``kept`` bits."""
    kind = KINDS[lane]
    size = np.dtype(kind.entry).itemsize
    panel_size = kind.bits // 8
    entry_lane, kept_lane = f"i{size * 8}", f"i{kept}"
    count = kind.count
    width = vectors * count
    folded, kept_folded = width // KINDS[entry_lane].count, width // KINDS[kept_lane].count
    entry_bits = size * 8

    @kernel
    def drive(
        a, panels, parameters, every, out, first_row, last_row, first_vector, last_vector,
        tree, ends, registers, numbers, kept_lanes, totals,
    ):  # fmt: skip
        """Add to rows and vectors of ``out`` (M, N padded), the outermost register, tile by tile.

        ``ends`` are those of :meth:`Order.ends`; ``kept_lanes`` and ``totals`` have a tile for each
        lane, and for each outer register but the last.
        """
        words = a.shape[1]
        panel_stride = np.int64(words * count)
        out_stride = out.shape[1]
        lanes, outers = kept_lanes.shape[0], registers.shape[0] - 1
        a_at, b_at = np.int64(a.ctypes.data), np.int64(panels.ctypes.data)
        out_at, totals_at = np.int64(out.ctypes.data), np.int64(totals.ctypes.data)
        lanes_at = np.int64(kept_lanes.ctypes.data)
        at, registers_at = np.int64(parameters.ctypes.data), np.int64(registers.ctypes.data)
        tile, kept_tile = rows * width * size, rows * width * (kept // 8)
        arrived = np.zeros(outers, np.int64)
        for row in range(first_row, last_row, rows):
            for vector in range(first_vector, last_vector, vectors):
                corner = out_at + (row * out_stride + vector * count) * size
                totals[:] = 0
                arrived[:] = 0
                done = 0
                taken = vector * panel_stride
                for end in ends:
                    group = end - done
                    for lane_number in range(lanes):
                        length = max(0, (group - lane_number + lanes - 1) // lanes)
                        run_tile(
                            step, lane, rows, vectors, kept, 1,
                            a_at + (row * words + done + lane_number) * size, words, lanes,
                            b_at + taken * panel_size, panel_stride, count, length, every,
                            0, 0, 0, at, lanes_at + lane_number * kept_tile, width, 0,
                        )  # fmt: skip
                        taken += length * count
                    done = end
                    gap = 1
                    while gap < lanes:
                        for left in range(0, lanes - gap, 2 * gap if tree else lanes):
                            fold_tile(
                                kept_lane, kept, kept_folded, numbers[0, 0], rows, registers_at,
                                lanes_at + left * kept_tile, width,
                                lanes_at + (left + gap) * kept_tile, width,
                            )  # fmt: skip
                        gap = 2 * gap if tree else gap + 1
                    # The lanes' sum arrives in the first register, and is passed on by each
                    # whose time has come.
                    into = 0
                    while True:
                        last = into == outers - 1
                        total = corner if last else totals_at + into * tile
                        fit = numbers[into + 1, 0]
                        register_at = registers_at + (into + 1) * PARAMETERS * 8
                        stride = out_stride if last else width
                        if into == 0:
                            fold_tile(
                                entry_lane, kept, folded, fit, rows, register_at,
                                total, stride, lanes_at, width,
                            )  # fmt: skip
                        else:
                            fold_tile(
                                entry_lane, entry_bits, folded, fit, rows, register_at,
                                total, stride, totals_at + (into - 1) * tile, width,
                            )  # fmt: skip
                            totals[into - 1] = 0
                        arrived[into] += 1
                        if last or not (done >= words or arrived[into] == numbers[into + 1, 1]):
                            break
                        arrived[into] = 0
                        into += 1

    return drive
