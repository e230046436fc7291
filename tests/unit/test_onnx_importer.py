"""The ONNX importer: what it makes of files, and what it says of those it cannot read."""

from __future__ import annotations

import sys
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fxpsim as fx
from fxpsim.errors import ConfigError, DataError
from fxpsim.importers.onnx.float32 import fused_multiply_add

onnx = pytest.importorskip("onnx")
helper, FLOAT = onnx.helper, onnx.TensorProto.FLOAT


def model(nodes, constants, shape=(1, 4), kind=FLOAT, output="y"):
    """Return a model whose input is x."""
    made = [
        onnx.numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()
    ]
    graph = helper.make_graph(
        nodes, "net", [helper.make_tensor_value_info("x", kind, shape)],
        [helper.make_tensor_value_info(output, FLOAT, None)], made,
    )  # fmt: skip
    imports = [helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=imports, ir_version=10)


def load(tmp_path, made):
    path = tmp_path / "net.onnx"
    path.write_bytes(made.SerializeToString())
    return fx.load(path)


QUANTIZE = helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"])
DEQUANTIZE = helper.make_node("DequantizeLinear", ["q", "s", "z"], ["r"])
SCALE = {"s": np.float32(0.5), "z": np.int8(3)}


def dense(**extra):
    weights = helper.make_node("DequantizeLinear", ["w", "ws", "wz"], ["wr"], **extra)
    return [QUANTIZE, DEQUANTIZE, weights, helper.make_node("MatMul", ["r", "wr"], ["m"], "mul")]


def weights(shape=(4, 2), scale=0.25):
    codes = np.arange(np.prod(shape), dtype=np.int8).reshape(shape) - 3
    return SCALE | {"w": codes, "ws": np.float32(scale), "wz": np.zeros(np.shape(scale), np.int8)}


def test_sums_are_named_as_their_node_and_can_be_narrowed(tmp_path):
    nodes = [*dense(), helper.make_node("QuantizeLinear", ["m", "s", "z"], ["y"])]
    graph = load(tmp_path, model(nodes, weights(), shape=("batch", 4)))
    assert [node.name for node in graph] == ["mul", "y"]
    assert graph.input.shape == (4,)
    assert graph.input.format == fx.Affine(8, 0.5, 3)
    codes = np.array([[3, 4, 5, 120], [-128, 127, 0, 1]])
    sums = (codes - 3) @ (np.arange(8).reshape(4, 2) - 3)
    trace = fx.simulate(graph, codes, probes=["mul"])
    np.testing.assert_array_equal(trace["mul"], sums)
    np.testing.assert_array_equal(trace.output, (np.rint(sums * 0.25) + 3).clip(-128, 127))
    narrow = fx.simulate(graph, codes, accumulator={"mul": fx.Accumulator(9, "saturate")})
    assert narrow.overflow.events.sum() > 0


def test_float32_behind_the_last_integers_is_left_to_the_caller(tmp_path):
    nodes = [*dense(), helper.make_node("Softmax", ["m"], ["y"], "last")]
    graph = load(tmp_path, model(nodes, weights()))
    assert graph.output == "mul"
    assert graph.metadata["outside"] == ["node 4 'last' (Softmax)"]


def test_sums_of_channels_that_do_not_compare_are_no_output(tmp_path):
    constants = weights(scale=np.array([0.25, 0.5], np.float32))
    nodes = [*dense(axis=1), helper.make_node("Relu", ["m"], ["y"])]
    with pytest.raises(DataError, match="output 'y' must be quantised"):
        load(tmp_path, model(nodes, constants))


def test_all_that_is_no_integer_is_named_at_once(tmp_path):
    nodes = [
        QUANTIZE,
        DEQUANTIZE,
        helper.make_node("MatMul", ["r", "w"], ["a"], "first"),
        helper.make_node("LSTM", ["r"], ["b"], "second"),
        helper.make_node("MatMul", ["r", "x"], ["c"], "third"),
        helper.make_node("Add", ["a", "b"], ["y"], "behind"),
    ]
    with pytest.raises(DataError) as caught:
        load(tmp_path, model(nodes, SCALE | {"w": np.ones((4, 2), np.float32)}))
    sentence = str(caught.value)
    assert "'first' (MatMul): weights 'w' must be quantised, not float32" in sentence
    assert "'second' (LSTM): it cannot be run in integers" in sentence
    assert "'third' (MatMul): weights must be constant, but 'x' is computed" in sentence
    assert "behind" not in sentence  # it has no mistake of its own


