"""Depthwise convolutions: every channel has a window of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fxpsim import dispatch
from fxpsim.accumulators import Accumulator
from fxpsim.dispatch import Planes
from fxpsim.errors import GraphError
from fxpsim.ops.convolution import check_image, settle_taps, window_reach
from fxpsim.ops.layer import Layer, constants, multiplicand_weights
from fxpsim.ops.op import Interval, TensorSpec, zero_code
from fxpsim.ops.window import Pair, Window, window

if TYPE_CHECKING:
    from accel_models import Work

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
        settle_taps(self)

    @property
    def axes(self) -> tuple[str, ...]:
        """Names of the weights' axes."""
        return ("height", "width", "N")

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

    def adder(self, source: TensorSpec, *, proven: bool = False) -> Callable[[IntArray], IntArray]:
        """Return what makes registers (n, *shape) of codes (n, *source.shape), made once.

        ``proven`` registers never overflow: any order will do.
        """
        lanes, known = _prepared(self, source), constants(self, source)

        def registers(codes: IntArray) -> IntArray:
            fast = lanes.registers(codes, proven=proven)
            if fast is not None:
                return fast
            columns = [
                dispatch.product(*operands, product_frac=known.frac, proven=proven)
                for operands in self._channels(codes, source, known.register)
            ]
            return np.concatenate(columns, axis=1).reshape(len(codes), *known.shape)

        return registers

    def planes(self, codes: IntArray, source: TensorSpec, *, exact: bool = False) -> Planes:
        """Return what the registers did (sums, N); ``exact``: those of sums without overflow."""
        known = constants(self, source)
        fast = (
            self._lanes(codes, source, exact)
            if exact or known.register.plain_but_for_bias
            else None
        )
        if fast is not None:
            register, *ends, events, first = (plane.reshape(-1, self.outputs) for plane in fast)
            levels = {"final": events}, {"final": first}
            lowest, highest = self._products(codes, source)
            return Planes(register, ends[0], ends[1], ends[2], *levels, lowest, highest)
        columns = [
            dispatch.product_planes(*operands, product_frac=known.frac)
            for operands in self._channels(codes, source, None if exact else known.register)
        ]
        return dispatch.joined(columns, axis=1)

    def peaks(self, codes: IntArray, source: TensorSpec) -> tuple[IntArray, IntArray, IntArray]:
        """Return exact sums (sums, N), their lowest and their highest partial sums."""
        planes = _prepared(self, source).peaks(codes)
        if planes is None:
            return Layer.peaks(self, codes, source)
        exact, lowest, highest = planes.reshape(3, -1, self.outputs)
        return exact, lowest, highest

    def _lanes(self, codes: IntArray, source: TensorSpec, exact: bool) -> list[IntArray] | None:
        """Return registers, exact sums, lowest, highest, events, first steps; peaks come first."""
        peaks = _prepared(self, source).peaks(codes)
        if peaks is None:
            return None
        register = constants(self, source).register
        inside = register.lo <= peaks[1].min(initial=0) and peaks[2].max(initial=0) <= register.hi
        if exact or inside:
            nothing = np.zeros_like(peaks[0])
            return [peaks[0], *peaks, nothing, nothing - 1]
        tally = _prepared(self, source).tally(codes)
        return None if tally is None else [tally[0], *peaks, *tally[1:]]

    def _products(self, codes: IntArray, source: TensorSpec) -> tuple[IntArray, IntArray]:
        """Return the lowest and highest product (N,) of each channel."""
        if not codes.size:
            return np.zeros(self.outputs, np.int64), np.zeros(self.outputs, np.int64)
        weights = self.matrix().astype(np.int64)
        ends = [
            extreme(self._windows(extreme(codes, axis=0)[None], source), axis=(0, 1, 2))
            .reshape(self.inputs, -1)
            .repeat(self.multiplier, axis=1)
            * weights
            for extreme in (np.min, np.max)
        ]
        return np.minimum(*ends).min(axis=0), np.maximum(*ends).max(axis=0)

    def _windows(self, codes: IntArray, source: TensorSpec) -> IntArray:
        """Return multiplicands as windows (n, rows, columns, height, width, channels)."""
        factors = constants(self, source).factors(codes)
        return self.taps.view(self.taps.pad(factors, zero_code(source) - self.zero(source)))

    def _channels(
        self, codes: IntArray, source: TensorSpec, register: Accumulator | None
    ) -> Iterator[tuple[Any, ...]]:
        """Yield the operands of each channel, a product of a matrix and a column."""
        known = constants(self, source)
        view = self._windows(codes, source)
        for channel in range(self.outputs):
            rows = view[..., channel // self.multiplier].reshape(-1, self.inputs)
            yield (
                np.ascontiguousarray(rows if known.place is None else rows[:, known.place]),
                np.ascontiguousarray(known.matrix[:, channel : channel + 1]),
                None if register is None else register.for_output(channel),
                known.factor_range,
                known.matrix_range,
                None if known.bias is None else known.bias[channel : channel + 1],
            )

    def reach(self, source: TensorSpec, low: IntArray, high: IntArray) -> Interval:
        """Return the range of every multiplicand (K, N), over all positions."""
        low, high = (
            np.broadcast_to(np.repeat(end, self.multiplier), (self.inputs, self.outputs))
            for end in window_reach(self, source, low, high)
        )
        return low, high

    def work(self, name: str, sources: Sequence[TensorSpec], before: Work | None) -> Work | None:
        """Return one row for each position of the window."""
        from accel_models import Work

        (source,) = sources
        return Work.depthwise(
            source.shape,
            self.weights.shape[:2],
            self.multiplier,
            stride=self.stride,
            dilation=self.dilation,
            padding=(self.top_left, self.bottom_right),
            **self.settings(name, source),
        )


@lru_cache(maxsize=128)
def _prepared(layer: DepthwiseConv2D, source: TensorSpec) -> dispatch.Depthwise:
    """Return a layer's weights, packed once, and where its windows stand."""
    known, taps = constants(layer, source), layer.taps
    offsets = np.indices(taps.size).reshape(2, -1).T * taps.dilation
    around = [sum(ends) for ends in zip(taps.top_left, taps.bottom_right, strict=True)]
    return dispatch.Depthwise(
        known.matrix,
        offsets if known.place is None else offsets[known.place],
        known.register,
        known.factor_range,
        known.matrix_range,
        known.bias,
        known.frac,
        known.zero,
        zero_code(source),
        layer.multiplier,
        (source.shape[0] + around[0], source.shape[1] + around[1]),
        taps.top_left,
        taps.stride,
        (known.shape[0], known.shape[1]),
    )
