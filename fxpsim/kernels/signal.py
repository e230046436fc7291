"""The rules of :mod:`fxpsim.spec.signal`, compiled: one frame of a stage, or a whole clip.

Work arrays of 16 bits wrap where C's do: at every store.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np

from fxpsim.kernels._jit import kernel
from fxpsim.spec import signal as rules

__all__ = [
    "Settings",
    "Transform",
    "all_energies",
    "all_filter_banks",
    "all_gains",
    "all_logs",
    "all_noise_estimates",
    "all_rffts",
    "all_roots",
    "all_scale_bits",
    "all_subtractions",
    "all_windows",
    "clips",
    "transform",
]

_LOG_FRACTION = np.array(rules.LOG_FRACTION, np.int64)
_SNR_BITS, _SUPPRESSED_BITS = rules.SNR_BITS, rules.SUPPRESSED_BITS
_WORD = np.int64(0xFFFF_FFFF)


class Transform(NamedTuple):
    """Constants of a real transform: where inputs go, and factors with 15 fraction bits."""

    order: np.ndarray  # int32 (points,)
    twiddles: np.ndarray  # int16 (2, points): real, imaginary
    super_twiddles: np.ndarray  # int16 (2, points / 2)


class Settings(NamedTuple):
    """Constants of a whole front end."""

    window: np.ndarray  # int16
    window_shift: int
    legacy: bool
    transform: Transform
    first_bin: int
    end_bin: int
    weights: np.ndarray  # int16
    unweights: np.ndarray
    frequency_starts: np.ndarray
    weight_starts: np.ndarray
    widths: np.ndarray
    smoothing: np.ndarray  # int64 (2,), of even and odd bands
    one_minus_smoothing: np.ndarray
    least: int
    signal_bits: int
    coefficient_bits: int
    clamping: bool
    gains: np.ndarray  # int16; empty: no gain control
    snr_shift: int
    log_scale: int
    correction_bits: int
    highest: int


@cache
def transform(length: int) -> Transform:
    """Return the constants of a real transform of ``length`` samples."""
    points = length // 2

    def order(indices: list[int]) -> list[int]:
        if len(indices) == 1:
            return indices
        radix = 2 if len(indices) % 4 else 4
        return [i for first in range(radix) for i in order(indices[first::radix])]

    factors = [rules.twiddle(i, points) for i in range(points)]
    lower = [rules.super_twiddle(i, points) for i in range(1, points // 2 + 1)]
    return Transform(
        np.array(order(list(range(points))), np.int32),
        np.array(factors, np.int16).T.copy(),
        np.array(lower, np.int16).T.copy(),
    )


@kernel
def _round15(value):
    return np.int32(np.int16((value + (1 << 14)) >> 15))


@kernel
def _bits(value):
    """Return the length of a positive number in bits."""
    count = 0
    for step in (32, 16, 8, 4, 2, 1):
        if value >> step:
            value >>= step
            count += step
    return count + (value > 0)


@kernel
def window(frame, coefficients, shift, out):
    """Write a windowed frame."""
    for i in range(len(frame)):
        product = np.int32(np.int32(frame[i]) * np.int32(coefficients[i])) >> shift
        out[i] = max(-0x8000, min(0x7FFF, product))


@kernel
def scale_bits(frame, legacy):
    """Return how far a frame may be shifted."""
    peak = np.int64(0)
    for i in range(len(frame)):
        sample = np.int64(frame[i])
        if legacy:
            peak = max(peak, np.int64(np.int16(abs(sample))))
        elif sample > peak:
            peak = sample
        elif -sample > peak:
            peak = np.int64(np.int16(-sample))
    if peak <= 0:
        return 15 if legacy else 0
    return 15 - _bits(peak)


@kernel
def _pairs(real, imaginary):
    """Combine transforms of one point to those of two, in place."""
    for i in range(0, len(real), 2):
        a, b = _round15(np.int32(real[i]) * 16383), _round15(np.int32(imaginary[i]) * 16383)
        c = _round15(np.int32(real[i + 1]) * 16383)
        d = _round15(np.int32(imaginary[i + 1]) * 16383)
        c, d = _round15(c * 0x7FFF), _round15(d * 0x7FFF)
        real[i], imaginary[i] = a + c, b + d
        real[i + 1], imaginary[i + 1] = a - c, b - d


@kernel
def _quadruples(real, imaginary, twiddles, quarter):
    """Combine transforms of ``quarter`` points to those of four times as many, in place."""
    points = len(real)
    stride = points // (4 * quarter)
    for start in range(0, points, 4 * quarter):
        for k in range(quarter):
            i, j = start + k, start + k + quarter
            m, n = j + quarter, j + 2 * quarter
            ar = _round15(np.int32(real[i]) * 8191)
            ai = _round15(np.int32(imaginary[i]) * 8191)
            xr = _round15(np.int32(real[j]) * 8191)
            xi = _round15(np.int32(imaginary[j]) * 8191)
            tr, ti = np.int32(twiddles[0, k * stride]), np.int32(twiddles[1, k * stride])
            br, bi = _round15(xr * tr - xi * ti), _round15(xr * ti + xi * tr)
            xr = _round15(np.int32(real[m]) * 8191)
            xi = _round15(np.int32(imaginary[m]) * 8191)
            tr, ti = np.int32(twiddles[0, 2 * k * stride]), np.int32(twiddles[1, 2 * k * stride])
            cr, ci = _round15(xr * tr - xi * ti), _round15(xr * ti + xi * tr)
            xr = _round15(np.int32(real[n]) * 8191)
            xi = _round15(np.int32(imaginary[n]) * 8191)
            tr, ti = np.int32(twiddles[0, 3 * k * stride]), np.int32(twiddles[1, 3 * k * stride])
            dr, di = _round15(xr * tr - xi * ti), _round15(xr * ti + xi * tr)
            # Sums of sums wrap at 16 bits wherever it happens: two's complement.
            real[i], imaginary[i] = ar + cr + br + dr, ai + ci + bi + di
            real[m], imaginary[m] = ar + cr - br - dr, ai + ci - bi - di
            real[j], imaginary[j] = ar - cr + bi - di, ai - ci - br + dr
            real[n], imaginary[n] = ar - cr - bi + di, ai - ci + br - dr


@kernel
def rfft(frame, bits, constants, real, imaginary, out):
    """Write the bins of a frame shifted by ``bits``; ``real`` and ``imaginary`` are work space."""
    order, twiddles, super_twiddles = constants
    half, size = len(order), len(frame)
    for i in range(half):
        place = 2 * order[i]
        real[i] = np.int16(np.int64(frame[place]) << bits) if place < size else 0
        imaginary[i] = np.int16(np.int64(frame[place + 1]) << bits) if place + 1 < size else 0
    count = 1
    if _bits(half) % 2 == 0:
        _pairs(real, imaginary)
        count = 2
    while count < half:
        _quadruples(real, imaginary, twiddles, count)
        count *= 4
    a, b = _round15(np.int32(real[0]) * 16383), _round15(np.int32(imaginary[0]) * 16383)
    out[0], out[2 * half] = np.int16(a + b), np.int16(a - b)
    out[1] = out[2 * half + 1] = 0
    for k in range(1, half // 2 + 1):
        ar = _round15(np.int32(real[k]) * 16383)
        ai = _round15(np.int32(imaginary[k]) * 16383)
        br = _round15(np.int32(real[half - k]) * 16383)
        bi = _round15(np.int32(np.int16(-np.int32(imaginary[half - k]))) * 16383)
        even_r, even_i = np.int32(np.int16(ar + br)), np.int32(np.int16(ai + bi))
        odd_r, odd_i = np.int32(np.int16(ar - br)), np.int32(np.int16(ai - bi))
        tr, ti = np.int32(super_twiddles[0, k - 1]), np.int32(super_twiddles[1, k - 1])
        xr, xi = _round15(odd_r * tr - odd_i * ti), _round15(odd_r * ti + odd_i * tr)
        out[2 * k], out[2 * k + 1] = (even_r + xr) >> 1, (even_i + xi) >> 1
        out[2 * (half - k)], out[2 * (half - k) + 1] = (even_r - xr) >> 1, (xi - even_i) >> 1


@kernel
def energies(spectrum, first, end, out):
    """Write the squared magnitudes of bins ``first`` to ``end``, and zeros around them."""
    out[:first] = 0
    out[end:] = 0
    for i in range(first, end):
        real, imaginary = np.int64(spectrum[2 * i]), np.int64(spectrum[2 * i + 1])
        out[i] = real * real + imaginary * imaginary


@kernel
def filter_bank(values, weights, unweights, frequency_starts, weight_starts, widths, out):
    """Write the sums of triangles."""
    falling = np.int64(0)
    for band in range(len(widths)):
        rising, after = falling, np.int64(0)
        place, first = np.int64(frequency_starts[band]), np.int64(weight_starts[band])
        for i in range(np.int64(widths[band])):
            value = np.int64(values[place + i])
            rising += np.int64(weights[first + i]) * value
            after += np.int64(unweights[first + i]) * value
        if band:
            out[band - 1] = rising
        falling = after


@kernel
def square_root(value, bits):
    """Return the rounded root of a number of at most 62 bits, shifted to the right."""
    root = np.int64(np.sqrt(np.float64(value)))
    # float64 may be one off either way beyond 2**53.
    if root * root > value:
        root -= 1
    elif (root + 1) * (root + 1) <= value:
        root += 1
    largest = 0xFFFF if value >> 32 == 0 else 0xFFFF_FFFF
    if value - root * root > root and root != largest:
        root += 1
    return root >> bits


@kernel
def noise_estimate(signal, estimate, smoothing, one_minus, signal_bits, bits, clamping):
    """Return the next estimate of noise."""
    lifted = (signal << signal_bits) & _WORD
    following = ((lifted * smoothing + estimate * one_minus) >> bits) & _WORD
    return min(following, lifted) if clamping else following


@kernel
def spectral_subtraction(signal, estimate, least, signal_bits, bits):
    """Return a signal without its noise."""
    lifted = (signal << signal_bits) & _WORD
    remaining = (lifted - min(estimate, lifted)) >> signal_bits
    return max(remaining, ((signal * least) >> bits) & _WORD)


@kernel
def pcan_gain(estimate, table):
    """Return the gain for an estimate of noise."""
    if estimate <= 2:
        return np.int64(table[estimate])
    octave = _bits(estimate)
    place = 4 * octave - 6
    fraction = ((estimate << 11) >> octave if octave < 11 else estimate >> (octave - 11)) & 0x3FF
    slope = ((np.int64(table[place + 2]) * fraction) >> 5) + (np.int64(table[place + 1]) << 5)
    rise = np.int64(np.int32(np.int64(np.int32(np.int64(np.int32(slope)) * fraction)) + (1 << 14)))
    return np.int64(np.int16((rise >> 15) + np.int64(table[place])))


@kernel
def pcan_signal(signal, gain, snr_shift):
    """Return a signal after gain control."""
    product = np.uint64(signal) * np.uint64(gain & _WORD)
    ratio = np.int64(product >> np.uint64(snr_shift)) & _WORD
    if ratio < 2 << _SNR_BITS:
        return (ratio * ratio) >> (2 + 2 * _SNR_BITS - _SUPPRESSED_BITS)
    return (ratio >> (_SNR_BITS - _SUPPRESSED_BITS)) - (1 << _SUPPRESSED_BITS)


@kernel
def log_scaled(value, scale, correction_bits, highest):
    """Return a scaled natural logarithm."""
    if correction_bits >= 0:
        value = (value << correction_bits) & _WORD
    else:
        value >>= -correction_bits
    if value <= 1:
        return np.int64(0)
    whole = np.int64(_bits(value) - 1)
    fraction = ((value - (np.int64(1) << whole)) << 16) >> whole
    segment = fraction >> 9
    low, high = _LOG_FRACTION[segment], _LOG_FRACTION[segment + 1]
    along = fraction - (segment << 9)
    binary = (whole << 16) + fraction + low + (((high - low) * along) >> 16)
    natural = (45426 * binary + (1 << 15)) >> 16
    return min(((scale * natural + (1 << 15)) & _WORD) >> 16, np.int64(highest))


@kernel
def all_windows(frames, coefficients, shift, out):
    """Window frames (n, samples)."""
    for i in range(len(frames)):
        window(frames[i], coefficients, shift, out[i])


@kernel
def all_scale_bits(frames, legacy, out):
    """Find the shifts (n,) of frames (n, samples)."""
    for i in range(len(frames)):
        out[i] = scale_bits(frames[i], legacy)


@kernel
def all_rffts(frames, constants, out):
    """Transform frames (n, samples) to bins (n, length + 2)."""
    real, imaginary = np.empty(len(constants[0]), np.int16), np.empty(len(constants[0]), np.int16)
    for i in range(len(frames)):
        rfft(frames[i], 0, constants, real, imaginary, out[i])


@kernel
def all_energies(spectra, first, end, out):
    """Square bins (n, length + 2) to energies (n, length / 2 + 1)."""
    for i in range(len(spectra)):
        energies(spectra[i], first, end, out[i])


@kernel
def all_filter_banks(values, weights, unweights, frequency_starts, weight_starts, widths, out):
    """Sum energies (n, bins) to bands (n, bands)."""
    for i in range(len(values)):
        filter_bank(values[i], weights, unweights, frequency_starts, weight_starts, widths, out[i])


@kernel
def all_roots(sums, bits, out):
    """Take roots of (n, bands), each row less its ``bits`` (n,)."""
    for i in range(len(sums)):
        for band in range(sums.shape[1]):
            out[i, band] = square_root(sums[i, band], bits[i])


@kernel
def all_noise_estimates(signal, estimate, smoothing, one_minus, signal_bits, bits, clamping, out):
    """Estimate the noise of (n, bands); coefficients (2,) are those of even and odd bands."""
    for i in range(len(signal)):
        for band in range(signal.shape[1]):
            out[i, band] = noise_estimate(
                signal[i, band],
                estimate[i, band],
                smoothing[band & 1],
                one_minus[band & 1],
                signal_bits,
                bits,
                clamping,
            )


@kernel
def all_subtractions(signal, estimate, least, signal_bits, bits, out):
    """Subtract noise from (n,)."""
    for i in range(len(signal)):
        out[i] = spectral_subtraction(signal[i], estimate[i], least, signal_bits, bits)


@kernel
def all_gains(signal, estimate, table, snr_shift, out):
    """Control the gain of (n,)."""
    for i in range(len(signal)):
        out[i] = pcan_signal(signal[i], pcan_gain(estimate[i], table), snr_shift)


@kernel
def all_logs(values, scale, correction_bits, highest, out):
    """Take logarithms of (n,)."""
    for i in range(len(values)):
        out[i] = log_scaled(values[i], scale, correction_bits, highest)


@kernel
def clips(audio, hop, settings, noise, out):
    """Write rows (clips, rows, bands) of audio (clips, n); ``noise`` (clips, bands) goes on."""
    s = settings
    size, half = len(s.window), len(s.transform.order)
    frame, spectrum = np.empty(size, np.int16), np.empty(2 * half + 2, np.int16)
    real, imaginary = np.empty(half, np.int16), np.empty(half, np.int16)
    values, sums = np.empty(half + 1, np.int64), np.empty(out.shape[2], np.int64)
    for clip in range(out.shape[0]):
        for row in range(out.shape[1]):
            window(
                audio[clip, row * hop : row * hop + size], s.window, np.int32(s.window_shift), frame
            )
            bits = scale_bits(frame, s.legacy)
            rfft(frame, bits, s.transform, real, imaginary, spectrum)
            energies(spectrum, s.first_bin, s.end_bin, values)
            filter_bank(
                values, s.weights, s.unweights, s.frequency_starts, s.weight_starts, s.widths, sums
            )
            for band in range(len(sums)):
                before = square_root(sums[band], bits)
                estimate = noise_estimate(
                    before,
                    noise[clip, band],
                    s.smoothing[band & 1],
                    s.one_minus_smoothing[band & 1],
                    s.signal_bits,
                    s.coefficient_bits,
                    s.clamping,
                )
                noise[clip, band] = estimate
                signal = spectral_subtraction(
                    before, estimate, s.least, s.signal_bits, s.coefficient_bits
                )
                if len(s.gains):
                    signal = pcan_signal(signal, pcan_gain(estimate, s.gains), s.snr_shift)
                out[clip, row, band] = log_scaled(signal, s.log_scale, s.correction_bits, s.highest)
