"""Many steps at once are the same steps one by one, whatever feeds back into what."""

from __future__ import annotations

import numpy as np
import pytest

from fxpsim import Graph, QFormat, simulate, stream
from fxpsim.graph import Node, State
from fxpsim.ops import Concatenate, IntegerArithmetic, Requantize, Slice, TensorSpec
from fxpsim.steps import in_steps

WORD = QFormat(16, 0)
INPUT = TensorSpec((2,), WORD)


def state(name, update, reset=0):
    return State(name, WORD, np.full(2, reset), update)


def add(name, *sources):
    return Node(name, IntegerArithmetic("add", WORD), sources)


GRAPHS = {
    "a delay of one step": Graph("g", INPUT, (add("out", "input", "old"),), states=(
        state("old", "input", 5),)),
    "a delay of two": Graph("g", INPUT, (add("out", "input", "older"),), states=(
        state("older", "old", 3), state("old", "input", 4))),
    "a sum": Graph("g", INPUT, (add("sum", "input", "old"),), states=(state("old", "sum"),)),
    "a sum of a sum": Graph("g", INPUT, (add("one", "input", "a"), add("two", "one", "b")),
        states=(state("b", "two", 1), state("a", "one"))),
    "two states in one loop": Graph("g", INPUT, (add("one", "a", "b"), add("two", "one", "input")),
        states=(state("a", "two", 2), state("b", "one", 1))),
    "a counter that reads no input": Graph("g", INPUT, (add("count", "n", "n"),
        add("out", "count", "input")), states=(state("n", "count", 1),)),
    "a loop that a delay feeds": Graph("g", INPUT, (add("sum", "total", "old"),
        add("later", "sum", "input")), states=(state("total", "sum"), state("old", "later", 1))),
    "a state that nobody reads": Graph("g", INPUT, (add("out", "input", "input"),),
        states=(state("last", "out"),)),
    "a window": Graph("g", INPUT, (
        Node("window", Concatenate(0), ("past", "input")),
        Node("kept", Slice((2,), (4,), (1,)), "window"),
        Node("out", Requantize(QFormat(8, -4), "floor"), "window")), output="out",
        states=(State("past", WORD, np.arange(4), "kept"),)),
}  # fmt: skip


@pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS)
def test_steps_at_once_are_steps_one_by_one(graph):
    codes = np.random.default_rng(0).integers(-100, 100, (2, 7, 2))
    trace = simulate(graph, codes, probes=["*"])
    for number, clip in enumerate(codes):
        one_by_one, at_once = stream(graph), stream(graph)
        outputs = [one_by_one.step(row) for row in clip]
        np.testing.assert_array_equal(trace.output[number], outputs)
        parts = [at_once.step(clip[:3]), at_once.step(clip[3:])]
        np.testing.assert_array_equal(np.concatenate(parts), outputs)
        for name, reached in one_by_one.states.items():
            np.testing.assert_array_equal(at_once.states[name], reached)
            assert at_once.states[name].dtype == reached.dtype
    for first in graph.states:
        np.testing.assert_array_equal(trace[first.name][:, 0], [first.reset] * 2)
        np.testing.assert_array_equal(trace[first.name][:, 1:], trace[first.update][:, :-1])


def test_only_loops_run_step_by_step():
    """A window of rows is a loop of its two movements; what reads it is not."""
    parts = in_steps(GRAPHS["a window"], frozenset({"out"}), True).parts
    assert [{node.name for node in ready.part.nodes} for ready in parts] == [
        {"window", "kept"},
        {"out"},
    ]


def test_blocks_of_steps_continue_one_another(monkeypatch):
    monkeypatch.setattr("fxpsim.steps.BLOCK", 14)
    steps = 70_003
    total = simulate(GRAPHS["a sum"], np.ones((1, steps, 2), int)).output[0, :, 0]
    np.testing.assert_array_equal(total, (np.arange(1, steps + 1) + 32768) % 65536 - 32768)


def test_rounding_draws_are_those_of_every_step():
    node = Node("out", Requantize(QFormat(8, -4), "stochastic_equal"), "sum")
    graph = Graph("g", INPUT, (add("sum", "input", "old"), node), states=(state("old", "sum"),))
    codes = np.random.default_rng(1).integers(-100, 100, (3, 5, 2))
    trace = simulate(graph, codes, seed=4)
    for count in range(1, 5):
        np.testing.assert_array_equal(
            simulate(graph, codes[:, :count], seed=4).output, trace.output[:, :count]
        )
    sums = codes.cumsum(axis=1)
    plain = Graph("p", INPUT, (Node("out", node.op, "input"),))
    last = simulate(plain, sums[:, -1], seed=4, streams={"out": 1}).output
    np.testing.assert_array_equal(trace.output[:, -1], last)
