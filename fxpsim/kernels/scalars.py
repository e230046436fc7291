"""Rounding and overflow of one number; modes are constants where a loop calls these.

LLVM folds the mode away when it inlines them, so loops over them are vectorised.
"""

from __future__ import annotations

import numpy as np

from fxpsim.formats import Overflow, Rounding
from fxpsim.kernels._jit import kernel

__all__ = ["OVERFLOW", "ROUNDING", "fit", "round_shift"]

ROUNDING = {mode: number for number, mode in enumerate(Rounding)}
OVERFLOW = {mode: number for number, mode in enumerate(Overflow)}

_CEIL = ROUNDING[Rounding.CEIL]
_TOWARD_ZERO = ROUNDING[Rounding.TOWARD_ZERO]
_AWAY = ROUNDING[Rounding.AWAY_FROM_ZERO]
_NEAREST_UP = ROUNDING[Rounding.NEAREST_UP]
_NEAREST_DOWN = ROUNDING[Rounding.NEAREST_DOWN]
_NEAREST_TO_ZERO = ROUNDING[Rounding.NEAREST_TO_ZERO]
_NEAREST_AWAY = ROUNDING[Rounding.NEAREST_AWAY]
_NEAREST_EVEN = ROUNDING[Rounding.NEAREST_EVEN]
_NEAREST_ODD = ROUNDING[Rounding.NEAREST_ODD]
_TRN_MAG = ROUNDING[Rounding.TRN_MAG]
_JAM = ROUNDING[Rounding.JAM]
_JAM_UNBIASED = ROUNDING[Rounding.JAM_UNBIASED]
_SATURATE = OVERFLOW[Overflow.SATURATE]


@kernel
def round_shift(value, shift, mode):
    """Return ``value * 2**-shift`` rounded, for a shift of 0 to 62."""
    floor = value >> shift
    dropped = value - (floor << shift)
    # Half of what may be dropped; where nothing is, more than there is, so that ties never are.
    half = (np.int64(1) << shift) >> 1 if shift > 0 else np.int64(1)
    if mode == _JAM:
        floor |= 1
    elif mode == _CEIL:
        floor += np.int64(dropped > 0)
    elif mode == _TOWARD_ZERO:
        floor += np.int64(dropped > 0) & np.int64(value < 0)
    elif mode == _AWAY:
        floor += np.int64(dropped > 0) & np.int64(value > 0)
    elif mode == _NEAREST_UP:
        floor += np.int64(dropped >= half)
    elif mode == _NEAREST_DOWN:
        floor += np.int64(dropped > half)
    elif mode == _NEAREST_TO_ZERO:
        floor += np.int64(dropped > half - np.int64(value < 0))
    elif mode == _NEAREST_AWAY:
        floor += np.int64(dropped > half - np.int64(value > 0))
    elif mode == _NEAREST_EVEN:
        floor += np.int64(dropped > half - (floor & 1))
    elif mode == _NEAREST_ODD:
        floor += np.int64(dropped > half - (~floor & 1))
    elif mode == _TRN_MAG:
        floor += np.int64(value < 0) & np.int64(shift > 0)
    elif mode == _JAM_UNBIASED:
        floor |= np.int64(dropped != 0)
    return floor


@kernel
def fit(value, lo, hi, mode):
    """Return ``value`` saturated or wrapped into a word from ``lo`` to ``hi``."""
    if mode == _SATURATE:
        return min(max(value, lo), hi)
    # hi - lo + 1 is a power of two, so modulo is a mask, in two's complement exact.
    return lo + ((value - lo) & (hi - lo))
