"""Casts of whole arrays of codes: one compiled loop for each pair of rounding and overflow mode.

The modes are constants of the compiled function; as run-time branches they would keep the loop
from being vectorised.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from fxpsim.formats import Rounding
from fxpsim.kernels._jit import kernel
from fxpsim.kernels.words import fit

__all__ = ["MODES", "shift_codes"]

#: Rounding modes as the compiled loops know them.
MODES = {mode: number for number, mode in enumerate(Rounding)}

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
def shift_codes(rounding: int, kind: int) -> Callable[..., tuple[int, int]]:
    """Return the loop for :func:`fxpsim.spec.round_shift`, then :func:`fxpsim.spec.fit`.

    Its arguments are ``codes`` (n,), the range they should have, ``shift``, ``word`` (the
    constants of :func:`fxpsim.kernels.words.overflow_stage`), ``draws`` (n,) for the stochastic
    modes, and ``out`` (n,).  It returns how many codes lie outside their range, and how many
    results the overflow rule changed.

    Modes other than ``floor`` and ``jam`` need a shift to the right.  The caller makes sure that
    a shift to the left fits 62 bits.
    """

    @kernel
    def shift_loop(codes, first, last, shift, word, draws, out):
        left = -shift if shift < 0 else np.int64(0)
        right = min(shift, np.int64(63)) if shift > 0 else np.int64(0)
        half = np.int64(1) << (right - 1) if right > 0 else np.int64(0)
        mask = (np.int64(1) << right) - 1
        up = max(32 - shift, np.int64(0))  # a fraction of 2**-shift, as one of 2**-32
        down = min(max(shift - 32, np.int64(0)), np.int64(63))
        lo, hi, bits, kept = word[0], word[1], word[2], word[3]
        below, above, inverted = word[4], word[5], word[6]
        outside, changed = 0, 0
        for i in range(codes.size):
            code = np.int64(codes[i])
            outside += np.int64((code < first) | (code > last))
            value = code << left
            rounded = value >> right
            dropped = value & mask
            if rounding == _CEIL:
                rounded += np.int64(dropped > 0)
            elif rounding == _TOWARD_ZERO:
                rounded += np.int64(dropped > 0) & np.int64(value < 0)
            elif rounding == _AWAY:
                rounded += np.int64(dropped > 0) & np.int64(value > 0)
            elif rounding == _NEAREST_UP:
                rounded += np.int64(dropped >= half)
            elif rounding == _NEAREST_DOWN:
                rounded += np.int64(dropped > half)
            elif rounding == _NEAREST_TO_ZERO:
                rounded += np.int64(dropped > half - np.int64(value < 0))
            elif rounding == _NEAREST_AWAY:
                rounded += np.int64(dropped > half - np.int64(value > 0))
            elif rounding == _NEAREST_EVEN:
                rounded += np.int64(dropped > half - (rounded & 1))
            elif rounding == _NEAREST_ODD:
                rounded += np.int64(dropped > half - (~rounded & 1))
            elif rounding == _TRN_MAG:
                rounded += np.int64(value < 0)
            elif rounding == _JAM:
                rounded |= 1
            elif rounding == _JAM_UNBIASED:
                rounded |= np.int64(dropped != 0)
            elif rounding == _WEIGHTED:
                # A whole number is below a fraction if it is below the next whole number.
                bound = -((-(value << up)) >> down) - (rounded << 32)
                rounded += np.int64(np.int64(draws[i]) < bound)
            elif rounding == _EQUAL:
                rounded += np.int64(dropped != 0) & np.int64(draws[i] & 1)
            fitted = fit(rounded, rounded, kind, lo, hi, bits, kept, below, above, inverted)
            changed += np.int64(fitted != rounded)
            out[i] = fitted
        return outside, changed

    return shift_loop
