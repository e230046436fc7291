"""Rounding, overflow and casts."""

from __future__ import annotations

from fxpsim.errors import OverflowTrap
from fxpsim.formats import Overflow, OverflowRule, QFormat, Rounding, Wrap, WrapSignMagnitude
from fxpsim.formats.modes import check_overflow

__all__ = ["cast", "fit", "quantize", "round_float", "round_shift"]


def round_shift(value: int, shift: int, rounding: Rounding, draw: int = 0) -> int:
    """Return ``value * 2**-shift``, rounded to an integer.

    Parameters
    ----------
    value : int
        Any integer.
    shift : int
        Bits to drop; 0 or less is exact (only ``jam`` still sets the last bit).
    rounding : Rounding
        How.
    draw : int
        32 random bits (:func:`fxpsim.spec.draw`), for the stochastic modes.
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
        case Rounding.STOCHASTIC_WEIGHTED:
            up = draw << shift < dropped << 32
        case Rounding.STOCHASTIC_EQUAL:
            up = dropped != 0 and draw % 2 == 1
    return floor + up


def fit(value: int, lo: int, hi: int, overflow: OverflowRule) -> int:
    """Return ``value`` brought into ``[lo, hi]``.

    Parameters
    ----------
    value : int
        Any integer.
    lo, hi : int
        Range of the word; to wrap is to come back modulo ``hi - lo + 1``.
    overflow : Overflow, Wrap or WrapSignMagnitude
        How.  ``saturate_symmetric`` also moves the in-range minimum of a signed word.

    Raises
    ------
    OverflowTrap
        The mode is ``trap`` and the value does not fit.
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
        case Overflow.WRAP_SIGN_MAGNITUDE:
            return _fold(value, lo, hi)
        case Overflow.TRAP:
            if not lo <= value <= hi:
                raise OverflowTrap(value, lo, hi)
            return value
    if lo <= value <= hi:
        return value
    bits = (hi - lo).bit_length()
    if isinstance(overflow, Wrap):
        return _saturate_msbs(value, value, bits, overflow.saturated_msbs, lo)
    return _fold_below_msbs(value, bits, overflow, lo)


def _bit(value: int, position: int) -> int:
    return value >> position & 1


def _fold(value: int, lo: int, hi: int) -> int:
    """Return a triangle wave: inverted where the lowest deleted bit is not the word's sign."""
    bits = (hi - lo).bit_length()
    word = fit(value, lo, hi, Overflow.WRAP)
    return word if _bit(value, bits) == _bit(value, bits - 1) else ~word


def _saturate_msbs(value: int, low: int, bits: int, count: int, lo: int) -> int:
    """Return the low bits of ``low`` under ``count`` bits that say where ``value`` went."""
    kept = bits - count
    if lo == 0:
        top = (1 << count) - 1
    elif value < 0:
        top = -(1 << (count - 1))  # the sign, then zeros
    else:
        top = (1 << (count - 1)) - 1  # no sign, then ones
    return (top << kept) + low % (1 << kept)


def _fold_below_msbs(value: int, bits: int, overflow: WrapSignMagnitude, lo: int) -> int:
    count = overflow.saturated_msbs
    negative = int(value < 0)
    lowest_saturated = _bit(value, bits - count)
    inverted = lowest_saturated != negative if count == 1 else lowest_saturated == negative
    return _saturate_msbs(value, ~value if inverted else value, bits, count, lo)


def _fit_format(value: int, fmt: QFormat, overflow: OverflowRule) -> int:
    check_overflow(fmt, overflow)
    return fit(value, fmt.lo, fmt.hi, overflow)


def cast(
    code: int,
    source: QFormat,
    target: QFormat,
    rounding: Rounding,
    overflow: OverflowRule,
    draw: int = 0,
) -> int:
    """Return the code in ``target`` of the value that ``code`` is in ``source``.

    Rounding comes first, overflow second.
    """
    rounded = round_shift(code, source.frac - target.frac, rounding, draw)
    return _fit_format(rounded, target, overflow)


def quantize(
    value: float, fmt: QFormat, rounding: Rounding, overflow: OverflowRule, draw: int = 0
) -> int:
    """Return the code of a finite float; parameters as for :func:`round_float`, then overflow."""
    return _fit_format(round_float(value, fmt.frac, rounding, draw), fmt, overflow)


def round_float(value: float, frac: int, rounding: Rounding, draw: int = 0) -> int:
    """Return ``value * 2**frac``, rounded to an integer from the exact value.

    Parameters
    ----------
    value : float
        Finite; the caller decides what NaN and infinity become.
    frac : int
        Fraction bits to keep.
    rounding : Rounding
        How.  The shift counts as more than 0 even where nothing is dropped.
    draw : int
        32 random bits, for the stochastic modes.
    """
    numerator, denominator = value.as_integer_ratio()
    shift = denominator.bit_length() - 1 - frac
    spare = max(0, 1 - shift)
    return round_shift(numerator << spare, shift + spare, rounding, draw)
