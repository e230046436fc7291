"""Floats to codes: one compiled loop for each pair of rounding and overflow mode."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from fxpsim.formats import Rounding
from fxpsim.kernels._jit import kernel
from fxpsim.kernels.elementwise import MODES
from fxpsim.kernels.words import CLAMP, ZERO, fit

__all__ = ["quantize_floats"]

_FLOOR = MODES[Rounding.FLOOR]
_CEIL = MODES[Rounding.CEIL]
_TOWARD_ZERO = MODES[Rounding.TOWARD_ZERO]
_AWAY = MODES[Rounding.AWAY_FROM_ZERO]
_NEAREST_UP = MODES[Rounding.NEAREST_UP]
_NEAREST_DOWN = MODES[Rounding.NEAREST_DOWN]
_NEAREST_TO_ZERO = MODES[Rounding.NEAREST_TO_ZERO]
_NEAREST_AWAY = MODES[Rounding.NEAREST_AWAY]
_NEAREST_EVEN = MODES[Rounding.NEAREST_EVEN]
_NEAREST_ODD = MODES[Rounding.NEAREST_ODD]
_TRN_MAG = MODES[Rounding.TRN_MAG]
_JAM = MODES[Rounding.JAM]
_JAM_UNBIASED = MODES[Rounding.JAM_UNBIASED]
_WEIGHTED = MODES[Rounding.STOCHASTIC_WEIGHTED]
_EQUAL = MODES[Rounding.STOCHASTIC_EQUAL]

#: The next float after a half: "more than a half" as "at least this".
_PAST_HALF = float(np.nextafter(0.5, 1.0))
#: Any smaller magnitude rounds like this one; a product of tiny floats may lose bits, or vanish.
_TINY = 2.0**-60
#: Outside every word, inside int64.
_FAR = 2.0**62
_TWO_32 = 2.0**32


@functools.cache
def quantize_floats(rounding: int, kind: int) -> Callable[..., tuple[int, int]]:
    """Return the loop for :func:`fxpsim.spec.quantize` on float64, infinities included.

    Its arguments are ``values`` (n,), ``scale`` (2.0**frac), ``word`` (the constants of
    :func:`fxpsim.kernels.words.overflow_stage`), ``draws`` (n,) for the stochastic modes and
    ``out`` (n,).  NaN becomes 0.  It returns how many values are NaN, and how many results the
    overflow rule changed.
    """

    @kernel
    def quantize_loop(values, scale, word, draws, out):
        lo, hi, bits, kept = word[0], word[1], word[2], word[3]
        below, above, inverted = word[4], word[5], word[6]
        period = 2.0 ** np.float64(bits + 1)
        missing, changed = 0, 0
        for i in range(values.size):
            exact = np.float64(values[i])
            missing += np.int64(exact != exact)
            exact = exact if exact == exact else 0.0
            scaled = exact * scale
            tiny = (abs(scaled) < _TINY) & (exact != 0.0)
            scaled = np.copysign(_TINY, exact) if tiny else scaled
            negative = scaled < 0.0
            if rounding == _CEIL:
                rounded = np.ceil(scaled)
            elif rounding == _TOWARD_ZERO:
                rounded = np.trunc(scaled)
            elif rounding == _AWAY:
                rounded = np.copysign(np.ceil(abs(scaled)), scaled)
            elif rounding == _NEAREST_EVEN:
                rounded = np.rint(scaled)
            elif rounding in (_FLOOR, _TRN_MAG, _JAM, _JAM_UNBIASED):
                rounded = np.floor(scaled)
            else:
                magnitude = abs(scaled)
                whole = np.floor(magnitude)
                rest = magnitude - whole  # exact; NaN for infinity, at least nothing
                if rounding == _NEAREST_UP:
                    more = rest >= (_PAST_HALF if negative else 0.5)
                elif rounding == _NEAREST_DOWN:
                    more = rest >= (0.5 if negative else _PAST_HALF)
                elif rounding == _NEAREST_TO_ZERO:
                    more = rest > 0.5
                elif rounding == _NEAREST_AWAY:
                    more = rest >= 0.5
                elif rounding == _NEAREST_ODD:
                    odd = whole - 2.0 * np.floor(whole * 0.5) == 1.0
                    more = rest >= (_PAST_HALF if odd else 0.5)
                elif rounding == _WEIGHTED:
                    # Away from zero: up where positive, not up where negative.
                    draw = np.float64(draws[i])
                    grown = rest * _TWO_32
                    more = grown >= _TWO_32 - draw if negative else draw < grown
                else:
                    more = (rest > 0.0) & ((draws[i] & 1 == 0) == negative)
                rounded = np.copysign(whole + 1.0 if more else whole, scaled)
            value = np.int64(min(max(rounded, -_FAR), _FAR))
            low = value
            if kind != CLAMP and kind != ZERO:
                # Exact: beyond 2**53 a float is a multiple of a power of two.  Infinity counts
                # as a multiple of everything.
                remainder = rounded - np.trunc(rounded / period) * period
                low = np.int64(remainder if remainder == remainder else 0.0)
            # Setting the last bit, or adding 1, takes an integer where floats lie further apart.
            if rounding == _TRN_MAG:
                more_bits = np.int64(negative & (exact - exact == 0.0))
                value, low = value + more_bits, low + more_bits
            elif rounding in (_JAM, _JAM_UNBIASED):
                jammed = exact - exact == 0.0
                if rounding == _JAM_UNBIASED:
                    jammed = scaled != rounded
                value, low = value | np.int64(jammed), low | np.int64(jammed)
            fitted = fit(value, low, kind, lo, hi, bits, kept, below, above, inverted)
            changed += np.int64((value < lo) | (value > hi))
            out[i] = fitted
        return missing, changed

    return quantize_loop
