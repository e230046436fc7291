"""Inputs that take registers and outputs as far as they go."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxpsim.bounds.windows import positions
from fxpsim.graph import Graph
from fxpsim.ops import Layer

__all__ = ["extreme_inputs"]

IntArray = NDArray[Any]


def extreme_inputs(graph: Graph, rows: int = 16, *, seed: int = 0) -> IntArray:
    """Return inputs that aim at extremes.

    The first are all at the lowest code, all at the highest, and all nearest to 0.  Then three
    kinds take turns: one sum of a layer that reads the input is driven up or down, every code at
    the end of its range that its weight's sign asks for, elsewhere anything; codes at both ends of
    the range; any codes.

    Parameters
    ----------
    graph : Graph
        Any; with states, inputs are those of single steps.
    rows : int
        How many.
    seed : int
        Of what is random.

    Returns
    -------
    integer array (rows, *graph.input.shape)
        Codes of the input's format.
    """
    fmt, shape = graph.input.format, graph.input.shape
    rng = np.random.default_rng(seed)
    batch = rng.integers(fmt.lo, fmt.hi, (rows, *shape), endpoint=True)
    batch[1::3] = rng.choice([fmt.lo, fmt.hi], batch[1::3].shape)
    first = [op for name, op in graph.layers if graph[name].source == "input"]
    for row in batch[0::3]:
        if first:
            _drive(row, first[rng.integers(len(first))], graph, rng)
    for row, code in zip(batch, (fmt.lo, fmt.hi, min(max(0, fmt.lo), fmt.hi)), strict=False):
        row[...] = code
    return batch


def _drive(row: IntArray, layer: Layer, graph: Graph, rng: np.random.Generator) -> None:
    """Set what one sum of a layer reads to the ends that its weights ask for."""
    fmt = graph.input.format
    channel = int(rng.integers(layer.outputs))
    read = positions(layer, graph.input, channel)
    place = read[rng.integers(len(read))]
    up = (layer.matrix()[:, channel] >= 0) == (rng.random() < 0.5)
    inside = place >= 0
    row.reshape(-1)[place[inside]] = np.where(up, fmt.hi, fmt.lo)[inside]
