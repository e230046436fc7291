"""Reshape, Flatten, Squeeze, Unsqueeze, Transpose, and what all moves of elements share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxpsim.errors import DataError
from fxpsim.importers.onnx.importer import Importer
from fxpsim.importers.onnx.model import Constant, Operator
from fxpsim.importers.onnx.values import Codes, Pending, Raw, Value

__all__ = ["expand_dims", "flatten", "move", "reshape", "squeeze", "transpose", "within"]

Array = NDArray[Any]
Shape = tuple[int, ...]


def move(
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


def within(axis: int, rank: int) -> int:
    """Return an axis counted from the first; DataError where there is none such."""
    if not -rank <= axis < rank:
        raise DataError(f"an axis must be {-rank} to {rank - 1}, not {axis}")
    return axis % rank


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

    move(importer, operator, change, lambda array: array.reshape(shape_of(array.shape)))


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
            else {within(axis, len(shape)) for axis in axes}
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
        new = {within(axis, rank) for axis in axes}
        if len(new) != len(axes) or rank > 8:
            raise DataError(f"axes must differ, 8 in all at most, not {axes}")
        rest = iter(shape)
        return tuple(1 if i in new else next(rest) for i in range(rank))

    _reshape(importer, operator, shape_of)


def transpose(importer: Importer, operator: Operator) -> None:
    """Permute the file's axes; the graph's stay until something needs them in order."""
    given = operator.numbers("perm")

    def order_of(rank: int) -> Shape:
        order = tuple(reversed(range(rank))) if given is None else given
        if sorted(order) != list(range(rank)):
            raise DataError(f"perm must be 0 to {rank - 1} in some order, not {order}")
        return order

    move(
        importer,
        operator,
        lambda value: value.permuted(order_of(len(value.axes))),
        lambda array: array.transpose(order_of(array.ndim)),
    )
