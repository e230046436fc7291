"""The audio front end of TensorFlow Lite Micro, stage by stage, in C's 16, 32 and 64-bit words.

Sources: tensorflow/tflite-micro, ``signal/src`` ("signal operators"), and the older library that
they come from, ``tensorflow/lite/experimental/microfrontend/lib`` ("older library"); Kiss FFT 1.3.0
(M. Borgerding), ``FIXED_POINT`` 16; V. Lostanlen et al., "Per-Channel Energy Normalization: Why and
How", IEEE Signal Processing Letters 26(1), 2019, for what PCAN approximates.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from math import cos, floor, isqrt, log2, pi, sin

__all__ = [
    "LOG_FRACTION",
    "SNR_BITS",
    "SUPPRESSED_BITS",
    "energy",
    "fft_scale_bits",
    "filter_bank",
    "log_scaled",
    "noise_estimate",
    "pcan_gain",
    "pcan_signal",
    "rfft",
    "scale_up",
    "spectral_subtraction",
    "square_root",
    "super_twiddle",
    "twiddle",
    "window",
]

Complex = tuple[int, int]

#: Fraction bits of the signal-to-noise ratio, and of what leaves the gain control.
SNR_BITS, SUPPRESSED_BITS = 12, 6
_LOG_BITS, _SEGMENT_BITS = 16, 7
_LN2 = 45426
#: log2(1 + i / 128) - i / 128 with 16 fraction bits, i = 0 to 128.
LOG_FRACTION = tuple(floor(65536 * (log2(1 + i / 128) - i / 128) + 0.5) for i in range(129))


def _int16(value: int) -> int:
    return ((value + 0x8000) & 0xFFFF) - 0x8000


def _int32(value: int) -> int:
    return ((value + 0x8000_0000) & 0xFFFF_FFFF) - 0x8000_0000


def _uint32(value: int) -> int:
    return value & 0xFFFF_FFFF


def window(sample: int, coefficient: int, shift: int) -> int:
    """Return a sample times a coefficient with ``shift`` fraction bits, rounded down."""
    return max(-0x8000, min(0x7FFF, sample * coefficient >> shift))


def fft_scale_bits(frame: Sequence[int], legacy: bool) -> int:
    """Return how far to the left a frame may be shifted, 0 to 15.

    -32768 has no absolute value of 16 bits.  The older library (``legacy``) leaves it out; the
    signal operators forget what they found before it.  Nothing but zeros: 15, or in the signal
    operators (compiled with GCC or Clang) 0.
    """
    peak = 0
    for sample in frame:
        if legacy:
            peak = max(peak, _int16(abs(sample)))
        elif sample > peak or -sample > peak:
            peak = sample if sample > peak else _int16(-sample)
    if peak <= 0 and not legacy:
        return 0
    return 15 - peak.bit_length()


def scale_up(sample: int, bits: int) -> int:
    """Return a sample shifted to the left, in 16 bits."""
    return _int16(sample << bits)


def _round15(value: int) -> int:
    return _int16((value + (1 << 14)) >> 15)


def _times(a: Complex, b: Complex) -> Complex:
    return _round15(a[0] * b[0] - a[1] * b[1]), _round15(a[0] * b[1] + a[1] * b[0])


def _over(a: Complex, divisor: int) -> Complex:
    return _round15(a[0] * (0x7FFF // divisor)), _round15(a[1] * (0x7FFF // divisor))


def _plus(a: Complex, b: Complex) -> Complex:
    return _int16(a[0] + b[0]), _int16(a[1] + b[1])


def _minus(a: Complex, b: Complex) -> Complex:
    return _int16(a[0] - b[0]), _int16(a[1] - b[1])


def _unit(phase: float) -> Complex:
    return floor(0.5 + 0x7FFF * cos(phase)), floor(0.5 + 0x7FFF * sin(phase))


@cache
def twiddle(index: int, points: int) -> Complex:
    """Return exp(-2 pi i index / points) with 15 fraction bits."""
    return _unit(-2 * pi * index / points)


@cache
def super_twiddle(index: int, points: int) -> Complex:
    """Return -i exp(-pi i index / points) with 15 fraction bits."""
    return _unit(-pi * (index / points + 0.5))


def _fft(points: Sequence[Complex]) -> list[Complex]:
    """Return the transform of 2**k complex points, divided by their number: radix 4, then 2."""
    count = len(points)
    if count == 1:
        return list(points)
    radix = 2 if count % 4 else 4
    quarter = count // radix
    parts = [_fft(points[first::radix]) for first in range(radix)]
    result = [(0, 0)] * count
    for k in range(quarter):
        first, *others = (_over(part[k], radix) for part in parts)
        turned = [_times(x, twiddle(k * (i + 1), count)) for i, x in enumerate(others)]
        if radix == 2:
            result[k], result[k + 1 * quarter] = _plus(first, *turned), _minus(first, *turned)
            continue
        one, two, three = turned
        difference, total = _minus(first, two), _plus(first, two)
        outer, inner = _plus(one, three), _minus(one, three)
        result[k] = _plus(total, outer)
        result[k + 2 * quarter] = _minus(total, outer)
        result[k + quarter] = _plus(difference, (inner[1], -inner[0]))
        result[k + 3 * quarter] = _minus(difference, (inner[1], -inner[0]))
    return result


def rfft(frame: Sequence[int], length: int) -> list[int]:
    """Return the first half of a real transform, divided by ``length``: real, imaginary, ...

    Parameters
    ----------
    frame : sequence of int
        Samples; zeros follow up to ``length``.
    length : int
        A power of two, 4 or more.

    Returns
    -------
    list of int
        ``length + 2`` numbers of 16 bits, bins 0 to ``length / 2``.
    """
    padded = [*frame, *[0] * (length - len(frame))]
    half = length // 2
    packed = _fft(list(zip(padded[::2], padded[1::2], strict=True)))
    bins: list[Complex] = [(0, 0)] * (half + 1)
    real, imaginary = _over(packed[0], 2)
    bins[0], bins[half] = (_int16(real + imaginary), 0), (_int16(real - imaginary), 0)
    for k in range(1, half // 2 + 1):
        mirrored = packed[half - k]
        here = _over(packed[k], 2)
        there = _over((mirrored[0], _int16(-mirrored[1])), 2)
        even = _plus(here, there)
        odd = _times(_minus(here, there), super_twiddle(k, half))
        bins[k] = (even[0] + odd[0]) >> 1, (even[1] + odd[1]) >> 1
        bins[half - k] = (even[0] - odd[0]) >> 1, (odd[1] - even[1]) >> 1
    return [part for complex_bin in bins for part in complex_bin]


def energy(real: int, imaginary: int) -> int:
    """Return the squared magnitude of a bin."""
    return real * real + imaginary * imaginary


def filter_bank(
    energies: Sequence[int],
    weights: Sequence[int],
    unweights: Sequence[int],
    frequency_starts: Sequence[int],
    weight_starts: Sequence[int],
    widths: Sequence[int],
) -> list[int]:
    """Return the weighted sums of overlapping triangles.

    Band b rises over segment b and falls over segment b + 1: a bin of segment s adds its energy
    times its weight to band s, and times its unweight to band s + 1, less one band in all.
    """
    rising, falling = [], []
    for start, first, width in zip(frequency_starts, weight_starts, widths, strict=True):
        part = energies[start : start + width]
        rising.append(sum(w * e for w, e in zip(weights[first : first + width], part, strict=True)))
        falling.append(
            sum(w * e for w, e in zip(unweights[first : first + width], part, strict=True))
        )
    return [down + up for down, up in zip(falling[:-1], rising[1:], strict=True)]


def square_root(value: int, bits: int) -> int:
    """Return the root of an unsigned 64-bit number to the nearest integer, less ``bits`` bits.

    The largest root of 16 bits (of numbers of 32 bits) and that of 32 bits are not rounded up.
    """
    root = isqrt(value)
    largest = 0xFFFF if value >> 32 == 0 else 0xFFFF_FFFF
    root += value - root * root > root and root != largest
    return root >> bits


def noise_estimate(
    signal: int,
    estimate: int,
    smoothing: int,
    one_minus_smoothing: int,
    signal_bits: int,
    coefficient_bits: int,
    clamping: bool,
) -> int:
    """Return the estimate of noise that follows from a signal and the estimate before it.

    The signal gets ``signal_bits`` fraction bits; coefficients have ``coefficient_bits``.
    """
    lifted = _uint32(signal << signal_bits)
    mixed = lifted * smoothing + estimate * one_minus_smoothing
    following = _uint32(mixed >> coefficient_bits)
    return min(following, lifted) if clamping else following


def spectral_subtraction(
    signal: int, estimate: int, least: int, signal_bits: int, coefficient_bits: int
) -> int:
    """Return a signal without its noise, at least ``least`` of it remaining."""
    lifted = _uint32(signal << signal_bits)
    remaining = (lifted - min(estimate, lifted)) >> signal_bits
    return max(remaining, _uint32(signal * least >> coefficient_bits))


def pcan_gain(estimate: int, table: Sequence[int]) -> int:
    """Return the gain for an estimate of noise: a quadratic for each octave.

    Entries of ``table`` are the gains of 0 and 1, then four an octave of which the last is none.
    """
    if estimate <= 2:
        return table[estimate]
    octave = estimate.bit_length()
    constant, linear, square = table[4 * octave - 6 : 4 * octave - 3]
    fraction = (estimate << 11 >> octave if octave < 11 else estimate >> (octave - 11)) & 0x3FF
    slope = _int32((square * fraction >> 5) + (linear << 5))
    rise = _int32(_int32(slope * fraction) + (1 << 14)) >> 15
    return _int16(rise + constant)


def pcan_signal(signal: int, gain: int, snr_shift: int) -> int:
    """Return a signal after gain control: x**2 / 4 of small ratios x to the noise, else x - 1."""
    ratio = _uint32(signal * _uint32(gain) >> snr_shift)
    if ratio < 2 << SNR_BITS:
        return ratio * ratio >> (2 + 2 * SNR_BITS - SUPPRESSED_BITS)
    return (ratio >> (SNR_BITS - SUPPRESSED_BITS)) - (1 << SUPPRESSED_BITS)


def log_scaled(value: int, scale: int, correction_bits: int, highest: int) -> int:
    """Return ``scale`` times the natural logarithm of ``value * 2**correction_bits``.

    0 of all below 2; ``highest`` is the most.
    """
    if correction_bits >= 0:
        value = _uint32(value << correction_bits)
    else:
        value >>= -correction_bits
    if value <= 1:
        return 0
    whole = value.bit_length() - 1
    rest = value - (1 << whole)
    fraction = rest << _LOG_BITS >> whole
    segment = fraction >> (_LOG_BITS - _SEGMENT_BITS)
    low, high = LOG_FRACTION[segment : segment + 2]
    along = fraction - (segment << (_LOG_BITS - _SEGMENT_BITS))
    binary = (whole << _LOG_BITS) + fraction + low + ((high - low) * along >> _LOG_BITS)
    half = 1 << (_LOG_BITS - 1)
    natural = (_LN2 * binary + half) >> _LOG_BITS
    return min(_uint32(scale * natural + half) >> _LOG_BITS, highest)
