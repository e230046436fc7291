"""Stages of the micro front end on many frames: compiled, or by :mod:`fxpsim.spec.signal`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxpsim.engine import compiled
from fxpsim.spec import signal as rules

__all__ = [
    "energies",
    "fft_scale_bits",
    "filter_bank",
    "logarithm",
    "noise_estimate",
    "pcan",
    "rfft",
    "scale_up",
    "spectral_subtraction",
    "square_root",
    "window",
]

IntArray = NDArray[Any]


def _wide(array: IntArray) -> IntArray:
    return np.ascontiguousarray(array, np.int64)


def _framed(codes: IntArray) -> IntArray:
    """Return frames (n, samples) of 16 bits."""
    return np.ascontiguousarray(codes, np.int16).reshape(len(codes), -1)


def _each(rule: Callable[..., int], *arrays: IntArray, **constants: Any) -> IntArray:
    """Apply a rule element by element."""
    first = arrays[0]
    columns = (array.reshape(-1).tolist() for array in arrays)
    results = [rule(*operands, **constants) for operands in zip(*columns, strict=True)]
    return np.array(results, np.int64).reshape(first.shape)


def window(frames: IntArray, coefficients: IntArray, shift: int) -> IntArray:
    """Return frames (n, samples) times coefficients (samples,) of ``shift`` fraction bits."""
    if not compiled():
        every = np.broadcast_to(coefficients, frames.shape)
        return _each(rules.window, frames, every, shift=shift)
    from fxpsim.kernels import signal as kernels

    out = np.empty(frames.shape, np.int16)
    kernels.all_windows(_framed(frames), np.array(coefficients, np.int16), np.int32(shift), out)
    return out


def fft_scale_bits(frames: IntArray, legacy: bool) -> IntArray:
    """Return how far each frame (n, samples) may be shifted to the left."""
    if not compiled():
        return np.array([rules.fft_scale_bits(frame, legacy) for frame in frames.tolist()])
    from fxpsim.kernels import signal as kernels

    out = np.empty(len(frames), np.int32)
    kernels.all_scale_bits(_framed(frames), legacy, out)
    return out


def scale_up(frames: IntArray, bits: IntArray) -> IntArray:
    """Return frames (n, samples) shifted to the left, each by its own number of bits (n,)."""
    if not compiled():
        every = np.broadcast_to(bits[:, None], frames.shape)
        return _each(rules.scale_up, frames, every)
    return np.left_shift(_wide(frames), _wide(bits)[:, None]).astype(np.int16)


def rfft(frames: IntArray, length: int) -> IntArray:
    """Return the bins (n, length + 2) of frames (n, samples): real, imaginary, ..."""
    if not compiled():
        bins = [rules.rfft(frame, length) for frame in frames.tolist()]
        return np.array(bins).reshape(-1, length + 2)
    from fxpsim.kernels import signal as kernels

    out = np.empty((len(frames), length + 2), np.int16)
    kernels.all_rffts(_framed(frames), kernels.transform(length), out)
    return out


def energies(spectra: IntArray, first: int, end: int) -> IntArray:
    """Return the energies (n, bins) of spectra (n, 2 * bins), zero but from first to end."""
    out = np.zeros((len(spectra), spectra.shape[1] // 2), np.int64)
    if not compiled():
        used = spectra[:, 2 * first : 2 * end]
        out[:, first:end] = _each(rules.energy, used[:, ::2], used[:, 1::2])
        return out
    from fxpsim.kernels import signal as kernels

    kernels.all_energies(_framed(spectra), first, end, out)
    return out


def filter_bank(
    values: IntArray,
    weights: IntArray,
    unweights: IntArray,
    frequency_starts: IntArray,
    weight_starts: IntArray,
    widths: IntArray,
) -> IntArray:
    """Return the sums (n, bands) of energies (n, bins)."""
    tables = weights, unweights, frequency_starts, weight_starts, widths
    if not compiled():
        lists = [table.tolist() for table in tables]
        sums = [rules.filter_bank(row, *lists) for row in values.tolist()]
        return np.array(sums, np.int64).reshape(len(values), -1)
    from fxpsim.kernels import signal as kernels

    out = np.empty((len(values), len(widths) - 1), np.int64)
    kernels.all_filter_banks(_wide(values), *(np.array(t, np.int16) for t in tables), out)
    return out


def square_root(sums: IntArray, bits: IntArray) -> IntArray:
    """Return the roots of sums (n, bands), each row less its number of bits (n,)."""
    if not compiled():
        return _each(rules.square_root, sums, np.broadcast_to(bits[:, None], sums.shape))
    from fxpsim.kernels import signal as kernels

    out = np.empty(sums.shape, np.int64)
    kernels.all_roots(_wide(sums), _wide(bits), out)
    return out


def noise_estimate(
    signal: IntArray,
    estimate: IntArray,
    smoothing: tuple[int, ...],
    one_minus_smoothing: tuple[int, ...],
    signal_bits: int,
    coefficient_bits: int,
    clamping: bool,
) -> IntArray:
    """Return the next estimates (n, bands); coefficients are those of even and odd bands."""
    pairs = np.array((smoothing, one_minus_smoothing), np.int64)
    if not compiled():
        every = pairs[:, np.arange(signal.shape[1]) & 1]
        return _each(
            rules.noise_estimate,
            signal,
            estimate,
            *(np.broadcast_to(row, signal.shape) for row in every),
            signal_bits=signal_bits,
            coefficient_bits=coefficient_bits,
            clamping=clamping,
        )
    from fxpsim.kernels import signal as kernels

    out = np.empty(signal.shape, np.int64)
    constants = pairs[0], pairs[1], signal_bits, coefficient_bits, clamping
    kernels.all_noise_estimates(_wide(signal), _wide(estimate), *constants, out)
    return out


def spectral_subtraction(
    signal: IntArray, estimate: IntArray, least: int, signal_bits: int, coefficient_bits: int
) -> IntArray:
    """Return signals without their noise, element by element."""
    if not compiled():
        return _each(
            rules.spectral_subtraction,
            signal,
            estimate,
            least=least,
            signal_bits=signal_bits,
            coefficient_bits=coefficient_bits,
        )
    from fxpsim.kernels import signal as kernels

    out = np.empty(signal.shape, np.int64)
    operands = _wide(signal).reshape(-1), _wide(estimate).reshape(-1)
    kernels.all_subtractions(*operands, least, signal_bits, coefficient_bits, out.reshape(-1))
    return out


def pcan(signal: IntArray, estimate: IntArray, gains: IntArray, snr_shift: int) -> IntArray:
    """Return signals after gain control, element by element."""
    if not compiled():
        table = gains.tolist()
        found = _each(rules.pcan_gain, estimate, table=table)
        return _each(rules.pcan_signal, signal, found, snr_shift=snr_shift)
    from fxpsim.kernels import signal as kernels

    out = np.empty(signal.shape, np.int64)
    operands = _wide(signal).reshape(-1), _wide(estimate).reshape(-1)
    table = np.array(gains, np.int16)
    kernels.all_gains(*operands, table, snr_shift, out.reshape(-1))
    return out


def logarithm(values: IntArray, scale: int, correction_bits: int, highest: int) -> IntArray:
    """Return scaled natural logarithms, element by element."""
    if not compiled():
        return _each(
            rules.log_scaled, values, scale=scale, correction_bits=correction_bits, highest=highest
        )
    from fxpsim.kernels import signal as kernels

    out = np.empty(values.shape, np.int64)
    kernels.all_logs(_wide(values).reshape(-1), scale, correction_bits, highest, out.reshape(-1))
    return out
