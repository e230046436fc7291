"""Slice, Split, Gather, Pad and Concat."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxpsim import ops
from fxpsim.errors import DataError
from fxpsim.formats import Affine
from fxpsim.importers.onnx.importer import Importer
from fxpsim.importers.onnx.model import Constant, Operator
from fxpsim.importers.onnx.quantization import affine, dequantized, quantizer
from fxpsim.importers.onnx.shapes import move, within
from fxpsim.importers.onnx.values import Codes, Joined, Pending, Real, Value

__all__ = ["concat", "gather", "pad", "qlinear_concat", "slice_of", "split"]

Array = NDArray[Any]
Shape = tuple[int, ...]


def _cut(importer: Importer, name: str, value: Value, cuts: dict[int, range]) -> Value:
    """Append the elements at ``cuts`` of the file's axes."""
    inner = {value.axis(axis): kept for axis, kept in cuts.items()}
    whole = [inner.get(axis, range(size)) for axis, size in enumerate(value.spec.shape)]
    if any(not len(kept) for kept in whole):
        raise DataError("nothing is left")
    op = ops.Slice(
        tuple(kept.start for kept in whole),
        tuple(len(kept) for kept in whole),
        tuple(kept.step for kept in whole),
    )
    return importer.add(name, op, value, axes=value.axes)


def slice_of(importer: Importer, operator: Operator) -> None:
    """Append every step-th element between ends."""
    starts, ends = (importer.integers(operator, i, n) for i, n in ((1, "starts"), (2, "ends")))
    if starts is None or ends is None:
        raise DataError("starts and ends must be given")
    axes = importer.integers(operator, 3, "axes") or tuple(range(len(starts)))
    steps = importer.integers(operator, 4, "steps") or (1,) * len(starts)
    if not len(starts) == len(ends) == len(axes) == len(steps) or 0 in steps:
        raise DataError("starts, ends, axes and steps must be as many, steps not 0")

    def cuts(shape: Shape) -> dict[int, range]:
        return {
            within(axis, len(shape)): range(*slice(start, end, step).indices(
                shape[within(axis, len(shape))]))
            for axis, start, end, step in zip(axes, starts, ends, steps, strict=True)
        }  # fmt: skip

    def of_constant(array: Array) -> Array:
        index = [slice(None)] * array.ndim
        for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
            index[within(axis, array.ndim)] = slice(start, end, step)
        return array[tuple(index)]

    def change(value: Value) -> Value:
        wanted = {
            axis: kept for axis, kept in cuts(value.shape).items()
            if kept != range(value.shape[axis])
        }  # fmt: skip
        return _cut(importer, operator.outputs[0], value, wanted) if wanted else value

    move(importer, operator, change, of_constant)


