"""Two-dimensional convolutions, channels last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fxpsim.errors import GraphError
from fxpsim.ops.layer import Layer, multiplicand_weights
from fxpsim.ops.matrix import MatrixLayer
from fxpsim.ops.op import Interval, TensorSpec, zero_code
from fxpsim.ops.window import Pair, Window, window

if TYPE_CHECKING:
    from accel_models import Work

__all__ = ["Conv2D", "check_image", "settle_taps", "window_reach"]

IntArray = NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Conv2D(MatrixLayer):
    """Sums over a window and all input channels; products in the order height, width, channels.

    Weights have shape (height, width, input channels, N); padding has the value 0.  Further
    parameters as for :class:`fxpsim.ops.layer.Layer`.

    Parameters
    ----------
    stride, dilation, top_left, bottom_right : (int, int)
        As for :class:`fxpsim.ops.window.Window`.
    """

    stride: Pair = (1, 1)
    dilation: Pair = (1, 1)
    top_left: Pair = (0, 0)
    bottom_right: Pair = (0, 0)

    def __post_init__(self) -> None:
        Layer.__post_init__(self)
        settle_taps(self)

    @property
    def axes(self) -> tuple[str, ...]:
        """Names of the weights' axes."""
        return ("height", "width", "input channels", "N")

    @property
    def taps(self) -> Window:
        """The window that the sums run over."""
        height, width = self.weights.shape[:2]
        return window((height, width), self.stride, self.dilation, self.top_left, self.bottom_right)

    @property
    def inputs(self) -> int:
        """K, the number of products in each sum."""
        return self.weights.size // self.outputs

    @property
    def outputs(self) -> int:
        """N, the number of channels."""
        return int(self.weights.shape[3])

    def window(self, source: TensorSpec) -> tuple[int, ...]:
        """Return height, width and input channels of the weights."""
        return self.weights.shape[:3]

    def shape(self, source: TensorSpec) -> tuple[int, ...]:
        """Return (rows, columns, N)."""
        return (*self.taps.positions(check_image(source, self.weights.shape[2])), self.outputs)

    def matrix(self) -> IntArray:
        """Return the weights' multiplicands (K, N)."""
        weights = multiplicand_weights(self.weights, self.weight_format)
        return weights.reshape(-1, self.outputs)

    def gather(self, factors: IntArray, source: TensorSpec) -> IntArray:
        """Return windows (n * rows * columns, K), padding as what the value 0 is multiplied as."""
        taps = self.taps
        if taps.pointwise:
            return factors.reshape(-1, self.inputs)
        padded = taps.pad(factors, zero_code(source) - self.zero(source))
        return taps.view(padded).reshape(-1, self.inputs)

    def reach(self, source: TensorSpec, low: IntArray, high: IntArray) -> Interval:
        """Return the range of every multiplicand (K,), over all positions."""
        repeats = self.inputs // self.weights.shape[2]
        low, high = (np.tile(end, repeats) for end in window_reach(self, source, low, high))
        return low, high

    def work(self, name: str, sources: Sequence[TensorSpec], before: Work | None) -> Work | None:
        """Return one row for each position of the window."""
        from accel_models import Work

        (source,) = sources
        return Work.conv2d(
            source.shape,
            self.weights.shape[:2],
            self.outputs,
            stride=self.stride,
            dilation=self.dilation,
            padding=(self.top_left, self.bottom_right),
            **self.settings(name, source),
        )


def settle_taps(layer: Any) -> None:
    """Check the numbers of a layer's window and keep them as tuples."""
    names = "stride", "dilation", "top_left", "bottom_right"
    taps = Window(layer.weights.shape[:2], *(getattr(layer, name) for name in names))
    for name in names:
        object.__setattr__(layer, name, getattr(taps, name))


def check_image(source: TensorSpec, channels: int) -> Pair:
    """Return height and width of an input; GraphError where it is no image of these channels."""
    if len(source.shape) != 3 or source.shape[2] != channels:
        raise GraphError(
            f"the input must have shape (height, width, {channels}), not {source.shape}"
        )
    return source.shape[0], source.shape[1]


def window_reach(layer: Any, source: TensorSpec, low: IntArray, high: IntArray) -> Interval:
    """Return the range of the multiplicands of each input channel, padding included."""
    zero = layer.zero(source)
    low, high = low.min(axis=(0, 1)) - zero, high.max(axis=(0, 1)) - zero
    if layer.taps.padded:
        outside = zero_code(source) - zero
        return np.minimum(low, outside), np.maximum(high, outside)
    return low, high
