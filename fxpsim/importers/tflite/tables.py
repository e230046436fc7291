"""Tables of functions, as engines prepare them when they load a network."""

from __future__ import annotations

from collections.abc import Callable
from math import floor, frexp
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxpsim import spec
from fxpsim.formats import Rounding
from fxpsim.importers.tflite.schema import Tensor
from fxpsim.spec import elementary

__all__ = [
    "float_function",
    "interpolated16",
    "logistic8",
    "sigmoid16",
    "softmax_exponentials",
    "tanh8",
]

Array = NDArray[Any]
_INTEGER_BITS = 4


def _fixed_point(
    scale: float, zero: int, function: Callable[[int, int], int], shift: int, offset: int
) -> Array:
    """Return an 8-bit function computed in Q4.

    TensorFlow Lite, ``reference_integer_ops`` Logistic and Tanh for int8.
    """
    fraction, left = frexp(scale * 2.0 ** (31 - _INTEGER_BITS))
    multiplier = floor(fraction * 2.0**31 + 0.5)
    largest = ((1 << _INTEGER_BITS) - 1) * 2.0 ** (31 - _INTEGER_BITS) / 2.0**left
    radius = floor(largest)
    table = []
    for code in range(-128, 128):
        x = code - zero
        if abs(x) >= radius:
            table.append(127 if x > 0 else -128)
        else:
            raw = function(spec.gemmlowp(x, multiplier, left), _INTEGER_BITS)
            y = spec.round_shift(raw, 31 - shift, Rounding.NEAREST_AWAY) + offset
            table.append(max(-128, min(127, y)))
    return np.array(table)


def logistic8(scale: float, zero: int) -> Array:
    """Return the codes of 1 / (1 + exp(-x)), scale 2**-8 and zero point -128, for -128 to 127."""
    return _fixed_point(scale, zero, elementary.logistic, 8, -128)


def tanh8(scale: float, zero: int) -> Array:
    """Return the codes of tanh(x), scale 2**-7, for -128 to 127."""
    return _fixed_point(scale, zero, elementary.tanh, 7, 0)


def softmax_exponentials(step: float) -> Array:
    """Return exp(-d * step) with 31 fraction bits for d = 0, 1, ..., as far as it counts.

    TensorFlow Lite, ``PreprocessSoftmaxScaling`` and ``CalculateInputRadius``, 5 integer bits.
    """
    real = min(step * 2.0**26, 2.0**31 - 1)
    multiplier, left = spec.quantize_multiplier(real)
    radius = floor(31 * 2.0**26 / 2.0**left)
    return np.array(
        [
            elementary.exp_of_negative(elementary.high_product(-d << left, multiplier), 5)
            for d in range(min(radius, 255) + 1)
        ]
    )


def float_function(source: Tensor, out: Tensor, logistic: bool) -> Array:
    """Return an 8-bit function computed in float32, rounded half away from zero.

    LiteRT, ``LUTPopulate`` for int8.
    """
    codes = np.arange(-128, 128, dtype=np.float32) - np.float32(source.zero_point)
    x = (source.scale * codes).astype(np.float32).astype(np.float64)
    exact = 1 / (1 + np.exp(-x)) if logistic else np.tanh(x)
    scaled = exact.astype(np.float32) * (np.float32(1) / out.scale)
    rounded = np.sign(scaled) * np.floor(np.abs(scaled) + np.float32(0.5))
    return np.asarray((rounded.astype(np.int64) + out.zero_point).clip(-128, 127))


def interpolated16(
    function: Callable[[Any], Any], low: float, high: float, kind: type[np.floating[Any]]
) -> Array:
    """Return 513 samples of a function, 15 fraction bits, that linear interpolation is best with.

    TensorFlow Lite's ``LUTPopulate`` for int16, in float32 or float64.  Values of the function are
    rounded from float64.
    """
    scale = kind(high - low) / kind(65535)
    zero = 32767 if high == 0 else -32768
    first, last = scale * kind(-32768 - zero), scale * kind(32767 - zero)
    out = kind(2) / kind(65535)
    inverse = kind(65536) / (out * kind(32767) - out * kind(-32768))
    step = (last - first) / kind(512)
    index = np.arange(513).astype(kind)

    def value(x: Array) -> Array:
        return np.asarray(function(np.asarray(x, np.float64))).astype(kind)

    def round_away(x: Array) -> Array:
        return np.asarray(np.sign(x) * np.floor(np.abs(x) + kind(0.5)), kind)

    here, middle = value(first + index * step), value(first + index * step + step / kind(2))
    after = value(first + (index + kind(1)) * step)
    sample = round_away(here * inverse)
    between = round_away((after * inverse + sample) / kind(2))
    error = between - round_away(middle * inverse)
    table = sample - round_away(error / kind(2))
    table[512] = round_away(value(np.asarray(last)) * inverse)
    return table.clip(-32768, 32767).astype(np.int64)


#: Where TensorFlow Lite's table of the logistic function is one above the nearest integer.
_ABOVE = (
    4, 8, 12, 14, 15, 16, 17, 19, 20, 21, 22, 25, 27, 28, 29, 30, 31, 33, 34, 35, 37, 39, 40, 41,
    43, 44, 45, 46, 49, 50, 54, 62, 63, 64, 66, 82, 86, 93, 100, 103, 112, 116, 135, 255,
)  # fmt: skip


def _logistic_samples() -> Array:
    """Return 1 / (1 + exp(-i / 24)) with 16 fraction bits for i = 0 to 255."""
    table = np.floor(65536 / (1 + np.exp(-np.arange(256) / 24)) + 0.5).astype(np.int64)
    table[list(_ABOVE)] += 1
    return table


def sigmoid16(scale: float, logistic: bool) -> Array:
    """Return the codes of the logistic function or of tanh for -32768 to 32767.

    TensorFlow Lite, ``reference_integer_ops`` Logistic and Tanh for int16: linear between samples
    of the logistic function.
    """
    exponent = frexp(scale)[1] - 1
    shift = 12 + exponent
    power_of_two = scale == 2.0**exponent and (shift == 0 or (shift == 1 and not logistic))
    codes = np.arange(-32768, 32768)
    if power_of_two:
        x = codes * (3 << shift)
    else:
        multiplier, shift = scale * 4096.0 * 3.0, 0
        while multiplier <= 32767.0 / 2.0 and shift <= 30:
            multiplier, shift = multiplier * 2, shift + 1
        half = 1 << (shift - 1) if shift else 0
        x = (codes * int(multiplier) + half) >> shift
    size, bits = np.abs(x), 9 if logistic else 8
    table = _logistic_samples()
    index = np.minimum(size >> bits, 255)
    slope = table[np.minimum(index + 1, 255)] - table[index]
    value = (table[index] << bits) + (size & ((1 << bits) - 1)) * slope
    if logistic:
        value = np.where(index >= 255, 0x7FFF << 10, value)
        result = np.where(x >= 0, value + (1 << 9), (1 << 25) - value + (1 << 9) - 1) >> 10
    else:
        value = np.where(index >= 255, 0xFFFF << 8, value)
        one, half = 1 << 23, 1 << 7
        result = np.where(x >= 0, value - one + half, -value + one + half - 1) >> 8
    return result
