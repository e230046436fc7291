"""Constants of the TFLM micro front end, in the arithmetic of their definitions.

Sources: tensorflow/tflite-micro, ``tensorflow/lite/experimental/microfrontend/lib`` (``*_util.c``)
and ``python/tflite_micro/signal``.  Cosines and powers are rounded to float32 from float64.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxpsim.errors import ConfigError
from fxpsim.frontend.float32 import log1p

__all__ = ["Definition", "Triangles", "gain_table", "triangles", "window_coefficients"]

Array = NDArray[Any]
WINDOW_BITS = 12
WEIGHT_BITS = 12
#: Segments start at a multiple of two bins, and have a multiple of four weights.
_ALIGNMENT, _BLOCK = 2, 4


class Definition(StrEnum):
    """Which of TensorFlow Lite Micro's two implementations: they differ in details.

    The older library (``experimental/microfrontend``, that microWakeWord uses) rounds weights to
    nearest; the signal operators (``signal``, those of micro_speech) round them down, and have
    their window from float64.
    """

    LIBRARY = "library"
    OPERATORS = "operators"


@dataclass(frozen=True, slots=True, eq=False)
class Triangles:
    """A filter bank: settings of :class:`fxpsim.ops.FilterBank`, and bins from first up to end."""

    tables: dict[str, Array]
    first_bin: int
    end_bin: int


def window_coefficients(size: int, definition: Definition) -> Array:
    """Return a Hann window between samples: int16 (size,), 12 fraction bits."""
    if definition is Definition.OPERATORS:
        exact = 0.5 - 0.5 * np.cos(2 * np.pi / size * (np.arange(size) + 0.5))
        return np.asarray(np.round(exact * (1 << WINDOW_BITS)), np.int16)
    step = np.float32(np.pi) * np.float32(2) / np.float32(size)
    phase = step * (np.arange(size, dtype=np.float32) + np.float32(0.5))
    cosine = np.cos(phase.astype(np.float64)).astype(np.float32)
    scaled = (np.float32(0.5) - np.float32(0.5) * cosine) * np.float32(1 << WINDOW_BITS)
    return np.asarray(np.floor(scaled + np.float32(0.5)), np.int16)


def _mel(hertz: np.float32) -> np.float32:
    return np.float32(1127) * log1p(hertz / np.float32(700))


def triangles(
    sample_rate: int,
    fft_length: int,
    bands: int,
    low_hz: float,
    high_hz: float,
    definition: Definition,
) -> Triangles:
    """Return triangles that are equally spaced on the mel scale.

    Parameters
    ----------
    sample_rate, low_hz, high_hz : number
        Hz.
    fft_length, bands : int
        Of the transform, and of the result.
    definition : Definition
        Whose rounding.

    Raises
    ------
    ConfigError
        The highest edge lies beyond the spectrum.
    """
    rounded = definition is Definition.LIBRARY
    mels = [_mel(np.float32(edge)) for edge in (low_hz, high_hz)]
    spacing = (mels[1] - mels[0]) / np.float32(bands + 1)
    centers = [mels[0] + spacing * np.float32(i + 1) for i in range(bands + 1)]
    bin_hz = np.float32(sample_rate) / np.float32(fft_length)
    skipped = np.float32(low_hz) / bin_hz  # and the bin at 0 Hz
    first = int(np.float32(1.5) + skipped) if rounded else round(1 + float(skipped))
    segments, frequency = [], first
    for center in centers:
        start = frequency
        while _mel(np.float32(frequency) * bin_hz) <= center:
            frequency += 1
        segments.append(range(start, frequency))
    if frequency > fft_length // 2:
        raise ConfigError(
            f"high_hz must be less than half the sample rate of {sample_rate} Hz, not {high_hz:g}"
        )
    starts, places, widths = _layout(segments)
    weights = np.zeros((2, max(p + w for p, w in zip(places, widths, strict=True))), np.int16)
    for segment, center, edge, start, place in zip(
        segments, centers, [mels[0], *centers[:-1]], starts, places, strict=True
    ):
        for frequency in segment:
            weight = (center - _mel(np.float32(frequency) * bin_hz)) / (center - edge)
            pair = np.array((weight, np.float32(1) - weight)) * np.float32(1 << WEIGHT_BITS)
            codes = np.floor(pair + np.float32(0.5)) if rounded else np.trunc(pair)
            weights[:, place + frequency - start] = codes
    tables = {
        "weights": weights[0],
        "unweights": weights[1],
        "frequency_starts": np.array(starts),
        "weight_starts": np.array(places),
        "widths": np.array(widths),
    }
    return Triangles(tables, first, segments[-1].stop)


def _layout(segments: list[range]) -> tuple[list[int], list[int], list[int]]:
    """Return first bin, place of the first weight, and number of weights of each segment.

    Segments without a bin share one block of zeros before all others.
    """
    starts, places, widths = [], [], []
    following = 0 if all(segments) else _BLOCK
    for segment in segments:
        start = segment.start - segment.start % _ALIGNMENT if segment else 0
        width = -(-(segment.stop - start) // _BLOCK) * _BLOCK if segment else _BLOCK
        starts.append(start)
        widths.append(width)
        places.append(following if segment else 0)
        following += width if segment else 0
    return starts, places, widths


def gain_table(strength: float, offset: float, gain_bits: int, input_bits: int) -> Array:
    """Return gains ``(noise + offset)**-strength`` as quadratics: int16 (125,).

    Parameters
    ----------
    strength, offset : float
        Of the normalisation.
    gain_bits, input_bits : int
        Fraction bits of gains, and of estimates of noise.

    Notes
    -----
    Octave k, codes of k bits, has the quadratic through its ends and its middle.
    """

    def gain(code: int) -> int:
        x = np.float32(code) / np.float32(1 << input_bits) + np.float32(offset)
        power = np.float32(float(x) ** -float(np.float32(strength)))
        scaled = np.float32(1 << gain_bits) * power
        return 0x7FFF if scaled > 0x7FFF else int(scaled + np.float32(0.5))

    table = [gain(0), gain(1)]
    for bits in range(2, 33):
        start = 1 << (bits - 1)
        end = 2 * start if bits < 32 else 2 * start - 1
        here, middle, there = gain(start), gain(start + start // 2), gain(end)
        slope = 4 * (middle - here) - (there - here)
        table += [here, slope, there - here - slope, 0]
    table.pop()  # the last octave has three
    return np.array(table).astype(np.int16)
