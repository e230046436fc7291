"""Requantisation of whole arrays: one compiled loop for each way to multiply and round.

Every scheme is one of a few steps: the rounded high half of a 32 by 32-bit product and
then a rounding shift, the exact product and one rounding shift, or a float32 product.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import config, types
from numba.extending import intrinsic
from numpy.typing import NDArray

from fxpsim.formats import Rounding
from fxpsim.kernels._jit import kernel
from fxpsim.schemes import FloatScale, Rescale

__all__ = ["FACTOR_LIMIT", "Plan", "plan", "run"]

#: Of the two factors of a product; it has less than 31 bits then.
FACTOR_LIMIT = (1 << 15) - 1

#: Channels are repeated until a block has at least this many, so that inner loops are long.
_BLOCK = 256

_LOWEST32, _HIGHEST32 = np.int64(-(1 << 31)), np.int64((1 << 31) - 1)
_HALF_HIGH = np.int64(1 << 30)
#: Adding, then subtracting, 1.5 * 2**23 (2**52) rounds a smaller float half to even.
_MAGIC32, _REACH32 = np.float32(1.5 * 2**23), np.float32(2**22)
_MAGIC64, _REACH64, _LIMIT64 = 1.5 * 2**52, 2.0**51, 2.0**62


# Ways to multiply and round; constants of the compiled loops.
#: The high half of the product, whose ``right`` lowest bits are dropped; ``tie`` is -1 where ties
#: are away from zero.
_HIGH = 0
#: The same where all ties are up.
_HIGH_UP = 1
#: Either, for up to 31 dropped bits: 32 bits hold all that follows the product.  What is dropped
#: is compared with ``half``, which is just below one half; ``tie`` as above, or 0.
_HIGH_SHORT = 7
#: The accumulator is shifted by ``left`` first, within 32 bits.
_HIGH_LEFT = 2
#: The whole product; ``half`` is what is added before the shift.
_PRODUCT = 3
#: ``tie`` is 1 where bits are dropped; ``half`` is then one less than half.
_PRODUCT_EVEN = 4
#: A float32 product, for results, less the zero point, within 2**22; for any.
_FLOAT32, _FLOAT64 = 5, 6


def _shift(name):
    """Return a shift of an int32 by an int32; numba's have 64 bits, which fill twice the lanes."""
    if config.DISABLE_JIT:
        return {"ashr": np.right_shift, "shl": np.left_shift}[name]

    @intrinsic
    def shift(typingctx, value, bits):
        def generate(context, builder, signature, arguments):
            return getattr(builder, name)(*arguments)

        return types.int32(types.int32, types.int32), generate

    return shift


_shift_right, _shift_left = _shift("ashr"), _shift("shl")


@kernel
def _high_short(acc, multiplier, right, half, tie):
    product = np.int64(np.int32(acc)) * np.int64(multiplier)
    high = np.int32((product + _HALF_HIGH) >> np.int64(31))
    kept = _shift_right(high, right)
    dropped = np.int32(high - _shift_left(kept, right))
    away = np.int32(_shift_right(high, np.int32(31)) & tie)
    return np.int32(kept + np.int32(dropped > np.int32(half - away)))


@kernel
def _integer(step, acc, multiplier, right, half, tie, left):
    if step in (_PRODUCT, _PRODUCT_EVEN):
        product = acc * multiplier
        even = (product >> right) & tie if step == _PRODUCT_EVEN else np.int64(0)
        return (product + half + even) >> right
    word = np.int64(np.int32(acc << left if step == _HIGH_LEFT else acc))
    high = (word * multiplier + _HALF_HIGH) >> 31
    away = np.int64(0) if step == _HIGH_UP else (high >> 63) & tie
    return (high + half + away) >> right


@kernel
def _real(step, acc, multiplier):
    product = np.float32(acc) * multiplier
    if step == _FLOAT32:
        near = min(max(product, -_REACH32), _REACH32)
        return np.int64(np.int32((near + _MAGIC32) - _MAGIC32))
    far = min(max(np.float64(product), -_LIMIT64), _LIMIT64)
    return np.int64((far + _MAGIC64) - _MAGIC64 if abs(far) < _REACH64 else far)


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """Which loop a scheme takes, and its arguments after the codes.

    Attributes
    ----------
    step : int
        Which way to multiply and round.
    channels : int
        In a block of constants; 0: one constant for all.
    narrow : bool
        Whether the limits, less the zero point, fit 32 bits.
    arguments : tuple
        Constants, limits, zero point.
    factor : int
        By how much the magnitude of an accumulator may grow on the way, 0 where any will do.
    """

    step: int
    channels: int
    narrow: bool
    arguments: tuple[Any, ...]
    factor: int


