"""Casts of whole arrays of codes: one compiled loop for each pair of rounding and overflow mode.

The modes are constants of the compiled function; as run-time branches they would keep the loop
from being vectorised.  Numpy's functions keep 32-bit lanes, where operators would widen them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from fxpsim.formats import Rounding
from fxpsim.kernels._jit import kernel
from fxpsim.kernels.philox import DRAWS, draw_words
from fxpsim.kernels.words import fit

__all__ = ["CODE_LIMIT", "MODES", "round_lane", "shift_codes"]

#: Rounding modes as the compiled loops know them.
MODES = {mode: number for number, mode in enumerate(Rounding)}
#: Magnitudes of shifted codes and of words must be below, by lane.
CODE_LIMIT: dict[Any, int] = {np.int32: 1 << 30, np.int64: 1 << 62}
_WIDE_SIGN = np.int64(63)
#: Elements whose changes one lane counts.
_COUNTED = 1 << 20

_CEIL = MODES[Rounding.CEIL]
_TOWARD_ZERO = MODES[Rounding.TOWARD_ZERO]
_AWAY = MODES[Rounding.AWAY_FROM_ZERO]
_NEAREST_UP = MODES[Rounding.NEAREST_UP]
_NEAREST_DOWN = MODES[Rounding.NEAREST_DOWN]
_NEAREST_TO_ZERO = MODES[Rounding.NEAREST_TO_ZERO]
_NEAREST_AWAY = MODES[Rounding.NEAREST_AWAY]
_NEAREST_EVEN = MODES[Rounding.NEAREST_EVEN]
_NEAREST_ODD = MODES[Rounding.NEAREST_ODD]
_TRN_MAG = MODES[Rounding.TRN_MAG]
_JAM = MODES[Rounding.JAM]
_JAM_UNBIASED = MODES[Rounding.JAM_UNBIASED]
_WEIGHTED = MODES[Rounding.STOCHASTIC_WEIGHTED]
_EQUAL = MODES[Rounding.STOCHASTIC_EQUAL]


@kernel
def round_lane(value, rounding, right, sign, one, draw):
    """Return :func:`fxpsim.spec.round_shift` for shifts to the right; ``sign`` is the last bit.

    Weighted draws are given without their lowest bit, and are for 32-bit lanes.
    """
    mask = np.subtract(np.left_shift(one, right), one)
    half = np.subtract(mask, np.right_shift(mask, one))
    some = np.minimum(mask, one)  # whether bits are dropped at all
    floor = np.right_shift(value, right)
    negative = np.right_shift(value, sign)  # all ones, or 0
    if rounding == _CEIL:
        return np.right_shift(np.add(value, mask), right)
    if rounding == _TOWARD_ZERO:
        return np.right_shift(np.add(value, np.bitwise_and(mask, negative)), right)
    if rounding == _AWAY:
        return np.right_shift(np.add(value, np.bitwise_and(mask, np.bitwise_not(negative))), right)
    if rounding == _NEAREST_UP:
        return np.right_shift(np.add(value, half), right)
    below = np.subtract(half, some)
    if rounding == _NEAREST_DOWN:
        return np.right_shift(np.add(value, below), right)
    if rounding == _NEAREST_TO_ZERO:
        return np.right_shift(np.add(value, np.add(below, np.bitwise_and(negative, some))), right)
    if rounding == _NEAREST_AWAY:
        nudge = np.subtract(half, np.bitwise_and(negative, some))
        return np.right_shift(np.add(value, nudge), right)
    if rounding == _NEAREST_EVEN:
        return np.right_shift(np.add(value, np.add(below, np.bitwise_and(floor, some))), right)
    if rounding == _NEAREST_ODD:
        nudge = np.subtract(half, np.bitwise_and(floor, some))
        return np.right_shift(np.add(value, nudge), right)
    if rounding == _TRN_MAG:
        return np.add(floor, np.bitwise_and(negative, some))
    if rounding == _JAM:
        return np.bitwise_or(floor, one)
    inexact = np.minimum(np.bitwise_and(value, mask), one)
    if rounding == _JAM_UNBIASED:
        return np.bitwise_or(floor, inexact)
    if rounding == _EQUAL:
        return np.add(floor, np.bitwise_and(inexact, draw))
    if rounding == _WEIGHTED:
        dropped = np.bitwise_and(value, mask)
        kept = np.right_shift(draw, np.subtract(sign, right))
        excess = np.subtract(dropped, kept)
        return np.add(floor, np.minimum(np.maximum(excess, np.subtract(one, one)), one))
    return floor


@functools.cache
def shift_codes(
    rounding: int,
    kind: int,
    lane: type[np.signedinteger],
    read: type[np.signedinteger],
    product: bool,
    per_channel: bool,
) -> Callable[..., tuple[int, int]]:
    """Return the loop for :func:`fxpsim.spec.round_shift`, then :func:`fxpsim.spec.fit`.

    Parameters
    ----------
    rounding, kind : int
        Of ``MODES``; of :func:`fxpsim.kernels.words.overflow_stage`.
    lane, read : type
        int32 or int64: what is computed in, and what holds any code given.
    product : bool
        Whether the codes are multiplied by others first.
    per_channel : bool
        Whether every element of a block has its own shift.

    Notes
    -----
    The loop's arguments are ``codes`` and ``others`` (n,); ``first`` and ``last``, the range that
    both should have, which has 0 in it; ``shift``, bits to drop (-62 to 100), of ``lane``, one or
    as many as a block has; ``word``, constants of the overflow stage; ``counters`` of
    :func:`fxpsim.kernels.philox.draw_words`; ``start``, the position of the first element; and
    ``out`` (n,).  It returns 1 where a code lies outside the range, else 0, and how many results
    the overflow rule changed.  The caller makes sure that shifted codes, products and words are
    below ``CODE_LIMIT``; weighted draws need 64-bit lanes.
    """
    sign_bit = 8 * np.dtype(lane).itemsize - 1
    stochastic = rounding in (_WEIGHTED, _EQUAL)
    count = DRAWS if stochastic else _COUNTED

    @kernel
    def shift_loop(codes, others, first, last, shift, word, counters, start, out):
        zero, one, sign = lane(0), lane(1), lane(sign_bit)
        first, last = read(first), read(last)
        lo, hi, bits, kept = lane(word[0]), lane(word[1]), lane(word[2]), lane(word[3])
        constants = lo, hi, bits, kept, lane(word[4]), lane(word[5]), lane(word[6])
        block = shift.size if per_channel else count
        draws = np.zeros(block if stochastic else 1, np.uint32)
        outside, total = read(0), 0
        for begin in range(0, codes.size, block):
            here, with_ = codes[begin : begin + block], others[begin : begin + block]
            there, drawn = out[begin : begin + block], draws[: codes.size - begin]
            if stochastic:
                draw_words(counters, start + begin, drawn)
            dropped, changed = shift[0], zero
            for i in range(here.size):
                code = read(here[i])
                beyond = np.bitwise_or(np.subtract(code, first), np.subtract(last, code))
                value = lane(code)
                if product:
                    other = read(with_[i])
                    far = np.bitwise_or(np.subtract(other, first), np.subtract(last, other))
                    beyond = np.bitwise_or(beyond, far)
                    value = np.multiply(value, lane(other))
                outside = np.bitwise_or(outside, beyond)
                if per_channel:
                    dropped = shift[i]
                value = np.left_shift(value, np.maximum(np.negative(dropped), zero))
                right = np.maximum(dropped, zero)
                if rounding == _WEIGHTED and sign_bit == _WIDE_SIGN:
                    # A whole number is below a fraction if it is below the next whole number.
                    up = min(max(32 - dropped, 0), 32)
                    down = min(max(dropped - 32, 0), 63)
                    floor = value >> min(right, sign)
                    bound = -((-(value << up)) >> down) - (floor << 32)
                    rounded = floor + np.int64(np.int64(drawn[i]) < bound)
                else:
                    if sign_bit == _WIDE_SIGN:
                        # Dropping more than 62 bits: all but one, and that one leaves its trace.
                        over = lane(right > _WIDE_SIGN - 1)
                        value = (value >> over) | (value & over)
                        right = min(right, _WIDE_SIGN - 1)
                    draw = zero
                    if rounding == _WEIGHTED:
                        draw = lane(np.right_shift(drawn[i], np.uint32(1)))
                    elif rounding == _EQUAL:
                        draw = lane(drawn[i])
                    rounded = round_lane(value, rounding, right, sign, one, draw)
                fitted = fit(rounded, rounded, one, kind, constants)
                changed = np.add(changed, lane(fitted != rounded))
                there[i] = fitted
            total += np.int64(changed)
        return np.int64(outside < 0), total

    return shift_loop
