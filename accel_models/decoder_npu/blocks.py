"""Into which blocks a layer is cut: the largest whose inputs and sums share the buffer.

A block is made of units (the outputs of one step). The one that makes the machine fetch least wins,
as in Arm's compiler (Vela 5.2.0, architecture_allocator.py: find_block_config); of its heights only
equal parts of a layer are tried here.
"""

from __future__ import annotations

from dataclasses import dataclass

from accel_models.decoder_npu.machine import Accelerator
from accel_models.decoder_npu.shape import Shape
from accel_models.elementwise import Number, ceil_div, choose, larger, round_up, smaller

__all__ = ["Block", "find_block"]

_MOST_WIDE, _MOST_TALL, _MOST_DEEP = 64, 32, 128
_SPLIT = 16  # depth of the first block that is tried
_PARTS = (16, 12, 8, 6, 4, 3, 2, 1)
_BANK = 1024  # bytes
_SMALL = 4  # outputs in either direction
_OUTPUT_BANKS = 2
_SUB_KERNEL = 8  # taps in either direction that are done at once


@dataclass(frozen=True, slots=True)
class Block:
    """Outputs of a block, and the inputs that they need; numbers or columns."""

    height: Number
    width: Number
    depth: Number
    input_height: Number
    input_width: Number
    input_depth: Number


def find_block(machine: Accelerator, shape: Shape) -> Block:
    """Return the block that fetches least of all that fit the shared buffer."""
    tall, wide, deep = (
        machine.unit_height.whole,
        machine.unit_width.whole,
        machine.unit_depth.whole,
    )
    most_tall = round_up(smaller(shape.height, _MOST_TALL), tall)
    most_wide = round_up(smaller(shape.width, _MOST_WIDE), wide)
    most_deep = round_up(smaller(shape.outputs, _MOST_DEEP), deep)
    best: Block | None = None
    least: Number = 0
    for step in range(1, _MOST_DEEP // _SPLIT + 1):
        depth = smaller(step * _SPLIT, most_deep)
        for part in _PARTS:
            height = round_up(ceil_div(most_tall, part), tall)
            width = _widest(machine, shape, height, depth, most_wide)
            found = _block(shape, height, larger(width, wide), depth)
            cost = choose(width > 0, _fetched(shape, found), 1e18)
            if best is None:
                best, least = found, cost
                continue
            # Small blocks that cost the same: the last one, which is the deepest.
            small = (height <= _SMALL) & (found.width <= _SMALL)
            better = (cost < least) | (small & (cost == least))
            least = choose(better, cost, least)
            best = Block(
                *(
                    choose(better, getattr(found, name), getattr(best, name))
                    for name in Block.__slots__
                )
            )
        if not hasattr(most_deep, "shape") and step * _SPLIT >= most_deep:
            break
    assert best is not None
    return best


def _block(shape: Shape, height: Number, width: Number, depth: Number) -> Block:
    """Return a block with the inputs of its outputs."""
    taps_high = smaller(shape.span_height, _SUB_KERNEL)
    taps_wide = smaller(shape.span_width, _SUB_KERNEL)
    channels = depth if shape.by_channel else shape.input_block_depth
    return Block(
        height,
        width,
        depth,
        (height - 1) * shape.stride_height + taps_high,
        (width - 1) * shape.stride_width + taps_wide,
        channels,
    )


def _widest(
    machine: Accelerator, shape: Shape, height: Number, depth: Number, most: Number
) -> Number:
    """Return the largest width of a block that fits, in whole units; 0: none does."""
    unit = machine.unit_width.whole
    low, high = 0 * most, most // unit
    for _ in range((_MOST_WIDE // unit).bit_length()):
        middle = (low + high + 1) // 2
        fits = _fits(machine, shape, _block(shape, height, larger(middle, 1) * unit, depth))
        fits = fits & (middle > 0)
        low, high = choose(fits, middle, low), choose(fits, high, larger(middle - 1, 0))
    return low * unit


def _fits(machine: Accelerator, shape: Shape, block: Block) -> Number:
    """Return whether inputs and sums, both twice, fit the shared buffer."""
    wide = shape.activation_bits == 16
    granule = choose(wide, machine.input_granule_16.whole, machine.input_granule_8.whole)
    row = round_up(block.input_depth * shape.activation_bits // 8, 8)
    held = block.input_height * block.input_width * row
    inputs = round_up(2 * ceil_div(held, _BANK), granule)
    granule = choose(wide, machine.sum_granule_40.whole, machine.sum_granule_32.whole)
    sums = block.height * block.width * round_up(block.depth, 8) * shape.sum_bits // 8
    sums = round_up(2 * ceil_div(sums, _BANK), granule)
    free = machine.banks.whole - machine.reserved_end_banks.whole - _OUTPUT_BANKS
    return inputs + sums <= free


def _fetched(shape: Shape, block: Block) -> Number:
    """Return the inputs and weights that are fetched for each output."""
    across = ceil_div(shape.height, block.height) * ceil_div(shape.width, block.width)
    parts = shape.height * shape.width / (block.height * block.width)
    repeats = ceil_div(shape.span_height, _SUB_KERNEL) * ceil_div(shape.span_width, _SUB_KERNEL)
    inputs = block.input_height * block.input_width * shape.channels * repeats * parts
    weights = shape.weight_taps * shape.channels * across
    if not shape.by_channel:
        inputs = inputs * ceil_div(shape.outputs, block.depth)
        weights = weights * shape.outputs
    cost = (inputs + weights) / (shape.height * shape.width * shape.outputs)
    # An input that both halves of the buffer hold is fetched once.
    whole = shape.input_height * shape.input_width * shape.channels
    held = block.input_height * block.input_width * block.input_depth * 2
    return choose(whole < held, cost / 2, cost)
