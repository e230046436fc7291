"""The overflow stage that all casts share, and the numbers it needs of a word."""

from __future__ import annotations

import numpy as np

from fxpsim.formats import Overflow, QFormat, Wrap, WrapSignMagnitude
from fxpsim.kernels._jit import kernel

__all__ = ["CLAMP", "FOLD", "FOLD_MSBS", "WRAP", "WRAP_MSBS", "ZERO", "fit", "overflow_stage"]

#: What a compiled loop does with a value outside its word; constants of the loop.
CLAMP, ZERO, WRAP, WRAP_MSBS, FOLD, FOLD_MSBS = range(6)


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
    kept, tops, inverted = (1 << fmt.bits) - 1, (0, 0), 0
    if isinstance(overflow, (Wrap, WrapSignMagnitude)):
        count = overflow.saturated_msbs
        kind = WRAP_MSBS if isinstance(overflow, Wrap) else FOLD_MSBS
        kept = (1 << (fmt.bits - count)) - 1
        tops = (lo, hi & ~kept) if fmt.signed else (hi & ~kept, hi & ~kept)
        inverted = int(count > 1)
    return kind, np.array([lo, hi, fmt.bits, kept, *tops, inverted], np.int64)


@kernel
def fit(value, low, kind, lo, hi, bits, kept, below, above, inverted):
    """Return ``value`` in the word; ``low`` has its low ``bits + 1`` bits, and may be it."""
    if kind == CLAMP:
        return min(max(value, lo), hi)
    inside = (value >= lo) & (value <= hi)
    if kind == ZERO:
        return value if inside else np.int64(0)
    if kind == WRAP:
        # hi - lo + 1 is a power of two, so modulo is a mask, in two's complement exact.
        return lo + ((low - lo) & (hi - lo))
    if kind == FOLD:
        flip = ((low >> bits) ^ (low >> (bits - 1))) & 1
        return lo + (((low ^ -flip) - lo) & (hi - lo))
    negative = np.int64(value < 0)
    if kind == FOLD_MSBS:
        lowest_saturated = np.int64(low & (kept + 1) != 0)
        low = low ^ -(lowest_saturated ^ negative ^ inverted)
    top = below if value < 0 else above
    return value if inside else top + (low & kept)
