"""Functions of two tensors, element by element."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxpsim import ops
from fxpsim.errors import DataError
from fxpsim.importers.onnx.importer import Importer
from fxpsim.importers.onnx.model import Constant, Operator
from fxpsim.importers.onnx.quantization import (
    affine,
    dequantized,
    parameters,
    quantized_input,
    quantized_output,
)
from fxpsim.importers.onnx.values import Codes, Pair, Pending, Raw, Real, Step, Value

__all__ = ["binary", "qlinear_binary"]

Array = NDArray[Any]


def _vector(value: Value, array: Array) -> Array:
    """Return a constant as one number, or as one for each entry of the graph's last axis."""
    if array.size == 1:
        return array.reshape(())
    missing = len(value.axes) - array.ndim
    if missing < 0 and any(size != 1 for size in array.shape[:-missing]):
        raise DataError(f"a constant of shape {array.shape} does not stretch to {value.shape}")
    shape = (1,) * missing + array.shape if missing >= 0 else array.shape[-missing:]
    last = len(value.spec.shape) - 1
    for axis, size in zip(value.axes, shape, strict=True):
        if size != 1 and (axis != last or size != value.spec.shape[last]):
            raise DataError(
                f"a float constant must be one number, or one for each channel of {value.shape}, "
                f"not of shape {array.shape}: quantise it"
            )
    return array.reshape(-1)


def _with_constant(
    kind: str, array: Array, first: bool
) -> tuple[Callable[[Array], Array], int | Array]:
    """Return a function of the other operand, and its trend; ``first``: the constant is left."""
    if kind == "Add":
        return lambda x: x + array, np.ones(array.shape, int)
    if kind == "Sub":
        if first:
            return lambda x: array - x, -np.ones(array.shape, int)
        return lambda x: x - array, np.ones(array.shape, int)
    if kind == "Mul":
        return lambda x: x * array, np.where(array >= 0, 1, -1)
    if kind == "Div" and not first:
        if (array == 0).any():
            raise DataError("it divides by 0")
        return lambda x: x / array, np.where(array > 0, 1, -1)
    if kind == "Max":
        return lambda x: np.maximum(x, array), np.ones(array.shape, int)
    if kind == "Min":
        return lambda x: np.minimum(x, array), np.ones(array.shape, int)
    raise DataError("a constant divided by a computed tensor is not read")


def _scaled(real: Real, kind: str, array: Array) -> Real | None:
    """Return what a positive factor makes of numbers that nothing has followed: another scale."""
    if kind not in ("Mul", "Div") or real.steps or not (array > 0).all():
        return None
    if array.ndim and real.value.spec.format.bits <= 16:
        return None
    with np.errstate(all="ignore"):
        scale = real.scale * array if kind == "Mul" else real.scale / array
    return replace(real, scale=scale) if real.divisor == 1 else None


def binary(importer: Importer, operator: Operator) -> None:
    """Let a function of two tensors follow."""
    if len(operator.inputs) != 2:
        raise DataError(f"there must be two inputs, not {len(operator.inputs)}")
    constants = [importer.constant(name) for name in operator.inputs]
    if constants[0] is not None and constants[1] is not None:
        importer.write(operator, _folded(operator.kind, constants[0], constants[1], importer))
        return
    for position in (0, 1):
        constant = constants[position]
        if constant is None or _is_pair(importer, constant, operator.inputs[1 - position]):
            continue
        array = constant.array.astype(np.float32)
        if not np.isfinite(array).all() or not array.size:
            raise DataError("a constant must have finite numbers")
        tensor = importer.tensor(operator.inputs[1 - position])
        if isinstance(tensor, Codes | Pending | Raw):
            importer.real(operator.inputs[1 - position])
        if isinstance(tensor, Real):
            array = _vector(tensor.value, array)
            if (scaled := _scaled(tensor, operator.kind, array)) is not None:
                importer.write(operator, scaled)
                return
        elif array.size == 1:
            array = array.reshape(())
        else:
            raise DataError("what it reads must be quantised first")
        apply, trend = _with_constant(operator.kind, array, position == 0)
        assert not isinstance(tensor, Codes | Pending | Raw)
        importer.write(operator, tensor.then(Step(apply, trend)))
        return
    if operator.kind == "Div":
        raise DataError("the division of two computed tensors is not read")
    importer.write(operator, _pair(importer, operator, operator.kind, *_sides(importer, operator)))


def _is_pair(importer: Importer, constant: Constant, other: str) -> bool:
    """Whether a quantised constant is an operand like others, not a number to compute with."""
    if constant.codes is None:
        return False
    tensor = importer.tensor(other)
    codes = isinstance(tensor, Real) and tensor.value.spec.format.bits <= 8
    return constant.array.size > 1 or (codes and importer.engine == "onnx")


