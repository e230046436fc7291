"""Operators that move elements and change none, of computed tensors and of constants."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxpsim import ops
from fxpsim.errors import DataError
from fxpsim.formats import Affine
from fxpsim.importers.onnx.importer import Importer
from fxpsim.importers.onnx.model import Constant, Operator
from fxpsim.importers.onnx.quantization import affine, dequantized, quantizer
from fxpsim.importers.onnx.values import Codes, Joined, Pending, Raw, Real, Value

__all__ = [
    "concat",
    "constant",
    "constant_of_shape",
    "expand_dims",
    "flatten",
    "gather",
    "pad",
    "qlinear_concat",
    "reshape",
    "shape_of",
    "slice_of",
    "split",
    "squeeze",
    "transpose",
]

Array = NDArray[Any]
Shape = tuple[int, ...]


def _move(
    importer: Importer,
    operator: Operator,
    change: Callable[[Value], Value],
    of_constant: Callable[[Array], Array],
    position: int = 0,
) -> None:
    """Write a tensor with its elements moved, whatever they stand for."""
    name = operator.input(0)
    fixed = importer.constant(name)
    if fixed is not None:
        importer.write(operator, _moved_constant(fixed, of_constant), position)
        return
    tensor = importer.tensor(name)
    if isinstance(tensor, Codes | Pending):
        importer.write(operator, Codes(change(importer.codes(name))), position)
    elif isinstance(tensor, Raw):
        importer.write(operator, Raw(change(tensor.value)), position)
    else:
        real = importer.real(name)
        moved = change(real.value)
        if real.channels is not None and not _keeps_channels(real.value, moved):
            raise DataError("its channels have scales of their own: quantise what it reads first")
        importer.write(operator, replace(real, value=moved), position)


def _keeps_channels(before: Value, after: Value) -> bool:
    """Whether the graph's last axis is what it was."""
    return before.name == after.name or (
        before.spec.shape[-1:] == after.spec.shape[-1:] and before.natural and after.natural
        and len(before.spec.shape) <= len(after.spec.shape)
    )  # fmt: skip


def _moved_constant(fixed: Constant, change: Callable[[Array], Array]) -> Constant:
    array = change(fixed.array)
    if fixed.codes is None or fixed.format is None:
        return Constant(array, fixed.type)
    fmt = fixed.format
    if fmt.axis is not None:  # follow a mark along the axis of the scales
        ids = np.arange(fixed.codes.shape[fmt.axis])
        marks = np.broadcast_to(
            ids.reshape([-1 if i == fmt.axis else 1 for i in range(fixed.codes.ndim)]),
            fixed.codes.shape,
        )
        axis = _axis_of(change(marks), ids)
        if axis is None:
            return Constant(array, fixed.type)
        fmt = replace(fmt, axis=axis)
    return Constant(array, fixed.type, change(fixed.codes), fmt)


def _axis_of(marks: Array, ids: Array) -> int | None:
    """Return the axis along which marks run; None where there is none such."""
    for axis in range(marks.ndim):
        if marks.shape[axis] == ids.size:
            shape = [-1 if i == axis else 1 for i in range(marks.ndim)]
            if np.array_equal(marks, np.broadcast_to(ids.reshape(shape), marks.shape)):
                return axis
    return None


# -- shapes -------------------------------------------------------------------------------------


def _resolved(importer: Importer, wanted: Shape, shape: Shape, zero_copies: bool) -> Shape:
    """Return a shape with its 0 and -1 filled in."""
    sizes = list(wanted)
    if len(sizes) > 8:
        raise DataError(f"a shape must have at most 8 axes, not {len(sizes)}")
    batch = importer.batch
    if batch > 1 and sizes and sizes[0] == batch:
        sizes[0] = 1
    for i, size in enumerate(sizes):
        if size == 0 and zero_copies:
            if i >= len(shape):
                raise DataError(f"there is no axis {i} to copy of {shape}")
            sizes[i] = shape[i]
    if sizes.count(-1) > 1 or any(size < -1 or size == 0 for size in sizes):
        raise DataError(f"a shape must have positive sizes and one -1 at most, not {list(wanted)}")
    total = prod(shape)
    if -1 in sizes:
        rest = prod(size for size in sizes if size != -1)
        if total % rest:
            raise DataError(f"{shape} cannot be given the shape {list(wanted)}")
        sizes[sizes.index(-1)] = total // rest
    if prod(sizes) != total:
        raise DataError(f"{shape} cannot be given the shape {list(wanted)}")
    return tuple(sizes)


