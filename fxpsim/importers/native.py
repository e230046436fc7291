"""The project's own model file, .fxp: a zip of graph.json and .npy arrays.  No pickle.

The same graph always gives the same bytes.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxpsim.accumulators import Accumulator
from fxpsim.errors import DataError, FxpsimError, suggest
from fxpsim.formats import Overflow, QFormat, Rounding, Wrap, WrapSignMagnitude
from fxpsim.graph import Graph, Node
from fxpsim.npz import open_zip, read_array, read_member
from fxpsim.ops import OPS, Op, TensorSpec

__all__ = ["read", "write"]

VERSION = 1
_STAMP = (1980, 1, 1, 0, 0, 0)

#: Values of operations that JSON lacks, by the key of the object that stands for them.
_READERS = {"format": QFormat.parse, "accumulator": Accumulator.parse}
_WRITERS: dict[type, str] = {QFormat: "format", Accumulator: "accumulator"}


def write(graph: Graph, path: Path) -> None:
    """Write a graph; an interrupted write leaves what stood there before."""
    arrays: dict[str, NDArray[Any]] = {}
    document = {
        "version": VERSION,
        "name": graph.name,
        "input": {"shape": list(graph.input.shape), "format": str(graph.input.format)},
        "labels": list(graph.labels),
        "metadata": dict(graph.metadata),
        "nodes": [
            {
                "name": node.name,
                "op": type(node.op).__name__,
                "source": node.source,
                **_encode(node, arrays),
            }
            for node in graph
        ],
    }
    partial = path.with_name(path.name + ".part")
    with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        _add(archive, "graph.json", json.dumps(document, indent=1, sort_keys=True).encode())
        for name, array in arrays.items():
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, np.ascontiguousarray(array), allow_pickle=False)
            _add(archive, f"{name}.npy", buffer.getvalue())
    partial.replace(path)


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    archive.writestr(zipfile.ZipInfo(name, _STAMP), data, zipfile.ZIP_DEFLATED, 9)


def _encode(node: Node, arrays: dict[str, NDArray[Any]]) -> dict[str, Any]:
    encoded: dict[str, Any] = {}
    for part in fields(node.op):  # type: ignore[arg-type]
        value = getattr(node.op, part.name)
        if isinstance(value, np.ndarray):
            name = f"{node.name}.{part.name}"
            arrays[name] = value
            encoded[part.name] = {"array": name}
        elif type(value) in _WRITERS:
            encoded[part.name] = {_WRITERS[type(value)]: str(value)}
        elif isinstance(value, (Rounding, Overflow, Wrap, WrapSignMagnitude)):
            encoded[part.name] = str(value)
        elif value is not None:
            encoded[part.name] = value
    return encoded


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
            raise DataError(f"{path}: graph.json is not JSON ({error})") from None
        try:
            return _graph(document, archive, path)
        except DataError:
            raise
        except FxpsimError as error:
            raise DataError(f"{path}: {error}") from None
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise DataError(
                f"{path}: graph.json is not of the expected form ({type(error).__name__}: {error})"
            ) from None


def _graph(document: Mapping[str, Any], archive: zipfile.ZipFile, path: Path) -> Graph:
    version = document.get("version")
    if version != VERSION:
        raise DataError(f"{path}: model file version must be {VERSION}, not {version!r}")
    shape = tuple(int(size) for size in document["input"]["shape"])
    if not all(0 < size < 1 << 24 for size in shape):
        raise DataError(f"{path}: input shape must have positive sizes, not {list(shape)}")
    nodes = [
        Node(str(node["name"]), _decode(node, archive, path), str(node["source"]))
        for node in document["nodes"]
    ]
    return Graph(
        str(document["name"]),
        TensorSpec(shape, QFormat.parse(document["input"]["format"])),
        tuple(nodes),
        tuple(str(label) for label in document["labels"]),
        dict(document["metadata"]),
    )


def _decode(node: Mapping[str, Any], archive: zipfile.ZipFile, path: Path) -> Op:
    kind = OPS.get(node["op"])
    if kind is None:
        raise DataError(f"{path}: unknown operation {node['op']!r}{suggest(str(node['op']), OPS)}")
    arguments = {}
    for name, value in node.items():
        if name in ("name", "op", "source"):
            continue
        if isinstance(value, dict):
            ((tag, text),) = value.items()
            if tag == "array":
                value = read_array(archive, f"{text}.npy", path)
            else:
                value = _READERS[tag](text)
        arguments[name] = value
    return kind(**arguments)
