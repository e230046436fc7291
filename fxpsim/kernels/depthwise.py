"""Depthwise convolutions: lanes along the channels, each lane a register with a window of its own.

The steps are those of matrix products (:mod:`fxpsim.kernels.steps`); only what a lane multiplies
differs: its own pixel, where a tile multiplies one entry of a row in all lanes.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic
from numpy.typing import NDArray

from fxpsim.kernels._jit import kernel
from fxpsim.kernels.lanes import KINDS, Lanes
from fxpsim.kernels.product import Panels
from fxpsim.kernels.steps import Term, planes_of, step_named
from fxpsim.kernels.tile import entry_at, int64, load_registers

__all__ = ["multiply"]

IntArray = NDArray[np.integer]

#: Vectors of sums at once, to hide the latency of an addition.
_VECTORS = 4
#: Padded pixels are made for so many at a time, to stay in the second-level cache.
_BLOCK = 1 << 17
#: What kernels read padded pixels from and write to; tests put margins around it.
_allocate = np.empty


@intrinsic(prefer_literal=True)
def _run_lanes(
    typingctx, step, lane, vectors, stored,
    pixels, offsets, panels, length, start, biased, parameters, out, plane_stride,
):  # fmt: skip
    """Compute a few vectors of sums at one position.

    The first four arguments are literals (``stored``: bits of a pixel), all others int64:
    addresses, and strides in entries.  ``offsets`` are those of each tap's pixels.
    """
    literals = (step, lane, vectors, stored)
    if not all(isinstance(argument, types.Literal) for argument in literals):
        return None
    step_name, lane_name, count, width = (literal.literal_value for literal in literals)
    signature = types.void(*literals, *([types.int64] * 9))

    def generate(context, builder, _signature, arguments):
        pixels, offsets, panels, length, start, biased, parameters, out, plane = arguments[4:]
        lanes, rule, number = Lanes(builder, lane_name), step_named(step_name), int64
        registers = load_registers(lanes, parameters)
        some_bias = builder.icmp_signed("!=", lanes.narrow(biased), lanes.constant(0))
        state = []
        for vector in range(count):
            pointer = entry_at(builder, start, lanes.entry, number(vector * lanes.count))
            first = lanes.load_entries(pointer, lanes.entry.width)
            state.append([])
            for value in rule.begin(lanes, registers, first, some_bias):
                state[-1].append(cgutils.alloca_once_value(builder, value))
                builder.store(value, state[-1][-1])

        with cgutils.for_range(builder, length) as loop:
            word, offset = ir.IntType(64), entry_at(builder, offsets, ir.IntType(64), loop.index)
            base, step_number = (
                builder.load(offset, typ=word), lanes.narrow(builder.add(loop.index, number(1)))
            )  # fmt: skip
            for vector, slots in enumerate(state):
                place = builder.add(base, number(vector * lanes.count))
                pixel = entry_at(builder, pixels, ir.IntType(width), place)
                panel = builder.add(builder.mul(number(vector), length), loop.index)
                panel = builder.mul(panel, number(lanes.count))
                term = Term(
                    lanes.load_entries(pixel, width),
                    lanes.load(entry_at(builder, panels, lanes.scalar, panel)),
                    step_number,
                    vector,
                )
                held = [builder.load(slot, typ=lanes.vector) for slot in slots]
                new = rule.add(lanes, registers, held, [term])
                for slot, value in zip(slots, new, strict=True):
                    builder.store(value, slot)

        for vector, slots in enumerate(state):
            held = [builder.load(slot, typ=lanes.vector) for slot in slots]
            for i, value in enumerate(rule.finish(lanes, registers, held)):
                place = builder.add(builder.mul(number(i), plane), number(vector * lanes.count))
                pointer = entry_at(builder, out, lanes.entry, place)
                lanes.store_entries(value, pointer, lanes.entry.width)
        return context.get_dummy_value()

    return signature, generate


@functools.cache
def _driver(step: str, lane: str) -> Callable:
    kind = KINDS[lane]
    size, lanes, panel_size = np.dtype(kind.entry).itemsize, kind.count, kind.bits // 8
    pixel_size = _pixel(lane).itemsize
    stored, many = 8 * pixel_size, _VECTORS

    @kernel
    def drive(
        images, first_image, last_image, image_size, down, right, offsets, panels, start, biased,
        parameters, out,
    ):  # fmt: skip
        """Fill some of ``out`` (planes, n, rows, columns, N padded) from flat images of them."""
        _, _, rows, columns, padded = out.shape
        words = offsets.size
        plane = out.strides[0] // size
        pixels, taps = np.int64(images.ctypes.data), np.int64(offsets.ctypes.data)
        panel, begin = np.int64(panels.ctypes.data), np.int64(start.ctypes.data)
        at, to = np.int64(parameters.ctypes.data), np.int64(out.ctypes.data)
        vectors, bias = padded // lanes, np.int64(biased)
        whole = vectors // many * many
        for n in range(first_image, last_image):
            for row in range(rows):
                for column in range(columns):
                    skipped = (n - first_image) * image_size
                    here = pixels + (skipped + row * down + column * right) * pixel_size
                    there = to + ((n * rows + row) * columns + column) * padded * size
                    for v in range(0, whole, many):
                        first = v * lanes
                        _run_lanes(
                            step, lane, many, stored, here + first * pixel_size, taps,
                            panel + first * words * panel_size, words, begin + first * size, bias,
                            at, there + first * size, plane,
                        )  # fmt: skip
                    for v in range(whole, vectors):
                        first = v * lanes
                        _run_lanes(
                            step, lane, 1, stored, here + first * pixel_size, taps,
                            panel + first * words * panel_size, words, begin + first * size, bias,
                            at, there + first * size, plane,
                        )  # fmt: skip

    return drive


def _pixel(lane: str) -> np.dtype:
    """Return the type that pixels are kept in."""
    return np.dtype(np.int64 if lane == "i64" else np.int16)


@kernel
def _spread(codes, zero, shift, repeats, top, left, width, out):
    """Copy images (n, height, width, channels), less the zero point, into flat padded ones."""
    count, height, _, channels = codes.shape
    for n in range(count):
        for y in range(height):
            row, at = codes[n, y].reshape(-1), ((y + top) * width + left) * channels * repeats
            if repeats == 1:
                target = out[n, at : at + row.size]
                for i in range(row.size):
                    target[i] = (row[i] - zero) << shift
            else:
                for i in range(row.size):
                    for j in range(repeats):
                        out[n, at + i * repeats + j] = (row[i] - zero) << shift


def multiply(
    panels: Panels,
    codes: IntArray,
    zero: int,
    outside: int,
    repeats: int,
    image: tuple[int, int],
    top_left: tuple[int, int],
    stride: tuple[int, int],
    positions: tuple[int, int],
    offsets: NDArray[np.int64],
) -> NDArray[np.signedinteger]:
    """Return the planes of a depthwise convolution.

    Parameters
    ----------
    panels : Panels
        Weights (taps, columns * N) and starting values packed for a plan that takes one product at
        a time, on lanes of which each holds one; the caller has made sure that sums fit them.
        Where there are several columns' weights, the stride to the right is 1.
    codes : integer array (n, height, width, channels), C-contiguous
        Input codes.
    zero, outside : int
        What is taken off every code; the code that padding has.
    repeats : int
        Outputs of every channel, N in all.
    image, top_left, stride, positions : (int, int)
        Height and width with padding; padding above and on the left; pixels down and to the right
        from one position to the next; how many positions there are.
    offsets : int64 array (taps,)
        From the first tap's pixel to each tap's, in entries of rows of (width, N).

    Returns
    -------
    int32 or int64 array of shape (planes, n, *positions, N)
        As :func:`fxpsim.kernels.steps.planes_of` names them.
    """
    plan, (rows, columns) = panels.plan, positions
    count, outputs = len(codes), codes.shape[3] * repeats
    joined, padded = panels.outputs // outputs, panels.begin.shape[1]
    size = image[0] * image[1] * outputs
    dtype, planes = _pixel(plan.lane), len(planes_of(plan.step))
    out = _allocate((planes, count, rows, columns // joined, padded), panels.begin.dtype)
    block = max(1, min(count, _BLOCK // size))
    # Lanes beyond the last output read on, past the last image.
    room = _allocate(block * size + padded, dtype)
    room[:] = (outside - zero) << plan.a_shift
    images = room[: block * size].reshape(block, size)
    for first in range(0, count, block):
        part = codes[first : first + block]
        _spread(part, zero, plan.a_shift, repeats, *top_left, image[1], images)
        _driver(plan.step, plan.lane)(
            images, first, first + len(part), size, stride[0] * image[1] * outputs,
            stride[1] * outputs, offsets, panels.panels, panels.begin[0], panels.biased,
            panels.parameters, out,
        )  # fmt: skip
    if padded != panels.outputs:
        out = np.ascontiguousarray(out[..., : panels.outputs])
    return out.reshape(planes, count, rows, columns, outputs)
