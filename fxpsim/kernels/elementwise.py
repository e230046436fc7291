"""Casts of whole arrays: one compiled loop for each pair of rounding and overflow mode.

The modes are constants of the compiled function; as run-time branches they would keep the loop
from being vectorised.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from fxpsim.formats import Overflow, Rounding
from fxpsim.kernels._jit import kernel

__all__ = ["quantize_floats", "shift_codes"]

_ROUNDING = {mode: number for number, mode in enumerate(Rounding)}
_OVERFLOW = {mode: number for number, mode in enumerate(Overflow)}

_CEIL = _ROUNDING[Rounding.CEIL]
_TOWARD_ZERO = _ROUNDING[Rounding.TOWARD_ZERO]
_AWAY = _ROUNDING[Rounding.AWAY_FROM_ZERO]
_NEAREST_UP = _ROUNDING[Rounding.NEAREST_UP]
_NEAREST_DOWN = _ROUNDING[Rounding.NEAREST_DOWN]
_NEAREST_TO_ZERO = _ROUNDING[Rounding.NEAREST_TO_ZERO]
_NEAREST_AWAY = _ROUNDING[Rounding.NEAREST_AWAY]
_NEAREST_EVEN = _ROUNDING[Rounding.NEAREST_EVEN]
_NEAREST_ODD = _ROUNDING[Rounding.NEAREST_ODD]
_TRN_MAG = _ROUNDING[Rounding.TRN_MAG]
_JAM = _ROUNDING[Rounding.JAM]
_JAM_UNBIASED = _ROUNDING[Rounding.JAM_UNBIASED]

_SATURATE = _OVERFLOW[Overflow.SATURATE]
_SYMMETRIC = _OVERFLOW[Overflow.SATURATE_SYMMETRIC]
_TO_ZERO = _OVERFLOW[Overflow.SATURATE_TO_ZERO]
_WRAP = _OVERFLOW[Overflow.WRAP]


def shift_codes(rounding: Rounding, overflow: Overflow) -> Callable[..., None]:
    """Return the loop for :func:`fxpsim.spec.round_shift`, then :func:`fxpsim.spec.fit`.

    Its arguments are ``codes`` (n,), ``shift`` (-62 to 63; more is the same as 63), ``lo``,
    ``hi`` and ``out`` (n,); the caller makes sure that a shift to the left fits int64.
    """
    return _shift_codes(_ROUNDING[rounding], _OVERFLOW[overflow])


def quantize_floats(rounding: Rounding, overflow: Overflow) -> Callable[..., None]:
    """Return the loop for :func:`fxpsim.spec.quantize` on finite or infinite float64.

    Its arguments are ``values`` (n,), ``scale`` (2.0**frac), ``lo``, ``hi`` and ``out`` (n,).
    """
    return _quantize_floats(_ROUNDING[rounding], _OVERFLOW[overflow])


@functools.cache
def _shift_codes(rounding: int, overflow: int) -> Callable[..., None]:
    @kernel
    def shift_loop(codes, shift, lo, hi, out):
        left = -shift if shift < 0 else np.int64(0)
        right = shift if shift > 0 else np.int64(0)
        half = np.int64(1) << (right - 1) if right > 0 else np.int64(0)
        span = np.int64(hi - lo)
        for i in range(codes.size):
            value = np.int64(codes[i]) << left
            floor = value >> right
            dropped = value - (floor << right)
            if right > 0:
                if rounding == _CEIL:
                    floor += np.int64(dropped > 0)
                elif rounding == _TOWARD_ZERO:
                    floor += np.int64(dropped > 0) & np.int64(value < 0)
                elif rounding == _AWAY:
                    floor += np.int64(dropped > 0) & np.int64(value > 0)
                elif rounding == _NEAREST_UP:
                    floor += np.int64(dropped >= half)
                elif rounding == _NEAREST_DOWN:
                    floor += np.int64(dropped > half)
                elif rounding == _NEAREST_TO_ZERO:
                    floor += np.int64(dropped > half - np.int64(value < 0))
                elif rounding == _NEAREST_AWAY:
                    floor += np.int64(dropped > half - np.int64(value > 0))
                elif rounding == _NEAREST_EVEN:
                    floor += np.int64(dropped > half - (floor & 1))
                elif rounding == _NEAREST_ODD:
                    floor += np.int64(dropped > half - (~floor & 1))
                elif rounding == _TRN_MAG:
                    floor += np.int64(value < 0)
                elif rounding == _JAM_UNBIASED:
                    floor |= np.int64(dropped != 0)
            if rounding == _JAM:
                floor |= 1
            if overflow == _SATURATE:
                out[i] = min(max(floor, lo), hi)
            elif overflow == _SYMMETRIC:
                out[i] = min(max(floor, lo if lo == 0 else -hi), hi)
            elif overflow == _TO_ZERO:
                out[i] = floor if lo <= floor <= hi else np.int64(0)
            else:
                # span + 1 is a power of two, so modulo is a mask, in two's complement exact.
                out[i] = lo + ((floor - lo) & span)

    return shift_loop


@kernel
def _nudge(code, jam, trn_mag):
    """Finish the modes that add to an integer too large to be added to as a float."""
    if jam:
        return code | np.int64(1)
    return code + np.int64(trn_mag)


@functools.cache
def _quantize_floats(rounding: int, overflow: int) -> Callable[..., None]:
    @kernel
    def quantize_loop(values, scale, lo, hi, out):
        period = np.float64(np.int64(hi - lo)) + 1.0
        least = lo if lo == 0 else -hi
        for i in range(values.size):
            exact = np.float64(values[i])
            scaled = exact * scale
            if abs(scaled) < 2.0**-60 and exact != 0.0:
                scaled = np.copysign(
                    2.0**-60, exact
                )  # a subnormal product rounds like any tiny one
            magnitude = abs(scaled)
            whole = np.floor(magnitude)
            rest = magnitude - whole  # exact; NaN for infinity, which compares as nothing dropped
            some = rest > 0.0
            negative = scaled < 0.0
            huge = magnitude >= 2.0**53  # where adding 1 needs an integer
            odd = whole - 2.0 * np.floor(whole * 0.5) == 1.0
            more = False  # whether the magnitude is rounded up
            if rounding == _CEIL:
                more = some and not negative
            elif rounding == _AWAY:
                more = some
            elif rounding == _NEAREST_UP:
                more = rest > 0.5 or (rest == 0.5 and not negative)
            elif rounding == _NEAREST_DOWN:
                more = rest > 0.5 or (rest == 0.5 and negative)
            elif rounding == _NEAREST_TO_ZERO:
                more = rest > 0.5
            elif rounding == _NEAREST_AWAY:
                more = rest >= 0.5
            elif rounding == _NEAREST_EVEN:
                more = rest > 0.5 or (rest == 0.5 and odd)
            elif rounding == _NEAREST_ODD:
                more = rest > 0.5 or (rest == 0.5 and not odd)
            elif rounding == _TRN_MAG:
                whole -= np.float64(negative and not some and not huge)  # up, exact or not
            elif rounding != _TOWARD_ZERO:
                more = some and negative  # floor, which the jams start from
            if more:
                whole += 1.0
            rounded = -whole if negative else whole
            up = rounding == _TRN_MAG and negative
            jam = rounding == _JAM or (rounding == _JAM_UNBIASED and some)
            if jam and not huge and rounded - 2.0 * np.floor(rounded * 0.5) == 0.0:
                rounded += 1.0  # setting the last bit of an even number
            # Beyond int64, a value saturates, or wraps to the remainder that it leaves: exact,
            # because such a float is a multiple of 2**10.  Infinity is one of everything.
            code = np.int64(2**62) if rounded > 0.0 else np.int64(-(2**62))
            if abs(rounded) < 2.0**62:
                code = _nudge(np.int64(rounded), huge and jam, huge and up)
            elif overflow == _WRAP:
                code = np.int64(0)
                if magnitude < np.inf:
                    code = np.int64(rounded - np.floor(rounded / period) * period)
                if abs(exact) < np.inf:
                    code = _nudge(code, jam, up)
            if overflow == _SATURATE:
                out[i] = min(max(code, lo), hi)
            elif overflow == _SYMMETRIC:
                out[i] = min(max(code, least), hi)
            elif overflow == _TO_ZERO:
                out[i] = code if lo <= code <= hi else np.int64(0)
            else:
                out[i] = lo + ((code - lo) & (hi - lo))

    return quantize_loop
