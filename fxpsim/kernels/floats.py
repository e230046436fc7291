"""Floats to codes: one compiled loop for each pair of rounding and overflow mode."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from fxpsim.formats import Rounding
from fxpsim.kernels._jit import kernel
from fxpsim.kernels.elementwise import MODES
from fxpsim.kernels.philox import DRAWS, draw_words
from fxpsim.kernels.words import CLAMP, ZERO, fit

__all__ = ["quantize_any", "quantize_plain"]

_FLOOR = MODES[Rounding.FLOOR]
_CEIL = MODES[Rounding.CEIL]
_TOWARD_ZERO = MODES[Rounding.TOWARD_ZERO]
_AWAY = MODES[Rounding.AWAY_FROM_ZERO]
_NEAREST_UP = MODES[Rounding.NEAREST_UP]
_NEAREST_DOWN = MODES[Rounding.NEAREST_DOWN]
_NEAREST_TO_ZERO = MODES[Rounding.NEAREST_TO_ZERO]
_NEAREST_AWAY = MODES[Rounding.NEAREST_AWAY]
_NEAREST_EVEN = MODES[Rounding.NEAREST_EVEN]
_TRN_MAG = MODES[Rounding.TRN_MAG]
_JAM = MODES[Rounding.JAM]
_JAM_UNBIASED = MODES[Rounding.JAM_UNBIASED]
_WEIGHTED = MODES[Rounding.STOCHASTIC_WEIGHTED]
_EQUAL = MODES[Rounding.STOCHASTIC_EQUAL]
_STOCHASTIC = (_WEIGHTED, _EQUAL)

#: Any smaller magnitude rounds like this one; a product of tiny floats may lose bits, or vanish.
_TINY = 2.0**-60
#: Outside every word, inside int64.
_FAR = 2.0**62
_TWO_32 = 2.0**32
#: Elements whose changes one lane counts.
_COUNTED = 1 << 20


@kernel
def round_float(real, scaled, rounding, draw):
    """Return the rounded value; of the jams and trn_mag, the floor they start from.

    ``real`` is the type of ``scaled``; a constant of another would widen it.  Draws are for
    float64.
    """
    zero, half, one = real(0.0), real(0.5), real(1.0)
    if rounding == _CEIL:
        return np.ceil(scaled)
    if rounding == _TOWARD_ZERO:
        return np.trunc(scaled)
    if rounding == _AWAY:
        return np.copysign(np.ceil(abs(scaled)), scaled)
    if rounding == _NEAREST_EVEN:
        return np.rint(scaled)
    if rounding in (_FLOOR, _TRN_MAG, _JAM, _JAM_UNBIASED):
        return np.floor(scaled)
    magnitude = abs(scaled)
    if rounding in _STOCHASTIC:
        negative = scaled < zero
        whole = np.floor(magnitude)
        rest = magnitude - whole  # exact; NaN for infinity, at least nothing
        # Away from zero: up where positive, not up where negative.
        if rounding == _WEIGHTED:
            number, grown = np.float64(np.int64(draw)), rest * _TWO_32
            bound = _TWO_32 - number if negative else number
            more = (grown > bound) | (negative & (grown == bound))
        else:
            more = (rest > zero) & ((draw & 1 == 0) == negative)
        return np.copysign(whole + one if more else whole, scaled)
    # Other ties than to even: what is left of the nearest is exact, and says where it went.
    if rounding in (_NEAREST_TO_ZERO, _NEAREST_AWAY):
        nearest = np.rint(magnitude)
        left = magnitude - nearest
        if rounding == _NEAREST_TO_ZERO:
            nearest -= one if left == -half else zero
        else:
            nearest += one if left == half else zero
        return np.copysign(nearest, scaled)
    nearest = np.rint(scaled)
    left = scaled - nearest
    if rounding == _NEAREST_UP:
        return nearest + (one if left == half else zero)
    if rounding == _NEAREST_DOWN:
        return nearest - (one if left == -half else zero)
    return nearest + (left + left if abs(left) == half else zero)


@functools.cache
def quantize_plain(
    rounding: int,
    kind: int,
    real: type[np.floating],
    lane: type[np.signedinteger],
    divide: bool,
) -> Callable[..., tuple[int, int]]:
    """Return the fast loop, for values and formats without extremes.

    Arguments and results are those of :func:`quantize_any`, but what it counts as missing are
    all values that it may have got wrong: NaN, and where the rule is to wrap, magnitudes that
    ``lane`` may not hold.

    Parameters
    ----------
    rounding, kind, divide
        As for :func:`quantize_any`.
    real : type
        float64, or float32 where the values are, ``scale`` is one (2.0**120 at most), the format
        has at most 24 bits, and there are no draws.
    lane : type
        int32 for formats of at most 30 bits, int64 for at most 52.

    Notes
    -----
    What the values are multiplied by is at least 1, so that nothing underflows.
    """
    far = 2.0 ** (8 * np.dtype(lane).itemsize - 2)
    tally = np.int32 if real is np.float32 else np.int64  # as wide as what is compared
    stochastic = rounding in _STOCHASTIC
    clamps = kind in (CLAMP, ZERO)
    block = _COUNTED if clamps and not stochastic else DRAWS

    @kernel
    def plain_loop(values, scale, zero_point, word, counters, start, out):
        scale, far_off = real(scale), real(far)
        lowest, highest = real(word[0] - zero_point), real(word[1] - zero_point)
        lo, hi, bits, kept = lane(word[0]), lane(word[1]), lane(word[2]), lane(word[3])
        constants = lo, hi, bits, kept, lane(word[4]), lane(word[5]), lane(word[6])
        zero, one, offset = lane(0), lane(1), lane(zero_point)
        nothing, half, unit = real(0.0), real(0.5), real(1.0)
        draws = np.zeros(block if stochastic else 1, np.uint32)
        whole = np.empty(1 if clamps else block, lane)
        all_unsure, all_changed = 0, 0
        for begin in range(0, values.size, block):
            here, there = values[begin : begin + block], out[begin : begin + block]
            drawn = draws[: values.size - begin]
            if stochastic:
                draw_words(counters, start + begin, drawn)
            unsure, changed, altered = tally(0), tally(0), zero
            for i in range(here.size):
                scaled = real(here[i]) / scale if divide else real(here[i]) * scale
                rounded = round_float(real, scaled, rounding, drawn[i] if stochastic else 0)
                if clamps:
                    if rounding == _TRN_MAG:
                        rounded += unit if scaled < nothing else nothing
                    elif rounding in (_JAM, _JAM_UNBIASED):
                        pair = np.floor(scaled * half)
                        jammed = pair + pair + unit
                        exact = (rounding == _JAM_UNBIASED) & (rounded == scaled)
                        rounded = rounded if exact else jammed
                    unsure = np.add(unsure, tally(scaled != scaled))
                    if kind == CLAMP:
                        clamped = min(max(rounded, lowest), highest)
                    else:
                        inside = (rounded >= lowest) & (rounded <= highest)
                        clamped = rounded if inside else nothing
                    changed = np.add(changed, tally(clamped != rounded))
                    there[i] = np.add(lane(clamped), offset)
                else:
                    unsure = np.add(unsure, tally(not (abs(scaled) < far_off)))
                    value = lane(rounded)
                    if rounding == _TRN_MAG:
                        value = np.add(value, lane(scaled < nothing))
                    elif rounding == _JAM:
                        value = np.bitwise_or(value, one)
                    elif rounding == _JAM_UNBIASED:
                        value = np.bitwise_or(value, lane(rounded != scaled))
                    whole[i] = np.add(value, offset)
            if not clamps:  # in a loop of its own: integers have wider vectors than floats
                for i in range(here.size):
                    fitted = fit(whole[i], whole[i], one, kind, constants)
                    altered = np.add(altered, lane(fitted != whole[i]))
                    there[i] = fitted
            all_unsure += np.int64(unsure)
            all_changed += np.int64(changed) + np.int64(altered)
        return all_unsure, all_changed

    return plain_loop


@functools.cache
def quantize_any(rounding: int, kind: int, divide: bool) -> Callable[..., tuple[int, int]]:
    """Return the loop for :func:`fxpsim.spec.quantize` on any float64, infinities included.

    Parameters
    ----------
    rounding, kind : int
        Of ``MODES``; of :func:`fxpsim.kernels.words.overflow_stage`.
    divide : bool
        Whether ``scale`` divides, as in :func:`fxpsim.spec.quantize_affine`.

    Notes
    -----
    The loop's arguments are ``values`` (n,), ``scale``, ``zero_point`` (0 where overflow sets to
    zero), ``word`` (constants of the overflow stage), ``counters`` and ``start`` of
    :func:`fxpsim.kernels.philox.draw_words`, and ``out`` (n,).  NaN becomes 0.  It returns how many
    values are NaN, and how many results the overflow rule changed.
    """
    stochastic = rounding in _STOCHASTIC

    @kernel
    def careful_loop(values, scale, zero_point, word, counters, start, out):
        lo, hi, bits = word[0], word[1], word[2]
        constants = lo, hi, bits, word[3], word[4], word[5], word[6]
        period = 2.0 ** np.float64(bits + 1)
        inverse = 1.0 / period
        draws = np.zeros(values.size if stochastic else 1, np.uint32)
        if stochastic:
            draw_words(counters, start, draws)
        missing, changed = 0, 0
        for i in range(values.size):
            exact = np.float64(values[i])
            missing += np.int64(exact != exact)
            exact = exact if exact == exact else 0.0
            scaled = exact / scale if divide else exact * scale
            vanished = (scaled == 0.0) & (exact != 0.0) & (not divide)
            tiny = ((abs(scaled) < _TINY) & (scaled != 0.0)) | vanished
            scaled = np.copysign(_TINY, exact) if tiny else scaled
            rounded = round_float(np.float64, scaled, rounding, draws[i] if stochastic else 0)
            value = np.int64(min(max(rounded, -_FAR), _FAR))
            low = value
            if kind not in (CLAMP, ZERO):
                # Exact: beyond 2**53 a float is a multiple of a power of two.  Infinity counts
                # as a multiple of everything.
                remainder = rounded - np.trunc(rounded * inverse) * period
                low = np.int64(remainder if remainder == remainder else 0.0)
            # Setting the last bit, or adding 1, takes an integer where floats lie further apart.
            given = scaled if divide else exact
            finite = given - given == 0.0
            if rounding == _TRN_MAG:
                up = np.int64((scaled < 0.0) & finite)
                value, low = value + up, low + up
            elif rounding in (_JAM, _JAM_UNBIASED):
                jam = np.int64(finite & ((rounding == _JAM) | (scaled != rounded)))
                value, low = value | jam, low | jam
            value, low = value + zero_point, low + zero_point
            one = np.int64(1)
            fitted = fit(value, low, one, kind, constants)
            changed += np.int64((value < lo) | (value > hi))
            out[i] = fitted
        return missing, changed

    return careful_loop
