"""A network that reads a row a step has the bits of the one that reads windows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fxpsim import Accumulator, Gemmlowp, load, simulate, stream
from fxpsim.errors import GraphError
from fxpsim.formats import Affine, Levels
from fxpsim.graph import Graph, Node
from fxpsim.incremental import by_rows
from fxpsim.ops import Conv2D, Dense, DepthwiseConv2D, Relu, Rescale, Reshape, TensorSpec

EIGHT = Affine(8, 0.5, 3)
WEIGHT = Affine(8, 0.25)


@st.composite
def networks(draw):
    """Convolutions over time and a dense layer, some of which cannot be shared by windows."""
    rng = np.random.default_rng(draw(st.integers(0, 1 << 32)))
    weight = draw(st.sampled_from([WEIGHT, WEIGHT, Levels.dorefa(3)]))
    rows, bands, channels = draw(st.integers(6, 9)), draw(st.integers(1, 3)), 1
    source = TensorSpec((rows, bands, channels), EIGHT)
    nodes, name, height = [], "input", rows
    register = Accumulator(draw(st.sampled_from([12, 32])), "saturate")
    for number in range(draw(st.integers(0, 3))):
        taps, stride = draw(st.integers(1, 3)), draw(st.sampled_from([1, 1, 1, 2]))
        dilation, pad = draw(st.integers(1, 2)), draw(st.sampled_from([0, 0, 0, 1]))
        if height + pad < (taps - 1) * dilation + 1:
            break
        shape = {"stride": (stride, 1), "dilation": (dilation, 1), "top_left": (pad, 0)}
        if draw(st.booleans()):
            weights = rng.integers(weight.lo, weight.hi, (taps, 1, channels), endpoint=True)
            op = DepthwiseConv2D(weights, weight, register, **shape)
        else:
            outputs = draw(st.integers(1, 3))
            weights = rng.integers(
                weight.lo, weight.hi, (taps, 1, channels, outputs), endpoint=True
            )
            op, channels = Conv2D(weights, weight, register, **shape), outputs
        scale = Rescale(Gemmlowp(1 << 30, -6, zero_point=3), EIGHT)
        nodes += [Node(f"conv{number}", op, name), Node(f"scale{number}", scale, f"conv{number}")]
        name, height = f"scale{number}", (height + pad - (taps - 1) * dilation - 1) // stride + 1
    if draw(st.booleans()):
        nodes.append(Node("relu", Relu(), name))
        name = "relu"
    size = height * bands * channels
    nodes.append(Node("flat", Reshape((size,)), name))
    weights = rng.integers(weight.lo, weight.hi, (size, 2), endpoint=True)
    nodes.append(Node("out", Dense(weights, weight, register), "flat"))
    return Graph("drawn", source, tuple(nodes))


def last_rows(graph, codes):
    """Return windows of the latest rows, each as the input of the network."""
    rows = graph.input.shape[0]
    return np.stack([codes[i : i + rows] for i in range(len(codes) - rows + 1)])


@given(networks(), st.integers(0, 1 << 32))
def test_every_full_window_has_its_bits(graph, seed):
    rows = graph.input.shape[0]
    codes = np.random.default_rng(seed).integers(-128, 128, (rows + 5, *graph.input.shape[1:]))
    running = stream(by_rows(graph, rows))
    steps = [running.step(row[None]) for row in codes]
    expected = simulate(graph, last_rows(graph, codes)).output
    np.testing.assert_array_equal(steps[rows - 1 :], expected)


def test_convolutions_are_computed_once_for_a_row():
    weights = np.arange(6).reshape(3, 1, 1, 2)
    conv = Conv2D(weights, WEIGHT, Accumulator(32))
    nodes = (Node("conv", conv, "input"), Node("flat", Reshape((8,)), "conv"))
    graph = Graph("two", TensorSpec((6, 1, 1), EIGHT), nodes)
    shared = by_rows(graph, 6)
    assert [state.spec.shape for state in shared.states] == [(2, 1, 1), (3, 1, 2)]
    assert (graph.work().macs, shared.work().macs) == (24, 6)
    assert shared.output == "flat"


def test_rows_of_flat_inputs_are_told_apart_by_their_number():
    shipped = load("kws250k-4bit")
    assert by_rows(shipped, 16).input.shape == (1, 20)
    with pytest.raises(GraphError, match="rows must divide the first axis"):
        by_rows(shipped, 5)
    with pytest.raises(GraphError, match="has states"):
        by_rows(by_rows(shipped, 16), 16)


@pytest.mark.parametrize(
    ("file", "rows", "macs"),
    [
        ("mlperf_sww/str_ww_ref_model", 30, (826368, 46040)),
        ("tflm_micro_speech/micro_speech_quantized", 49, (336000, 336000)),
    ],
)
def test_networks_of_others_keep_their_bits(test_data, file, rows, macs):
    graph = load(test_data / f"models/{file}.tflite")
    shared = by_rows(graph, rows)
    assert (graph.work().macs, shared.work().macs) == macs
    codes = np.random.default_rng(0).integers(-128, 128, (rows + 5, *shared.input.shape))
    windows = np.stack([codes[i : i + rows] for i in range(6)]).reshape(6, *graph.input.shape)
    running = stream(shared)
    steps = [running.step(row) for row in codes][rows - 1 :]
    np.testing.assert_array_equal(steps, simulate(graph, windows).output)
