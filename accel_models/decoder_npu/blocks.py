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
_BANK = 10  # bits of the address of a byte in a bank
_LARGE = 1 << 24  # bytes that no buffer holds
_TOGETHER = 4096  # layers whose columns fit a cache
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
    columns = [getattr(shape, name) for name in Shape.__slots__]
    rows = max((column.size for column in columns if hasattr(column, "size")), default=1)
    if rows <= _TOGETHER:
        return _find(machine, shape)
    import numpy as np

    # Layers of few outputs together: these have few blocks.
    outputs = np.broadcast_to(shape.outputs, rows)
    order = np.argsort(outputs, kind="stable")
    found = {name: np.empty(rows, np.int64) for name in Block.__slots__}
    for at in range(0, rows, _TOGETHER):
        places = order[at : at + _TOGETHER]
        part = Shape(*(c[places] if hasattr(c, "size") else c for c in columns))
        block = _find(machine, part)
        for name, values in found.items():
            values[places] = getattr(block, name)
    return Block(**found)


def _find(machine: Accelerator, shape: Shape) -> Block:
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
        for height in _heights(most_tall, tall):
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
        if step * _SPLIT >= _top(most_deep):
            break
    assert best is not None
    return best


def _heights(most: Number, unit: int) -> list[Number]:
    """Return the heights of equal parts of a layer, in whole units."""
    found = [round_up(ceil_div(most, part), unit) for part in _PARTS if part * unit <= _top(most)]
    return found if hasattr(most, "shape") else sorted(set(found))


def _top(value: Number) -> int:
    """Return the largest of all entries."""
    return int(value.max()) if hasattr(value, "shape") else int(value)


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
    """Return the largest width of a block that fits, in whole units; 0: none does.

    Inputs and sums, both twice, share the buffer, each in whole granules of banks.
    """
    unit = machine.unit_width.whole
    one = _block(shape, height, unit, depth)
    wide = shape.activation_bits == 16
    input_granule = choose(wide, machine.input_granule_16.whole, machine.input_granule_8.whole)
    sum_granule = choose(wide, machine.sum_granule_40.whole, machine.sum_granule_32.whole)
    free = machine.banks.whole - machine.reserved_end_banks.whole - _OUTPUT_BANKS
    column = one.input_height * round_up(one.input_depth * shape.activation_bits // 8, 8)
    first = _narrow(column * one.input_width)
    column = _narrow(column * (unit * shape.stride_width))
    sums = _narrow(height * unit * round_up(depth, 8) * shape.sum_bits // 8)
    units, width = _narrow(most // unit), _narrow(0 * most)
    for bit in reversed(range((_top(most) // unit).bit_length())):
        tried = width + (1 << bit)
        inputs = round_up(_banks(first + (tried - 1) * column), input_granule)
        fits = inputs + round_up(_banks(tried * sums), sum_granule) <= free
        width = width + ((fits & (tried <= units)) << bit)
    return 0 * most + width * unit  # of the bits of `most` again


def _banks(count: Number) -> Number:
    """Return the banks of bytes that are held twice."""
    return -(-count >> _BANK) << 1


def _narrow(count: Number) -> Number:
    """Return numbers in 32 bits, for speed; those that no buffer holds stay that large."""
    count = smaller(count, _LARGE)
    return count.astype("int32") if hasattr(count, "astype") else count


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
