"""Many steps of a stream at once: only what feeds back into itself runs step by step.

This is loop distribution (R. Allen, K. Kennedy, "Optimizing Compilers for Modern Architectures",
2001, section 5.4): strongly connected parts of the graph, states leading from one step to the next,
are loops over steps; all other nodes run once, on all steps side by side.  So do ring buffers,
loops that only move what they are given (:mod:`fxpsim.rings`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxpsim.draws import Draws
from fxpsim.graph import Graph, Node, State
from fxpsim.ops.op import as_stored
from fxpsim.rings import Ring, ring_of
from fxpsim.schedule import BLOCK, Schedule, partial_schedule

__all__ = ["Steps", "in_steps"]

IntArray = NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """Nodes without states, a state without nodes (a delay), or a loop of both."""

    nodes: tuple[Node, ...]
    states: tuple[State, ...]

    @property
    def names(self) -> set[str]:
        return {node.name for node in self.nodes} | {state.name for state in self.states}

    @property
    def sources(self) -> set[str]:
        """Tensors of other parts that it needs."""
        needed = {source for node in self.nodes for source in node.sources}
        return (needed | {state.update for state in self.states}) - self.names


@dataclass(frozen=True, slots=True, eq=False)
class _Ready:
    """A part with its schedule, and which of its tensors others need."""

    part: _Part
    wanted: frozenset[str]
    schedule: Schedule
    dropped: frozenset[str]  # what nobody needs after it
    ring: Ring | None

    def run(
        self,
        tensors: Mapping[str, IntArray],
        states: Mapping[str, IntArray],
        draws: Mapping[str, Draws],
    ) -> dict[str, IntArray]:
        """Return what others need, (n, steps, *shape); ``tensors`` are all those before."""
        given = {name: tensors[name] for name in self.part.sources}
        streams, steps = tensors["input"].shape[:2]
        if not self.part.states:
            return self._side_by_side(given, streams, steps, draws)
        if not self.part.nodes:
            (state,) = self.part.states
            later = given[state.update][:, :-1]
            return {state.name: np.concatenate((states[state.name][:, None], later), axis=1)}
        if self.ring:
            every = self.ring.run(given[self.ring.source], states[self.ring.state])
            return {name: every[name] for name in self.wanted}
        return self._one_by_one(given, steps, states, draws)

    def _side_by_side(
        self, given: Mapping[str, IntArray], streams: int, steps: int, draws: Mapping[str, Draws]
    ) -> dict[str, IntArray]:
        every = {
            name: replace(d, samples=np.repeat(np.asarray(d.samples), steps))
            for name, d in draws.items()
        }
        flat = {name: codes.reshape(-1, *codes.shape[2:]) for name, codes in given.items()}
        after = self.schedule.run(flat, every)
        return {n: codes.reshape(streams, steps, *codes.shape[1:]) for n, codes in after.items()}

    def _one_by_one(
        self,
        given: Mapping[str, IntArray],
        steps: int,
        states: Mapping[str, IntArray],
        draws: Mapping[str, Draws],
    ) -> dict[str, IntArray]:
        now = {state.name: states[state.name] for state in self.part.states}
        rows: list[dict[str, IntArray]] = []
        for step in range(steps):
            here = {name: codes[:, step] for name, codes in given.items()}
            after = self.schedule.run(here | now, draws)
            rows.append(now | after)
            now = {state.name: after[state.update] for state in self.part.states}
        return {name: np.stack([row[name] for row in rows], axis=1) for name in self.wanted}


@dataclass(frozen=True, slots=True, eq=False)
class Steps:
    """A graph with states, ready to run many steps at once."""

    graph: Graph
    keep: frozenset[str]
    parts: tuple[_Ready, ...]
    largest: int

    def run(
        self,
        codes: IntArray,
        states: Mapping[str, IntArray],
        draws: Mapping[str, Draws] = MappingProxyType({}),
    ) -> tuple[dict[str, IntArray], dict[str, IntArray]]:
        """Run steps one after the other, streams side by side.

        Parameters
        ----------
        codes : integer array (n, steps, *shape)
            Inputs.
        states : mapping of str to integer array (n, *shape)
            What the first step begins with.
        draws : mapping of str to Draws
            Of nodes that round stochastically.

        Returns
        -------
        dict of str to integer array (n, steps, *shape)
            What is kept.
        dict of str to integer array (n, *shape)
            States after the last step.
        """
        streams, now, blocks = len(codes), dict(states), []
        # In blocks whose tensors stay in a cache.
        size = max(1, BLOCK // (self.largest * max(1, streams)))
        for first in range(0, codes.shape[1], size):
            tensors = self._block(codes[:, first : first + size], now, draws)
            now = {s.name: as_stored(tensors[s.update][:, -1], s.spec) for s in self.graph.states}
            blocks.append(tensors)
        if not blocks:
            specs = {name: self.graph.specs[name] for name in self.keep}
            return {n: np.zeros((streams, 0, *s.shape), np.int32) for n, s in specs.items()}, now
        return {n: np.concatenate([block[n] for block in blocks], axis=1) for n in self.keep}, now

    def _block(
        self, codes: IntArray, states: Mapping[str, IntArray], draws: Mapping[str, Draws]
    ) -> dict[str, IntArray]:
        tensors = {"input": codes}
        for ready in self.parts:
            tensors |= ready.run(tensors, states, draws)
            for name in ready.dropped:
                del tensors[name]
        return tensors


@lru_cache(maxsize=256)
def in_steps(graph: Graph, keep: frozenset[str], proofs: bool) -> Steps:
    """Return how many steps of a graph run; parameters as of :func:`fxpsim.schedule.schedule`."""
    parts = _parts(graph)
    shapes = {name: spec.shape for name, spec in graph.specs.items()}
    wanted = keep | {state.update for state in graph.states}
    ready, present = [], {"input"}
    for position, part in enumerate(parts):
        later = wanted.union(*(other.sources for other in parts[position + 1 :]))
        outer = frozenset(part.names & later)
        inner = outer | {state.update for state in part.states}
        nodes = {node.name for node in part.nodes}
        present |= outer
        dropped = frozenset(present - later - {"input"})
        present -= dropped
        ready.append(
            _Ready(
                part,
                outer,
                partial_schedule(graph, part.nodes, frozenset(inner & nodes), proofs),
                dropped,
                ring_of(part.nodes, part.states, shapes),
            )
        )
    return Steps(graph, keep, tuple(ready), max(spec.size for spec in graph.specs.values()))


def _parts(graph: Graph) -> list[_Part]:
    """Return the parts of a graph, each after those it needs."""
    loops = _loops(graph)
    single = set(graph.specs) - {"input"} - {name for loop in loops for name in loop.names}
    waiting = [*loops, *(_Part((), (s,)) for s in graph.states if s.name in single)]
    nodes = [node for node in graph if node.name in single]
    parts, done = [], {"input"}
    while nodes or waiting:
        batch = []
        for node in nodes:
            if done.issuperset(node.sources):
                batch.append(node)
                done.add(node.name)
        nodes = [node for node in nodes if node.name not in done]
        ready = [part for part in waiting if part.sources <= done]
        waiting = [part for part in waiting if part not in ready]
        parts += [_Part(tuple(batch), ())] * bool(batch) + ready
        done.update(*(part.names for part in ready))
    return parts


def _loops(graph: Graph) -> list[_Part]:
    """Return the strongly connected parts of a graph: they all have a state."""
    readers: dict[str, set[str]] = {name: set() for name in graph.specs}
    for node in graph:
        for source in node.sources:
            readers[source].add(node.name)
    for state in graph.states:
        readers[state.update].add(state.name)
    after = {state.name: _reachable(state.name, readers) for state in graph.states}
    loops, found = [], set[str]()
    for state in graph.states:
        if state.name in after[state.name] and state.name not in found:
            names = {n for n in after[state.name] if state.name in _reachable(n, readers)}
            found |= names
            loops.append(
                _Part(
                    tuple(node for node in graph if node.name in names),
                    tuple(other for other in graph.states if other.name in names),
                )
            )
    return loops


def _reachable(start: str, readers: Mapping[str, set[str]]) -> set[str]:
    """Return what depends on a tensor, itself only where it does."""
    found: set[str] = set()
    waiting = [start]
    while waiting:
        new = readers[waiting.pop()] - found
        found |= new
        waiting += new
    return found
