"""Exponential, logistic function, hyperbolic tangent and softmax in 32-bit integers.

Numbers are raw words of 32 bits, of which ``i`` besides the sign are left of the binary point
("Q``i``"): value = raw * 2**(i - 31).

Sources
-------
gemmlowp, ``fixedpoint/fixedpoint.h`` (exp_on_negative_values, one_over_one_plus_x_for_x_in_0_1,
one_minus_x_over_one_plus_x_for_x_in_0_1, logistic, tanh); TensorFlow Lite,
``kernels/internal/reference/softmax.h`` (Softmax, SoftmaxInt16) and ``kernels/internal/common.h``
(GetReciprocal, LUTLookup).
"""

from __future__ import annotations

from collections.abc import Sequence

from fxpsim.formats import Rounding
from fxpsim.spec.casts import round_shift

__all__ = [
    "exp_of_negative",
    "float64_scale",
    "high_product",
    "logistic",
    "lookup16",
    "one_over_one_plus",
    "softmax8",
    "softmax16",
    "tanh",
]

ONE = (1 << 31) - 1
#: exp(-2**k) in Q0, from k = -2 on.
_EXP_POWERS = (1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242)
#: exp(-1/8) and 1/3 in Q0; 48/17 and -32/17 in Q2.
_EXP_EIGHTH, _THIRD = 1895147668, 715827883
_48_17, _NEG_32_17 = 1515870810, -1010580540
#: Bits that exponentials are scaled down by before they are added.
SUM_BITS = 12


def high_product(a: int, b: int) -> int:
    """Return the rounding, doubling high half of a 32 by 32-bit product."""
    return min((a * b + (1 << 30)) >> 31, ONE)


def _times_power(raw: int, bits: int) -> int:
    """Return raw * 2**bits: saturated, or rounded to nearest with ties away from zero."""
    if bits < 0:
        return round_shift(raw, -bits, Rounding.NEAREST_AWAY)
    return max(-(1 << 31), min(ONE, raw << bits))


def exp_of_negative(raw: int, integer_bits: int) -> int:
    """Return exp of a number of 0 or less, in Q0."""
    if raw == 0:
        return ONE
    fraction_bits = 31 - integer_bits
    quarter = 1 << (fraction_bits - 2)
    near = (raw & (quarter - 1)) - quarter  # -1/4 <= near < 0
    x = _times_power(near, integer_bits) + (1 << 28)
    x2 = high_product(x, x)
    x3, x4 = high_product(x2, x), high_product(x2, x2)
    cubes = high_product(_times_power(x4, -2) + x3, _THIRD)
    series = _times_power(cubes + x2, -1)
    result = _EXP_EIGHTH + high_product(_EXP_EIGHTH, x + series)
    remainder = near - raw
    for exponent, power in enumerate(_EXP_POWERS, start=-2):
        if exponent < integer_bits and remainder >> (fraction_bits + exponent) & 1:
            result = high_product(result, power)
    if integer_bits > 5 and raw < -(1 << (36 - integer_bits)):
        return 0
    return result


def _newton(raw: int) -> int:
    """Return 2 / (1 + x) in Q2, for x in Q0 from 0 to 1."""
    half = (raw + ONE + 1) // 2
    estimate = _48_17 + high_product(half, _NEG_32_17)
    for _ in range(3):
        error = (1 << 29) - high_product(half, estimate)
        estimate += _times_power(high_product(estimate, error), 2)
    return estimate


def one_over_one_plus(raw: int) -> int:
    """Return 1 / (1 + x) in Q0, for x in Q0 from 0 to 1."""
    return _times_power(_newton(raw), 1)


def logistic(raw: int, integer_bits: int) -> int:
    """Return 1 / (1 + exp(-x)) in Q0."""
    if raw == 0:
        return 1 << 30
    positive = one_over_one_plus(exp_of_negative(-abs(raw), integer_bits))
    return positive if raw > 0 else ONE - positive


def tanh(raw: int, integer_bits: int) -> int:
    """Return tanh(x) in Q0."""
    if raw == 0:
        return 0
    doubled = exp_of_negative(-abs(raw), integer_bits + 1)  # one integer bit more doubles it
    size = _times_power(_newton(doubled) - (1 << 29), 2)
    return size if raw > 0 else -size


def softmax8(codes: Sequence[int], table: Sequence[int], bits: int, lowest: int) -> list[int]:
    """Return the softmax of a row of codes.

    Parameters
    ----------
    codes : sequence of int
        Scores.
    table : sequence of int
        exp(-d * scale) in Q0 for d = 0, 1, ... codes below the highest score; 0 beyond its end.
    bits : int
        Width of the result.
    lowest : int
        Its lowest code, which stands for 0.
    """
    top = max(codes)
    parts = [table[top - c] if top - c < len(table) else 0 for c in codes]
    total = sum(_times_power(part, -SUM_BITS) for part in parts)
    lead = 32 - total.bit_length()  # leading zeros
    scale = one_over_one_plus((total << lead) - (1 << 31))
    shift = SUM_BITS - lead + 31 - bits
    highest = lowest + (1 << bits) - 1
    return [
        min(_times_power(high_product(scale, part), -shift) + lowest, highest) for part in parts
    ]


def lookup16(code: int, table: Sequence[int]) -> int:
    """Return a 16-bit function between its 513 samples, 128 codes apart."""
    index, offset = (code >> 7) + 256, code & 127
    slope = (table[index + 1] - table[index] + (1 << 15)) % (1 << 16) - (1 << 15)
    value = table[index] + ((slope * offset + 64) >> 7)
    return (value + (1 << 15)) % (1 << 16) - (1 << 15)


def softmax16(
    distances: Sequence[int], exponentials: Sequence[int], reciprocals: Sequence[int]
) -> list[int]:
    """Return the softmax of a row, in 15 fraction bits.

    Parameters
    ----------
    distances : sequence of int
        Score less the highest score, scaled so that -65535 is -10.
    exponentials, reciprocals : sequences of 513 int
        exp(x) for x = -10 to 0 and 1 / (1 + x) for x = 0 to 1, in 15 fraction bits.
    """

    def clamp(value: int) -> int:
        return max(-(1 << 15), min((1 << 15) - 1, value))

    parts = [lookup16(clamp(d + 32767), exponentials) for d in distances]
    total = sum(parts)
    lead = 32 - total.bit_length()  # leading zeros
    shifted = ((total << (lead - 1)) + (1 << 13)) >> 14
    scale = lookup16(clamp(shifted - (1 << 15) - (1 << 16)), reciprocals)
    shift = 31 - lead
    half = (1 << shift) >> 1
    return [min(max((part * scale + half) >> shift, 0), 32767) for part in parts]


def float64_scale(acc: int, scale: float) -> int:
    """Return the float64 product of a sum and a scale, rounded to nearest, ties away from zero."""
    numerator, denominator = (acc * scale).as_integer_ratio()
    size = (2 * abs(numerator) + denominator) // (2 * denominator)
    return size if numerator >= 0 else -size
