"""Graphs: inference of shapes and formats, accumulators by pattern, work for cost models."""

from __future__ import annotations

import numpy as np
import pytest

from fxpsim import Accumulator, Graph, QFormat, simulate
from fxpsim.errors import DataError, FormatError, FxpsimError, GraphError
from fxpsim.graph import Node
from fxpsim.ops import Argmax, BatchNorm, Bias, Dense, Gain, Relu, Requantize, Softmax, TensorSpec
from fxpsim.passes import drop_needless_clamps, fold_batch_norm


def dense(inputs=4, outputs=3, bits=8, **options):
    weights = np.random.default_rng(0).integers(-8, 8, (inputs, outputs))
    return Dense(weights, QFormat(bits, 3), **options)


EIGHT = QFormat(8, 4)


@pytest.fixture
def graph():
    nodes = (
        Node("fc1", dense(), "input"),
        Node("norm", BatchNorm([3, -2, 1], EIGHT, [5, 6, 7], EIGHT), "fc1"),
        Node("relu", Relu(), "norm"),
        Node("act", Requantize(QFormat(8, 4, signed=False)), "relu"),
        Node("fc2", dense(3, 2, 5), "act"),
        Node("scores", Requantize(EIGHT), "fc2"),
        Node("softmax", Softmax.for_scores(EIGHT, QFormat(8, 8, signed=False)), "scores"),
        Node("class", Argmax(), "softmax"),
    )
    return Graph("small", TensorSpec((2, 2), EIGHT), nodes, ("a", "b"))


def test_shapes_and_formats_follow(graph):
    assert graph.specs["fc1"] == TensorSpec((3,), QFormat(32, 7))
    assert graph.specs["norm"].format.frac == 11
    assert graph.specs["class"] == TensorSpec((), QFormat(1, 0, signed=False))
    assert graph.scores == "scores"
    assert graph.output == "class"
    assert graph.parameters == 12 + 6 + 6
    assert graph.weight_bits == (8, 5)


def test_accumulators_by_pattern(graph):
    narrow = Accumulator(12, "saturate")
    changed = graph.with_accumulators({"fc2": narrow})
    assert [op.accumulator for _, op in changed.layers] == [Accumulator(32), narrow]
    assert changed.specs["fc2"].format.bits == 12
    with pytest.raises(GraphError, match=r"pattern 'fcc1' matches no layer.*did you mean 'fc1'"):
        graph.with_accumulators({"fcc1": narrow})


def test_work_has_the_constants_of_the_whole_layer(graph):
    first, second = graph.work()
    assert (first.inputs, first.outputs, first.weight_bits, first.activation_bits) == (4, 3, 8, 8)
    assert (first.gain_bits, first.bias_bits, second.gain_bits) == (8, 8, 0)
    assert (first.weight_magnitude, second.activation_magnitude) == (128, 255)


@pytest.mark.parametrize(
    ("nodes", "sentence"),
    [
        ((), "must have a node"),
        ((Node("a", dense(5), "input"),), "node 'a': the input must have 5 values.*not 4"),
        ((Node("a", dense(), "inptu"),), "reads 'inptu', which nothing before.*'input'"),
        ((Node("a", dense(), "input"), Node("a", Relu(), "a")), "'a' comes twice"),
        ((Node("a", Gain([1, 2], EIGHT), "input"),), "node 'a'.*last axis"),
        ((Node("a", Bias([1, 2], QFormat(8, 9)), "input"),), "at most the 4 fraction bits"),
        (
            (Node("a", dense(accumulator=Accumulator(64)), "input"),),
            "must have 2 to 62 bits, not 64",
        ),
        ((Node("a", Relu(0), "input"),), "relu maximum must be a code of 1 or more"),
    ],
)
def test_what_does_not_fit_names_the_node(nodes, sentence):
    with pytest.raises(GraphError, match=sentence):
        Graph("bad", TensorSpec((4,) if "last" not in sentence else (3,), EIGHT), nodes)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Dense(np.ones((2, 2), int), QFormat(9, 0)),
        lambda: Dense(np.full((2, 2), 200), QFormat(8, 0)),
        lambda: Dense(np.ones(3, int), QFormat(8, 0)),
        lambda: Dense(np.ones((2, 2), int), QFormat(8, 0), bias=[1, 2]),
        lambda: Dense(np.ones((2, 2), int), QFormat(8, 0), bias=[1], bias_format=EIGHT),
        lambda: BatchNorm([1, 2], EIGHT, [1], EIGHT),
        lambda: Softmax([1, 2], QFormat(8, 8, signed=False)),
        lambda: Requantize(QFormat(8, 0, narrow=True), overflow="wrap"),
        lambda: Requantize(EIGHT, "up"),
    ],
)
def test_operations_check_their_constants(make):
    with pytest.raises((GraphError, DataError, FormatError)):
        make()


