"""Which compiled loop gives the bits of :mod:`fxpsim.spec` for an array of floats, and the call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxpsim.dispatch.casts import Stage
from fxpsim.dispatch.counters import counters, words_for
from fxpsim.dispatch.rules import Cast, by_rules, float_rule
from fxpsim.dispatch.slices import flat, in_slices
from fxpsim.draws import Draws
from fxpsim.engine import code_dtype, compiled
from fxpsim.formats import Overflow, OverflowRule, QFormat, Rounding
from fxpsim.formats.modes import STOCHASTIC

__all__ = ["quantize_floats"]


def quantize_floats(
    values: NDArray[np.floating[Any]],
    fmt: QFormat,
    rounding: Rounding,
    overflow: OverflowRule,
    draws: Draws | None = None,
    *,
    scale: float | None = None,
    zero_point: int = 0,
    threads: int = 1,
) -> tuple[Cast, int]:
    """Return the codes of floats, and how many are NaN; infinities overflow (and wrap to 0).

    Parameters
    ----------
    values : float32 or float64 array
        Any shape.
    fmt, rounding, overflow
        As in :func:`fxpsim.spec.quantize`.
    draws : Draws, optional
        For the stochastic modes.
    scale, zero_point
        With a scale: as in :func:`fxpsim.spec.quantize_affine`, the word being ``fmt``.
    threads : int
        How many run at a time; the codes do not depend on it.
    """
    stage = Stage(fmt, rounding, overflow)
    if compiled():
        result, missing = _compiled(values, stage, scale, zero_point, draws, threads)
        if missing or not result.changed or overflow is not Overflow.TRAP:
            return result, missing
    exact = values.astype(np.float64) if scale is None else values.astype(np.float64) / scale
    nans = np.isnan(values)
    rules = [float_rule(*stage, zero_point)]
    words = words_for(rounding, values.shape, draws)
    return by_rules(np.where(nans, 0.0, exact), words, fmt, rules), int(nans.sum())


def _compiled(
    values: NDArray[np.floating[Any]],
    stage: Stage,
    scale: float | None,
    zero_point: int,
    draws: Draws | None,
    threads: int,
) -> tuple[Cast, int]:
    """Run the fast loop, and where it finds values that it is not for, the careful one."""
    from fxpsim.kernels.elementwise import MODES
    from fxpsim.kernels.floats import quantize_any, quantize_plain
    from fxpsim.kernels.words import overflow_stage

    target, rounding, overflow = stage
    kind, word = overflow_stage(target, overflow)
    elements = flat(values)
    out = np.empty(values.shape, code_dtype(target.lo, target.hi))
    codes = out.reshape(-1)
    factor = 2.0**target.frac if scale is None else scale
    count = counters(rounding, values.shape, draws)

    def run(loop: Callable[..., tuple[int, int]]) -> tuple[int, int]:
        def work(part: slice) -> tuple[int, int]:
            constants = factor, zero_point, word, count, part.start
            return loop(elements[part], *constants, codes[part])

        return in_slices(work, elements.size, threads)

    missing, changed = 1, 0
    divide = scale is not None
    if target.bits <= 52 and (divide or target.frac >= 0):
        single = (
            elements.dtype == np.float32
            and not divide
            and rounding not in STOCHASTIC
            and target.bits <= 24
            and target.frac <= 120
        )
        real = np.float32 if single else np.float64
        lane = np.int32 if target.bits <= 30 else np.int64
        missing, changed = run(quantize_plain(MODES[rounding], kind, real, lane, divide))
    if missing:
        missing, changed = run(quantize_any(MODES[rounding], kind, divide))
    return Cast(out, int(changed)), int(missing)
