"""Operators that move codes, and those on constants that only say how."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxpsim.errors import DataError
from fxpsim.importers.tflite.importer import Importer, Value, internal
from fxpsim.importers.tflite.schema import LARGEST_TENSOR, Operator
from fxpsim.ops import Concatenate, Constant, Pad, Reinterpret, Reshape, Slice, Stack, Transpose

__all__ = [
    "concatenation",
    "fill",
    "pack",
    "pad",
    "reshape",
    "shape_of",
    "slice_from",
    "split",
    "strided_slice",
    "transpose",
    "unpack",
]

Array = NDArray[Any]


def reshape(importer: Importer, operator: Operator) -> None:
    """Append RESHAPE, SQUEEZE or EXPAND_DIMS: the output's own shape says all."""
    value = importer.value(operator.inputs[0])
    shape = importer.tensor(operator.outputs[0]).shape
    spec, batch = internal(shape, value.spec.format)
    importer.emit(operator, 0, Reshape(spec.shape), value, batch=batch)


def transpose(importer: Importer, operator: Operator) -> None:
    """Append TRANSPOSE; the batch may go anywhere."""
    value = importer.value(operator.inputs[0])
    order = importer.integers(operator, 1, "the permutation")
    if sorted(order) != list(range(len(value.shape))):
        raise DataError(f"the permutation must be of {len(value.shape)} axes, not {order}")
    kept = [axis for axis in order if axis != value.batch]
    axes = tuple(axis - (value.batch is not None and axis > value.batch) for axis in kept)
    batch = None if value.batch is None else order.index(value.batch)
    importer.emit(operator, 0, Transpose(axes), value, batch=batch)


def _slice(
    importer: Importer,
    operator: Operator,
    position: int,
    value: Value,
    cuts: list[range],
    drop: tuple[int, ...] = (),
) -> None:
    """Append what keeps ``cuts``, one for each axis of the file's tensor, and drops axes."""
    if any(not len(cut) for cut in cuts):
        raise DataError("a slice must keep something")
    batch = value.batch
    if batch is not None:  # its one entry is kept whatever the cut
        cuts = [cut for axis, cut in enumerate(cuts) if axis != batch]
    left = tuple(axis - (batch is not None and axis > batch) for axis in drop if axis != batch)
    op = Slice(
        tuple(cut.start for cut in cuts),
        tuple(len(cut) for cut in cuts),
        tuple(cut.step for cut in cuts),
        left,
    )
    after = None
    if batch is not None and batch not in drop:
        after = batch - sum(axis < batch for axis in drop)
    importer.emit(operator, position, op, value, batch=after)


def _ranges(
    importer: Importer, operator: Operator, shape: tuple[int, ...]
) -> tuple[list[range], tuple[int, ...]]:
    """Return what a STRIDED_SLICE keeps of each axis, and the axes it drops."""
    begin, end, stride = (
        importer.integers(operator, i, what)
        for i, what in ((1, "begins"), (2, "ends"), (3, "strides"))
    )
    if not len(begin) == len(end) == len(stride) <= len(shape):
        raise DataError(f"begins, ends and strides must be one an axis of {shape}")
    if operator.option(2, "i") or operator.option(3, "i") or operator.option(5, "b"):
        raise DataError("ellipsis, new axes and ends that are offsets are not supported")
    masks = {name: operator.option(i, "i") for i, name in ((0, "begin"), (1, "end"), (4, "shrink"))}
    cuts, drop = [], []
    for axis, size in enumerate(shape):
        if axis >= len(begin):
            cuts.append(range(size))
            continue
        first = None if masks["begin"] >> axis & 1 else begin[axis]
        last = None if masks["end"] >> axis & 1 else end[axis]
        if masks["shrink"] >> axis & 1:
            start = begin[axis] % size if -size <= begin[axis] < size else -1
            if start < 0:
                raise DataError(f"entry {begin[axis]} of axis {axis} must be one of {size}")
            cuts.append(range(start, start + 1))
            drop.append(axis)
        elif stride[axis] == 0:
            raise DataError("strides must not be 0")
        else:
            cuts.append(range(*slice(first, last, stride[axis]).indices(size)))
    return cuts, tuple(drop)


def strided_slice(importer: Importer, operator: Operator) -> None:
    """Append STRIDED_SLICE; of a constant, compute it."""
    known = importer.constant(operator.inputs[0])
    if known is not None:
        importer.reserve(known.size)
        cuts, drop = _ranges(importer, operator, known.shape)
        index = np.ix_(*(np.array(cut, np.intp) for cut in cuts))
        importer.fold(operator, known[index].squeeze(axis=drop))
        return
    value = importer.value(operator.inputs[0])
    cuts, drop = _ranges(importer, operator, value.shape)
    _slice(importer, operator, 0, value, cuts, drop)


def slice_from(importer: Importer, operator: Operator) -> None:
    """Append SLICE: begin and size, -1 for all the rest."""
    value = importer.value(operator.inputs[0])
    begin = importer.integers(operator, 1, "begins")
    size = importer.integers(operator, 2, "sizes")
    if not len(begin) == len(size) == len(value.shape):
        raise DataError(f"begins and sizes must be one an axis of {value.shape}")
    cuts = []
    for axis, (first, count) in enumerate(zip(begin, size, strict=True)):
        end = value.shape[axis] if count == -1 else first + count
        if not 0 <= first < end <= value.shape[axis]:
            raise DataError(f"a slice must lie within axis {axis}, not from {first} to {end}")
        cuts.append(range(first, end))
    _slice(importer, operator, 0, value, cuts)


