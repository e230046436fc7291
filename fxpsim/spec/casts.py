"""Rounding, overflow and casts."""

from __future__ import annotations

from fxpsim.errors import FormatError
from fxpsim.formats import Overflow, QFormat, Rounding

__all__ = ["cast", "fit", "quantize", "round_shift"]


def round_shift(value: int, shift: int, rounding: Rounding) -> int:
    """Return ``value * 2**-shift``, rounded to an integer.

    Parameters
    ----------
    value : int
        Any integer.
    shift : int
        Bits to drop; 0 or less is exact (only ``jam`` still sets the last bit).
    rounding : Rounding
        How.
    """
    if shift <= 0:
        exact = value << -shift
        return exact | 1 if rounding is Rounding.JAM else exact
    floor = value >> shift
    dropped = value - (floor << shift)
    half = 1 << (shift - 1)
    negative = value < 0
    match rounding:
        case Rounding.FLOOR:
            up = False
        case Rounding.CEIL:
            up = dropped > 0
        case Rounding.TOWARD_ZERO:
            up = negative and dropped > 0
        case Rounding.AWAY_FROM_ZERO:
            up = not negative and dropped > 0
        case Rounding.NEAREST_UP:
            up = dropped >= half
        case Rounding.NEAREST_DOWN:
            up = dropped > half
        case Rounding.NEAREST_TO_ZERO:
            up = dropped > half or (dropped == half and negative)
        case Rounding.NEAREST_AWAY:
            up = dropped > half or (dropped == half and not negative)
        case Rounding.NEAREST_EVEN:
            up = dropped > half or (dropped == half and floor % 2 == 1)
        case Rounding.NEAREST_ODD:
            up = dropped > half or (dropped == half and floor % 2 == 0)
        case Rounding.TRN_MAG:
            up = negative  # exact values included
        case Rounding.JAM:
            return floor | 1
        case Rounding.JAM_UNBIASED:
            return floor | (dropped != 0)
    return floor + up


def fit(value: int, lo: int, hi: int, overflow: Overflow) -> int:
    """Return ``value`` brought into ``[lo, hi]``.

    Parameters
    ----------
    value : int
        Any integer.
    lo, hi : int
        Range of the word; to wrap is to come back modulo ``hi - lo + 1``.
    overflow : Overflow
        How.  ``saturate_symmetric`` also moves the in-range minimum of a signed word.
    """
    match overflow:
        case Overflow.SATURATE:
            return max(lo, min(hi, value))
        case Overflow.SATURATE_SYMMETRIC:
            return max(lo if lo == 0 else -hi, min(hi, value))
        case Overflow.SATURATE_TO_ZERO:
            return value if lo <= value <= hi else 0
        case Overflow.WRAP:
            return lo + (value - lo) % (hi - lo + 1)


def _fit_format(value: int, fmt: QFormat, overflow: Overflow) -> int:
    if overflow is Overflow.WRAP and fmt.narrow:
        raise FormatError(f"a narrow format cannot wrap (format {fmt}); use 'saturate'")
    return fit(value, fmt.lo, fmt.hi, overflow)


def cast(
    code: int, source: QFormat, target: QFormat, rounding: Rounding, overflow: Overflow
) -> int:
    """Return the code in ``target`` of the value that ``code`` is in ``source``.

    Rounding comes first, overflow second.
    """
    return _fit_format(round_shift(code, source.frac - target.frac, rounding), target, overflow)


def quantize(value: float, fmt: QFormat, rounding: Rounding, overflow: Overflow) -> int:
    """Return the code of a finite float, from its exact value.

    Parameters
    ----------
    value : float
        Finite; the caller decides what NaN and infinity become.
    fmt : QFormat
        Target.
    rounding, overflow : Rounding, Overflow
        In that order.  The shift counts as more than 0 even where nothing is dropped.
    """
    numerator, denominator = value.as_integer_ratio()
    shift = denominator.bit_length() - 1 - fmt.frac
    spare = max(0, 1 - shift)
    return _fit_format(round_shift(numerator << spare, shift + spare, rounding), fmt, overflow)