def _folded(kind: str, left: Constant, right: Constant, importer: Importer) -> Constant:
    """Return what a function makes of two constants."""
    try:
        shape = np.broadcast_shapes(left.array.shape, right.array.shape)
    except ValueError:
        raise DataError(
            f"shapes {left.array.shape} and {right.array.shape} do not stretch"
        ) from None
    importer.reserve(int(np.prod(shape, dtype=np.float64)))
    a, b = left.array, right.array
    with np.errstate(all="ignore"):
        if kind == "Div" and left.integer:
            if (b == 0).any():
                raise DataError("it divides by 0")
            array = np.asarray(a // b)
        else:
            array = {
                "Add": np.add, "Sub": np.subtract, "Mul": np.multiply, "Div": np.divide,
                "Max": np.maximum, "Min": np.minimum,
            }[kind](a, b)  # fmt: skip
    return Constant(array.astype(a.dtype, copy=False), left.type)


def _sides(importer: Importer, operator: Operator) -> list[Real | Constant]:
    return [importer.constant(name) or importer.real(name) for name in operator.inputs]


def _pair(
    importer: Importer, operator: Operator, kind: str, left: Real | Constant, right: Real | Constant
) -> Pair:
    """Bring two tensors into one layout."""
    sides = [left, right]
    computed = [side for side in sides if isinstance(side, Real)]
    wide = max(computed, key=lambda side: (len(side.value.axes), side.value.spec.size))
    shapes = [
        side.value.shape if isinstance(side, Real) else np.shape(side.array) for side in sides
    ]
    laid = [
        side if side is wide else _like(importer, name, side, wide.value)
        for side, name in zip(sides, operator.inputs, strict=False)
    ]
    assert isinstance(laid[0], Real)
    assert isinstance(laid[1], Real)
    return Pair(kind, laid[0], laid[1], _swapped(*shapes), wide.value.axes)


def _swapped(left: tuple[int, ...], right: tuple[int, ...]) -> bool:
    """Whether the left operand is one number in the innermost loop, which then is the second."""
    rank = max(len(left), len(right))
    left, right = (1,) * (rank - len(left)) + left, (1,) * (rank - len(right)) + right
    for one, two in zip(reversed(left), reversed(right), strict=True):
        if one != two:
            return one == 1
    return prod(left) == 1


def _like(importer: Importer, name: str, side: Real | Constant, wide: Value) -> Real:
    """Return an operand with the axes of another in the graph."""
    if isinstance(side, Constant):
        return _constant_like(importer, name, side, wide)
    value, missing = side.value, len(wide.axes) - len(side.value.axes)
    if value.axes == wide.axes:
        return side
    if missing < 0:
        raise DataError(f"shapes {value.shape} and {wide.shape} do not stretch")
    order = []
    for axis, own in zip(wide.axes[missing:], value.axes, strict=True):
        if (axis is None) != (own is None) and value.shape[value.axes.index(own)] != 1:
            raise DataError("operands must have their batch on the same axis")
        if axis is not None and own is not None:
            order.append((axis, own))
    moved = importer.laid_out(value, tuple(own for _, own in sorted(order)))
    sizes = dict.fromkeys(range(len(wide.spec.shape)), 1)
    sizes |= {axis: value.spec.shape[own] for axis, own in order}
    shape = tuple(sizes[axis] for axis in sorted(sizes))
    if shape != moved.spec.shape:
        moved = importer.add(f"{value.name}:shape", ops.Reshape(shape), moved, axes=())
    return replace(side, value=replace(moved, axes=wide.axes))


def _constant_like(importer: Importer, name: str, side: Constant, wide: Value) -> Real:
    if side.format is not None and side.format.axis is not None:
        raise DataError(f"constant {name[:60]!r} must have one scale, not several")
    if side.codes is None or side.format is None:
        raise DataError(
            f"constant {name[:60]!r} is {side.type}: quantise it (QuantizeLinear and "
            "DequantizeLinear, Quant)"
        )
    codes, rank = side.codes, len(wide.axes)
    if codes.ndim > rank:
        raise DataError(f"shapes {codes.shape} and {wide.shape} do not stretch")
    codes = codes.reshape((1,) * (rank - codes.ndim) + codes.shape)
    batch = [i for i, axis in enumerate(wide.axes) if axis is None]
    if any(codes.shape[i] != 1 for i in batch):
        raise DataError("a constant must not differ along the batch")
    kept = [(axis, i) for i, axis in enumerate(wide.axes) if axis is not None]
    codes = codes.transpose(*batch, *(i for _, i in sorted(kept)))[(0,) * len(batch)]
    value = importer.stored(name, replace(side, codes=codes), codes.shape)
    return dequantized(replace(value, axes=wide.axes), side.format)


def qlinear_binary(importer: Importer, operator: Operator) -> None:
    """Append ONNX Runtime's quantised sum or product."""
    sides = [_quantized_side(importer, operator, position) for position in (0, 3)]
    if not any(isinstance(side, Real) for side in sides):
        raise DataError("one input must be computed")
    names = replace(operator, inputs=(operator.input(0), operator.input(3)))
    pair = _pair(importer, names, operator.kind.removeprefix("QLinear"), *sides)
    quantized_output(importer, operator, pair, 6)


def _quantized_side(importer: Importer, operator: Operator, position: int) -> Real | Constant:
    constant = importer.constant(operator.input(position))
    if constant is None:
        return quantized_input(importer, operator, position)
    fmt = affine(*parameters(importer, operator, position + 1), constant.type, None)
    return replace(constant, codes=constant.array.astype(np.int64), format=fmt)
