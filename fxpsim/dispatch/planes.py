"""What every output's registers did: the planes that statistics are made of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from fxpsim import spec
from fxpsim.accumulators import Accumulator, Chunked, Interleaved
from fxpsim.dispatch.calls import run_general, run_planes, run_spec
from fxpsim.dispatch.operands import IntArray, Operands, Range, preload
from fxpsim.dispatch.summaries import product_range
from fxpsim.engine import code_dtype, compiled, warn_slow
from fxpsim.formats import Overflow

if TYPE_CHECKING:
    from fxpsim.kernels.product import Plan

__all__ = ["Planes", "level_names", "product_planes"]


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
    if compiled() and a.shape[1] > 0:
        planes = _compiled_planes(operands, accumulator, product_frac)
        if planes is not None:
            return planes
        warn_slow("a product with overflow statistics")
    wide = accumulator or Accumulator(64, "saturate")
    sums = [s for row in run_spec(operands, wide, product_frac) for s in row]
    shape = len(a), b.shape[1]
    lo, hi = (wide.outermost.lo, wide.outermost.hi) if accumulator else (0, 0)
    dtype = code_dtype(min(lo, -operands.sum_peak), max(hi, operands.sum_peak))

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
    one_start = operands.bias is None or operands.bias.ndim == 1
    if one_start and (accumulator is None or accumulator.plain):
        plan = _counting_plan(operands, accumulator)
        return None if plan is None else _unpack(run_planes(plan, operands), operands, accumulator)
    plan = _counting_plan(operands, None)
    if plan is None:
        return None
    if accumulator is None:
        return _unpack(_peaks(plan, operands, "first"), operands, None)
    followed = run_general(operands, accumulator, product_frac) if operands.machine else None
    if followed is None:
        return None
    value, events, first = followed
    from fxpsim.kernels.registers import LEVELS

    kept = {level: LEVELS.index(level) for level in level_names(accumulator)}
    return Planes(
        value,
        *_peaks(plan, operands, accumulator.bias),
        {level: events[:, i] for level, i in kept.items()},
        {level: first[:, i] for level, i in kept.items()},
        *product_range(operands),
    )


def _peaks(plan: Plan, operands: Operands, position: str) -> tuple[IntArray, IntArray, IntArray]:
    """Return exact sums, their lowest and highest partial sums, with the bias in its place."""
    exact, lowest, highest = run_planes(plan, replace(operands, bias=None))
    if operands.bias is None:
        return exact, lowest, highest
    bias = operands.bias.astype(exact.dtype)
    total = exact + bias
    if position == "first":  # it is the first partial sum, and moves the others
        return total, bias + np.minimum(lowest, 0), bias + np.maximum(highest, 0)
    return total, np.minimum(lowest, total), np.maximum(highest, total)


def _counting_plan(operands: Operands, accumulator: Accumulator | None) -> Plan | None:
    from fxpsim.kernels._host import has_vnni
    from fxpsim.kernels.product import Plan

    if not operands.machine:
        return None
    reach = operands.sum_peak
    if accumulator is not None:
        reach = max(reach, accumulator.hi, -accumulator.lo) + operands.product_peak
    if reach >= 1 << 63:
        return None
    lane = "i64"
    if reach < 1 << 31:
        lane = "vnni" if operands.sixteen and has_vnni() else "i32"
    if accumulator is None:
        return Plan("peaks", lane)
    if accumulator.overflow is Overflow.SATURATE:
        return Plan("count_clamp", lane, accumulator.hi, accumulator.lo)
    bits = 64 if lane == "i64" else 32
    return Plan("count_wrap", lane, bits - accumulator.bits, int(accumulator.signed))


def _unpack(
    planes: Iterable[IntArray], operands: Operands, accumulator: Accumulator | None
) -> Planes:
    if accumulator is None:
        exact, lowest, highest = planes
        register, events, first = exact, np.zeros_like(exact), np.zeros_like(exact)
    else:
        register, exact, lowest, highest, events, first = planes
    by_level = {"final": events}, {"final": first}
    return Planes(register, exact, lowest, highest, *by_level, *product_range(operands))
