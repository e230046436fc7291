"""Casts of whole arrays of codes: one compiled loop for each pair of rounding and overflow mode.

The modes are constants of the compiled function; as run-time branches they would keep the loop
from being vectorised.  Numpy's functions keep 32-bit lanes, where operators would widen them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from fxpsim.formats import Rounding
from fxpsim.kernels._jit import kernel
from fxpsim.kernels.words import fit

__all__ = ["EXACT", "EXACT_JAM", "LANE32", "MODES", "shift_codes"]

#: Rounding modes as the compiled loops know them; two more for shifts that drop nothing.
MODES = {mode: number for number, mode in enumerate(Rounding)}
EXACT, EXACT_JAM = len(MODES), len(MODES) + 1
#: Magnitudes of codes and results, shifted or not, that 32-bit lanes are for.
LANE32 = 1 << 30

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


@functools.cache
def shift_codes(rounding: int, kind: int, lane: type[np.signedinteger]) -> Callable[..., tuple]:
    """Return the loop for :func:`fxpsim.spec.round_shift`, then :func:`fxpsim.spec.fit`.

    Its arguments are ``codes`` (n,), the range they should have, which has 0 in it, ``shift``,
    ``word`` (the constants of :func:`fxpsim.kernels.words.overflow_stage`), ``draws`` (n,) for
    the stochastic modes, and ``out`` (n,).  It returns a negative number where a code lies
    outside its range, and how many results the overflow rule changed.

    A shift to the left is for ``EXACT`` and ``EXACT_JAM`` only; the caller makes sure that it
    fits 62 bits.  32-bit lanes are for numbers below ``LANE32`` (codes, shifted codes, words),
    fewer than 2**31 of them, and not for weighted draws.
    """
    widest = 8 * np.dtype(lane).itemsize - 1

    @kernel
    def shift_loop(codes, first, last, shift, word, draws, out):
        zero, one = lane(0), lane(1)
        left = lane(max(-shift, 0))
        right = lane(min(max(shift, 1), widest))
        half = np.left_shift(one, np.subtract(right, one))
        mask = np.subtract(np.left_shift(one, right), one)
        up = max(32 - shift, np.int64(0))  # a fraction of 2**-shift, as one of 2**-32
        down = min(max(shift - 32, np.int64(0)), np.int64(63))
        first, last = lane(first), lane(last)
        lo, hi, bits, kept = lane(word[0]), lane(word[1]), lane(word[2]), lane(word[3])
        below, above, inverted = lane(word[4]), lane(word[5]), lane(word[6])
        outside, changed = zero, zero
        for i in range(codes.size):
            value = lane(codes[i])
            beyond = np.bitwise_or(np.subtract(value, first), np.subtract(last, value))
            outside = np.bitwise_or(outside, beyond)
            if rounding in (EXACT, EXACT_JAM):
                rounded = np.left_shift(value, left)
            else:
                rounded = np.right_shift(value, right)
            dropped = np.bitwise_and(value, mask)
            negative = value < zero
            if rounding == _CEIL:
                rounded = np.add(rounded, lane(dropped != zero))
            elif rounding == _TOWARD_ZERO:
                rounded = np.add(rounded, lane((dropped != zero) & negative))
            elif rounding == _AWAY:
                rounded = np.add(rounded, lane((dropped != zero) & (not negative)))
            elif rounding == _NEAREST_UP:
                rounded = np.add(rounded, lane(dropped >= half))
            elif rounding == _NEAREST_DOWN:
                rounded = np.add(rounded, lane(dropped > half))
            elif rounding == _NEAREST_TO_ZERO:
                rounded = np.add(rounded, lane(dropped > np.subtract(half, lane(negative))))
            elif rounding == _NEAREST_AWAY:
                rounded = np.add(rounded, lane(dropped > np.subtract(half, lane(value > zero))))
            elif rounding == _NEAREST_EVEN:
                odd = np.bitwise_and(rounded, one)
                rounded = np.add(rounded, lane(dropped > np.subtract(half, odd)))
            elif rounding == _NEAREST_ODD:
                even = np.bitwise_and(np.bitwise_not(rounded), one)
                rounded = np.add(rounded, lane(dropped > np.subtract(half, even)))
            elif rounding == _TRN_MAG:
                rounded = np.add(rounded, lane(negative))
            elif rounding in (_JAM, EXACT_JAM):
                rounded = np.bitwise_or(rounded, one)
            elif rounding == _JAM_UNBIASED:
                rounded = np.bitwise_or(rounded, lane(dropped != zero))
            elif rounding == _WEIGHTED:
                # A whole number is below a fraction if it is below the next whole number.
                bound = -((-(value << up)) >> down) - (rounded << 32)
                rounded += np.int64(np.int64(draws[i]) < bound)
            elif rounding == _EQUAL:
                rounded = np.add(rounded, lane((dropped != zero) & (draws[i] & 1 != 0)))
            fitted = fit(rounded, rounded, one, kind, lo, hi, bits, kept, below, above, inverted)
            changed = np.add(changed, lane(fitted != rounded))
            out[i] = fitted
        return outside, changed

    return shift_loop
