"""Which entry of a tensor every product of a sum reads."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxpsim.ops import Conv2D, Dense, DepthwiseConv2D, Layer, TensorSpec

__all__ = ["fixed_taps", "fullest", "positions"]

IntArray = NDArray[Any]
Windowed = (Conv2D, DepthwiseConv2D)


def positions(layer: Layer, source: TensorSpec, channel: int) -> NDArray[np.intp]:
    """Return the flat index (sums of the channel, K) of what each product reads; -1 is padding."""
    index = np.arange(source.size).reshape(1, *source.shape)
    if isinstance(layer, Dense):
        return index.reshape(-1, layer.inputs)
    if not isinstance(layer, Windowed):
        raise TypeError(f"no windows of a {type(layer).__name__}")
    view = layer.taps.view(layer.taps.pad(index, -1))
    if isinstance(layer, DepthwiseConv2D):
        view = view[..., channel // layer.multiplier]
    return view.reshape(-1, layer.inputs)


def fullest(layer: Layer, source: TensorSpec, channel: int) -> tuple[int, NDArray[np.intp]]:
    """Return the sum of a channel that reads least padding, and what it reads (K,)."""
    index = positions(layer, source, channel)
    best = int((index >= 0).sum(axis=1).argmax())
    return best, index[best]


def fixed_taps(layer: Layer, source: TensorSpec) -> tuple[NDArray[np.bool_], bool]:
    """Return which products (K,) read padding at every position, and whether the others ever meet.

    They meet where one position has all of them inside: then one input reaches every bound.
    """
    none = np.zeros(layer.inputs, np.bool_)
    if not isinstance(layer, Windowed) or not layer.taps.padded:
        return none, True
    taps, meet, ever = layer.taps, True, []
    steps = taps.positions((source.shape[0], source.shape[1]))
    for axis in (0, 1):
        first = np.arange(steps[axis]) * taps.stride[axis] - taps.top_left[axis]
        read = first[:, None] + np.arange(taps.size[axis]) * taps.dilation[axis]
        inside = (read >= 0) & (read < source.shape[axis])
        ever.append(inside.any(axis=0))
        meet &= bool((inside == ever[-1]).all(axis=1).any())
    window = layer.window(source)
    mask = np.logical_and.outer(*ever).reshape(*taps.size, *[1] * (len(window) - 2))
    fixed: NDArray[np.bool_] = ~np.broadcast_to(mask, window)
    return fixed.reshape(prod(window)), meet
