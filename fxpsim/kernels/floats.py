"""Floats to codes: one compiled loop for each pair of rounding and overflow mode."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from fxpsim.formats import Rounding
from fxpsim.kernels._jit import kernel
from fxpsim.kernels.elementwise import MODES
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

#: Any smaller magnitude rounds like this one; a product of tiny floats may lose bits, or vanish.
_TINY = 2.0**-60
#: Outside every word, inside int64.
_FAR = 2.0**62
_TWO_32 = 2.0**32


@kernel
def round_float(scaled, rounding, draw):
    """Return the rounded value; of the jams and trn_mag, the floor they start from."""
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
    if rounding in (_WEIGHTED, _EQUAL):
        negative = scaled < 0.0
        whole = np.floor(magnitude)
        rest = magnitude - whole  # exact; NaN for infinity, at least nothing
        # Away from zero: up where positive, not up where negative.
        if rounding == _WEIGHTED:
            number, grown = np.float64(np.int64(draw)), rest * _TWO_32
            bound = _TWO_32 - number if negative else number
            more = (grown > bound) | (negative & (grown == bound))
        else:
            more = (rest > 0.0) & ((draw & 1 == 0) == negative)
        return np.copysign(whole + 1.0 if more else whole, scaled)
    # Other ties than to even: what is left of the nearest is exact, and says where it went.
    if rounding in (_NEAREST_TO_ZERO, _NEAREST_AWAY):
        nearest = np.rint(magnitude)
        left = magnitude - nearest
        if rounding == _NEAREST_TO_ZERO:
            nearest -= 1.0 if left == -0.5 else 0.0
        else:
            nearest += 1.0 if left == 0.5 else 0.0
        return np.copysign(nearest, scaled)
    nearest = np.rint(scaled)
    left = scaled - nearest
    if rounding == _NEAREST_UP:
        return nearest + (1.0 if left == 0.5 else 0.0)
    if rounding == _NEAREST_DOWN:
        return nearest - (1.0 if left == -0.5 else 0.0)
    return nearest + (2.0 * left if abs(left) == 0.5 else 0.0)


@functools.cache
def quantize_plain(
    rounding: int, kind: int, stochastic: bool, lane: type[np.signedinteger]
) -> Callable[..., tuple[int, int]]:
    """Return the fast loop, for values and formats without extremes.

    Arguments and results are those of :func:`quantize_any`, but what it counts as missing are
    all values that it may have got wrong: NaN, and where the rule is to wrap, magnitudes that
    ``lane`` may not hold.  The format has at most 52 bits (30 where lanes have 32, and there are
    fewer than 2**31 values then), and ``scale`` is at least 1, so nothing underflows.
    """
    far = 2.0 ** (8 * np.dtype(lane).itemsize - 2)

    @kernel
    def plain_loop(values, scale, word, draws, out):
        lo, hi, bits, kept = word[0], word[1], word[2], word[3]
        below, above, inverted = word[4], word[5], word[6]
        lowest, highest = np.float64(lo), np.float64(hi)
        lo, hi, bits, kept = lane(lo), lane(hi), lane(bits), lane(kept)
        below, above, inverted = lane(below), lane(above), lane(inverted)
        zero, one = lane(0), lane(1)
        unsure, changed, astray, altered = 0, 0, zero, zero
        for i in range(values.size):
            scaled = np.float64(values[i]) * scale
            rounded = round_float(scaled, rounding, draws[i] if stochastic else 0)
            if kind in (CLAMP, ZERO):
                if rounding == _TRN_MAG:
                    rounded += 1.0 if scaled < 0.0 else 0.0
                elif rounding in (_JAM, _JAM_UNBIASED):
                    jammed = np.floor(scaled * 0.5) * 2.0 + 1.0
                    exact = (rounding == _JAM_UNBIASED) & (rounded == scaled)
                    rounded = rounded if exact else jammed
                unsure += np.int64(scaled != scaled)
                if kind == CLAMP:
                    clamped = min(max(rounded, lowest), highest)
                else:
                    clamped = rounded if (rounded >= lowest) & (rounded <= highest) else 0.0
                changed += np.int64(clamped != rounded)
                out[i] = clamped
            else:
                astray = np.add(astray, lane(not (abs(scaled) < far)))
                value = lane(rounded)
                if rounding == _TRN_MAG:
                    value = np.add(value, lane(scaled < 0.0))
                elif rounding == _JAM:
                    value = np.bitwise_or(value, one)
                elif rounding == _JAM_UNBIASED:
                    value = np.bitwise_or(value, lane(rounded != scaled))
                fitted = fit(value, value, one, kind, lo, hi, bits, kept, below, above, inverted)
                altered = np.add(altered, lane(fitted != value))
                out[i] = fitted
        return unsure + np.int64(astray), changed + np.int64(altered)

    return plain_loop


@functools.cache
def quantize_any(rounding: int, kind: int, stochastic: bool) -> Callable[..., tuple[int, int]]:
    """Return the loop for :func:`fxpsim.spec.quantize` on any float64, infinities included.

    Its arguments are ``values`` (n,), ``scale`` (2.0**frac), ``word`` (the constants of
    :func:`fxpsim.kernels.words.overflow_stage`), ``draws`` (n,) for the stochastic modes and
    ``out`` (n,).  NaN becomes 0.  It returns how many values are NaN, and how many results the
    overflow rule changed.
    """

    @kernel
    def careful_loop(values, scale, word, draws, out):
        lo, hi, bits, kept = word[0], word[1], word[2], word[3]
        below, above, inverted = word[4], word[5], word[6]
        period = 2.0 ** np.float64(bits + 1)
        inverse = 1.0 / period
        missing, changed = 0, 0
        for i in range(values.size):
            exact = np.float64(values[i])
            missing += np.int64(exact != exact)
            exact = exact if exact == exact else 0.0
            scaled = exact * scale
            tiny = (abs(scaled) < _TINY) & (exact != 0.0)
            scaled = np.copysign(_TINY, exact) if tiny else scaled
            rounded = round_float(scaled, rounding, draws[i] if stochastic else 0)
            value = np.int64(min(max(rounded, -_FAR), _FAR))
            low = value
            if kind not in (CLAMP, ZERO):
                # Exact: beyond 2**53 a float is a multiple of a power of two.  Infinity counts
                # as a multiple of everything.
                remainder = rounded - np.trunc(rounded * inverse) * period
                low = np.int64(remainder if remainder == remainder else 0.0)
            # Setting the last bit, or adding 1, takes an integer where floats lie further apart.
            finite = exact - exact == 0.0
            if rounding == _TRN_MAG:
                up = np.int64((scaled < 0.0) & finite)
                value, low = value + up, low + up
            elif rounding in (_JAM, _JAM_UNBIASED):
                jam = np.int64(finite & ((rounding == _JAM) | (scaled != rounded)))
                value, low = value | jam, low | jam
            one = np.int64(1)
            fitted = fit(value, low, one, kind, lo, hi, bits, kept, below, above, inverted)
            changed += np.int64((value < lo) | (value > hi))
            out[i] = fitted
        return missing, changed

    return careful_loop
