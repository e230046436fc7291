"""Casts from real values to formats with a scale: affine ones and codebooks."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from fxpsim.formats import OverflowRule, Rounding
from fxpsim.spec.casts import fit, round_float

__all__ = ["quantize_affine", "quantize_level"]


def quantize_affine(
    value: float,
    scale: float,
    zero_point: int,
    lo: int,
    hi: int,
    rounding: Rounding,
    overflow: OverflowRule,
    draw: int = 0,
) -> int:
    """Return overflow(round(value / scale) + zero_point); the quotient is a float64.

    ONNX QuantizeLinear and TFLite's QUANTIZE, which divide in the type of their input.
    """
    return fit(round_float(value / scale, 0, rounding, draw) + zero_point, lo, hi, overflow)


def quantize_level(value: float, codebook: Sequence[int], scale: float, rounding: Rounding) -> int:
    """Return the code whose entry is that of ``value / scale``, a float64, rounded to an entry.

    A rounding mode says which neighbour is taken; at a tie, nearest even takes the lower one where
    its code is even, nearest odd where it is odd, else the upper one.  Beyond the ends the
    outermost entry is taken.  Of equal entries the first is.
    """
    entries = sorted(set(codebook))
    quotient = value / scale
    below = [number for number, entry in enumerate(entries) if entry <= quotient]
    if not below:
        return codebook.index(entries[0])
    number = below[-1]
    if quotient >= entries[-1]:
        return codebook.index(entries[-1])
    part = (Fraction(quotient) - entries[number]) / (entries[number + 1] - entries[number])
    half = Fraction(1, 2)
    negative, odd = quotient < 0, codebook.index(entries[number]) % 2 == 1
    match rounding:
        case Rounding.FLOOR:
            up = False
        case Rounding.CEIL:
            up = part > 0
        case Rounding.TOWARD_ZERO:
            up = negative and part > 0
        case Rounding.AWAY_FROM_ZERO:
            up = not negative and part > 0
        case Rounding.NEAREST_UP:
            up = part >= half
        case Rounding.NEAREST_DOWN:
            up = part > half
        case Rounding.NEAREST_TO_ZERO:
            up = part > half or (part == half and negative)
        case Rounding.NEAREST_AWAY:
            up = part > half or (part == half and not negative)
        case Rounding.NEAREST_EVEN:
            up = part > half or (part == half and odd)
        case Rounding.NEAREST_ODD:
            up = part > half or (part == half and not odd)
        case _:
            raise ValueError(f"{rounding} works on bits, which a codebook has not")
    return codebook.index(entries[number + up])
