"""What every output's registers did: the planes that statistics are made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from fxpsim import spec
from fxpsim.accumulators import Accumulator, Chunked, Interleaved
from fxpsim.dispatch.calls import (
    oriented,
    peaks_last,
    run_general,
    run_plan,
    run_spec,
    tally_last,
)
from fxpsim.dispatch.operands import Facts, IntArray, Operands, Range, preload
from fxpsim.dispatch.plans import peaks_plan, tally_plan
from fxpsim.dispatch.summaries import product_range
from fxpsim.engine import code_dtype, compiled, warn_slow

if TYPE_CHECKING:
    from fxpsim.kernels.product import Plan

__all__ = ["Planes", "joined", "level_names", "product_peaks", "product_planes"]


@dataclass(frozen=True, slots=True)
class Planes:
    """What every output's registers did, arrays (M, N), and the channels' products, arrays (N,).

    ``events`` and ``first_step`` are by level, as in :class:`fxpsim.spec.Sum`; a first step says
    nothing where there is no event.
    """

    register: IntArray
    exact: IntArray
    lowest: IntArray
    highest: IntArray
    events: dict[str, IntArray]
    first_step: dict[str, IntArray]
    product_lowest: IntArray
    product_highest: IntArray


def product_planes(
    a: IntArray,
    b: IntArray,
    accumulator: Accumulator | None,
    a_range: Range,
    b_range: Range,
    bias: IntArray | None = None,
    *,
    product_frac: int = 0,
) -> Planes:
    """Return what every output's registers did; with no accumulator, the exact sums' peaks.

    Parameters
    ----------
    a, b, a_range, b_range, product_frac
        As for :func:`product`.
    accumulator : Accumulator or None
        None: registers are as wide as need be, and only peaks are of interest.
    bias : integer array (N,) or (M, N), optional
        At the products' fraction.
    """
    if accumulator is not None:
        accumulator, bias = preload(accumulator, bias, b.shape[1])
    operands = Operands(a, b, a_range, b_range, bias)
    if accumulator is not None:
        tiles = accumulator.tiles(b.shape[1])
        if accumulator.tiled and not accumulator.stochastic:  # draws are numbered by output
            parts = (operands.columns(tile).arguments(registers) for tile, registers in tiles)
            return joined([product_planes(*p, product_frac=product_frac) for p in parts], axis=1)
    if compiled() and a.shape[1] > 0:
        planes = _compiled_planes(operands, accumulator, product_frac)
        if planes is not None:
            return planes
        warn_slow("a product with overflow statistics")
    wide = accumulator or Accumulator(64, "saturate")
    sums = [s for row in run_spec(operands, wide, product_frac) for s in row]
    shape = len(a), b.shape[1]
    lo, hi = (wide.outermost.lo, wide.outermost.hi) if accumulator else (0, 0)
    dtype = code_dtype(min(lo, -operands.facts.sum_peak), max(hi, operands.facts.sum_peak))

    def plane(values: list[int]) -> IntArray:
        return np.array(values, dtype).reshape(shape)

    levels = level_names(accumulator) if accumulator else ("final",)
    nothing = spec.Events()
    by_level = {
        level: [s.levels.get(level, nothing) if accumulator else nothing for s in sums]
        for level in levels
    }
    return Planes(
        plane([s.value if accumulator else s.exact for s in sums]),
        plane([s.exact for s in sums]),
        plane([s.lowest for s in sums]),
        plane([s.highest for s in sums]),
        {level: plane([e.count for e in events]) for level, events in by_level.items()},
        {level: plane([e.first_step or 0 for e in events]) for level, events in by_level.items()},
        *product_range(operands),
    )


def joined(parts: list[Planes], axis: int) -> Planes:
    """Return planes of several sets of sums as those of all of them."""

    def join(arrays: list[IntArray]) -> IntArray:
        return np.concatenate(arrays, axis=min(axis, arrays[0].ndim - 1))

    ends: list[IntArray] = []
    for plane, extreme in (("product_lowest", np.minimum), ("product_highest", np.maximum)):
        arrays = [getattr(part, plane) for part in parts]
        ends.append(join(arrays) if axis else extreme.reduce(arrays))
    return Planes(
        join([part.register for part in parts]),
        join([part.exact for part in parts]),
        join([part.lowest for part in parts]),
        join([part.highest for part in parts]),
        {level: join([part.events[level] for part in parts]) for level in parts[0].events},
        {level: join([part.first_step[level] for part in parts]) for level in parts[0].events},
        *ends,
    )


def product_peaks(
    a: IntArray,
    b: IntArray,
    a_range: Range,
    b_range: Range,
    bias: IntArray | None = None,
    *,
    position: str = "first",
) -> IntArray | None:
    """Return exact sums (M, N), their lowest and highest partial sums, with a bias first or last.

    Parameters are those of :func:`product_planes`.  None: no kernel has them at once.
    """
    if not compiled() or a.shape[1] == 0:
        return None
    return _peaks(Operands(a, b, a_range, b_range, bias), position)


def level_names(accumulator: Accumulator) -> tuple[str, ...]:
    """Return the levels at which an accumulator can overflow, innermost first."""
    order, outer = accumulator.order, len(accumulator.levels) > 1
    names = ["product"] if accumulator.product else []
    if isinstance(order, Chunked) and order.node_bits is not None:
        names.append("node")
    if isinstance(order, Interleaved):
        names.append("lane")
    if len(accumulator.levels) > 1 + isinstance(order, Interleaved) or (
        outer and not isinstance(order, Interleaved)
    ):
        names.append("spill")
    return (*names, "final")


def _compiled_planes(
    operands: Operands, accumulator: Accumulator | None, product_frac: int
) -> Planes | None:
    if accumulator is None or accumulator.plain_but_for_bias:
        return _plain_planes(operands, accumulator)
    general = run_general(operands, accumulator, product_frac) if operands.machine else None
    peaks = _peaks(operands, accumulator.bias)
    if general is None or peaks is None:
        return None
    value, events, first = general
    from fxpsim.kernels.registers import LEVELS

    kept = {level: LEVELS.index(level) for level in level_names(accumulator)}
    return Planes(
        value,
        peaks[0],
        peaks[1],
        peaks[2],
        {level: events[:, i] for level, i in kept.items()},
        {level: first[:, i] for level, i in kept.items()},
        *product_range(operands),
    )


def _plain_planes(operands: Operands, accumulator: Accumulator | None) -> Planes | None:
    """Take peaks first: they tell which channels a register has to be followed in."""
    late = accumulator is not None and accumulator.bias == "last" and operands.bias is not None
    peaks = _peaks(operands, "last" if late else "first")
    if peaks is None:
        return None
    exact, lowest, highest = peaks
    register = exact
    events, first = np.zeros_like(exact), np.full_like(exact, -1)
    if accumulator is not None and len(exact):
        low, high = lowest.min(axis=0), highest.max(axis=0)
        touched = np.flatnonzero((low < accumulator.lo) | (high > accumulator.hi))
        if touched.size:
            part = operands.columns(touched)
            followed = replace(part, bias=None) if late else part
            tally = _tiles(followed, lambda facts: tally_plan(facts, accumulator))
            if tally is None:
                return None
            if late and part.bias is not None:
                tally = tally_last(tally, part.bias, accumulator, len(operands.b))
            if touched.size == exact.shape[1]:
                register, events, first = tally
            else:
                register = exact.copy()
                for plane, counted in zip((register, events, first), tally, strict=True):
                    plane[:, touched] = counted
    by_level = {"final": events}, {"final": first}
    return Planes(register, exact, lowest, highest, *by_level, *product_range(operands))


def _peaks(operands: Operands, position: str) -> IntArray | None:
    """Return exact sums, their lowest and highest partial sums, with the bias in its place."""
    bias = operands.bias
    if bias is None or position == "first":
        return _tiles(operands, peaks_plan)
    planes = _tiles(replace(operands, bias=None), peaks_plan)
    if planes is None:
        return None
    peak = operands.facts.sum_peak
    return peaks_last(planes, bias, code_dtype(-peak, peak))


def _tiles(operands: Operands, plan: Callable[[Facts], Plan | None]) -> IntArray | None:
    """Return the planes of tiles that count, the bias as it is."""
    way = oriented(operands, operands.facts, plan) if operands.machine else None
    if way is None:
        return None
    bias = operands.bias
    return run_plan(way, operands, None if bias is None else np.atleast_2d(bias.astype(np.int64)))