def test_inputs_are_checked(graph):
    good = np.zeros((1, 2, 2), int)
    assert simulate(graph, good.reshape(1, 4)).output.shape == (1,)
    for bad, sentence in [
        (np.zeros((1, 5), int), r"shape \(n, 2, 2\) for graph 'small', not \(1, 5\)"),
        (np.full((1, 4), 128), r"must be -128 to 127"),
        (np.zeros((1, 4)), "must be integers, not float64"),
        (np.int64(3), "shape"),
    ]:
        with pytest.raises(DataError, match=sentence):
            simulate(graph, bad)


def test_probes_keep_tensors(graph):
    inputs = np.full((2, 2, 2), 7)
    trace = simulate(graph, inputs, probes=["fc*", "act"])
    assert {"fc1", "fc2", "act"} <= trace.tensors.keys()
    everything = simulate(graph, inputs, probes=["*"])
    np.testing.assert_array_equal(trace["norm"], everything["norm"])  # found by another run
    with pytest.raises(GraphError, match="did you mean 'norm'"):
        trace["nrom"]
    with pytest.raises(GraphError, match="probe 'x' matches no tensor"):
        simulate(graph, inputs, probes=["x"])
    with pytest.raises(FxpsimError, match="engine must be"):
        simulate(graph, inputs, engine="fast")


@pytest.mark.parametrize("rounding", ["floor", "stochastic_weighted"])
def test_blocks_change_nothing(graph, monkeypatch, rounding):
    inputs = np.random.default_rng(2).integers(-128, 128, (7, 2, 2))
    narrow = Accumulator(12, "saturate", frac=4, rounding=rounding)
    whole = simulate(graph, inputs, accumulator=narrow, probes=["*"], seed=3)
    monkeypatch.setattr("fxpsim.simulation.BLOCK", 8)  # two inputs of four codes
    parts = simulate(graph, inputs, accumulator=narrow, probes=["*"], seed=3)
    for name, codes in whole.tensors.items():
        np.testing.assert_array_equal(parts[name], codes, err_msg=name)
    assert whole.overflow.equals(parts.overflow)


def test_overflow_table_has_a_row_for_every_channel(graph):
    inputs = np.random.default_rng(1).integers(-128, 128, (50, 2, 2))
    trace = simulate(graph, inputs, accumulator=Accumulator(9, "saturate"))
    table = trace.overflow
    assert list(table.columns) == [
        "node", "channel", "level", "events", "outputs", "first_step",
        "transient", "persistent", "lowest", "highest",
        "required_bits", "product_lowest", "product_highest",
    ]  # fmt: skip
    assert len(table) == 5
    assert table["events"].sum() > 0
    assert (table["outputs"] == table["transient"] + table["persistent"]).all()


def test_softmax_shares_add_up():
    op = Softmax.for_scores(EIGHT, QFormat(8, 8, signed=False))
    spec = TensorSpec((4,), EIGHT)
    scores = np.array([[0, 0, 0, 0], [127, -128, -128, -128], [16, 0, 0, 0]])
    shares = op.run([scores], [spec])
    exact = np.exp(1) / (np.exp(1) + 3)
    assert shares[0].tolist() == [64] * 4
    assert shares[1].tolist() == [255, 0, 0, 0]
    assert abs(shares[2, 0] / 256 - exact) < 1 / 256


