"""Depthwise convolutions: every channel has a window of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxpsim import dispatch
from fxpsim.dispatch import Planes
from fxpsim.errors import GraphError
from fxpsim.ops.convolution import check_image, window_reach
from fxpsim.ops.layer import Layer, constants, multiplicand_weights
from fxpsim.ops.matrix import joined
from fxpsim.ops.op import Interval, TensorSpec, zero_code
from fxpsim.ops.window import Pair, Window

__all__ = ["DepthwiseConv2D"]

IntArray = NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class DepthwiseConv2D(Layer):
    """Sums over a window of one channel; products in the order height, width.

    Weights have shape (height, width, N); channel n reads input channel n // multiplier.  Padding
    has the value 0.  Further parameters as for :class:`fxpsim.ops.layer.Layer`.

    Parameters
    ----------
    multiplier : int
        Outputs of every input channel.
    stride, dilation, top_left, bottom_right : (int, int)
        As for :class:`fxpsim.ops.window.Window`.
    """

    multiplier: int = 1
    stride: Pair = (1, 1)
    dilation: Pair = (1, 1)
    top_left: Pair = (0, 0)
    bottom_right: Pair = (0, 0)

    def __post_init__(self) -> None:
        Layer.__post_init__(self)
        if self.multiplier < 1 or self.outputs % self.multiplier:
            raise GraphError(
                f"the multiplier must be 1 or more and divide the {self.outputs} outputs, "
                f"not {self.multiplier}"
            )
        self.taps  # noqa: B018 - checks the numbers

    @property
    def axes(self) -> tuple[str, ...]:
        """Names of the weights' axes."""
        return ("height", "width", "N")

    @property
    def taps(self) -> Window:
        """The window that the sums run over."""
        height, width = self.weights.shape[:2]
        return Window((height, width), self.stride, self.dilation, self.top_left, self.bottom_right)

    @property
    def inputs(self) -> int:
        """K, the number of products in each sum."""
        return self.weights.size // self.outputs

    @property
    def outputs(self) -> int:
        """N, the number of channels."""
        return int(self.weights.shape[2])

    def window(self, source: TensorSpec) -> tuple[int, ...]:
        """Return height and width of the weights."""
        return self.weights.shape[:2]

    def shape(self, source: TensorSpec) -> tuple[int, ...]:
        """Return (rows, columns, N)."""
        image = check_image(source, self.outputs // self.multiplier)
        return (*self.taps.positions(image), self.outputs)

    def matrix(self) -> IntArray:
        """Return the weights' multiplicands (K, N)."""
        weights = multiplicand_weights(self.weights, self.weight_format)
        return weights.reshape(-1, self.outputs)

    def _padded(self, codes: IntArray, source: TensorSpec) -> IntArray:
        factors = constants(self, source).factors(codes)
        return self.taps.pad(factors, zero_code(source) - self.zero(source))

    def _windows(self, codes: IntArray, source: TensorSpec) -> IntArray:
        """Return (input channels, sums of a channel, K), contiguous."""
        view = self.taps.view(self._padded(codes, source))
        rows = view.transpose(5, 0, 1, 2, 3, 4).reshape(view.shape[5], -1, self.inputs)
        place = constants(self, source).place
        return rows if place is None else np.ascontiguousarray(rows[:, :, place])

    def registers(self, codes: IntArray, source: TensorSpec, *, proven: bool = False) -> IntArray:
        """Return the registers (n, *shape); ``proven`` ones never overflow: any order will do."""
        known = constants(self, source)
        windows = self._windows(codes, source)
        columns = [
            dispatch.product(
                windows[channel // self.multiplier],
                known.matrix[:, channel : channel + 1].copy(),
                self.accumulator,
                known.factor_range,
                known.matrix_range,
                None if known.bias is None else known.bias[channel : channel + 1],
                product_frac=known.frac,
                proven=proven,
            )
            for channel in range(self.outputs)
        ]
        return np.concatenate(columns, axis=1).reshape(len(codes), *self.shape(source))

    def planes(self, codes: IntArray, source: TensorSpec, *, exact: bool = False) -> Planes:
        """Return what the registers did (sums, N); ``exact``: those of sums without overflow."""
        known = constants(self, source)
        windows = self._windows(codes, source)
        columns = [
            dispatch.product_planes(
                windows[channel // self.multiplier],
                known.matrix[:, channel : channel + 1].copy(),
                None if exact else self.accumulator,
                known.factor_range,
                known.matrix_range,
                None if known.bias is None else known.bias[channel : channel + 1],
                product_frac=known.frac,
            )
            for channel in range(self.outputs)
        ]
        return joined(columns, axis=1)

    def reach(self, source: TensorSpec, low: IntArray, high: IntArray) -> Interval:
        """Return the range of every multiplicand (K, N), over all positions."""
        low, high = (
            np.broadcast_to(np.repeat(end, self.multiplier), (self.inputs, self.outputs))
            for end in window_reach(self, source, low, high)
        )
        return low, high
