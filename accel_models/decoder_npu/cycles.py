"""Cycles of a layer, block by block: multiply, scale and write, in a pipeline of two stages.

The formulas are those of Arm's compiler (Vela 5.2.0, regor: ethos_u55_performance.cpp), which calls
them estimates.
"""

from __future__ import annotations

from collections.abc import Iterator

from accel_models.decoder_npu.blocks import Block
from accel_models.decoder_npu.machine import Accelerator, System
from accel_models.decoder_npu.shape import Shape
from accel_models.demand import Kind
from accel_models.elementwise import Number, ceil_div, choose, larger, smaller, whole

__all__ = ["block_cycles", "layer_cycles", "spatial_blocks"]

_SUB_KERNEL = 8
_WEIGHTS_PER_UNIT = 32  # weights of 4 steps of 8 inputs, which the decoder has to deliver
_DECODED = 8  # weights that it delivers in a cycle
_SCALE_BYTES = 10  # bias, multiplier and shift of an output
_BRICK = 16  # channels that lie together in memory
_SHARE = 4  # a block is quartered between command, memory and arithmetic


def layer_cycles(
    machine: Accelerator,
    system: System,
    shape: Shape,
    block: Block,
    per_output: Number,
    scale_latency: float,
) -> Number:
    """Return the cycles of the accelerator for a layer.

    Parameters
    ----------
    per_output
        Cycles for which the output stage is busy with each output.
    scale_latency
        Cycles until the memory with biases and scales answers; 0 where there are none.
    """
    height, width = smaller(shape.height, block.height), smaller(shape.width, block.width)
    depth = smaller(shape.outputs, block.depth)
    elements = height * width * depth
    multiply = block_cycles(machine, shape, block)
    blocks = shape.height * shape.width * shape.outputs / elements
    scales = _SCALE_BYTES * depth * scale_latency // 256
    output = larger(whole(per_output * elements), scales)
    floor = (output + multiply) // _SHARE
    multiply, output = larger(multiply, floor), larger(output, floor)
    longer, shorter = larger(multiply, output), smaller(multiply, output)
    return whole(longer * blocks) + shorter + _exposed(machine, system, shape, block)


def block_cycles(machine: Accelerator, shape: Shape, block: Block) -> Number:
    """Return the cycles of the multipliers for one block."""
    height, width = smaller(shape.height, block.height), smaller(shape.width, block.width)
    depth = smaller(shape.outputs, block.depth)
    tall, wide = machine.unit_height.whole, machine.unit_width.whole
    across = ceil_div(height, tall) * ceil_div(width, wide)
    if tall == 2 and shape.kind in (Kind.CONV2D, Kind.DENSE):
        # One line of an even width is made four at a time instead of two by two.
        line = (shape.height == 1) & (shape.width % 2 == 0) & (shape.kernel_height == 1)
        across = choose(line, ceil_div(width, 4), across)
    layers = ceil_div(depth, machine.unit_depth.whole)
    least = _WEIGHTS_PER_UNIT * machine.unit_depth.whole // _DECODED
    channels = smaller(shape.channels, block.input_depth)
    rounds = ceil_div(channels, 8)
    found: Number = 0
    for taps, times in _sub_kernels(shape):
        if shape.kind is Kind.POOL:
            steps: Number = 1
            factor = 1 if machine.small else shape.activation_bits // 2
            cycles = larger(taps, 4) * across * layers * factor
        elif shape.kind is Kind.DEPTHWISE:
            steps = ceil_div(taps, 4)
            cycles = larger(least, 4 * across * (shape.activation_bits // 8)) * steps * layers
        else:
            part = ceil_div(taps, choose(shape.activation_bits == 16, 2, 4))
            steps = choose(shape.part_kernel, part, taps)
            cycles = larger(least, 4 * across) * steps * layers
            cycles = choose(shape.part_kernel, cycles * rounds, cycles)
        waits = _waits(machine, shape, across, layers, steps)
        if shape.kind is Kind.CONV2D:
            waits = choose(shape.part_kernel, waits * rounds, waits)
        found = found + choose(taps > 0, (cycles + waits) * times, 0)
    if not shape.by_channel:
        found = found * ceil_div(shape.channels, channels)
    return found // machine.cores.whole


def _sub_kernels(shape: Shape) -> Iterator[tuple[Number, Number]]:
    """Yield the taps of the parts of a window that are done at once, and how many there are."""
    full_high, rest_high = shape.kernel_height // _SUB_KERNEL, shape.kernel_height % _SUB_KERNEL
    full_wide, rest_wide = shape.kernel_width // _SUB_KERNEL, shape.kernel_width % _SUB_KERNEL
    yield _SUB_KERNEL * _SUB_KERNEL, full_high * full_wide
    yield _SUB_KERNEL * rest_wide, full_high
    yield rest_high * _SUB_KERNEL, full_wide
    yield rest_high * rest_wide, 1


def _waits(
    machine: Accelerator, shape: Shape, across: Number, layers: Number, steps: Number
) -> Number:
    """Return the cycles for which a unit waits for its own sums."""
    wide = shape.sum_bits == 40
    delay = choose(wide, machine.delay_cycles_40.whole, machine.delay_cycles.whole)
    single = choose(layers == 1, delay * steps, delay * (steps - 1) * layers)
    found = choose(across == 1, single, 0)
    if machine.small:
        found = found + choose(wide & (layers > 1) & (across == 1), delay * layers, 0)
    return found


def _exposed(machine: Accelerator, system: System, shape: Shape, block: Block) -> Number:
    """Return the cycles of the first inputs and of the last outputs, which nothing hides."""
    rate = machine.port_bytes.value * system.sram_scale.value
    latency = system.sram_latency.value
    inputs = (
        smaller(shape.input_height, block.input_height)
        * smaller(shape.input_width, block.input_width)
        * smaller(shape.channels, block.input_depth)
    )
    outputs = (
        smaller(shape.height, block.height)
        * smaller(shape.width, block.width)
        * smaller(shape.outputs, block.depth)
    )
    size = shape.activation_bits // 8
    # A burst shorter than the memory's takes as long as a full one.
    full = system.sram_burst.whole
    together = smaller(shape.channels, _BRICK) * block.width * size
    read = inputs * size * full / smaller(full, together)
    write = outputs * size * full / smaller(full, _BRICK * block.width * size)
    return whole(read / rate) + whole(write / rate) + 2 * whole(latency)


def spatial_blocks(shape: Shape, block: Block) -> Number:
    """Return the blocks that lie side by side: so often weights are fetched."""
    return ceil_div(shape.height, block.height) * ceil_div(shape.width, block.width)