@functools.lru_cache(maxsize=1024)
def plan(scheme: Rescale, lo: int, hi: int) -> Plan | None:
    """Return the plan for a scheme that clamps to ``lo`` to ``hi``; None: beyond 62 bits."""
    ends = lo - scheme.zero_point, hi - scheme.zero_point
    narrow = all(-(1 << 31) <= end < 1 << 31 for end in ends)
    if isinstance(scheme, FloatScale):
        zero = scheme.zero_point
        near = lo - zero >= -_REACH32 and hi - zero <= _REACH32
        step = _FLOAT32 if near else _FLOAT64
        columns = [(scale, 0, 0, 0, 0) for (scale,) in scheme.constants()]
        kind, factor = np.float32, 0
    else:
        products = [scheme.product(*constants) for constants in scheme.constants()]
        if scheme.high:
            step = _HIGH_UP if scheme.rounding is Rounding.NEAREST_UP else _HIGH
            if any(right < 0 for _, right in products):
                step = _HIGH_LEFT
            # Beyond 32 bits, to the left or right, nothing is left of the high half.
            shifts = [(q, min(max(right, 0), 40), min(max(-right, 0), 32)) for q, right in products]
            factor = 0
            if narrow and step != _HIGH_LEFT and all(right < 32 for _, right, _ in shifts):
                step = _HIGH_SHORT
        else:
            step = _PRODUCT_EVEN if scheme.rounding is Rounding.NEAREST_EVEN else _PRODUCT
            shifts = [(m << max(-right, 0), min(max(right, 0), 63), 0) for m, right in products]
            factor = max(abs(m) for m, _, _ in shifts)
        columns = [(m, r, *_rounding(scheme.rounding, r), left) for m, r, left in shifts]
        if step == _HIGH_SHORT:
            columns = [(m, r, max(0, half - 1), *other) for m, r, half, *other in columns]
        kind = np.int32 if all(-(1 << 31) <= m < 1 << 31 for m, *_ in columns) else np.int64
    if factor >= 1 << 62:
        return None
    multiplier, *others = zip(*columns, strict=True)
    width = np.int32 if step == _HIGH_SHORT else np.int64
    arrays = [np.array(multiplier, kind), *(np.array(column, width) for column in others)]
    many = scheme.channels is not None
    repeat = -(-_BLOCK // len(columns)) if many else 1
    constants = [np.tile(array, repeat) for array in arrays]
    limits = [np.int32(end) if narrow else np.int64(end) for end in ends]
    arguments = (*constants, *limits, np.int64(scheme.zero_point))
    return Plan(step, constants[0].size if many else 0, narrow, arguments, factor)


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


def run(plan: Plan, codes: NDArray[Any], others: NDArray[Any] | None, out: NDArray[Any]) -> bool:
    """Fill ``out`` (n,) from accumulators ``codes`` (n,), or from their products with ``others``.

    The caller makes sure that magnitudes times the plan's factor fit 62 bits.  False: one of two
    factors is beyond ``FACTOR_LIMIT``, and the results are not right.
    """
    given = (codes,) if others is None else (codes, others)
    small = all(np.can_cast(array.dtype, np.int32) for array in given)
    read = np.int32 if small else np.int64
    loop = _loop(plan.step, plan.channels > 0, plan.narrow, others is not None, read)
    return not loop(codes, given[-1], *plan.arguments, out)


@functools.cache
def _loop(
    step: int, per_channel: bool, narrow: bool, product: bool, read: type[np.signedinteger]
) -> Callable[..., int]:
    """Return the loop for a step; ``read`` holds any code given, and products of two factors.

    Its arguments are ``codes`` and ``others`` (n,), which are multiplied where ``product`` says
    so; ``multiplier``, ``right``, ``half``, ``tie`` and ``left``, arrays of one, or of a block of
    channels; ``lo`` and ``hi`` (the limits less the zero point; int32 where ``narrow``),
    ``zero_point`` and ``out`` (n,).  It returns whether a factor is beyond ``FACTOR_LIMIT``.  The
    caller makes sure that sums times multipliers, and those plus ``half``, fit int64.
    """
    real = step in (_FLOAT32, _FLOAT64)

    @kernel
    def rescale_loop(codes, others, multiplier, right, half, tie, left, lo, hi, zero_point, out):
        first, last = read(-FACTOR_LIMIT), read(FACTOR_LIMIT)
        outside = read(0)
        block = multiplier.size if per_channel else codes.size
        for begin in range(0, codes.size, max(block, 1)):
            here, with_ = codes[begin : begin + block], others[begin : begin + block]
            there = out[begin : begin + block]
            q, r, h, t, up = multiplier[0], right[0], half[0], tie[0], left[0]
            for i in range(here.size):
                acc = read(here[i])
                if product:
                    other = read(with_[i])
                    beyond = np.bitwise_or(np.subtract(acc, first), np.subtract(last, acc))
                    far = np.bitwise_or(np.subtract(other, first), np.subtract(last, other))
                    outside = np.bitwise_or(outside, np.bitwise_or(beyond, far))
                    acc = np.multiply(acc, other)
                if per_channel:
                    q, r, h, t, up = multiplier[i], right[i], half[i], tie[i], left[i]
                if real:
                    value = _real(step, acc, q)
                elif step != _HIGH_SHORT:
                    value = _integer(step, np.int64(acc), q, r, h, t, up)
                if narrow:  # two clamps, but the second on lanes of half the width
                    if step == _HIGH_SHORT:
                        small = _high_short(acc, q, r, h, t)
                    else:
                        small = np.int32(min(max(value, _LOWEST32), _HIGHEST32))
                    there[i] = min(max(small, lo), hi) + zero_point
                else:
                    there[i] = min(max(value, lo), hi) + zero_point
        return np.int64(outside < 0)

    return rescale_loop