def _reshape(importer: Importer, operator: Operator, shape_of: Callable[[Shape], Shape]) -> None:
    def change(value: Value) -> Value:
        return importer.reshaped(value, shape_of(value.shape))

    _move(importer, operator, change, lambda array: array.reshape(shape_of(array.shape)))


def reshape(importer: Importer, operator: Operator) -> None:
    """Append another shape."""
    wanted = importer.integers(operator, 1, "shape")
    if wanted is None:
        raise DataError("the shape must be given")
    copies = operator.number("allowzero", 0) == 0
    _reshape(importer, operator, lambda shape: _resolved(importer, wanted, shape, copies))


def flatten(importer: Importer, operator: Operator) -> None:
    """Append a matrix: axes before ``axis``, and the others."""
    axis = operator.number("axis", 1)

    def shape_of(shape: Shape) -> Shape:
        if not -len(shape) <= axis <= len(shape):
            raise DataError(f"the axis must be {-len(shape)} to {len(shape)}, not {axis}")
        split = axis + len(shape) if axis < 0 else axis
        return prod(shape[:split]), prod(shape[split:])

    _reshape(importer, operator, shape_of)


def squeeze(importer: Importer, operator: Operator) -> None:
    """Append a shape without some axes of length 1."""
    axes = importer.integers(operator, 1, "axes")

    def shape_of(shape: Shape) -> Shape:
        kept = range(len(shape))
        dropped = (
            {i for i in kept if shape[i] == 1}
            if axes is None
            else {_within(axis, len(shape)) for axis in axes}
        )
        if any(shape[i] != 1 for i in dropped):
            raise DataError(f"axes {axes} of {shape} must have length 1")
        return tuple(shape[i] for i in kept if i not in dropped)

    _reshape(importer, operator, shape_of)


def expand_dims(importer: Importer, operator: Operator) -> None:
    """Append a shape with axes of length 1 more (Unsqueeze)."""
    axes = importer.integers(operator, 1, "axes")
    if axes is None:
        raise DataError("axes must be given")

    def shape_of(shape: Shape) -> Shape:
        rank = len(shape) + len(axes)
        new = {_within(axis, rank) for axis in axes}
        if len(new) != len(axes) or rank > 8:
            raise DataError(f"axes must differ, 8 in all at most, not {axes}")
        rest = iter(shape)
        return tuple(1 if i in new else next(rest) for i in range(rank))

    _reshape(importer, operator, shape_of)


def _within(axis: int, rank: int) -> int:
    if not -rank <= axis < rank:
        raise DataError(f"an axis must be {-rank} to {rank - 1}, not {axis}")
    return axis % rank


def transpose(importer: Importer, operator: Operator) -> None:
    """Permute the file's axes; the graph's stay until something needs them in order."""
    given = operator.numbers("perm")

    def order_of(rank: int) -> Shape:
        order = tuple(reversed(range(rank))) if given is None else given
        if sorted(order) != list(range(rank)):
            raise DataError(f"perm must be 0 to {rank - 1} in some order, not {order}")
        return order

    _move(
        importer,
        operator,
        lambda value: value.permuted(order_of(len(value.axes))),
        lambda array: array.transpose(order_of(array.ndim)),
    )


