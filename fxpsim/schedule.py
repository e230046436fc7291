"""One run through a network: which nodes, on what, and what is kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxpsim.bounds.intervals import propagate
from fxpsim.draws import Draws, drawing
from fxpsim.engine import code_dtype
from fxpsim.graph import Graph, Node
from fxpsim.ops import Layer
from fxpsim.ops.op import TensorSpec, as_stored

__all__ = ["BLOCK", "Schedule", "partial_schedule", "proven_layers", "reset_states", "schedule"]

IntArray = NDArray[Any]
#: Entries of the largest tensor that run at a time: 4 MiB of 32-bit registers.  With fewer, they
#: stay in a faster cache, but every operation is called more often.
BLOCK = 1 << 20


@dataclass(frozen=True, slots=True, eq=False)
class _Step:
    """A node: what it reads, how it runs, its codes' type, and what nobody reads after it."""

    name: str
    sources: tuple[str, ...]
    run: Callable[[Sequence[IntArray]], IntArray]
    dtype: np.dtype[Any]
    dropped: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Schedule:
    """The nodes of a graph, ready to run many times.

    Parameters
    ----------
    keep : frozenset of str
        Tensors that a run returns.
    """

    keep: frozenset[str]
    steps: tuple[_Step, ...]

    def run(
        self, given: Mapping[str, IntArray], draws: Mapping[str, Draws] = MappingProxyType({})
    ) -> dict[str, IntArray]:
        """Run every node once.

        Parameters
        ----------
        given : mapping of str to integer array (n, *shape)
            The input and the states.
        draws : mapping of str to Draws
            Of nodes that round stochastically.

        Returns
        -------
        dict of str to integer array (n, *shape)
            What is kept, in types as narrow as they came.
        """
        tensors = dict(given)
        for step in self.steps:
            inputs = [tensors[name] for name in step.sources]
            if step.name in draws:
                with drawing(draws[step.name]):
                    codes = step.run(inputs)
            else:
                codes = step.run(inputs)
            if codes.itemsize >= 4 and codes.dtype != step.dtype:
                codes = codes.astype(step.dtype)
            tensors[step.name] = codes
            for name in step.dropped:
                del tensors[name]
        return {name: tensors[name] for name in self.keep}


@lru_cache(maxsize=256)
def schedule(graph: Graph, keep: frozenset[str], proofs: bool) -> Schedule:
    """Return how a graph runs.

    Parameters
    ----------
    graph : Graph
        What to run.
    keep : frozenset of str
        Tensors to return; others are dropped after their last reader.
    proofs : bool
        Whether layers whose registers never overflow may add in any order.
    """
    return partial_schedule(graph, graph.nodes, keep, proofs)


def partial_schedule(
    graph: Graph, nodes: Sequence[Node], keep: frozenset[str], proofs: bool
) -> Schedule:
    """Return how some nodes of a graph run, given all tensors that they read of others."""
    proven = proven_layers(graph) if proofs else frozenset()
    last_reader = {source: node.name for node in nodes for source in node.sources}
    steps = []
    for node in nodes:
        fmt = graph.specs[node.name].format
        dropped = {s for s in node.sources if last_reader[s] == node.name} - keep
        if node.name not in last_reader and node.name not in keep:
            continue  # nobody wants it
        run, dtype = _runner(graph, node, node.name in proven), code_dtype(fmt.lo, fmt.hi)
        steps.append(_Step(node.name, node.sources, run, np.dtype(dtype), tuple(dropped)))
    return Schedule(keep, tuple(steps))


def _runner(graph: Graph, node: Node, proven: bool) -> Callable[[Sequence[IntArray]], IntArray]:
    sources: list[TensorSpec] = [graph.specs[name] for name in node.sources]
    if proven and isinstance(node.op, Layer):
        adder = node.op.adder(sources[0], proven=True)
        return lambda inputs: adder(inputs[0])
    return node.op.ready(sources)


@lru_cache(maxsize=64)
def proven_layers(graph: Graph) -> frozenset[str]:
    """Return the layers whose registers never overflow, whatever the input."""
    bounds = propagate(graph)
    return frozenset(name for name, op in graph.layers if bounds[name].holds(op.accumulator))


def reset_states(graph: Graph, streams: int) -> dict[str, IntArray]:
    """Return the first codes (streams, *shape) of every state."""
    return {
        state.name: as_stored(
            np.broadcast_to(state.reset, (streams, *state.reset.shape)), state.spec
        )
        for state in graph.states
    }