def split(importer: Importer, operator: Operator) -> None:
    """Append SPLIT or SPLIT_V: one slice an output."""
    count = len(operator.outputs)
    if operator.kind == "SPLIT":
        value = importer.value(operator.inputs[1])
        (axis,) = importer.integers(operator, 0, "the axis") or [0]
        length = value.shape[_file_axis(value, axis)]
        if length % count:
            raise DataError(f"{length} elements cannot be split into {count} equal parts")
        sizes = [length // count] * count
    else:
        value = importer.value(operator.inputs[0])
        sizes = importer.integers(operator, 1, "the sizes")
        (axis,) = importer.integers(operator, 2, "the axis") or [0]
        length = value.shape[_file_axis(value, axis)]
        if sizes.count(-1) == 1:
            sizes[sizes.index(-1)] = length - sum(sizes) - 1
        if len(sizes) != count or sum(sizes) != length or min(sizes) < 1:
            raise DataError(f"{length} elements cannot be split into {sizes}")
    start = 0
    for position, size in enumerate(sizes):
        cuts = [range(n) for n in value.shape]
        cuts[_file_axis(value, axis)] = range(start, start + size)
        _slice(importer, operator, position, value, cuts)
        start += size


def _file_axis(value: Value, axis: int) -> int:
    value.axis(axis)
    return axis % len(value.shape)


def unpack(importer: Importer, operator: Operator) -> None:
    """Append UNPACK: one slice an output, which lacks the axis."""
    value = importer.value(operator.inputs[0])
    axis = _file_axis(value, operator.option(1, "i"))
    if len(operator.outputs) != value.shape[axis]:
        raise DataError(f"{value.shape[axis]} parts cannot be {len(operator.outputs)} outputs")
    for position in range(len(operator.outputs)):
        cuts = [range(n) for n in value.shape]
        cuts[axis] = range(position, position + 1)
        _slice(importer, operator, position, value, cuts, (axis,))


def pack(importer: Importer, operator: Operator) -> None:
    """Append PACK; of constants, compute it."""
    known = [importer.constant(index) for index in operator.inputs]
    axis = operator.option(1, "i")
    if all(array is not None for array in known):
        importer.reserve(sum(array.size for array in known if array is not None))
        importer.fold(operator, np.stack([a for a in known if a is not None], axis))
        return
    values = [importer.value(index) for index in operator.inputs]
    batch = _one_batch(values)
    place = values[0].axis(axis, extra=1)
    if batch is not None:
        axis %= len(values[0].shape) + 1
        place = axis - (axis > batch)
        batch += axis <= batch
    importer.emit(operator, 0, Stack(place), *values, batch=batch)


def concatenation(importer: Importer, operator: Operator) -> None:
    """Append CONCATENATION."""
    if operator.option(1, "b"):
        raise DataError("a fused activation is not supported")
    values = [importer.value(index) for index in operator.inputs]
    if not values:
        raise DataError("there must be inputs")
    axis = values[0].axis(operator.option(0, "i"))
    if importer.tensor(operator.outputs[0]).bare:
        values = _alike(importer, values)
    importer.emit(operator, 0, Concatenate(axis), *values, batch=_one_batch(values))


def _alike(importer: Importer, values: list[Value]) -> list[Value]:
    """Return bare integers with one binary point, that of the first that is no constant."""
    constants = {node.name for node in importer.nodes if isinstance(node.op, Constant)}
    first = next((v for v in values if v.name not in constants), values[0])
    return [
        value
        if value.spec.format == first.spec.format
        else replace(
            importer.append(f"{value.name}:format", Reinterpret(first.spec.format), value),
            batch=value.batch,
        )
        for value in values
    ]


def _one_batch(values: list[Value]) -> int | None:
    if len({value.batch for value in values}) > 1:
        raise DataError("inputs must have their batch on one axis")
    return values[0].batch


def pad(importer: Importer, operator: Operator) -> None:
    """Append PAD."""
    value = importer.value(operator.inputs[0])
    amounts = importer.constant(operator.inputs[1]) if len(operator.inputs) > 1 else None
    if amounts is None or amounts.shape != (len(value.shape), 2):
        raise DataError(f"paddings must be constant, two an axis of {value.shape}")
    pairs = [(int(a), int(b)) for a, b in amounts]
    if value.batch is not None and any(pairs.pop(value.batch)):
        raise DataError("the axis of the batch cannot be padded")
    op = Pad(tuple(a for a, _ in pairs), tuple(b for _, b in pairs))
    importer.emit(operator, 0, op, value, batch=value.batch)


def shape_of(importer: Importer, operator: Operator) -> None:
    """Compute SHAPE: shapes do not change from one inference to the next."""
    shape = importer.tensor(operator.inputs[0]).shape
    importer.fold(operator, np.array(shape, np.int32))


def fill(importer: Importer, operator: Operator) -> None:
    """Compute FILL."""
    shape = importer.integers(operator, 0, "the shape")
    value = importer.constant(operator.inputs[1]) if len(operator.inputs) > 1 else None
    if value is None or value.size != 1:
        raise DataError("what fills a tensor must be one constant")
    if any(n < 1 for n in shape) or prod(shape) > LARGEST_TENSOR:
        raise DataError(f"a filled tensor must have positive sizes, not {shape}")
    importer.reserve(prod(shape))
    importer.fold(operator, np.full(shape, value.reshape(-1)[0]))