@pytest.mark.parametrize(
    ("nodes", "sentence"),
    [
        ([helper.make_node("Relu", ["x"], ["y"])], "reads the float32 input: quantise that"),
        ([helper.make_node("DynamicQuantizeLinear", ["x"], ["y", "a", "b"])], "statically"),
        ([helper.make_node("Relu", ["later"], ["y"])], "'later', which nothing before it writes"),
        ([QUANTIZE, helper.make_node("Relu", ["q"], ["q"])], "'q' is written twice"),
        ([QUANTIZE, helper.make_node("QLinearAveragePool", ["q", "x"], ["y"])], "scale must be"),
        ([QUANTIZE, DEQUANTIZE, helper.make_node("Softmax", ["r"], ["t"]),
          helper.make_node("Relu", ["t"], ["y"])], r"must be quantised|quantise it first"),
        ([QUANTIZE, helper.make_node("MatMul", ["q", "w"], ["y"], domain="elsewhere")],
         "'elsewhere' cannot be run"),
    ],
)  # fmt: skip
def test_mistakes_are_sentences(nodes, sentence, tmp_path):
    with pytest.raises(DataError, match=sentence):
        load(tmp_path, model(nodes, SCALE))


def test_data_outside_of_the_file_is_refused(tmp_path):
    made = model([QUANTIZE, DEQUANTIZE], weights(), output="r")
    tensor = made.graph.initializer[-1]
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="weights.bin")
    with pytest.raises(DataError, match="kept outside of the file"):
        load(tmp_path, made)


def test_branches_are_refused(tmp_path):
    branch = helper.make_graph([], "branch", [], [])
    node = helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=branch)
    with pytest.raises(DataError, match="graphs of its own"):
        load(tmp_path, model([QUANTIZE, node], SCALE))


def test_without_the_package_it_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ConfigError, match=r"pip install 'fxpsim\[onnx\]'"):
        load(tmp_path, model([QUANTIZE], SCALE))


def test_clips_behind_a_quantisation_make_it_narrower(tmp_path):
    """Brevitas writes 4 bits so."""
    nodes = [
        *dense(),
        helper.make_node("QuantizeLinear", ["m", "s", "zero"], ["wide"]),
        helper.make_node("Clip", ["wide", "low", "high"], ["y"]),
    ]
    ends = {"zero": np.int8(0), "low": np.int8(-8), "high": np.int8(7)}
    graph = load(tmp_path, model(nodes, weights() | ends))
    assert graph.specs["y"].format == fx.Affine(4, 0.5)
    output = fx.simulate(graph, [[127, 127, 127, 127], [-128] * 4]).output
    assert (output.min(), output.max()) == (-8, 7)


def test_one_dimension_and_groups(tmp_path):
    rng = np.random.default_rng(0)
    codes = rng.integers(-9, 9, (6, 2, 3)).astype(np.int8)
    node = helper.make_node("ConvInteger", ["q", "w"], ["y"], group=2, strides=[2], pads=[1, 0])
    graph = load(tmp_path, model([QUANTIZE, node], SCALE | {"w": codes}, shape=(1, 4, 9)))
    x = rng.integers(-128, 128, (5, 4, 9))
    padded = np.pad(x, [(0, 0), (0, 0), (1, 0)])
    windows = np.lib.stride_tricks.sliding_window_view(padded, 3, axis=2)[:, :, ::2]
    halves = [
        np.einsum("ncpk,ock->nop", windows[:, 2 * g : 2 * g + 2], codes[3 * g : 3 * g + 3])
        for g in (0, 1)
    ]
    np.testing.assert_array_equal(fx.simulate(graph, x).output, np.concatenate(halves, axis=1))


finite = st.floats(width=32, min_value=-(2.0**50), max_value=2.0**50, allow_subnormal=False)


@given(finite, finite, finite)
def test_a_fused_multiply_add_is_rounded_once(a, b, c):
    exact = Fraction(a) * Fraction(b) + Fraction(c)
    result = float(fused_multiply_add(*map(np.float32, (a, b, c))))
    near = [float(np.nextafter(np.float32(result), np.float32(end))) for end in (-np.inf, np.inf)]
    best = min(abs(Fraction(v) - exact) for v in (result, *(n for n in near if np.isfinite(n))))
    assert abs(Fraction(result) - exact) == best
    if any(abs(Fraction(n) - exact) == best for n in near):  # a tie
        assert np.float32(result).view(np.int32) % 2 == 0
