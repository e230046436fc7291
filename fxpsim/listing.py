"""A graph as rows of text: what runs, on what, in which registers, at what cost."""

from __future__ import annotations

from dataclasses import dataclass, fields
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from fxpsim.ops import Layer

if TYPE_CHECKING:
    from fxpsim.graph import Graph

__all__ = ["Line", "listing", "registers"]


@dataclass(frozen=True, slots=True)
class Line:
    """One tensor.

    Attributes
    ----------
    tensor, operation : str
        Its name, and what writes it: "input", "state", or an operation.
    reads : str
        Tensors that the operation reads; empty where it is the line before.
    shape, format : str
        Of one inference.
    accumulator, weights : str
        Of a layer: its register, the format of its weights.
    macs, parameters : int
        Of one inference; numbers that the operation stores.
    """

    tensor: str
    operation: str
    reads: str
    shape: str
    format: str
    accumulator: str = ""
    weights: str = ""
    macs: int = 0
    parameters: int = 0


def listing(graph: Graph) -> list[Line]:
    """Return the input, the states and all nodes in the order in which they run."""
    lines = [_line(graph, "input", "input")]
    lines += [
        _line(graph, state.name, "state", reads=f"next: {state.update}") for state in graph.states
    ]
    before = "input" if not graph.states else ""
    for node in graph:
        arrays = (getattr(node.op, part.name) for part in fields(node.op))  # type: ignore[arg-type]
        stored = sum(array.size for array in arrays if isinstance(array, np.ndarray))
        reads = "" if node.sources == (before,) else ", ".join(node.sources)
        kind, accumulator, weights, macs = type(node.op).__name__, "", "", 0
        if isinstance(node.op, Layer):
            accumulator, weights = str(node.op.accumulator), str(node.op.weight_format)
            macs = prod(graph.specs[node.name].shape) * node.op.inputs
        elif scheme := getattr(node.op, "scheme", None):
            kind += f" ({type(scheme).__name__})"
        lines.append(_line(graph, node.name, kind, reads, accumulator, weights, macs, stored))
        before = node.name
    return lines


def registers(graph: Graph) -> str:
    """Return the different accumulators of the layers, in order."""
    return "; ".join(dict.fromkeys(str(op.accumulator) for _, op in graph.layers))


def _line(
    graph: Graph,
    tensor: str,
    operation: str,
    reads: str = "",
    accumulator: str = "",
    weights: str = "",
    macs: int = 0,
    parameters: int = 0,
) -> Line:
    spec = graph.specs[tensor]
    shape = " x ".join(map(str, spec.shape)) or "1"
    return Line(
        tensor, operation, reads, shape, str(spec.format), accumulator, weights, macs, parameters
    )
