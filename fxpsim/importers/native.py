"""The project's own model file, .fxp: a zip of graph.json and .npy arrays.  No pickle.

The same graph always gives the same bytes.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, fields
from enum import StrEnum
from math import prod
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

import numpy as np
from numpy.typing import NDArray

from fxpsim import schemes
from fxpsim.accumulators import Accumulator, Chunked, Interleaved, Order, Product, Sequential, Spill
from fxpsim.errors import DataError, FormatError, FxpsimError, GraphError, naming, suggest
from fxpsim.formats import (
    Affine,
    Format,
    Levels,
    Overflow,
    QFormat,
    Rounding,
    Wrap,
    WrapSignMagnitude,
)
from fxpsim.graph import Graph, Node, State
from fxpsim.npz import brief, open_zip, read_array, read_member
from fxpsim.ops import OPS, Op, TensorFormat, TensorSpec

__all__ = ["read", "write"]

VERSION = 1
LARGEST_INPUT = 1 << 24
_STAMP = (1980, 1, 1, 0, 0, 0)

_SCHEMES: dict[str, type[schemes.Rescale]] = {
    name: getattr(schemes, name) for name in schemes.__all__ if name not in ("Rescale", "Shift")
}
_ORDERS: dict[str, type[Order]] = {
    order.__name__: order for order in (Chunked, Interleaved, Sequential)
}


def write(graph: Graph, path: Path) -> None:
    """Write a graph; an interrupted write leaves what stood there before."""
    arrays: dict[str, NDArray[Any]] = {}
    seen: dict[Any, str] = {}
    document = {
        "version": VERSION,
        "name": graph.name,
        "input": {"shape": list(graph.input.shape), "format": _format(graph.input.format)},
        "labels": list(graph.labels),
        "metadata": dict(graph.metadata),
        "nodes": [
            {
                "name": node.name,
                "op": type(node.op).__name__,
                "source": node.source if len(node.sources) == 1 else list(node.sources),
                **_encode(node, arrays, seen),
            }
            for node in graph
        ],
    }
    if graph.output != graph.nodes[-1].name:
        document["output"] = graph.output
    if graph.states:
        arrays |= {_member(state.name, "reset"): state.reset for state in graph.states}
        document["states"] = [
            {
                "name": state.name,
                "format": _format(state.format),
                "reset": {"array": _member(state.name, "reset")},
                "update": state.update,
            }
            for state in graph.states
        ]
    try:
        text = json.dumps(document, indent=1, sort_keys=True)
    except TypeError as error:
        raise GraphError(f"graph {graph.name!r} cannot be written: {error}") from None
    partial = path.with_name(path.name + ".part")
    with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        _add(archive, "graph.json", text.encode())
        for name, array in arrays.items():
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, np.asarray(array, order="C"), allow_pickle=False)
            _add(archive, f"{name}.npy", buffer.getvalue())
    partial.replace(path)


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    archive.writestr(zipfile.ZipInfo(name, _STAMP), data, zipfile.ZIP_DEFLATED, 9)


def _member(tensor: str, part: str) -> str:
    """Return the name of an array in the file, which zip ends at a zero character."""
    return f"{tensor}.{part}".replace("\0", "%00")


def _stored(
    name: str, array: NDArray[Any], arrays: dict[str, NDArray[Any]], seen: dict[Any, str]
) -> str:
    """Return the name of an array in the file; equal ones are there once."""
    same = seen.setdefault((array.dtype, array.shape, array.tobytes()), name)
    arrays.setdefault(same, array)
    return same


def _encode(node: Node, arrays: dict[str, NDArray[Any]], seen: dict[Any, str]) -> dict[str, Any]:
    encoded: dict[str, Any] = {}
    for part in fields(node.op):  # type: ignore[arg-type]
        value = getattr(node.op, part.name)
        if isinstance(value, np.ndarray):
            name = _member(node.name, part.name)
            encoded[part.name] = {"array": _stored(name, value, arrays, seen)}
        elif isinstance(value, Accumulator):
            encoded[part.name] = {"accumulator": _registers(value)}
        elif isinstance(value, Format):
            encoded[part.name] = {"format": _format(value)}
        elif isinstance(value, schemes.Rescale):
            encoded[part.name] = {"scheme": {"rule": type(value).__name__, **asdict(value)}}
        elif isinstance(value, (Rounding, Overflow, Wrap, WrapSignMagnitude)):
            encoded[part.name] = str(value)
        elif value is not None:
            encoded[part.name] = value
    return encoded


def _format(fmt: Format) -> str | dict[str, Any]:
    return str(fmt) if isinstance(fmt, QFormat) else asdict(fmt)


def _read_format(described: Any) -> Format:
    if not isinstance(described, dict):
        return QFormat.parse(described)
    return Levels(**described) if "codebook" in described else Affine(**described)


def _tensor_format(described: Any) -> TensorFormat:
    fmt = _read_format(described)
    if isinstance(fmt, Levels):
        raise FormatError(f"tensors cannot have a codebook ({fmt}); only weights can")
    return fmt


def _registers(accumulator: Accumulator) -> str | dict[str, Any]:
    """Return an accumulator as JSON: its short text where that says all."""
    short = str(accumulator)
    if Accumulator.parse(short) == accumulator:
        return short
    described = asdict(accumulator)
    described["order"] = {type(accumulator.order).__name__: asdict(accumulator.order)}
    if accumulator.spill:
        spill = accumulator.spill
        described["spill"] = {"every": spill.every, "into": _registers(spill.into)}
        if spill.at:
            described["spill"] |= {"at": spill.at, "tile": spill.tile}
    usual = asdict(Accumulator(accumulator.bits)) | {"order": {"Sequential": {"axes": None}}}
    kept = {name: value for name, value in described.items() if value != usual[name]}
    return {"bits": accumulator.bits, **kept}


def _accumulator(described: Any) -> Accumulator:
    if isinstance(described, str):
        return Accumulator.parse(described)
    fields_of = dict(described)
    if "order" in fields_of:
        ((name, arguments),) = fields_of["order"].items()
        if arguments.get("axes") is not None:
            arguments = {"axes": tuple(arguments["axes"])}
        fields_of["order"] = _ORDERS[name](**arguments)
    if "product" in fields_of:
        fields_of["product"] = Product(**fields_of["product"])
    if "spill" in fields_of:
        spill = dict(fields_of["spill"])
        fields_of["spill"] = Spill(into=_accumulator(spill.pop("into")), **spill)
    return Accumulator(**fields_of)


def read(path: Path) -> Graph:
    """Return the graph in a file.

    Raises
    ------
    DataError
        The file is damaged, of a later version, or describes something that cannot be.
    """
    with open_zip(path) as archive:
        text = read_member(archive, "graph.json", path)
        try:
            document = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{path}: graph.json is not JSON ({brief(error)})") from None
        try:
            with naming(path):
                return _graph(document, archive, path)
        except FxpsimError:
            raise
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise DataError(
                f"{path}: graph.json is not of the expected form "
                f"({type(error).__name__}: {brief(error)})"
            ) from None


def _graph(document: Mapping[str, Any], archive: zipfile.ZipFile, path: Path) -> Graph:
    version = document.get("version")
    if type(version) is not int or version != VERSION:
        raise DataError(f"{path}: model file version must be {VERSION}, not {version!r}")
    shape = tuple(int(size) for size in document["input"]["shape"])
    if not all(size > 0 for size in shape) or prod(shape) > LARGEST_INPUT:
        raise DataError(
            f"{path}: input shape must have positive sizes, at most {LARGEST_INPUT:,} values in "
            f"all, not {list(shape)}"
        )
    labels = document["labels"]
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise DataError(f"{path}: labels must be a list of names")
    nodes = [
        Node(str(node["name"]), _decode(node, archive, path), _sources(node["source"]))
        for node in document["nodes"]
    ]
    states = [
        State(
            str(state["name"]),
            _tensor_format(state["format"]),
            read_array(archive, f"{state['reset']['array']}.npy", path),
            str(state["update"]),
        )
        for state in document.get("states", ())
    ]
    return Graph(
        str(document["name"]),
        TensorSpec(shape, _tensor_format(document["input"]["format"])),
        tuple(nodes),
        tuple(labels),
        dict(document["metadata"]),
        tuple(states),
        str(document.get("output", "")),
    )


def _sources(described: Any) -> tuple[str, ...]:
    return tuple(map(str, described)) if isinstance(described, list) else (str(described),)


def _decode(node: Mapping[str, Any], archive: zipfile.ZipFile, path: Path) -> Op:
    kind = OPS.get(node["op"])
    if kind is None:
        op = str(node["op"])[:60]
        raise DataError(f"{path}: unknown operation {op!r}{suggest(op, OPS)}")
    arguments = {}
    for name, value in node.items():
        if name in ("name", "op", "source"):
            continue
        if isinstance(value, dict):
            ((tag, text),) = value.items()
            if tag == "array":
                value = read_array(archive, f"{text}.npy", path)
            elif tag == "format":
                value = _read_format(text)
            elif tag == "scheme":
                value = _SCHEMES[text.pop("rule")](**text)
            else:
                value = _accumulator(text if tag == "accumulator" else value)
        elif isinstance(value, list):
            value = tuple(value)
        arguments[name] = value
    hints = get_type_hints(kind)
    for name, value in arguments.items():
        if name not in hints or not _suits(value, hints[name]):
            raise DataError(
                f"{path}: {node['op']} of {node['name']!r} cannot have {name}={value!r}"
            )
    try:
        return kind(**arguments)
    except FxpsimError as error:
        raise DataError(f"{path}: {node['name']!r}: {error}") from None


def _suits(value: Any, hint: Any) -> bool:
    """Whether a value from a file has the type that an operation declares."""
    kinds = get_args(hint) if isinstance(hint, UnionType) else (hint,)
    for kind in kinds:
        plain = get_origin(kind) or kind
        if isinstance(plain, type) and issubclass(plain, StrEnum):
            plain = str  # read by the operation itself
        if plain is tuple and isinstance(value, tuple):
            return all(type(item) is get_args(kind)[0] for item in value)
        if type(value) is plain:
            return True
        if plain in (np.ndarray, schemes.Rescale) and isinstance(value, plain):
            return True
    return False
