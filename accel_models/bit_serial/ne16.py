"""NE16, the convolution engine of GAP9: 3 x 3 outputs of 32 channels, weights bit by bit.

A 3 x 3 window takes a cycle for each bit of a weight and each output channel; a 1 x 1 window has
its bits side by side and takes one cycle whatever their number. Every tile passes through the same
phases: load, multiply, scale, write. The formulas are those of DORY (Ne16PerfModel at be3d6dd).
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING

from accel_models.bit_serial.count import Count
from accel_models.constants import Constant
from accel_models.demand import Demand, Kind
from accel_models.elementwise import Number, ceil_div, choose
from accel_models.toml import read_toml

if TYPE_CHECKING:
    from accel_models.bit_serial import BitSerial
    from accel_models.work import Work

__all__ = ["Engine", "count", "mode", "read_engine", "refusals"]


@dataclass(frozen=True, slots=True)
class Engine:
    """Sizes and latencies of NE16."""

    text: str
    tile_height: Constant
    tile_width: Constant
    output_channels: Constant
    input_channels: Constant
    port_bits: Constant
    fifo_cycles: Constant
    pointwise_load_cycles: Constant
    update_cycles: Constant
    scale_cycles: Constant
    scale_multipliers: Constant
    bias_cycles: Constant
    bias_adders: Constant
    shifters: Constant
    write_cycles: Constant


@functools.cache
def read_engine() -> Engine:
    """Return the constants of NE16."""
    return read_toml(files("accel_models.bit_serial") / "ne16.toml", Engine)


def refusals(work: Demand) -> Iterator[tuple[Number, str]]:
    """Yield what NE16 has no mode for."""
    yield (
        (work.weight_bits < 2) | (work.weight_bits > 8),
        (f"has {work.weight_bits}-bit weights, but NE16 takes 2 to 8"),
    )
    yield work.activation_bits != 8, f"has {work.activation_bits}-bit activations, not 8"
    window = work.window
    if window is None:
        return
    height, width = window.kernel
    not_square = (height != 3) | (width != 3)
    not_point = (height != 1) | (width != 1)
    if work.kind is Kind.DEPTHWISE:
        yield not_square, f"has a {height} x {width} window, but depthwise ones are 3 x 3"
        yield work.outputs != work.groups, "has several outputs for each channel"
    else:
        neither = not_square & not_point
        yield neither, f"has a {height} x {width} window, but NE16 has 3 x 3 and 1 x 1"
    steps = (window.stride[0] != 1) | (window.stride[1] != 1)
    yield steps, "has strides, which the cycles of NE16 are not known for"
    spread = (window.dilation[0] != 1) | (window.dilation[1] != 1)
    yield spread & not_point, "is dilated, but windows of NE16 are not"


def mode(work: Work) -> str:
    """Return the name of the mode that runs a layer."""
    if work.kind is Kind.DEPTHWISE:
        return "NE16 depthwise 3x3"
    return "NE16 3x3" if work.window is not None and work.window.taps == 9 else "NE16 1x1"


def count(machine: BitSerial, work: Demand) -> Count:
    """Count the cycles of one layer, tile by tile."""
    engine = read_engine()
    tall, wide = engine.tile_height.whole, engine.tile_width.whole
    depthwise = work.kind is Kind.DEPTHWISE
    per_tile = (engine.input_channels if depthwise else engine.output_channels).whole
    height, width = (work.rows, 1) if work.window is None else work.window.output
    point = True if work.window is None else work.window.taps == 1
    tiles = ceil_div(height, tall) * ceil_div(width, wide)
    inputs = (
        work.outputs
        if depthwise
        else work.inputs
        if work.window is None
        else (work.window.image[2])
    )
    rounds = 1 if depthwise else ceil_div(inputs, engine.input_channels.whole)
    full, rest = work.outputs // per_tile, work.outputs % per_tile

    def iteration(channels: Number) -> Number:
        phases = _load(engine, point) + _multiply(engine, work, depthwise, point, channels)
        return rounds * phases + _scale(engine, machine, work, channels) + _write(engine)

    last = choose(rest != 0, iteration(rest), 0)
    cycles = tiles * (full * iteration(per_tile) + last)
    # One bit of all weights of a 3 x 3 window and 16 channels, for all 9 outputs, in a cycle.
    lanes = 9 * engine.input_channels.whole * tall * wide
    pixels = choose(point, tall * wide, (tall + 2) * (wide + 2))
    visits = tiles * (full + choose(rest != 0, 1, 0))
    read = visits * rounds * pixels * engine.input_channels.whole * work.activation_bits
    written = work.output_values * work.output_bits
    buffer_bits = read + tiles * work.weights * work.weight_bits + written + work.parameter_bits
    return Count(cycles, work.macs * work.weight_bits / lanes, buffer_bits, {"tiles": visits})


def _load(engine: Engine, point: Number) -> Number:
    """Return the cycles that bring in the inputs of a tile."""
    tall, wide = engine.tile_height.whole, engine.tile_width.whole
    words = ceil_div(engine.input_channels.whole * 8, engine.port_bits.whole)
    pointwise = engine.pointwise_load_cycles.whole + tall * wide * words
    return choose(point, pointwise, engine.fifo_cycles.whole + (tall + 2) * (wide + 2) * words)


def _multiply(
    engine: Engine, work: Demand, depthwise: bool, point: Number, channels: Number
) -> Number:
    """Return the cycles of weight offsets, products and the step to the next tile."""
    fifo = engine.fifo_cycles.whole
    offset = fifo + channels if depthwise else fifo
    serial = fifo + channels * work.weight_bits
    return offset + choose(point, fifo + channels, serial) + engine.update_cycles.whole


def _scale(engine: Engine, machine: BitSerial, work: Demand, channels: Number) -> Number:
    """Return the cycles of multipliers, biases and shifts."""
    multiply = engine.scale_cycles.whole + ceil_div(
        channels * (machine.scale_bits // 8), engine.scale_multipliers.whole
    )
    add = engine.bias_cycles.whole + ceil_div(channels, engine.bias_adders.whole)
    shift = ceil_div(engine.output_channels.whole, engine.shifters.whole) if machine.shifts else 0
    return multiply + choose(work.bias_bits > 0, add, 0) + shift


def _write(engine: Engine) -> Number:
    """Return the cycles that take out the outputs of a tile."""
    words = ceil_div(engine.output_channels.whole * 8, engine.port_bits.whole)
    return engine.write_cycles.whole + engine.tile_height.whole * engine.tile_width.whole * words
