"""The parts of a TensorFlow Lite file that networks of integers have.

Field numbers and codes: ``tensorflow/compiler/mlir/lite/schema/schema.fbs``, version 3.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxpsim.errors import DataError, FxpsimError
from fxpsim.formats import Affine, QFormat
from fxpsim.importers.tflite.flatbuffer import Flatbuffer, Table
from fxpsim.ops import TensorFormat

__all__ = ["Model", "Operator", "Subgraph", "Tensor", "parse"]

Array = NDArray[Any]
#: Elements of the largest tensor that is read.
LARGEST_TENSOR = 1 << 24
MOST_AXES = 8

#: numpy's name of each type of tensor that is understood; INT4 is two to a byte.
_TYPES = {
    0: "float32", 2: "int32", 3: "uint8", 4: "int64", 6: "bool", 7: "int16", 9: "int8",
    12: "uint64", 13: "resource", 15: "uint32", 16: "uint16", 17: "int4",
}  # fmt: skip
_OPERATORS = {
    0: "ADD", 1: "AVERAGE_POOL_2D", 2: "CONCATENATION", 3: "CONV_2D", 4: "DEPTHWISE_CONV_2D",
    6: "DEQUANTIZE", 9: "FULLY_CONNECTED", 14: "LOGISTIC", 16: "LSTM", 17: "MAX_POOL_2D", 18: "MUL",
    19: "RELU", 21: "RELU6", 22: "RESHAPE", 25: "SOFTMAX", 27: "SVDF", 28: "TANH", 32: "CUSTOM",
    34: "PAD", 36: "GATHER", 39: "TRANSPOSE", 40: "MEAN", 41: "SUB", 42: "DIV", 43: "SQUEEZE",
    44: "UNIDIRECTIONAL_SEQUENCE_LSTM", 45: "STRIDED_SLICE", 47: "EXP", 49: "SPLIT",
    50: "LOG_SOFTMAX", 53: "CAST", 55: "MAXIMUM", 56: "ARG_MAX", 57: "MINIMUM", 65: "SLICE",
    67: "TRANSPOSE_CONV", 70: "EXPAND_DIMS", 74: "SUM", 77: "SHAPE", 83: "PACK", 88: "UNPACK",
    94: "FILL", 98: "LEAKY_RELU", 102: "SPLIT_V", 114: "QUANTIZE", 117: "HARD_SWISH", 118: "IF",
    119: "WHILE", 126: "BATCH_MATMUL", 129: "CALL_ONCE", 142: "VAR_HANDLE", 143: "READ_VARIABLE",
    144: "ASSIGN_VARIABLE",
}  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Tensor:
    """A tensor as the file describes it.

    Attributes
    ----------
    index : int
        Its number in the subgraph.
    name : str
        Need not be unique.
    shape : tuple of int
        With the axis of the batch, where it has one.
    type : str
        "int8", "float32", "resource", ...
    scales, zero_points : arrays
        Empty where it is not quantised; one entry, or one for each along ``axis``.
    axis : int
        The axis of several scales.
    data : array or None
        What it is always; None where it is computed.
    """

    index: int
    name: str
    shape: tuple[int, ...]
    type: str
    scales: Array
    zero_points: Array
    axis: int
    data: Array | None

    def __str__(self) -> str:
        return f"tensor {self.index} ({self.name[:60]!r})"

    @property
    def scale(self) -> np.float32:
        """The only scale; DataError where there is none or several."""
        if self.scales.size != 1:
            raise DataError(f"{self} must have one scale, not {self.scales.size}")
        return np.float32(self.scales[0])

    @property
    def zero_point(self) -> int:
        """The only zero point."""
        return int(self.zero_points[0]) if self.zero_points.size else 0

    @property
    def integer(self) -> bool:
        """Whether it holds quantised numbers."""
        return self.type in ("int4", "int8", "uint8", "int16") and self.scales.size > 0

    @property
    def bare(self) -> bool:
        """Whether it holds integers that stand for themselves."""
        return self.type.removeprefix("u").startswith("int") and not self.scales.size

    def word(self) -> QFormat:
        """Return the word that bare integers are in; DataError where it holds others."""
        if not self.bare or _bits(self.type) > 32:
            raise DataError(
                f"{self} must hold integers of at most 32 bits without a scale, not {self.type}"
            )
        return QFormat(_bits(self.type), 0, signed=not self.type.startswith("u"))

    def codes_format(self) -> TensorFormat:
        """Return what its codes mean, bare or quantised."""
        return self.word() if self.bare else self.format()

    def format(self) -> Affine:
        """Return what its codes mean; DataError where that is no quantised integer."""
        if not self.integer:
            raise DataError(
                f"{self} must hold quantised 4, 8 or 16-bit integers, not "
                f"{self.type}{'' if self.scales.size else ' without a scale'}"
            )
        zeros = self.zero_points if self.zero_points.size else np.zeros(1, np.int64)
        bits = _bits(self.type)
        signed = not self.type.startswith("u")
        try:
            if self.scales.size == 1:
                return Affine(bits, float(self.scales[0]), int(zeros[0]), signed=signed)
            zeros = np.broadcast_to(zeros, self.scales.shape)
            return Affine(bits, self.scales, zeros, signed=signed, axis=self.axis)
        except (FxpsimError, ValueError) as error:
            raise DataError(f"{self}: {error}") from None


def _bits(type_name: str) -> int:
    return int(type_name.removeprefix("u").removeprefix("int"))


@dataclass(frozen=True, slots=True, eq=False)
class Operator:
    """An operator as the file describes it.

    Attributes
    ----------
    index : int
        Its number in the subgraph.
    kind : str
        "CONV_2D", ...
    inputs, outputs : tuple of int
        Numbers of tensors; -1 is an optional one that is not there.
    options : Table or None
        Its settings.
    custom : bytes
        Those of a custom operator.
    """

    index: int
    kind: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Table | None
    custom: bytes = b""

    def __str__(self) -> str:
        return f"operator {self.index} ({self.kind})"

    def option(self, field: int, code: str, default: Any = 0) -> Any:
        """Return a setting that is a number."""
        return default if self.options is None else self.options.number(field, code, default)


@dataclass(frozen=True, slots=True, eq=False)
class Subgraph:
    """Tensors and the operators between them."""

    tensors: tuple[Tensor, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    operators: tuple[Operator, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """A file."""

    subgraphs: tuple[Subgraph, ...]
    description: str


def parse(data: bytes) -> Model:
    """Return what a file describes; DataError where it is damaged."""
    root = Flatbuffer(data).root(b"TFL3")
    if root.number(0, "I") != 3:
        raise DataError(f"the schema's version must be 3, not {root.number(0, 'I')}")
    kinds = [_kind(code) for code in root.tables(1)]
    buffers = root.tables(4)
    subgraphs = tuple(_subgraph(graph, kinds, buffers) for graph in root.tables(2))
    if not subgraphs:
        raise DataError("there must be a subgraph")
    return Model(subgraphs, root.text(3))


def _kind(code: Table) -> str:
    number = max(code.number(0, "b"), code.number(3, "i"))
    if number == 32:
        return f"CUSTOM {code.text(1)}"
    return _OPERATORS.get(number, f"BUILTIN {number}")


def _subgraph(table: Table, kinds: list[str], buffers: list[Table]) -> Subgraph:
    tensors = tuple(_tensor(i, part, buffers) for i, part in enumerate(table.tables(0)))
    operators = tuple(_operator(i, part, kinds) for i, part in enumerate(table.tables(3)))
    inputs, outputs = _indices(table.array(1, "<i4")), _indices(table.array(2, "<i4"))
    for used in (inputs, outputs, *(o.inputs for o in operators), *(o.outputs for o in operators)):
        for index in used:
            if not -1 <= index < len(tensors):
                raise DataError(f"there must be a tensor {index}, but there are {len(tensors)}")
    if any(index < 0 for used in (outputs, *(o.outputs for o in operators)) for index in used):
        raise DataError("an output must be a tensor, not -1")
    return Subgraph(tensors, inputs, outputs, operators)


def _indices(array: Array) -> tuple[int, ...]:
    return tuple(int(i) for i in array)


def _operator(index: int, table: Table, kinds: list[str]) -> Operator:
    number = table.number(0, "I")
    if number >= len(kinds):
        raise DataError(f"operator {index} has code {number}, but there are {len(kinds)}")
    inputs, outputs = _indices(table.array(1, "<i4")), _indices(table.array(2, "<i4"))
    custom = table.array(5, "u1").tobytes()
    return Operator(index, kinds[number], inputs, outputs, table.table(4), custom)


def _tensor(index: int, table: Table, buffers: list[Table]) -> Tensor:
    name, shape = table.text(3), _indices(table.array(0, "<i4"))
    type_code = table.number(1, "b")
    kind = _TYPES.get(type_code, f"type {type_code}")
    if len(shape) > MOST_AXES:
        raise DataError(f"tensor {index} must have at most {MOST_AXES} axes, not {len(shape)}")
    if any(size < 1 for size in shape) or prod(shape) > LARGEST_TENSOR:
        raise DataError(
            f"tensor {index} ({name[:60]!r}) must have positive sizes and at most "
            f"{LARGEST_TENSOR:,} elements, not shape {list(shape)}"
        )
    number = table.number(2, "I")
    if number >= len(buffers):
        raise DataError(f"tensor {index} has buffer {number}, but there are {len(buffers)}")
    quantization = table.table(4)
    scales, zeros, axis = np.zeros(0, np.float32), np.zeros(0, np.int64), 0
    if quantization is not None:
        scales, zeros = quantization.array(2, "<f4"), quantization.array(3, "<i8")
        axis = int(quantization.number(6, "i"))
    if zeros.size not in (0, 1, scales.size):
        raise DataError(f"tensor {index} must have as many zero points as scales")
    raw = buffers[number].array(0, "u1")
    if not raw.size and buffers[number].number(1, "Q") > 1:
        raise DataError(f"tensor {index} has data outside of the flatbuffer, which is not read")
    data = _data(index, raw, kind, shape) if raw.size else None
    return Tensor(index, name, shape, kind, scales, zeros, axis, data)


def _data(index: int, raw: Array, kind: str, shape: tuple[int, ...]) -> Array:
    if kind == "int4":
        nibbles = np.stack([raw & 15, raw >> 4], axis=-1).reshape(-1)[: prod(shape)]
        values = (nibbles.astype(np.int8) ^ 8) - 8
    elif kind in ("resource",) or kind.startswith("type"):
        raise DataError(f"tensor {index} of {kind} cannot have data")
    else:
        dtype = np.dtype(kind).newbyteorder("<")
        if raw.size % dtype.itemsize:
            raise DataError(f"tensor {index} has {raw.size} bytes, no whole number of {kind}")
        values = raw.view(dtype)
    if values.size != prod(shape):
        raise DataError(f"tensor {index} of shape {list(shape)} has {values.size} elements of data")
    return values.reshape(shape).astype(values.dtype.newbyteorder("="), copy=False)
