"""Triangles on the mel scale, which every front end here sums power or magnitude under."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["hertz_to_mel", "mel_matrix"]


def hertz_to_mel(hertz: ArrayLike) -> NDArray[np.float64]:
    """Return 2595 log10(1 + f / 700).

    Source: S. Young et al., *The HTK Book* (v3.4), section 5.4.
    """
    return np.asarray(2595.0 * np.log10(1.0 + np.asarray(hertz) / 700.0))


@lru_cache(maxsize=16)
def mel_matrix(
    sample_rate: int, fft_length: int, bands: int, low_hz: float, high_hz: float
) -> NDArray[np.float64]:
    """Return triangle weights, float64 (fft_length / 2 + 1, bands), read-only.

    The corners are equally spaced in mel from ``low_hz`` to ``high_hz``; the sides are straight in
    mel, and the peak is 1.  TensorFlow's ``linear_to_mel_weight_matrix`` and its ``mfcc`` operation
    have the same triangles (a factor of the mel scale cancels out).
    """
    edges = np.linspace(hertz_to_mel(low_hz), hertz_to_mel(high_hz), bands + 2)
    bins = hertz_to_mel(np.arange(fft_length // 2 + 1) * (sample_rate / fft_length))[:, None]
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    matrix = np.maximum(0.0, np.minimum(rising, falling))
    matrix.setflags(write=False)
    return matrix
