"""Ring buffers are found, whatever their axis and order, and hold what a loop over steps holds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fxpsim import Graph, QFormat, simulate, stream
from fxpsim.graph import Node, State
from fxpsim.ops import Concatenate, Requantize, Slice, TensorSpec
from fxpsim.rings import ring_of

BYTE = QFormat(8, 4)


def ring(axis, before, added, *, drop_first):
    """Return a graph whose state keeps so many rows; each step brings new ones."""

    def shape(rows):
        return tuple(rows if a == axis else size for a, size in enumerate((2, 3, 4)))

    def tail(rows):
        start = tuple(added if a == axis else 0 for a in range(3))
        return Slice(start, shape(rows), (1, 1, 1))

    if drop_first:
        nodes = (
            Node("kept", tail(before - added), "past"),
            Node("joined", Concatenate(axis), ("kept", "input")),
        )
    else:
        nodes = (
            Node("joined", Concatenate(axis), ("past", "input")),
            Node("kept", tail(before), "joined"),
        )
    reset = np.arange(np.prod(shape(before))).reshape(shape(before)) - 60
    past = State("past", BYTE, reset, "joined" if drop_first else "kept")
    out = Node("out", Requantize(QFormat(6, 2), "floor"), "joined")
    return Graph("ring", TensorSpec(shape(added), BYTE), (*nodes, out), states=(past,))


def found(graph):
    shapes = {name: spec.shape for name, spec in graph.specs.items()}
    return ring_of(graph.nodes[:2], graph.states, shapes)


@pytest.mark.parametrize("drop_first", [False, True])
@pytest.mark.parametrize(("before", "added"), [(5, 1), (5, 2), (4, 3), (1, 3)])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_rings_hold_what_steps_hold(axis, before, added, drop_first, monkeypatch):
    if drop_first and before <= added:
        before += added
    graph = ring(axis, before, added, drop_first=drop_first)
    assert found(graph) is not None
    monkeypatch.setattr("fxpsim.steps.BLOCK", 4 * max(s.size for s in graph.specs.values()))
    codes = np.random.default_rng(0).integers(-128, 128, (2, 7, *graph.input.shape))
    trace = simulate(graph, codes, probes=["*"])
    for number, clip in enumerate(codes):
        running = stream(graph)
        held = [(running.states["past"], running.step(rows)) for rows in clip]
        for name, wanted in zip(("past", "out"), zip(*held, strict=True), strict=True):
            np.testing.assert_array_equal(trace[name][number], wanted)
    later, update = trace["past"][:, 1:], trace[graph.states[0].update][:, :-1]
    np.testing.assert_array_equal(later, update)
    np.testing.assert_array_equal(np.take(trace["joined"], range(-added, 0), axis + 2), codes)


def test_what_only_looks_like_a_ring_is_none():
    graph = ring(0, 4, 2, drop_first=False)
    joined, kept, out = graph.nodes
    (past,) = graph.states
    for nodes in (
        (Node("joined", joined.op, ("input", "past")), kept, out),  # new rows in front
        (joined, Node("kept", Slice((0, 0, 0), (4, 3, 4), (1, 1, 1)), "joined"), out),  # oldest
        (joined, Node("kept", Slice((5, 0, 0), (4, 3, 4), (-1, 1, 1)), "joined"), out),  # turned
        (joined, Node("kept", Slice((2, 2, 0), (4, 3, 4), (1, -1, 1)), "joined"), out),  # mirrored
    ):
        other = replace(graph, nodes=nodes)
        assert found(other) is None
        codes = np.random.default_rng(1).integers(-128, 128, (1, 5, *graph.input.shape))
        running = stream(other)
        np.testing.assert_array_equal(
            simulate(other, codes).output[0], [running.step(rows) for rows in codes[0]]
        )
    assert ring_of((joined, kept), (past, past), {}) is None
    assert ring_of((joined, joined), (past,), {}) is None