def test_batch_norm_folds_exactly():
    rng = np.random.default_rng(2)
    weights = rng.integers(-3, 4, (6, 5))
    small = QFormat(3, 1)
    layer = Dense(weights, small, bias=rng.integers(-99, 99, 5), bias_format=QFormat(8, 4))
    norm = BatchNorm(rng.integers(-8, 8, 5), QFormat(4, 2), rng.integers(-99, 99, 5), EIGHT)
    nodes = (
        Node("fc", layer, "input"),
        Node("norm", norm, "fc"),
        Node("act", Requantize(EIGHT), "norm"),
    )
    graph = Graph("net", TensorSpec((6,), EIGHT), nodes)
    folded = fold_batch_norm(graph)
    assert [node.name for node in folded] == ["fc", "act"]
    inputs = rng.integers(-128, 128, (100, 6))
    np.testing.assert_array_equal(simulate(folded, inputs).output, simulate(graph, inputs).output)


def test_batch_norm_that_may_overflow_is_not_folded():
    layer = Dense(np.full((6, 1), 3), QFormat(3, 1), Accumulator(10))
    norm = BatchNorm([7], QFormat(4, 2), [0], EIGHT)
    nodes = (Node("fc", layer, "input"), Node("norm", norm, "fc"))
    graph = Graph("net", TensorSpec((6,), EIGHT), nodes)
    with pytest.raises(GraphError, match=r"'fc'.*may overflow"):
        fold_batch_norm(graph)


def test_batch_norm_whose_weights_would_be_too_wide_is_not_folded():
    layer = Dense(np.full((6, 1), 127), QFormat(8, 1))
    nodes = (Node("fc", layer, "input"), Node("norm", BatchNorm([7], EIGHT, [0], EIGHT), "fc"))
    with pytest.raises(GraphError, match=r"'fc'.*8 bits"):
        fold_batch_norm(Graph("net", TensorSpec((6,), EIGHT), nodes))


def test_clamps_are_dropped_where_a_proof_allows_it(graph):
    ready = graph.with_accumulators(Accumulator(14, "saturate"))
    relaxed = drop_needless_clamps(ready)
    kinds = {name: op.accumulator.overflow.value for name, op in relaxed.layers}
    assert kinds == {"fc1": "wrap", "fc2": "wrap"}
    narrow = graph.with_accumulators({"fc1": Accumulator(8, "saturate"), "*": Accumulator(20)})
    assert drop_needless_clamps(narrow)["fc1"].op.accumulator == Accumulator(8, "saturate")
    inputs = np.random.default_rng(3).integers(-128, 128, (40, 2, 2))
    np.testing.assert_array_equal(simulate(relaxed, inputs).output, simulate(ready, inputs).output)


def test_convolutions_ask_for_their_image_and_not_for_their_windows():
    from fxpsim.ops import Conv2D, DepthwiseConv2D

    eight, ones = QFormat(8, 0), np.ones
    conv = Conv2D(ones((3, 2, 4, 5), int), eight, stride=(2, 1), top_left=(1, 0))
    depthwise = DepthwiseConv2D(ones((3, 3, 8), int), eight, multiplier=2, bottom_right=(2, 2))
    for op, kind, taps in ((conv, "conv2d", 24), (depthwise, "depthwise", 9)):
        graph = Graph("one", TensorSpec((9, 7, 4), eight), (Node("layer", op, "input"),))
        (work,) = graph.work()
        rows, columns, outputs = graph.specs["layer"].shape
        assert (work.name, work.kind, work.input_values) == ("layer", kind, 9 * 7 * 4)
        assert (work.rows, work.inputs, work.outputs) == (rows * columns, taps, outputs)