def split(importer: Importer, operator: Operator) -> None:
    """Append parts along an axis."""
    given, axis = importer.integers(operator, 1, "split"), operator.number("axis", 0)
    count = len(operator.outputs)

    def bounds(length: int) -> list[int]:
        sizes = given
        if sizes is None:
            each = -(-length // count)
            sizes = tuple(min(each, length - i * each) for i in range(count))
        if len(sizes) != count or sum(sizes) != length or min(sizes) < 1:
            raise DataError(f"{count} parts of sizes {sizes} do not fill an axis of {length}")
        return [0, *np.cumsum(sizes).tolist()]

    for position, name in enumerate(operator.outputs):

        def change(value: Value, i: int = position, called: str = name) -> Value:
            place = value.position(axis)
            edges = bounds(value.shape[place])
            return _cut(importer, called, value, {place: range(edges[i], edges[i + 1])})

        def of_constant(array: Array, i: int = position) -> Array:
            place = within(axis, array.ndim)
            edges = bounds(array.shape[place])
            return np.take(array, range(edges[i], edges[i + 1]), axis=place)

        if name:
            move(importer, operator, change, of_constant, position)


def gather(importer: Importer, operator: Operator) -> None:
    """Append one element, or several in a row, along an axis."""
    indices = importer.known(operator, 1, "indices").array
    axis = operator.number("axis", 0)
    if not np.issubdtype(indices.dtype, np.integer) or indices.ndim > 1 or indices.size > 4096:
        raise DataError("indices must be a few integers")

    def counted(length: int) -> Array:
        if ((indices < -length) | (indices >= length)).any():
            raise DataError(f"indices must be within {length} elements")
        return np.asarray(indices % length)

    def change(value: Value) -> Value:
        place = value.position(axis)
        wanted = counted(value.shape[place]).reshape(-1)
        steps = np.diff(wanted)
        step = int(steps[0]) if steps.size else 1
        if not wanted.size or step == 0 or (steps != step).any():
            raise DataError("indices must be evenly spaced")
        kept = range(int(wanted[0]), int(wanted[0]) + step * wanted.size, step)
        part = _cut(importer, operator.outputs[0], value, {place: kept})
        if indices.ndim:
            return part
        return importer.reshaped(part, part.shape[:place] + part.shape[place + 1 :])

    def of_constant(array: Array) -> Array:
        place = within(axis, array.ndim)
        importer.reserve(indices.size * (array.size // max(1, array.shape[place])))
        return np.take(array, counted(array.shape[place]), axis=place)

    move(importer, operator, change, of_constant)


def pad(importer: Importer, operator: Operator) -> None:
    """Append zeros around a tensor."""
    pads = importer.integers(operator, 1, "pads")
    if pads is None or operator.text("mode", "constant") != "constant":
        raise DataError("pads must be constant numbers, the mode 'constant'")
    axes = importer.integers(operator, 3, "axes") if operator.input(3) else None
    fill = 0.0
    if operator.input(2):
        array = importer.known(operator, 2, "the value").array
        fill = float(array.reshape(-1)[0]) if array.size == 1 else np.nan

    def widths(rank: int) -> list[tuple[int, int]]:
        places = range(rank) if axes is None else [within(axis, rank) for axis in axes]
        if len(pads) != 2 * len(places) or min(pads, default=0) < 0 or max(pads, default=0) > 65536:
            raise DataError(f"pads must be 0 to 65536, two for each axis, not {pads}")
        found = [(0, 0)] * rank
        for i, place in enumerate(places):
            found[place] = pads[i], pads[i + len(places)]
        return found

    name = operator.input(0)
    if importer.constant(name) is not None:
        raise DataError("constants must be stored with their padding")
    tensor = importer.tensor(name)
    if isinstance(tensor, Codes | Pending):
        value = importer.codes(name)
        real = None
    else:
        real = importer.real(name)
        value = importer.operand(real)
    fmt = value.spec.format
    code = fill if real is None else fill + real.zero
    zero = fmt.zero_point if isinstance(fmt, Affine) else 0
    if code != zero:
        raise DataError("what it pads with must be 0, or the zero point of codes")
    around = widths(len(value.axes))
    for axis, width in zip(value.axes, around, strict=True):
        if axis is None and width != (0, 0):
            raise DataError("the batch cannot be padded")
    inner = dict(zip(value.axes, around, strict=True))
    before, after = (
        tuple(inner[axis][end] for axis in range(len(value.spec.shape))) for end in (0, 1)
    )
    padded = importer.add(operator.outputs[0], ops.Pad(before, after), value, axes=value.axes)
    importer.write(
        operator, Codes(padded) if real is None else replace(real, value=padded, steps=())
    )


def _same_layout(importer: Importer, values: list[Value]) -> list[Value]:
    if any(value.axes != values[0].axes for value in values):
        values = [importer.natural(value) for value in values]
    if any(value.axes != values[0].axes for value in values):
        raise DataError("what is joined must have its batch on the same axis")
    return values


def concat(importer: Importer, operator: Operator) -> None:
    """Append tensors one after the other."""
    fixed = [importer.constant(name) for name in operator.inputs]
    if all(each is not None for each in fixed):
        _joined_constants(importer, operator, [each for each in fixed if each is not None])
        return
    tensors = [
        importer.tensor(name) if each is None else None
        for name, each in zip(operator.inputs, fixed, strict=True)
    ]
    if any(isinstance(tensor, Codes | Pending) for tensor in tensors):
        values = _same_layout(importer, [importer.codes(name) for name in operator.inputs])
        axis = values[0].axis(operator.number("axis", 0))
        op = ops.Concatenate(axis)
        joined = importer.add(operator.outputs[0], op, *values, axes=values[0].axes)
        importer.write(operator, Codes(joined))
        return
    reals = [
        _stored(importer, name, each) if each is not None else importer.real(name)
        for name, each in zip(operator.inputs, fixed, strict=True)
    ]
    importer.write(operator, _joined(importer, operator, reals))


def _stored(importer: Importer, name: str, fixed: Constant) -> Real:
    if fixed.format is None or fixed.format.axis is not None:
        raise DataError(f"constant {name[:60]!r} must be quantised with one scale")
    shape = np.shape(fixed.array)
    if len(shape) < 2 or shape[0] != 1:
        raise DataError(f"constant {name[:60]!r} must have a batch axis of length 1")
    value = importer.stored(name, fixed, shape[1:])
    axes = (None, *range(len(shape) - 1))
    return dequantized(replace(value, axes=axes), fixed.format)


def _joined(importer: Importer, operator: Operator, reals: list[Real]) -> Real | Joined:
    values = _same_layout(importer, [real.value for real in reals])
    reals = [replace(real, value=value) for real, value in zip(reals, values, strict=True)]
    axis = values[0].axis(operator.number("axis", 0))
    first = reals[0]
    same = all(
        not real.steps and not real.scale.ndim and real.scale == first.scale
        and real.zero == first.zero and real.divisor == first.divisor
        and real.value.spec.format == first.value.spec.format
        for real in reals
    )  # fmt: skip
    if not same:
        return Joined(tuple(reals), axis)
    joined = importer.add(operator.outputs[0], ops.Concatenate(axis), *values, axes=values[0].axes)
    return replace(first, value=joined)


def _joined_constants(importer: Importer, operator: Operator, fixed: list[Constant]) -> None:
    arrays = [each.array for each in fixed]
    axis = within(operator.number("axis", 0), max(1, arrays[0].ndim))
    importer.reserve(sum(array.size for array in arrays))
    try:
        array = np.concatenate(arrays, axis=axis)
    except ValueError as error:
        raise DataError(f"constants cannot be joined: {error}") from None
    importer.write(operator, Constant(array, fixed[0].type))


def qlinear_concat(importer: Importer, operator: Operator) -> None:
    """Append ONNX Runtime's quantised Concat: scale and zero point of the output come first."""
    if len(operator.inputs) < 5 or (len(operator.inputs) - 2) % 3:
        raise DataError("there must be a scale and a zero point, and three inputs for each tensor")
    scales = [importer.known(operator, i, "the scale").array.astype(np.float32)
              for i in (0, *range(3, len(operator.inputs), 3))]  # fmt: skip
    zeros = [importer.known(operator, i, "the zero point")
             for i in (1, *range(4, len(operator.inputs), 3))]  # fmt: skip
    formats = [
        affine(scale, zero, zero.type, None) for scale, zero in zip(scales, zeros, strict=True)
    ]
    reals = [
        dequantized(importer.codes(operator.input(2 + 3 * i)), fmt)
        for i, fmt in enumerate(formats[1:])
    ]
    importer.write(operator, Pending(_joined(importer, operator, reals), quantizer(formats[0])))
