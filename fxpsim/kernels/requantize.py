"""Requantisation of whole arrays: one compiled loop for each way to multiply and round.

Every scheme is one of a few steps (``_STEPS``): the rounded high half of a 32 by 32-bit product and
then a rounding shift, the exact product and one rounding shift, or a float32 product.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxpsim.formats import Rounding
from fxpsim.kernels._jit import kernel
from fxpsim.schemes import FloatScale, Rescale

__all__ = ["Plan", "plan", "run"]

#: Channels are repeated until a block has at least this many, so that inner loops are long.
_BLOCK = 256

_LOWEST32, _HIGHEST32 = np.int64(-(1 << 31)), np.int64((1 << 31) - 1)
_HALF_HIGH = np.int64(1 << 30)
#: Adding, then subtracting, 1.5 * 2**23 (2**52) rounds a smaller float half to even.
_MAGIC32, _REACH32 = np.float32(1.5 * 2**23), np.float32(2**22)
_MAGIC64, _REACH64, _LIMIT64 = 1.5 * 2**52, 2.0**51, 2.0**62


@kernel
def _high_up(acc, multiplier, right, half, tie, left):
    high = (np.int64(np.int32(acc)) * multiplier + _HALF_HIGH) >> 31
    return (high + half) >> right


@kernel
def _high(acc, multiplier, right, half, tie, left):
    high = (np.int64(np.int32(acc)) * multiplier + _HALF_HIGH) >> 31
    return (high + half + ((high >> 63) & tie)) >> right


@kernel
def _high_left(acc, multiplier, right, half, tie, left):
    high = (np.int64(np.int32(np.int64(acc) << left)) * multiplier + _HALF_HIGH) >> 31
    return (high + half + ((high >> 63) & tie)) >> right


@kernel
def _product(acc, multiplier, right, half, tie, left):
    return (np.int64(acc) * multiplier + half) >> right


@kernel
def _product_even(acc, multiplier, right, half, tie, left):
    product = np.int64(acc) * multiplier
    return (product + half + ((product >> right) & tie)) >> right


@kernel
def _float32(acc, multiplier, right, half, tie, left):
    product = np.float32(acc) * multiplier
    near = min(max(product, -_REACH32), _REACH32)
    return np.int64(np.int32((near + _MAGIC32) - _MAGIC32))


@kernel
def _float64(acc, multiplier, right, half, tie, left):
    product = np.float64(np.float32(acc) * multiplier)
    near = min(max(product, -_LIMIT64), _LIMIT64)
    whole = (near + _MAGIC64) - _MAGIC64 if abs(near) < _REACH64 else near
    return np.int64(whole)


#: ``high``: ``right`` drops bits of the high half; ``tie`` is -1 where ties are away from zero.
#: ``high_up``: the same where all ties are up.
#: ``high_left``: the accumulator is shifted by ``left`` first, within 32 bits.
#: ``product``: ``half`` is what is added before the shift.
#: ``product_even``: ``tie`` is 1 where bits are dropped; ``half`` is then one less than half.
#: ``float32``: for results, less the zero point, within 2**22; ``float64`` for any.
_STEPS = {
    "high": _high,
    "high_up": _high_up,
    "high_left": _high_left,
    "product": _product,
    "product_even": _product_even,
    "float32": _float32,
    "float64": _float64,
}


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """The loop for a scheme, and its arguments after the accumulators.

    Attributes
    ----------
    loop : callable
        See :func:`_loop`.
    arguments : tuple
        Constants, limits, zero point.
    factor : int
        By how much the magnitude of an accumulator may grow on the way, 0 where any will do.
    """

    loop: Callable[..., None]
    arguments: tuple[Any, ...]
    factor: int


@functools.lru_cache(maxsize=1024)
def plan(scheme: Rescale, lo: int, hi: int) -> Plan | None:
    """Return the plan for a scheme that clamps to ``lo`` to ``hi``; None: beyond 62 bits."""
    if isinstance(scheme, FloatScale):
        zero = scheme.zero_point
        step = "float32" if lo - zero >= -_REACH32 and hi - zero <= _REACH32 else "float64"
        columns = [(scale, 0, 0, 0, 0) for (scale,) in scheme.constants()]
        kind, factor = np.float32, 0
    else:
        products = [scheme.product(*constants) for constants in scheme.constants()]
        if scheme.high:
            step = "high_up" if scheme.rounding is Rounding.NEAREST_UP else "high"
            if any(right < 0 for _, right in products):
                step = "high_left"
            # Beyond 32 bits, to the left or right, nothing is left of the high half.
            shifts = [(q, min(max(right, 0), 40), min(max(-right, 0), 32)) for q, right in products]
            factor = 0
        else:
            step = "product_even" if scheme.rounding is Rounding.NEAREST_EVEN else "product"
            shifts = [(m << max(-right, 0), min(max(right, 0), 63), 0) for m, right in products]
            factor = max(abs(m) for m, _, _ in shifts)
        columns = [(m, r, *_rounding(scheme.rounding, r), left) for m, r, left in shifts]
        kind = np.int32 if all(-(1 << 31) <= m < 1 << 31 for m, *_ in columns) else np.int64
    if factor >= 1 << 62:
        return None
    multiplier, *others = zip(*columns, strict=True)
    arrays = [np.array(multiplier, kind), *(np.array(column, np.int64) for column in others)]
    many = scheme.channels is not None
    repeat = -(-_BLOCK // len(columns))
    constants = [np.tile(array, repeat) if many else array[0] for array in arrays]
    ends = lo - scheme.zero_point, hi - scheme.zero_point
    narrow = all(-(1 << 31) <= end < 1 << 31 for end in ends)
    limits = [np.int32(end) if narrow else np.int64(end) for end in ends]
    arguments = (*constants, *limits, np.int64(scheme.zero_point))
    return Plan(_loop(step, many, narrow), arguments, factor)


def _rounding(rounding: Rounding, right: int) -> tuple[int, int]:
    """Return ``half`` and ``tie`` for a shift to the right."""
    half = (1 << right) >> 1
    dropped = int(right > 0)
    match rounding:
        case Rounding.NEAREST_UP:
            return half, 0
        case Rounding.NEAREST_AWAY:
            return half, -dropped
        case Rounding.NEAREST_EVEN:
            return half - dropped, dropped
        case _:
            return 0, 0


def run(plan: Plan, codes: NDArray[Any], out: NDArray[Any]) -> None:
    """Fill ``out``; the caller makes sure that the codes' peak times the factor fits 62 bits."""
    kind = np.int32 if np.can_cast(codes.dtype, np.int32) else np.int64
    flat = np.ascontiguousarray(codes, kind).reshape(-1)
    plan.loop(flat, *plan.arguments, out.reshape(-1))


