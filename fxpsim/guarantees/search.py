"""Inputs of a whole network that take one of its layers to where a register overflows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxpsim.accumulators import Accumulator
from fxpsim.bounds.windows import positions
from fxpsim.bounds.witness import Extreme
from fxpsim.graph import Graph
from fxpsim.ops import Layer, Reshape
from fxpsim.ops.op import zero_code
from fxpsim.simulation import simulate

__all__ = ["direct_input", "search_input"]

IntArray = NDArray[Any]
_STARTS = 64
_COORDINATES = 192


def direct_input(graph: Graph, node: str, codes: IntArray) -> IntArray | None:
    """Return the network's input that gives a layer its input, where only shapes are between."""
    name = graph[node].source
    while name != "input":
        before = next((one for one in graph if one.name == name), None)
        if before is None or not isinstance(before.op, Reshape):
            return None
        name = before.source
    return _shaped(graph, codes)


def _shaped(graph: Graph, codes: IntArray) -> IntArray:
    shaped: IntArray = codes.reshape(graph.input.shape)
    return shaped


@dataclass(frozen=True, slots=True, eq=False)
class _Target:
    """The sum that is to be driven up: how far, and whether the register overflows."""

    before: Graph
    layer: Layer
    channel: int
    windows: NDArray[np.intp]
    weights: IntArray

    @classmethod
    def of(
        cls, graph: Graph, node: str, channel: int, accumulator: Accumulator, found: Extreme
    ) -> _Target:
        op, source = graph[node].op, graph[node].source
        assert isinstance(op, Layer)
        layer = op.with_accumulator(accumulator)
        names = [one.name for one in graph]
        nodes = graph.nodes[: names.index(source) + 1]
        before = replace(graph, nodes=nodes, labels=(), output=source)
        spec = graph.specs[source]
        weights = layer.sums(spec).weights[:, channel].astype(np.int64)
        pull = 1 if found.value > 0 else -1
        return cls(
            before, layer, channel, positions(layer, spec, channel),
            pull * np.where(found.used, weights, 0),
        )  # fmt: skip

    def reached(self, inputs: IntArray) -> tuple[IntArray, IntArray]:
        """Return how far the sum goes for each input (n,), and the layer's inputs."""
        codes = simulate(self.before, inputs).output
        spec = self.before.specs[self.before.output]
        zero = self.layer.zero(spec)
        flat = codes.reshape(len(codes), prod(spec.shape)).astype(np.int64) - zero
        outside = np.full((len(flat), 1), zero_code(spec) - zero)
        padded = np.concatenate([flat, outside], axis=1)
        best = np.full(len(flat), np.iinfo(np.int64).min)
        for window in self.windows:  # index -1 is the padding
            np.maximum(best, padded[:, window] @ self.weights, out=best)
        return best, codes

    def overflows(self, codes: IntArray) -> bool:
        spec = self.before.specs[self.before.output]
        planes = self.layer.planes(codes[None], spec)
        return any(bool(events[:, self.channel].any()) for events in planes.events.values())


def search_input(
    graph: Graph, node: str, channel: int, accumulator: Accumulator, found: Extreme, rounds: int
) -> IntArray | None:
    """Climb towards an input of the network on which a layer's register overflows.

    From the best of some random inputs of extremes, codes are moved to either end of their format,
    those together that help alone, as long as that helps.  Nothing is proven where it fails.

    Parameters
    ----------
    graph, node, channel, accumulator
        As for :func:`fxpsim.guarantees.witnesses.find_witness`.
    found : Extreme
        Where the sum has to go.
    rounds : int
        How many steps, each of some hundred simulations.
    """
    if graph.states:
        return None
    target = _Target.of(graph, node, channel, accumulator, found)
    rng, fmt, size = np.random.default_rng(0), graph.input.format, graph.input.size
    starts = rng.choice([fmt.lo, fmt.hi], (_STARTS, size))
    reached, codes = target.reached(starts)
    best = int(reached.argmax())
    point, height = starts[best], int(reached[best])
    for _ in range(rounds):
        if target.overflows(codes[best]):
            return _shaped(graph, point)
        moves = _moves(rng, point, fmt.lo, fmt.hi)
        gains = target.reached(moves)[0] - height
        order = np.argsort(-gains, kind="stable")[: max(1, int((gains > 0).sum()))]
        steps = _combined(point, moves, order)
        reached, codes = target.reached(steps)
        best = int(reached.argmax())
        if reached[best] <= height:
            break
        point, height = steps[best], int(reached[best])
    return _shaped(graph, point) if target.overflows(codes[best]) else None


def _moves(rng: np.random.Generator, point: IntArray, lo: int, hi: int) -> IntArray:
    """Return a point with one code at a time at the other end."""
    chosen = rng.permutation(len(point))[:_COORDINATES]
    moves = np.repeat(point[None], len(chosen), axis=0)
    moves[np.arange(len(chosen)), chosen] = np.where(point[chosen] == hi, lo, hi)
    return moves


def _combined(point: IntArray, moves: IntArray, order: NDArray[np.intp]) -> IntArray:
    """Return a point with the best 1, 2, 4, ... moves made, and with all of them."""
    counts = sorted({min(1 << power, len(order)) for power in range(len(order).bit_length() + 1)})
    steps = []
    for count in counts:
        step = point.copy()
        for move in moves[order[:count]]:
            step[move != point] = move[move != point]
        steps.append(step)
    return np.array(steps)
