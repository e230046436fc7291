"""Constants, and operators that files apply to constants only: scales made where they are used."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxpsim.errors import DataError
from fxpsim.importers.onnx.importer import Importer
from fxpsim.importers.onnx.model import Constant, Operator
from fxpsim.importers.onnx.values import Codes, Pending, Raw

__all__ = ["constant", "constant_of_shape", "function", "reduction", "shape_of"]

Array = NDArray[Any]
_FUNCTIONS: dict[str, Callable[[Array], Array]] = {
    "Ceil": np.ceil,
    "Floor": np.floor,
    "Reciprocal": lambda x: 1 / x,
    "Round": np.rint,
    "Sqrt": np.sqrt,
}


def _only(importer: Importer, operator: Operator) -> Constant:
    constant = importer.constant(operator.input(0))
    if constant is None:
        raise DataError("it is run on constants only")
    return constant


def function(importer: Importer, operator: Operator) -> None:
    """Apply a function to a constant."""
    constant = _only(importer, operator)
    with np.errstate(all="ignore"):
        array = _FUNCTIONS[operator.kind](constant.array).astype(constant.array.dtype, copy=False)
    importer.write(operator, Constant(np.asarray(array), constant.type))


def reduction(importer: Importer, operator: Operator) -> None:
    """Find the least or greatest number of a constant."""
    constant = _only(importer, operator)
    axes = importer.integers(operator, 1, "axes")
    if axes is not None and axes != tuple(range(constant.array.ndim)):
        raise DataError(f"the axes must be all, not {axes}")
    if not constant.array.size:
        raise DataError("an empty constant has no least or greatest number")
    keeps = operator.number("keepdims", 1) != 0
    reduce = np.min if operator.kind == "ReduceMin" else np.max
    importer.write(
        operator, Constant(np.asarray(reduce(constant.array, keepdims=keeps)), constant.type)
    )


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
