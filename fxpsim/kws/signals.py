"""Small operations on sampled sound, shared by synthesis and augmentation.

Sounds are float64 or float32 arrays [samples] at 16 kHz in units of full scale (1.0).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["CLIP_SAMPLES", "SAMPLE_RATE", "coloured_noise", "resample", "rms", "to_int16", "trim"]

SAMPLE_RATE = 16000
"""Hz."""
CLIP_SAMPLES = 16000
"""Samples of a clip: one second."""

Sound = NDArray[np.float64]


def rms(sound: NDArray[np.floating[Any]]) -> float:
    """Root mean square, in units of full scale."""
    return float(np.sqrt(np.mean(np.square(sound)))) if sound.size else 0.0


def resample(sound: Sound, length: int) -> Sound:
    """Put the same sound on ``length`` samples, band-limited (Fourier interpolation)."""
    spectrum = np.fft.rfft(sound)
    return np.fft.irfft(spectrum[: length // 2 + 1], length) * (length / sound.size)


def trim(sound: Sound, *, below_peak_db: float = 40.0, margin: int = 320) -> Sound:
    """Cut the quiet ends: 10 ms blocks more than ``below_peak_db`` under the loudest one."""
    block = SAMPLE_RATE // 100
    blocks = np.resize(np.append(sound, np.zeros(block)), (-(-sound.size // block), block))
    power = np.mean(np.square(blocks), axis=1)
    loud = np.flatnonzero(power > power.max() * 10 ** (-below_peak_db / 10))
    if loud.size == 0:
        return sound
    return sound[max(0, loud[0] * block - margin) : (loud[-1] + 1) * block + margin]


def coloured_noise(rng: np.random.Generator, samples: int, exponent: float) -> Sound:
    """Gaussian noise whose power falls as 1 / f**exponent, with unit root mean square."""
    spectrum = np.fft.rfft(rng.standard_normal(samples))
    frequency = np.maximum(np.fft.rfftfreq(samples, 1 / SAMPLE_RATE), 20.0)
    noise = np.fft.irfft(spectrum * frequency ** (-exponent / 2), samples)
    return noise / rms(noise)


def to_int16(sound: NDArray[np.floating[Any]]) -> NDArray[np.int16]:
    """Round samples to 16-bit integers, saturated."""
    steps = np.clip(np.rint(sound * 32768.0), -32768, 32767)
    return np.asarray(steps, np.int16)
