"""Means and maxima over windows, channels last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxpsim.errors import GraphError
from fxpsim.formats import Rounding
from fxpsim.formats.modes import read_mode
from fxpsim.ops.convolution import check_image
from fxpsim.ops.op import Op, TensorSpec
from fxpsim.ops.window import Pair, Window, window

__all__ = ["AveragePool2D", "MaxPool2D", "Pool2D"]

IntArray = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Pool2D(Op):
    """What pools share.

    Parameters
    ----------
    size, stride, top_left, bottom_right : (int, int)
        As for :class:`fxpsim.ops.window.Window`; padding does not count.
    act_min, act_max : int, optional
        Codes that the result is clamped to.
    """

    size: Pair
    stride: Pair
    top_left: Pair = (0, 0)
    bottom_right: Pair = (0, 0)
    act_min: int | None = None
    act_max: int | None = None

    monotone = True

    def __post_init__(self) -> None:
        taps = self._window
        padding = (
            max(taps.top_left[0], taps.bottom_right[0]),
            max(taps.top_left[1], taps.bottom_right[1]),
        )
        if padding[0] >= taps.size[0] or padding[1] >= taps.size[1]:
            raise GraphError("padding must be smaller than the window")

    @property
    def _window(self) -> Window:
        return window(self.size, self.stride, (1, 1), self.top_left, self.bottom_right)

    def infer(self, *sources: TensorSpec) -> TensorSpec:
        """Return (rows, columns, channels) in the input's format."""
        (source,) = sources
        if len(source.shape) != 3:
            raise GraphError(
                f"the input must have shape (height, width, channels), not {source.shape}"
            )
        image = check_image(source, source.shape[2])
        return TensorSpec((*self._window.positions(image), source.shape[2]), source.format)

    def _clamped(self, codes: IntArray) -> IntArray:
        if self.act_min is None and self.act_max is None:
            return codes
        return np.clip(codes, self.act_min, self.act_max)

    def _windows(self, codes: IntArray, outside: int) -> IntArray:
        return self._window.view(self._window.pad(codes, outside))


@dataclass(frozen=True, slots=True)
class AveragePool2D(Pool2D):
    """The mean of the codes in a window.

    TensorFlow Lite's ``reference_integer_ops::AveragePool`` rounds to nearest, ties away from zero.

    Parameters
    ----------
    size, stride, top_left, bottom_right, act_min, act_max
        As for all pools.
    rounding : Rounding
        ``nearest_away`` or ``floor``.
    """

    operation = "average"

    rounding: Rounding = Rounding.NEAREST_AWAY

    def __post_init__(self) -> None:
        Pool2D.__post_init__(self)
        mode = read_mode(self.rounding, Rounding, "pool rounding")
        if mode not in (Rounding.NEAREST_AWAY, Rounding.FLOOR):
            raise GraphError(f"a mean must be rounded nearest_away or floor, not {mode}")
        object.__setattr__(self, "rounding", mode)

    def run(self, inputs: Sequence[IntArray], sources: Sequence[TensorSpec]) -> IntArray:
        """Return means."""
        (codes,), (source,) = inputs, sources
        height, width = self.size
        peak = height * width * max(-source.format.lo, source.format.hi)
        dtype = np.int32 if peak < 1 << 31 else np.int64
        if self.size == codes.shape[1:3] and not self._window.padded:
            # Rows of channels are added faster than columns of taps.
            rows = codes.reshape(len(codes), height * width, -1)
            total = rows.sum(axis=1, dtype=dtype)[:, None, None]
        else:
            total = self._windows(codes, 0).sum(axis=(3, 4), dtype=dtype)
        count = _pixels(self._window, codes.shape[1:3])
        if self.rounding is Rounding.FLOOR:
            return self._clamped(total // count)
        size = (np.abs(total) + count // 2) // count
        mean: IntArray = np.where(total < 0, -size, size)
        return self._clamped(mean)

    run_narrow = run


@lru_cache(maxsize=128)
def _pixels(taps: Window, image: tuple[int, int]) -> IntArray:
    """Return how many pixels of an image are in each window (1, rows, columns, 1)."""
    ones = np.ones((1, *image, 1), np.int32)
    return np.asarray(taps.view(taps.pad(ones, 0)).sum(axis=(3, 4), dtype=np.int32))


@dataclass(frozen=True, slots=True)
class MaxPool2D(Pool2D):
    """The highest code in a window."""

    operation = "maximum"

    def run(self, inputs: Sequence[IntArray], sources: Sequence[TensorSpec]) -> IntArray:
        """Return maxima."""
        (codes,), (source,) = inputs, sources
        highest: IntArray = self._windows(codes, source.format.lo).max(axis=(3, 4))
        return self._clamped(highest)
