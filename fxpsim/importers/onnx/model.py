"""What an ONNX file says: operators, constants, the input; every number checked.

Field names: ``onnx/onnx.proto3``, IR version 13.  Protocol Buffers holds nothing that runs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxpsim.errors import ConfigError, DataError
from fxpsim.formats import Affine

__all__ = ["Constant", "Graph", "Input", "Operator", "parse"]

Array = NDArray[Any]
#: Elements of the largest tensor that is read, and of all constants together.
LARGEST_TENSOR = 1 << 24
MOST_CONSTANTS = 1 << 26
MOST_OPERATORS = 20_000
MOST_AXES = 8

#: numpy's type, the field that has the numbers if ``raw_data`` has not, and bits where packed.
_TYPES: dict[int, tuple[str, str, int]] = {
    1: ("float32", "float_data", 0),
    2: ("uint8", "int32_data", 0),
    3: ("int8", "int32_data", 0),
    4: ("uint16", "int32_data", 0),
    5: ("int16", "int32_data", 0),
    6: ("int32", "int32_data", 0),
    7: ("int64", "int64_data", 0),
    9: ("bool", "int32_data", 0),
    10: ("float16", "int32_data", 0),
    11: ("float64", "double_data", 0),
    12: ("uint32", "uint64_data", 0),
    13: ("uint64", "uint64_data", 0),
    21: ("uint8", "int32_data", 4),
    22: ("int8", "int32_data", 4),
    25: ("uint8", "int32_data", 2),
    26: ("int8", "int32_data", 2),
}
_FLOATS_OF_FEW_BITS = {
    16: "bfloat16", 17: "float8e4m3fn", 18: "float8e4m3fnuz", 19: "float8e5m2",
    20: "float8e5m2fnuz", 23: "float4e2m1", 24: "float8e8m0",
}  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Constant:
    """Numbers that never change.

    Attributes
    ----------
    array : array
        Read-only.
    type : str
        "float32", "int8", "uint4", ...: what the file keeps them as.
    codes, format : array and Affine, or None
        Where the numbers are quantised ones: what they were made of.
    """

    array: Array
    type: str
    codes: Array | None = None
    format: Affine | None = None

    @property
    def integer(self) -> bool:
        """Whether it holds integers."""
        return bool(np.issubdtype(self.array.dtype, np.integer))


@dataclass(frozen=True, slots=True)
class Input:
    """The input of a graph, or a declared tensor.

    Attributes
    ----------
    name, type : str
        What it is called; "float32", "uint8", ...
    shape : tuple of int or None
        None where a size is left open.
    """

    name: str
    type: str
    shape: tuple[int | None, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Operator:
    """A node.

    Attributes
    ----------
    index : int
        Its number in the file.
    name, kind, domain : str
        Its own name, which may be empty; "Conv"; "" for ONNX itself.
    inputs, outputs : tuple of str
        Names of tensors; an empty one is an optional tensor that is not there.
    attributes : dict
        Numbers, text, lists of numbers, and constants by name.
    """

    index: int
    name: str
    kind: str
    domain: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any]

    def __str__(self) -> str:
        called = f" {self.name[:60]!r}" if self.name else ""
        return f"node {self.index}{called} ({self.kind[:40]})"

    def input(self, position: int) -> str:
        """Return the name of an input; empty where it is not there."""
        return self.inputs[position] if position < len(self.inputs) else ""

    def number(self, name: str, default: int) -> int:
        """Return an integer attribute."""
        value = self.attributes.get(name, default)
        if type(value) is not int:
            raise DataError(f"attribute {name!r} must be an integer, not {value!r:.60}")
        return value

    def real(self, name: str, default: float) -> float:
        """Return a real attribute; DataError where it is not finite."""
        value = self.attributes.get(name, default)
        if type(value) not in (float, int) or not np.isfinite(value):
            raise DataError(f"attribute {name!r} must be a finite number, not {value!r:.60}")
        return float(value)

    def numbers(self, name: str, default: Iterable[int] | None = None) -> tuple[int, ...] | None:
        """Return an attribute that is a list of integers, of an axis each."""
        value = self.attributes.get(name, default)
        if value is None:
            return None
        if not isinstance(value, list | tuple) or any(type(item) is not int for item in value):
            raise DataError(f"attribute {name!r} must be integers, not {value!r:.60}")
        if len(value) > 2 * MOST_AXES:
            raise DataError(f"attribute {name!r} must be few integers, not {len(value)}")
        return tuple(value)

    def text(self, name: str, default: str) -> str:
        """Return an attribute that is text."""
        value = self.attributes.get(name, default)
        if not isinstance(value, str):
            raise DataError(f"attribute {name!r} must be text, not {value!r:.60}")
        return value


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """A network as the file describes it.

    Attributes
    ----------
    operators : tuple of Operator
        In an order in which they can run.
    constants : dict of str to Constant
        By name.
    inputs, outputs : tuple
        Those of one inference.
    producer : str
        What wrote the file.
    """

    operators: tuple[Operator, ...]
    constants: dict[str, Constant]
    inputs: tuple[Input, ...]
    outputs: tuple[str, ...]
    producer: str


def parse(data: bytes) -> Graph:
    """Return what a file holds.

    Raises
    ------
    DataError
        It is damaged, keeps data outside of the file, or is out of all proportion.
    ConfigError
        The package ``onnx`` is not installed.
    """
    try:
        import onnx
        from google.protobuf import message
    except ImportError as error:
        raise ConfigError(
            f"reading .onnx files needs the package onnx: pip install 'fxpsim[onnx]' ({error})"
        ) from None
    try:
        model = onnx.ModelProto.FromString(data)
    except (message.DecodeError, RuntimeError) as error:
        raise DataError(f"it is not a whole ONNX file ({error})") from None
    graph = model.graph
    if len(graph.node) > MOST_OPERATORS:
        raise DataError(f"there must be at most {MOST_OPERATORS:,} nodes, not {len(graph.node):,}")
    if graph.sparse_initializer:
        raise DataError("sparse constants are not read: store them whole")
    reader = _Reader()
    constants = {tensor.name: reader.constant(tensor) for tensor in graph.initializer}
    operators = tuple(reader.operator(i, node) for i, node in enumerate(graph.node))
    inputs = tuple(_input(info) for info in graph.input if info.name not in constants)
    outputs = tuple(info.name for info in graph.output)
    if not all(isinstance(name, str) for name in outputs):
        raise DataError("an output has a name that is no text")
    return Graph(operators, constants, inputs, outputs, str(model.producer_name)[:100])


class _Reader:
    """Reads constants and counts what they hold."""

    def __init__(self) -> None:
        self._room = MOST_CONSTANTS

    def constant(self, tensor: Any) -> Constant:
        """Return the numbers of a TensorProto."""
        noun = f"constant {tensor.name[:60]!r}"
        if not isinstance(tensor.name, str):
            raise DataError(f"{noun} has a name that is no text")
        if tensor.external_data or tensor.data_location == 1:
            raise DataError(
                f"{noun} is kept outside of the file, which is not read: save the model with its "
                "data inside (onnx.save without external data)"
            )
        if tensor.data_type not in _TYPES:
            kind = _FLOATS_OF_FEW_BITS.get(tensor.data_type, f"type {tensor.data_type}")
            raise DataError(f"{noun} must hold integers, float16, float32 or float64, not {kind}")
        shape = tuple(tensor.dims)
        size = prod(shape)
        if len(shape) > MOST_AXES or any(n < 0 for n in shape) or size > LARGEST_TENSOR:
            raise DataError(
                f"{noun} must have at most {MOST_AXES} axes and {LARGEST_TENSOR:,} elements, "
                f"not shape {list(shape)[:9]}"
            )
        self._room -= size
        if self._room < 0:
            raise DataError(f"constants must have at most {MOST_CONSTANTS:,} elements in all")
        name, field, bits = _TYPES[tensor.data_type]
        dtype = np.dtype(name)
        flat = _numbers(tensor, field, dtype, bits, size)
        if flat.size != size:
            raise DataError(f"{noun} of shape {list(shape)} must have {size} numbers")
        flat = flat.reshape(shape)
        flat.flags.writeable = False
        return Constant(flat, name if not bits else f"{name[:-1]}{bits}")

    def operator(self, index: int, node: Any) -> Operator:
        """Return a NodeProto."""
        names = [node.name, node.op_type, node.domain, *node.input, *node.output]
        if not all(isinstance(name, str) for name in names):
            raise DataError(f"node {index} has a name that is no text")
        attributes = {a.name: self._attribute(index, a) for a in node.attribute}
        domain = "" if node.domain == "ai.onnx" else node.domain
        return Operator(
            index, node.name, node.op_type, domain, tuple(node.input), tuple(node.output),
            attributes,
        )  # fmt: skip

    def _attribute(self, index: int, attribute: Any) -> Any:
        kind = attribute.type
        if kind == 1:
            return float(attribute.f)
        if kind == 2:
            return int(attribute.i)
        if kind == 3:
            return attribute.s.decode("utf-8", "replace")
        if kind == 4:
            return self.constant(attribute.t)
        if kind == 6:
            return [float(f) for f in attribute.floats]
        if kind == 7:
            return [int(i) for i in attribute.ints]
        if kind in (5, 10):
            raise DataError(
                f"node {index} has graphs of its own (attribute {attribute.name[:40]!r}): "
                "branches and loops are not read"
            )
        return None  # strings, sparse tensors, types: nothing that is read has them


def _numbers(tensor: Any, field: str, dtype: np.dtype[Any], bits: int, size: int) -> Array:
    """Return the numbers in a row; of another length where the file is damaged."""
    raw = tensor.raw_data
    if bits:
        per_byte = 8 // bits
        if -(-size // per_byte) != len(raw or tensor.int32_data):
            return np.empty(0)
        packed = np.frombuffer(raw, np.uint8) if raw else _cast(tensor.int32_data, np.uint8)
        shifts = np.arange(per_byte, dtype=np.uint8) * bits
        codes = ((packed[:, None] >> shifts) & ((1 << bits) - 1)).reshape(-1)[:size]
        if dtype.kind == "i":
            half = 1 << (bits - 1)
            return ((codes.astype(np.int8) ^ half) - half).astype(np.int8)
        return codes
    if raw:
        if len(raw) != size * dtype.itemsize:
            return np.empty(0)
        return np.frombuffer(raw, dtype.newbyteorder("<")).astype(dtype)
    data = getattr(tensor, field)
    if dtype == np.float16:
        return _cast(data, np.uint16).view(np.float16)
    return _cast(data, dtype)


def _cast(data: Any, dtype: Any) -> Array:
    return np.asarray(data[:LARGEST_TENSOR]).astype(dtype)


def _input(info: Any) -> Input:
    tensor = info.type.tensor_type
    if not isinstance(info.name, str):
        raise DataError(f"input {info.name[:60]!r} has a name that is no text")
    if not info.type.HasField("tensor_type") or not tensor.HasField("shape"):
        raise DataError(f"input {info.name[:60]!r} must be a tensor of known shape")
    shape = tuple(
        int(dim.dim_value) if dim.WhichOneof("value") == "dim_value" else None
        for dim in tensor.shape.dim
    )
    if len(shape) > MOST_AXES or any(n is not None and n < 1 for n in shape):
        raise DataError(f"input {info.name[:60]!r} must have positive sizes, not {list(shape)[:9]}")
    name, _, bits = _TYPES.get(tensor.elem_type, ("", "", 0))
    kind = f"{name[:-1]}{bits}" if bits else name
    return Input(info.name, kind or _FLOATS_OF_FEW_BITS.get(tensor.elem_type, "unknown"), shape)
