"""Depthwise convolutions: lanes along the channels, a register for each."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from fxpsim.kernels._jit import kernel

__all__ = ["PLANES", "multiply"]

#: What each step leaves of every output.
PLANES = {
    "exact": ("register",),
    "clamp": ("register",),
    "peaks": ("exact", "lowest", "highest"),
}


@functools.cache
def _loop(step: str, entry: type[np.signedinteger]) -> Callable:
    clamps, peaks = step == "clamp", step == "peaks"
    most, least = entry(np.iinfo(entry).max), entry(np.iinfo(entry).min)

    @kernel
    def convolve(images, weights, start, biased, stride, dilation, channels, lo, hi, out):
        """Fill ``out`` (planes, n, rows, columns, N); products wrap in the type of ``out``.

        Images are (n, height, width * channels); N may be several columns' channels.
        """
        low, high = entry(lo), entry(hi)
        _, count, rows, columns, outputs = out.shape
        for n in range(count):
            for row in range(rows):
                for column in range(columns):
                    total = out[0, n, row, column]
                    total[:] = start
                    if peaks:  # without a start, the first product is the first peak
                        lowest, highest = out[1, n, row, column], out[2, n, row, column]
                        for c in range(outputs):
                            lowest[c] = start[c] if biased else most
                            highest[c] = start[c] if biased else least
                    for i in range(weights.shape[0]):
                        y = row * stride[0] + i * dilation[0]
                        for j in range(weights.shape[1]):
                            x = (column * stride[1] + j * dilation[1]) * channels
                            pixels, taps = images[n, y, x : x + outputs], weights[i, j]
                            for c in range(outputs):
                                product = entry(entry(pixels[c]) * entry(taps[c]))
                                value = entry(total[c] + product)
                                if clamps:
                                    value = min(max(value, low), high)
                                total[c] = value
                                if peaks:
                                    lowest[c] = min(lowest[c], value)
                                    highest[c] = max(highest[c], value)

    return convolve


def multiply(
    step: str,
    images: NDArray[np.integer],
    weights: NDArray[np.integer],
    start: NDArray[np.int64] | None,
    stride: tuple[int, int],
    dilation: tuple[int, int],
    positions: tuple[int, int],
    limits: tuple[int, int],
    entry: type[np.signedinteger],
) -> NDArray[np.signedinteger]:
    """Return the planes of a depthwise convolution.

    Parameters
    ----------
    step : str
        One of :data:`PLANES`.
    images : integer array (n, height, width, N)
        Multiplicands, padded.
    weights : integer array (height, width, N)
        Multiplicands.
    start : integer array (N,) or None
        What the registers hold before the first product.
    stride, dilation, positions : (int, int)
        Down and right.
    limits : (int, int)
        Of the register, for ``clamp``.
    entry : type
        int32 or int64; the caller makes sure that what counts fits.

    Returns
    -------
    array of ``entry`` of shape (planes, n, *positions, N)
    """
    rows, columns = positions
    channels = weights.shape[2]
    # Columns next to one another are one long row of lanes, each with its channel's weights.
    joined = columns if stride[1] == 1 else 1
    begin = np.zeros(channels, entry) if start is None else start.astype(entry)
    planes = len(PLANES[step])
    out = np.empty((planes, len(images), rows, columns // joined, joined * channels), entry)
    _loop(step, entry)(
        np.ascontiguousarray(images).reshape(*images.shape[:2], -1),
        np.tile(weights, (1, 1, joined)),
        np.tile(begin, joined),
        start is not None,
        stride,
        dilation,
        channels,
        np.int64(limits[0]),
        np.int64(limits[1]),
        out,
    )
    return out.reshape(planes, len(images), rows, columns, channels)