@functools.cache
def _loop(step: str, per_channel: bool, narrow: bool) -> Callable[..., None]:
    """Return the loop for a step.

    Its arguments are ``acc`` (n,) int32 or int64, ``multiplier``, ``right``, ``half``, ``tie`` and
    ``left`` (numbers, or arrays of one block of channels), then ``lo`` and ``hi`` (the limits less
    the zero point; int32 where ``narrow``), ``zero_point`` and ``out`` (n,).  The caller makes
    sure that products, and products plus ``half``, fit int64.
    """
    one = _STEPS[step]

    @kernel
    def clamp(value, lo, hi):
        if narrow:  # two clamps, but the second on lanes of half the width
            return min(max(np.int32(min(max(value, _LOWEST32), _HIGHEST32)), lo), hi)
        return min(max(value, lo), hi)

    if per_channel:

        @kernel
        def channel_loop(acc, multiplier, right, half, tie, left, lo, hi, zero_point, out):
            block = multiplier.size
            for start in range(0, acc.size, block):
                here = acc[start : start + block]
                there = out[start : start + block]
                for j in range(here.size):
                    value = one(here[j], multiplier[j], right[j], half[j], tie[j], left[j])
                    there[j] = clamp(value, lo, hi) + zero_point

        return channel_loop

    @kernel
    def tensor_loop(acc, multiplier, right, half, tie, left, lo, hi, zero_point, out):
        for i in range(acc.size):
            value = one(acc[i], multiplier, right, half, tie, left)
            out[i] = clamp(value, lo, hi) + zero_point

    return tensor_loop
