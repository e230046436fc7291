"""Operators that files apply to constants only: scales made where they are used."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxpsim.errors import DataError
from fxpsim.importers.onnx.importer import Importer
from fxpsim.importers.onnx.model import Constant, Operator

__all__ = ["function", "reduction"]

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
