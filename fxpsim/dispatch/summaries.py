"""Statistics of planes by output channel: one compiled pass, or numpy where numbers are wide."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fxpsim.dispatch.operands import IntArray, Operands
from fxpsim.engine import code_dtype, compiled

if TYPE_CHECKING:
    from fxpsim.dispatch.planes import Planes

__all__ = ["ChannelSummary", "count_outside", "product_range", "summarise"]

_NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class ChannelSummary:
    """What planes (M, N) say of each channel, arrays (N,); see :mod:`fxpsim.stats`.

    ``first_step`` is -1 for never; ``fitting`` counts sums with an event whose exact value fits;
    ``histogram`` (N, W) has the sums that needed w bits, W as small as may be.
    """

    events: IntArray
    outputs: IntArray
    first_step: IntArray
    fitting: IntArray
    lowest: IntArray
    highest: IntArray
    histogram: IntArray


def summarise(planes: Planes, level: str, lo: int, hi: int) -> ChannelSummary:
    """Summarise one level; exact sums from ``lo`` to ``hi`` fit the register."""
    events, first = planes.events[level], planes.first_step[level]
    arrays = planes.exact, planes.lowest, planes.highest, events, first
    if compiled() and len(events) and all(array.dtype == np.int32 for array in arrays):
        return _in_one_pass(*arrays, lo, hi)
    touched = events > 0
    inside = (planes.exact >= lo) & (planes.exact <= hi)
    earliest = np.where(touched, first.astype(np.int64), _NEVER).min(axis=0, initial=_NEVER)
    rows = len(events)
    return ChannelSummary(
        events=events.sum(axis=0, dtype=np.int64),
        outputs=touched.sum(axis=0, dtype=np.int64),
        first_step=np.where(earliest == _NEVER, -1, earliest).astype(np.int64),
        fitting=(touched & inside).sum(axis=0, dtype=np.int64),
        lowest=planes.lowest.min(axis=0) if rows else planes.lowest.sum(axis=0),
        highest=planes.highest.max(axis=0) if rows else planes.highest.sum(axis=0),
        histogram=_histogram(planes.lowest, planes.highest),
    )


def _in_one_pass(
    exact: IntArray,
    lowest: IntArray,
    highest: IntArray,
    events: IntArray,
    first: IntArray,
    lo: int,
    hi: int,
) -> ChannelSummary:
    from fxpsim.kernels import summaries

    ends = np.iinfo(np.int32)
    outputs = events.shape[1]
    total = np.zeros(outputs, np.int64)
    begin = np.array([0, ends.max, 0, ends.max, ends.min], np.int32)
    counts = np.repeat(begin[:, None], outputs, axis=1)
    histogram = np.zeros((summaries.BITS, outputs), np.int32)
    planes = (np.ascontiguousarray(plane) for plane in (exact, lowest, highest, events, first))
    limits = np.int32(max(lo, ends.min)), np.int32(min(hi, ends.max))
    summaries.summarise(*planes, *limits, total, counts, histogram)
    touched, earliest, fitting, least, most = counts
    return ChannelSummary(
        events=total,
        outputs=touched.astype(np.int64),
        first_step=np.where(touched > 0, earliest, -1).astype(np.int64),
        fitting=fitting.astype(np.int64),
        lowest=least,
        highest=most,
        histogram=_trimmed(histogram.T.astype(np.int64)),
    )


def _trimmed(histogram: IntArray) -> IntArray:
    used = np.flatnonzero(histogram.any(axis=0))
    return np.ascontiguousarray(histogram[:, : used[-1] + 1 if used.size else 0])


def _histogram(lowest: IntArray, highest: IntArray) -> IntArray:
    magnitude = np.maximum(highest, -1 - lowest)
    if magnitude.dtype == np.object_:
        lengths = np.array([int(m).bit_length() for m in magnitude.flat]).reshape(magnitude.shape)
    else:
        powers = np.int64(1) << np.arange(63)
        lengths = np.searchsorted(powers, magnitude, side="right")
    bits = np.maximum(lengths + 1, 2).astype(np.int64)
    outputs, width = bits.shape[1], int(bits.max(initial=0)) + 1
    cells = np.arange(outputs) * width + bits
    counts = np.bincount(cells.reshape(-1), minlength=outputs * width)
    return _trimmed(counts.reshape(outputs, width))


def count_outside(lowest: IntArray, highest: IntArray, lo: int, hi: int) -> int:
    """Return how many sums have partial sums, of which the extremes are given, beyond limits."""
    ends = np.iinfo(np.int32)
    if compiled() and lowest.dtype == highest.dtype == np.int32:
        from fxpsim.kernels import summaries

        limits = np.int32(max(lo, ends.min)), np.int32(min(hi, ends.max))
        return int(summaries.count_outside(lowest.reshape(-1), highest.reshape(-1), *limits))
    return int(np.count_nonzero((lowest < lo) | (highest > hi)))


def product_range(operands: Operands) -> tuple[IntArray, IntArray]:
    """Return the lowest and highest product (N,) in the sums of each channel, 0 where are none."""
    a, b = operands.a, operands.b
    peak = operands.facts.product_peak
    dtype = code_dtype(-peak, peak)
    if not a.size:
        return np.zeros(b.shape[1], dtype), np.zeros(b.shape[1], dtype)
    # A product's extremes lie at those of its factor from the batch.
    low, high, b = (array.astype(dtype) for array in (a.min(axis=0), a.max(axis=0), b))
    if dtype is np.int32 and compiled():
        from fxpsim.kernels import summaries

        one, other = low[0] * b[0], high[0] * b[0]
        least, most = np.minimum(one, other), np.maximum(one, other)
        summaries.product_range(low, high, b, least, most)
        return least, most
    one, other = low[:, None] * b, high[:, None] * b
    return np.minimum(one, other).min(axis=0), np.maximum(one, other).max(axis=0)
