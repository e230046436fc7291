"""Which compiled cast gives the bits of :mod:`fxpsim.spec` for an array of codes, and the call.

Modes and formats have been checked by the caller.  With compilation switched off, and where a
value may not fit 62 bits, ``spec`` itself runs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fxpsim.dispatch.counters import counters, words_for
from fxpsim.dispatch.rules import Cast, by_rules, code_rule
from fxpsim.dispatch.slices import flat, in_slices
from fxpsim.draws import Draws
from fxpsim.engine import code_dtype, compiled, warn_slow
from fxpsim.formats import Overflow, OverflowRule, QFormat, Rounding

__all__ = ["OutsideError", "Stage", "cast_codes", "multiply_codes", "shift_codes"]

IntArray = NDArray[Any]
Range = tuple[int, int]
Shift = int | Sequence[int] | NDArray[Any]

#: Channels are repeated until a block has at least this many, so that inner loops are long.
_BLOCK = 1024


class OutsideError(Exception):
    """A code is outside the range it should have; the caller knows what to call it."""


class Stage(NamedTuple):
    """What a cast does after the shift."""

    target: QFormat
    rounding: Rounding
    overflow: OverflowRule


def shift_codes(
    codes: IntArray, shift: Shift, target: QFormat, rounding: Rounding, overflow: OverflowRule
) -> IntArray:
    """Return ``codes * 2**-shift`` as codes of ``target``: rounded, then brought into range."""
    return cast_codes(codes, shift, Stage(target, rounding, overflow)).codes


def cast_codes(
    codes: IntArray,
    shift: Shift,
    stage: Stage,
    *,
    source: Range | None = None,
    draws: Draws | None = None,
    threads: int = 1,
) -> Cast:
    """Return codes times ``2**-shift``: rounded, then brought into the range of the target.

    Parameters
    ----------
    codes : integer array
        Any shape.
    shift : int or sequence of int
        Bits to drop; negative is to the left.  A sequence: one for each entry of the last axis.
    stage : Stage
        Target and modes, as in :func:`fxpsim.spec.cast`.
    source : (int, int), optional
        The range that the codes must have, with 0 in it.
    draws : Draws, optional
        For the stochastic modes.
    threads : int
        How many run at a time; the codes do not depend on it.

    Raises
    ------
    OutsideError
        A code is outside ``source``.
    """
    shifts = _all(shift)
    if compiled():
        result = _compiled((codes,), shifts, stage, source, draws, threads)
        if result is None:
            warn_slow("a cast of values beyond 62 bits")
        elif not result.changed or stage.overflow is not Overflow.TRAP:
            return result
    lo, hi = source or (-math.inf, math.inf)
    if codes.size and not lo <= codes.min() <= codes.max() <= hi:
        raise OutsideError
    words = words_for(stage.rounding, codes.shape, draws)
    return by_rules(codes, words, stage.target, [code_rule(one, *stage) for one in shifts])


def multiply_codes(
    factors: tuple[IntArray, IntArray], shift: Shift, stage: Stage, threads: int = 1
) -> IntArray | None:
    """Return :func:`shift_codes` of the products of two arrays of one shape.

    None: a product is too wide, or the rule is to trap.
    """
    if not compiled() or stage.overflow is Overflow.TRAP:
        return None
    result = _compiled(factors, _all(shift), stage, None, None, threads)
    return None if result is None else result.codes


def _all(shift: Shift) -> tuple[int, ...]:
    return (shift,) if isinstance(shift, int) else tuple(shift)


def _compiled(
    factors: tuple[IntArray, ...],
    shifts: tuple[int, ...],
    stage: Stage,
    source: Range | None,
    draws: Draws | None,
    threads: int,
) -> Cast | None:
    """Return the cast of codes, or of products of two; None where 62 bits do not hold it.

    Lanes have 32 bits where the declared range allows.  Where none is declared they are tried
    first: the loop tells whether a code was outside.
    """
    from fxpsim.kernels.elementwise import CODE_LIMIT

    if any(array.dtype == np.object_ for array in factors):
        return None
    for lane, limit in CODE_LIMIT.items():
        most = (limit - 1) >> max(0, -min(shifts))
        if len(factors) > 1:
            most = math.isqrt(most)
        if lane is np.int32:
            wide = source is not None and max(-source[0], source[1]) > most
            if wide or not _fit_narrow_lanes(shifts, stage, limit):
                continue
        ends = (-most, most)
        if source is not None:
            ends = max(source[0], -most), min(source[1], most)
        result = _run(factors, shifts, stage, lane, ends, draws, threads)
        if result is not None:
            return result
        if ends == source:
            raise OutsideError
    return None


def _fit_narrow_lanes(shifts: tuple[int, ...], stage: Stage, limit: int) -> bool:
    return max(-stage.target.lo, stage.target.hi) < limit and max(map(abs, shifts)) <= 30


def _run(
    factors: tuple[IntArray, ...],
    shifts: tuple[int, ...],
    stage: Stage,
    lane: Any,
    ends: Range,
    draws: Draws | None,
    threads: int,
) -> Cast | None:
    """Return the cast by lanes of a type; None where a factor is outside of ``ends``."""
    from fxpsim.kernels import elementwise
    from fxpsim.kernels.words import overflow_stage

    target, rounding, overflow = stage
    shape = factors[0].shape
    count = counters(rounding, shape, draws)
    out = np.empty(shape, code_dtype(target.lo, target.hi))
    codes, others, results = flat(factors[0]), flat(factors[-1]), out.reshape(-1)
    kind, word = overflow_stage(target, overflow)
    # A shift by 100 drops as much as any longer one; so far to the left there are only zeros.
    dropped = np.array([min(max(shift, -62), 100) for shift in shifts], lane)
    if len(shifts) > 1:
        dropped = np.tile(dropped, -(-_BLOCK // dropped.size))
    small = all(np.can_cast(array.dtype, np.int32) for array in factors)
    read = np.int32 if small and lane is np.int32 else np.int64
    options = len(factors) > 1, len(shifts) > 1
    loop = elementwise.shift_codes(elementwise.MODES[rounding], kind, lane, read, *options)
    first, last = map(np.int64, ends)

    def work(part: slice) -> tuple[int, int]:
        constants = first, last, dropped, word, count, part.start
        return loop(codes[part], others[part], *constants, results[part])

    outside, changed = in_slices(work, out.size, threads, dropped.size)
    return None if outside else Cast(out, int(changed))
