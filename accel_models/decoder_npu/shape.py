"""A layer as the accelerator sees it: an image, a window, and how it goes through the channels."""

from __future__ import annotations

from dataclasses import dataclass

from accel_models.demand import Demand, Kind
from accel_models.elementwise import Number, choose, round_up, smaller

__all__ = ["Shape", "shape_of"]


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of one layer, or columns of many.

    Attributes
    ----------
    kind
        What is computed.
    height, width, outputs
        Of the output.
    input_height, input_width, channels
        Of the input.
    kernel_height, kernel_width, span_height, span_width
        Taps, and pixels from the first to the last.
    stride_height, stride_width
        Pixels from one position to the next.
    activation_bits, sum_bits
        8 or 16, and 32 or 40.
    part_kernel
        Whether taps come before channels, for few channels.
    input_block_depth
        Channels of the input that are in the buffer at once.
    """

    kind: Kind
    height: Number
    width: Number
    outputs: Number
    input_height: Number
    input_width: Number
    channels: Number
    kernel_height: Number
    kernel_width: Number
    span_height: Number
    span_width: Number
    stride_height: Number
    stride_width: Number
    activation_bits: Number
    sum_bits: Number
    part_kernel: Number
    input_block_depth: Number

    @property
    def by_channel(self) -> bool:
        """Whether every output has one channel of the input."""
        return self.kind in (Kind.DEPTHWISE, Kind.POOL, Kind.ELEMENTWISE)

    @property
    def taps(self) -> Number:
        """Taps of the window."""
        return self.kernel_height * self.kernel_width

    @property
    def weight_taps(self) -> Number:
        """Taps that have weights which are fetched with every block."""
        return self.taps if self.kind in (Kind.CONV2D, Kind.DEPTHWISE) else 0


def _input_block_depth(channels: Number, bits: Number, part_kernel: Number) -> Number:
    narrow = round_up(smaller(channels, choose(part_kernel, 16, 32)), 8)
    return choose(bits == 16, round_up(smaller(channels, 16), 4), narrow)


def shape_of(work: Demand) -> Shape:
    """Return a layer as the accelerator sees it; a dense one is a row of pixels."""
    wide = work.activation_bits > 8
    bits = choose(wide, 16, 8)
    sums = choose(wide & (work.kind is not Kind.POOL), 40, 32)
    window = work.window
    if window is None:
        pixels, channels = work.rows, work.inputs
        if work.kind is Kind.ELEMENTWISE:
            channels = work.outputs
        return Shape(
            work.kind,
            *(1, pixels, work.outputs),
            *(1, pixels, channels),
            *(1, 1, 1, 1, 1, 1),
            bits,
            sums,
            False,
            _input_block_depth(channels, bits, False),
        )
    channels = window.image[2]
    taps = window.taps
    # The order that keeps more multipliers busy.
    by_depth = channels / round_up(channels, choose(wide, 16, 32))
    by_taps = channels * taps / (round_up(channels, 8) * round_up(taps, choose(wide, 2, 4)))
    part = (channels <= 8) | (by_taps > by_depth) if work.kind is Kind.CONV2D else False
    return Shape(
        work.kind,
        *(*window.output, work.outputs),
        *window.image,
        *(*window.kernel, *window.span),
        *window.stride,
        bits,
        sums,
        part,
        _input_block_depth(channels, bits, part),
    )
