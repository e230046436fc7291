"""The overflow stage that all casts share, and the numbers it needs of a word."""

from __future__ import annotations

import functools

import numpy as np

from fxpsim.formats import Overflow, QFormat, Wrap, WrapSignMagnitude
from fxpsim.kernels._jit import kernel

__all__ = ["CLAMP", "FOLD", "FOLD_MSBS", "WRAP", "WRAP_MSBS", "ZERO", "fit", "overflow_stage"]

#: What a compiled loop does with a value outside its word; constants of the loop.
CLAMP, ZERO, WRAP, WRAP_MSBS, FOLD, FOLD_MSBS = range(6)


@functools.lru_cache(maxsize=1024)
def overflow_stage(fmt: QFormat, overflow: object) -> tuple[int, np.ndarray]:
    """Return the kind of loop, and the constants :func:`fit` takes, for a rule on a format.

    ``trap`` clamps: the caller looks at how many values changed.
    """
    lo, hi = fmt.lo, fmt.hi
    kind = {
        Overflow.SATURATE: CLAMP,
        Overflow.SATURATE_SYMMETRIC: CLAMP,
        Overflow.TRAP: CLAMP,
        Overflow.SATURATE_TO_ZERO: ZERO,
        Overflow.WRAP: WRAP,
        Overflow.WRAP_SIGN_MAGNITUDE: FOLD,
    }.get(overflow)
    if overflow == Overflow.SATURATE_SYMMETRIC and fmt.signed:
        lo = -hi
    kept, tops, inverted = 0, (0, 0), 0
    if isinstance(overflow, (Wrap, WrapSignMagnitude)):
        count = overflow.saturated_msbs
        kind = WRAP_MSBS if isinstance(overflow, Wrap) else FOLD_MSBS
        kept = (1 << (fmt.bits - count)) - 1
        tops = (lo, hi & ~kept) if fmt.signed else (hi & ~kept, hi & ~kept)
        inverted = -int(count > 1)
    constants = np.array([lo, hi, fmt.bits, kept, *tops, inverted], np.int64)
    return kind, constants


@kernel
def fit(value, low, one, kind, word):
    """Return ``value`` in the word; ``low`` has its low ``bits + 1`` bits, and may be it.

    ``word`` is a tuple of the constants of :func:`overflow_stage`.  All but ``kind`` are integers
    of one type.  Numpy's functions keep to it; operators would widen 32 bits to 64, and halve
    what a vector holds.
    """
    lo, hi, bits, kept, below, above, inverted = word
    zero = np.subtract(one, one)
    if kind == CLAMP:
        return np.minimum(np.maximum(value, lo), hi)
    if kind == ZERO:
        return value if (value >= lo) & (value <= hi) else zero
    span = np.subtract(hi, lo)  # all its bits are 1: narrow formats do not wrap
    if kind == FOLD:
        above_sign = np.right_shift(low, bits)
        sign = np.right_shift(low, np.subtract(bits, one))
        flip = np.bitwise_and(np.bitwise_xor(above_sign, sign), one)
        low = np.bitwise_xor(low, np.subtract(zero, flip))
    if kind in (WRAP, FOLD):
        # Modulo a power of two is a mask, in two's complement exact.
        return np.add(lo, np.bitwise_and(np.subtract(low, lo), span))
    # All ones where it is so, else 0: cheaper than to select by comparisons.
    negative = np.minimum(np.maximum(value, np.subtract(zero, one)), zero)
    if kind == FOLD_MSBS:
        lowest_saturated = np.bitwise_and(low, np.add(kept, one))
        turned = np.bitwise_xor(np.subtract(zero, np.minimum(lowest_saturated, one)), negative)
        low = np.bitwise_xor(low, np.bitwise_xor(turned, inverted))
    inside = np.bitwise_and(np.subtract(value, lo), np.bitwise_not(span)) == zero
    top = np.bitwise_xor(above, np.bitwise_and(np.bitwise_xor(above, below), negative))
    return value if inside else np.bitwise_or(top, np.bitwise_and(low, kept))
