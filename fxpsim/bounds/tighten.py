"""Ranges through a graph, each layer's sums bounded together with those of the layer before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxpsim.bounds.intervals import (
    LayerBounds,
    input_interval,
    layer_bounds,
    machine,
    outputs,
    propagate,
)
from fxpsim.bounds.pairs import Pair, chain_before, pair_of
from fxpsim.bounds.reachability import Solved, solve
from fxpsim.graph import Graph
from fxpsim.ops import Interval, Layer
from fxpsim.ops.op import whole_range

__all__ = ["tighten"]

IntArray = NDArray[Any]


def tighten(
    graph: Graph, input_range: tuple[int, int] | None = None
) -> tuple[Mapping[str, LayerBounds], Mapping[str, tuple[Pair, Solved]]]:
    """Return the bounds of every layer, from the tightest ranges that are certified.

    All hold together, once every register is as wide as they say.

    Parameters
    ----------
    graph, input_range
        As for :func:`fxpsim.bounds.intervals.propagate`.

    Returns
    -------
    layers : mapping of str to LayerBounds
        As from there; their ``source`` says whose range is narrower than that of intervals.
    solved : mapping of str to (Pair, Solved)
        Those layers whose sums could be bounded together with the layer before.
    """
    plain = propagate(graph, registers=False, input_range=input_range)
    intervals: dict[str, Interval] = {"input": input_interval(graph, input_range)}
    intervals |= {state.name: whole_range(state.spec) for state in graph.states}
    sums: dict[str, Interval] = {}
    layers: dict[str, LayerBounds] = {}
    solved: dict[str, tuple[Pair, Solved]] = {}
    last = graph.layers[-1][0] if graph.layers else ""
    for node in graph:
        name, op = node.name, node.op
        specs = [graph.specs[source] for source in node.sources]
        ranges = [intervals[source] for source in node.sources]
        if not isinstance(op, Layer):
            intervals[name] = op.interval(ranges, specs)
            continue
        found = layer_bounds(op, specs[0], ranges[0])
        before, after = plain[name].terms, found.terms
        if (before.low < after.low).any() or (after.high < before.high).any():
            found = replace(found, source="reachability")
        layers[name] = found
        chain = chain_before(graph, name)
        pair = None
        if chain is not None:
            read = intervals[graph[chain.first].source]
            pair = pair_of(graph, name, layers, read, sums[chain.first])
        result = None if pair is None else solve(pair, final=name != last)
        sums[name] = machine(found.sums.final_lowest, found.sums.final_highest)
        if not _exact(found):
            intervals[name] = outputs(graph, name, found, registers=False)
            continue
        if pair is not None and result is not None:
            solved[name] = pair, result
            sums[name] = _intersected(sums[name], result, after.start)
        low, high = (np.broadcast_to(end, graph.specs[name].shape) for end in sums[name])
        intervals[name] = low, high
    return layers, solved


def _exact(layer: LayerBounds) -> bool:
    return layer.terms.accumulator.without_constant.exact_where_it_fits


def _intersected(sums: Interval, solved: Solved, start: IntArray | None) -> Interval:
    moved = 0 if start is None else start
    low = np.maximum(sums[0], solved.final_lowest + moved)
    high = np.minimum(sums[1], solved.final_highest + moved)
    return machine(low.astype(object), high.astype(object))