# -- parts --------------------------------------------------------------------------------------


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
            _within(axis, len(shape)): range(*slice(start, end, step).indices(
                shape[_within(axis, len(shape))]))
            for axis, start, end, step in zip(axes, starts, ends, steps, strict=True)
        }  # fmt: skip

    def of_constant(array: Array) -> Array:
        index = [slice(None)] * array.ndim
        for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
            index[_within(axis, array.ndim)] = slice(start, end, step)
        return array[tuple(index)]

    def change(value: Value) -> Value:
        wanted = {
            axis: kept for axis, kept in cuts(value.shape).items()
            if kept != range(value.shape[axis])
        }  # fmt: skip
        return _cut(importer, operator.outputs[0], value, wanted) if wanted else value

    _move(importer, operator, change, of_constant)


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
            place = _within(axis, array.ndim)
            edges = bounds(array.shape[place])
            return np.take(array, range(edges[i], edges[i + 1]), axis=place)

        if name:
            _move(importer, operator, change, of_constant, position)


def gather(importer: Importer, operator: Operator) -> None:
    """Append one element, or several in a row, along an axis."""
    indices = importer.known(operator, 1, "indices").array
    axis = operator.number("axis", 0)
    if not np.issubdtype(indices.dtype, np.integer) or indices.ndim > 1 or indices.size > 4096:
        raise DataError("indices must be a few integers")

    def within(length: int) -> Array:
        if ((indices < -length) | (indices >= length)).any():
            raise DataError(f"indices must be within {length} elements")
        return np.asarray(indices % length)

    def change(value: Value) -> Value:
        place = value.position(axis)
        wanted = within(value.shape[place]).reshape(-1)
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
        place = _within(axis, array.ndim)
        importer.reserve(indices.size * (array.size // max(1, array.shape[place])))
        return np.take(array, within(array.shape[place]), axis=place)

    _move(importer, operator, change, of_constant)


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
        places = range(rank) if axes is None else [_within(axis, rank) for axis in axes]
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


# -- several tensors ----------------------------------------------------------------------------


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
    axis = _within(operator.number("axis", 0), max(1, arrays[0].ndim))
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


# -- constants ----------------------------------------------------------------------------------


def constant(importer: Importer, operator: Operator) -> None:
    """Remember a constant."""
    for name, dtype in (("value_float", np.float32), ("value_floats", np.float32),
                        ("value_int", np.int64), ("value_ints", np.int64)):  # fmt: skip
        if name in operator.attributes:
            numbers = operator.attributes[name]
            if not isinstance(numbers, int | float | list):
                raise DataError(f"{name} must be numbers")
            array = np.asarray(numbers, dtype)
            importer.write(operator, Constant(array, array.dtype.name))
            return
    value = operator.attributes.get("value")
    if not isinstance(value, Constant):
        raise DataError("its value must be numbers")
    importer.write(operator, value)


def constant_of_shape(importer: Importer, operator: Operator) -> None:
    """Remember one number, many times."""
    shape = importer.integers(operator, 0, "the shape")
    if shape is None or len(shape) > 8 or any(size < 0 for size in shape):
        raise DataError(f"the shape must have positive sizes, not {shape}")
    value = operator.attributes.get("value", Constant(np.zeros(1, np.float32), "float32"))
    if not isinstance(value, Constant) or value.array.size != 1:
        raise DataError("its value must be one number")
    importer.reserve(prod(shape))
    importer.write(operator, Constant(np.full(shape, value.array.reshape(-1)[0]), value.type))


def shape_of(importer: Importer, operator: Operator) -> None:
    """Remember a shape, for a batch of one."""
    name = operator.input(0)
    fixed = importer.constant(name)
    if fixed is not None:
        shape = np.shape(fixed.array)
    else:
        tensor = importer.tensor(name)
        if isinstance(tensor, Codes | Pending):
            shape = importer.codes(name).shape
        elif isinstance(tensor, Raw):
            shape = tensor.value.shape
        else:
            shape = importer.real(name).value.shape
    start, end = operator.number("start", 0), operator.number("end", len(shape))
    importer.write(operator, Constant(np.array(shape[start:end], np.int64), "int64"))
