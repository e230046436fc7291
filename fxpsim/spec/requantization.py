"""Requantisation: a wide sum times a real scale, as inference engines compute it in integers.

A multiplier is ``q * 2**(shift - 31)`` with a 31-bit ``q``, the result of TensorFlow Lite's
``QuantizeMultiplier``; a negative ``shift`` is to the right.  The zero point and the clamp that
follow are the same for all and stand in :func:`offset_clamp`.

Sources
-------
gemmlowp, ``fixedpoint/fixedpoint.h`` (SaturatingRoundingDoublingHighMul, RoundingDivideByPOT);
TensorFlow Lite, ``kernels/internal/common.cc`` (MultiplyByQuantizedMultiplier, for 32 and 64-bit
sums); ruy, ``apply_multiplier.cc``; XNNPACK, ``qs8-requantization`` (fp32, round half to even);
Yao et al., "HAWQ-V3: Dyadic Neural Network Quantization", ICML 2021; Capotondi et al., "CMix-NN:
Mixed Low-Precision CNN Library for Memory-Constrained Edge Devices", IEEE TCAS-II 67(5), 2020.
"""

from __future__ import annotations

from fxpsim.formats import Rounding
from fxpsim.spec.casts import round_shift

__all__ = [
    "dyadic",
    "float_scale",
    "gemmlowp",
    "half_up_twice",
    "icn",
    "int16x8",
    "offset_clamp",
    "quantize_multiplier",
    "short_multiplier",
    "single_round",
]

#: Significant bits of a float32.
_FLOAT32_BITS = 24


def quantize_multiplier(scale: float) -> tuple[int, int]:
    """Return ``(q, shift)`` with q in [2**30, 2**31) and q * 2**(shift - 31) next to ``scale``.

    Ties are away from zero; a ``q`` rounded up to 2**31 is halved.  0, and anything below
    2**-32, is (0, 0).
    """
    numerator, denominator = scale.as_integer_ratio()
    if numerator == 0:
        return 0, 0
    # scale = fraction * 2**shift with the fraction in [0.5, 1)
    shift = numerator.bit_length() - denominator.bit_length() + 1
    q = round_shift(numerator, numerator.bit_length() - 31, Rounding.NEAREST_AWAY)
    if q == 1 << 31:
        q, shift = q // 2, shift + 1
    return (q, shift) if shift >= -31 else (0, 0)


def _wrap32(value: int) -> int:
    return (value + (1 << 31)) % (1 << 32) - (1 << 31)


def _doubling_high(value: int, q: int) -> int:
    """Return the rounding doubling high half of a 32 by 32-bit product, as gemmlowp has it.

    It would saturate only where both are -2**31, and ``q`` is not negative.
    """
    product = value * q
    nudged = product + ((1 << 30) if product >= 0 else 1 - (1 << 30))
    return nudged >> 31 if nudged >= 0 else -(-nudged >> 31)  # the division of C


def _high(acc: int, q: int, shift: int) -> int:
    return _doubling_high(_wrap32(acc << max(shift, 0)), q)


def gemmlowp(acc: int, q: int, shift: int) -> int:
    """Return the product rounded twice, the second time to nearest with ties away from zero."""
    return round_shift(_high(acc, q, shift), max(-shift, 0), Rounding.NEAREST_AWAY)


def half_up_twice(acc: int, q: int, shift: int) -> int:
    """Return the product rounded twice, the second time to nearest with ties up."""
    return round_shift(_high(acc, q, shift), max(-shift, 0), Rounding.NEAREST_UP)


def single_round(acc: int, q: int, shift: int) -> int:
    """Return the exact product rounded once, ties up."""
    return round_shift(acc * q, 31 - shift, Rounding.NEAREST_UP)


def int16x8(acc: int, q: int, shift: int) -> int:
    """Return the product with the multiplier cut to 16 bits, rounded once, ties up."""
    return round_shift(acc * short_multiplier(q), 15 - shift, Rounding.NEAREST_UP)


def short_multiplier(q: int) -> int:
    """Return a 31-bit multiplier rounded to 15 bits, ties up, no more than 2**15 - 1."""
    return 0x7FFF if q >= 0x7FFF0000 else (q + (1 << 15)) >> 16


def float_scale(acc: int, scale: float) -> int:
    """Return the float32 product of the float32 sum and a float32 scale, rounded half to even.

    Floats beyond float32's largest and below its smallest normal one are not told from wider
    ones: the former clamp, the latter round to 0 either way.
    """
    numerator, denominator = scale.as_integer_ratio()
    product = _as_float32(_as_float32(acc) * numerator)
    return round_shift(product, denominator.bit_length() - 1, Rounding.NEAREST_EVEN)


def _as_float32(value: int) -> int:
    """Return an integer rounded to 24 significant bits."""
    drop = max(0, value.bit_length() - _FLOAT32_BITS)
    return round_shift(value, drop, Rounding.NEAREST_EVEN) << drop


def dyadic(acc: int, m: int, e: int) -> int:
    """Return acc * m * 2**-e, rounded half to even."""
    return round_shift(acc * m, e, Rounding.NEAREST_EVEN)


def icn(acc: int, m: int, n: int) -> int:
    """Return acc * m * 2**-(32 + n), rounded down."""
    return round_shift(acc * m, 32 + n, Rounding.FLOOR)


def offset_clamp(value: int, zero_point: int, act_min: int, act_max: int) -> int:
    """Return ``value + zero_point`` within the activation's range."""
    return max(act_min, min(act_max, value + zero_point))
