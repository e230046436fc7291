"""Streams: states live from step to step, and nothing else does."""

from __future__ import annotations

import numpy as np
import pytest

from fxpsim import Accumulator, Graph, QFormat, load, peaks, save, simulate, stream, sweep
from fxpsim.errors import DataError, GraphError
from fxpsim.graph import Node, State
from fxpsim.ops import Concatenate, Dense, Requantize, Reshape, Slice, TensorSpec

EIGHT = QFormat(8, 4)


@pytest.fixture
def delay():
    """A layer over the last three inputs of two values: the state holds two of them."""
    weights = np.random.default_rng(0).integers(-8, 8, (6, 3))
    nodes = (
        Node("window", Concatenate(0), ("past", "input")),
        Node("kept", Slice((1, 0), (2, 2), (1, 1)), "window"),
        Node("fc", Dense(weights, QFormat(8, 3)), "window"),
        Node("out", Requantize(EIGHT), "fc"),
    )
    past = State("past", EIGHT, np.full((2, 2), 7), "kept")
    return Graph("delay", TensorSpec((1, 2), EIGHT), nodes, states=(past,), output="out")


def expected(graph, rows):
    """Run the layer over windows that are cut by hand."""
    past = np.concatenate([np.full((2, 2), 7), rows])
    windows = np.stack([past[i : i + 3] for i in range(len(rows))])
    bare = Graph(
        "bare",
        TensorSpec((3, 2), EIGHT),
        (Node("fc", graph["fc"].op, "input"), Node("out", Requantize(EIGHT), "fc")),
    )
    return simulate(bare, windows).output


def test_steps_continue_one_another(delay):
    rows = np.random.default_rng(1).integers(-128, 128, (9, 2))
    running = stream(delay)
    outputs = [running.step(row) for row in rows]
    assert outputs[0].shape == (3,)
    np.testing.assert_array_equal(outputs, expected(delay, rows))
    assert running.states["past"].tolist() == rows[-2:].tolist()
    running.reset()
    np.testing.assert_array_equal(running.step(rows), outputs)


def test_simulation_runs_streams_side_by_side(delay):
    rows = np.random.default_rng(2).integers(-128, 128, (4, 9, 1, 2))
    for engine in ("compiled", "spec"):
        trace = simulate(delay, rows, probes=["*"], engine=engine)
        assert trace["window"].shape == (4, 9, 3, 2)
        for clip, output in zip(rows, trace.output, strict=True):
            np.testing.assert_array_equal(output, expected(delay, clip[:, 0]))
    assert trace.statistics("fc").sums == 36
    assert simulate(delay, rows[:, :0]).output.shape == (4, 0, 3)


def test_a_graph_without_states_forgets_every_step(delay):
    nodes = (Node("flat", Reshape((2,)), "input"), Node("out", Requantize(QFormat(4, 2)), "flat"))
    graph = Graph("plain", TensorSpec((1, 2), EIGHT), nodes)
    rows = np.random.default_rng(3).integers(-128, 128, (5, 1, 2))
    running = stream(graph)
    batch = simulate(graph, rows).output
    np.testing.assert_array_equal([running.step(row) for row in rows], batch)
    np.testing.assert_array_equal(running.step(rows), batch)


def test_rows_must_be_whole_steps(delay):
    for bad in (np.zeros(3, int), np.zeros((2, 3), int), np.zeros((0, 2), int)):
        with pytest.raises(DataError, match=r"rows must have the shape \(1, 2\)"):
            stream(delay).step(bad)
    with pytest.raises(DataError, match=r"\(n, steps, 1, 2\).*has states"):
        simulate(delay, np.zeros((4, 2), int))


@pytest.mark.parametrize(
    ("shape", "steps"),
    [
        *(((3, 4), 1), ((12,), 1), ((1, 3, 4), 1), ((3, 1, 4), 1), ((2, 3, 4), 2), ((6, 4), 2)),
        *(((4, 3), 0), ((24,), 0), ((4, 6), 0), ((6, 2), 0), ((2, 2, 3, 4), 0), ((0, 3, 4), 0)),
    ],
)
def test_what_counts_as_steps(shape, steps):
    graph = Graph("still", TensorSpec((3, 4), EIGHT), (Node("flat", Reshape((12,)), "input"),))
    rows = np.arange(np.prod(shape)).reshape(shape)
    if not steps:
        with pytest.raises(DataError, match="rows must have the shape"):
            stream(graph).step(rows)
    else:
        outputs = stream(graph).step(rows).reshape(steps, 12)
        np.testing.assert_array_equal(outputs, rows.reshape(steps, 12))


def test_a_transposed_signal_is_no_steps():
    graph = Graph("signal", TensorSpec((4,), EIGHT), (Node("same", Reshape((2, 2)), "input"),))
    running = stream(graph)
    assert running.step(np.zeros((3, 4), int)).shape == running.step(np.zeros(12, int)).shape
    with pytest.raises(DataError, match="rows must have the shape"):
        running.step(np.zeros((4, 3), int))


def test_a_sweep_point_of_streams_is_a_simulation(delay):
    rows = np.random.default_rng(5).integers(-128, 128, (4, 9, 1, 2))
    register = Accumulator(9, "saturate")
    point = sweep(delay, rows, accumulators=[register]).iloc[0]
    statistics = simulate(delay, rows, accumulator=register).statistics("fc")
    assert point.overflow_outputs == statistics.outputs.sum() / (36 * 3) > 0
    assert peaks(delay, rows)["node"].unique().tolist() == ["fc"]


def test_states_are_saved(delay, tmp_path):
    save(delay, tmp_path / "delay.fxp")
    again = load(tmp_path / "delay.fxp")
    assert again.output == "out"
    rows = np.random.default_rng(4).integers(-128, 128, (2, 5, 1, 2))
    np.testing.assert_array_equal(simulate(again, rows).output, simulate(delay, rows).output)


def test_states_must_fit(delay):
    for update, sentence in (("window", "updated by a tensor of its shape"), ("x", "not by 'x'")):
        with pytest.raises(GraphError, match=sentence):
            Graph(
                "bad",
                delay.input,
                delay.nodes,
                states=(State("past", EIGHT, np.zeros((2, 2), int), update),),
            )
    with pytest.raises(DataError, match="reset codes of state 'past'"):
        State("past", EIGHT, np.full((2, 2), 200), "kept")
