"""Depthwise convolutions: every channel has a window of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fxpsim import dispatch
from fxpsim.accumulators import Accumulator
from fxpsim.dispatch import Planes
from fxpsim.engine import compiled
from fxpsim.errors import GraphError
from fxpsim.formats import Overflow
from fxpsim.ops.convolution import check_image, settle_taps, window_reach
from fxpsim.ops.layer import Layer, constants, multiplicand_weights
from fxpsim.ops.matrix import joined
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

    def _padded(self, codes: IntArray, source: TensorSpec) -> IntArray:
        factors = constants(self, source).factors(codes)
        return self.taps.pad(factors, zero_code(source) - self.zero(source))

    def registers(self, codes: IntArray, source: TensorSpec, *, proven: bool = False) -> IntArray:
        """Return the registers (n, *shape); ``proven`` ones never overflow: any order will do."""
        register = constants(self, source).register
        proven = register.exact_where_it_fits and proven
        wraps = register.plain and register.overflow is Overflow.WRAP
        if proven or register.plain:
            step = "exact" if proven or wraps else "clamp"
            if (planes := self._compiled(step, codes, source)) is not None:
                sums = planes[0]
                return sums if proven or not wraps else _wrapped(sums, register)
        columns = [
            dispatch.product(*operands, product_frac=constants(self, source).frac, proven=proven)
            for operands in self._channels(codes, source, register)
        ]
        return np.concatenate(columns, axis=1).reshape(len(codes), *self.shape(source))

    def planes(self, codes: IntArray, source: TensorSpec, *, exact: bool = False) -> Planes:
        """Return what the registers did (sums, N); ``exact``: those of sums without overflow."""
        if exact and (planes := self._compiled("peaks", codes, source)) is not None:
            sums, lowest, highest = (plane.reshape(-1, self.outputs) for plane in planes)
            nothing = np.zeros_like(sums)
            levels = {"final": nothing}, {"final": nothing - 1}
            return Planes(sums, sums, lowest, highest, *levels, *self._products(codes, source))
        register = None if exact else constants(self, source).register
        columns = [
            dispatch.product_planes(*operands, product_frac=constants(self, source).frac)
            for operands in self._channels(codes, source, register)
        ]
        return joined(columns, axis=1)

    def _products(self, codes: IntArray, source: TensorSpec) -> tuple[IntArray, IntArray]:
        """Return the lowest and highest product (N,) of each channel."""
        if not codes.size:
            return np.zeros(self.outputs, np.int64), np.zeros(self.outputs, np.int64)
        view = self.taps.view(self._padded(codes, source))
        weights = constants(self, source).matrix.astype(np.int64)
        ends = [
            extreme(view, axis=(0, 1, 2)).reshape(self.inputs, -1).repeat(self.multiplier, axis=1)
            * weights
            for extreme in (np.min, np.max)
        ]
        return np.minimum(*ends).min(axis=0), np.maximum(*ends).max(axis=0)

    def _channels(
        self, codes: IntArray, source: TensorSpec, register: Accumulator | None
    ) -> Iterator[tuple[Any, ...]]:
        """Yield the operands of each channel, a product of a matrix and a column."""
        known = constants(self, source)
        view = self.taps.view(self._padded(codes, source))
        for channel in range(self.outputs):
            rows = view[..., channel // self.multiplier].reshape(-1, self.inputs)
            yield (
                np.ascontiguousarray(rows if known.place is None else rows[:, known.place]),
                np.ascontiguousarray(known.matrix[:, channel : channel + 1]),
                register,
                known.factor_range,
                known.matrix_range,
                None if known.bias is None else known.bias[channel : channel + 1],
            )

    def _compiled(self, step: str, codes: IntArray, source: TensorSpec) -> IntArray | None:
        """Return the planes of one step for all channels at once; None where it may not fit."""
        known = constants(self, source)
        register = known.register
        if not compiled() or known.place is not None or codes.dtype == np.object_:
            return None
        product = max(abs(x * w) for x in known.factor_range for w in known.matrix_range)
        bias = 0 if known.bias is None else int(np.abs(known.bias).max())
        if step == "clamp":
            reach = max(register.hi, -register.lo) + product
            start = None if known.bias is None else known.bias.clip(register.lo, register.hi)
        else:
            reach, start = self.inputs * product + bias, known.bias
        if reach >= 1 << 62:
            return None
        from fxpsim.kernels.depthwise import multiply

        images = self._padded(codes, source)
        return multiply(
            step,
            images if self.multiplier == 1 else images.repeat(self.multiplier, axis=3),
            known.matrix.reshape(self.weights.shape),
            start,
            self.stride,
            self.dilation,
            (known.shape[0], known.shape[1]),
            (register.lo, register.hi),
            np.int32 if reach < 1 << 31 else np.int64,
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


def _wrapped(sums: IntArray, register: Accumulator) -> IntArray:
    """Return sums modulo the register."""
    mask = np.int64((1 << register.bits) - 1)
    return register.lo + ((sums.astype(np.int64) - register.lo) & mask)
