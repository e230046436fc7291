"""QONNX networks against the executor of the package qonnx, code by code.

Scales are powers of two, so that the executor's float32 sums are exact; the last test leaves that.
"""

from __future__ import annotations

import warnings
from unittest import mock

import numpy as np
import pytest

import fxpsim as fx

onnx = pytest.importorskip("onnx")
pytest.importorskip("qonnx")
from qonnx_networks import DOMAIN, MODES, Builder, random_network  # noqa: E402


def execute(model, x):
    """Run a model in qonnx, node by node."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from qonnx.core.modelwrapper import ModelWrapper
        from qonnx.core.onnx_exec import execute_onnx
        from qonnx.transformation.infer_shapes import InferShapes

        wrapper = ModelWrapper(model).transform(InferShapes())
        name = wrapper.graph.input[0].name
        # onnx may write a later version of its format than ONNX Runtime reads.
        with mock.patch.object(onnx, "IR_VERSION", 8):
            outputs = [execute_onnx(wrapper, {name: sample[None]}) for sample in x]
    (output,) = {next(iter(each)) for each in outputs}
    return np.concatenate([each[output] for each in outputs])


def compare(model, x, tmp_path):
    """Return our output codes and the executor's."""
    path = tmp_path / "net.onnx"
    path.write_bytes(model.SerializeToString())
    graph = fx.load(path)
    ours = fx.simulate(graph, input_codes(model, x, graph)).output
    fmt = graph.specs[graph.output].format
    theirs = execute(model, x).astype(np.float64) / fmt.scale + fmt.zero_point
    codes = np.rint(theirs).astype(np.int64)
    np.testing.assert_allclose(theirs, codes, atol=1e-3)
    return ours, codes.reshape(ours.shape)


def input_codes(model, x, graph):
    """Return the input as the executor quantises it: the graph begins behind that."""
    node = model.graph.node[0]
    alone = onnx.ModelProto()
    alone.CopyFrom(model)
    del alone.graph.node[1:]
    alone.graph.output[0].name = node.output[0]
    reals = execute(alone, x)
    fmt = graph.input.format
    return np.rint(reals / np.float32(fmt.scale)).astype(np.int64) + fmt.zero_point


@pytest.mark.parametrize("seed", range(40))
def test_random_networks_equal_the_executor(seed, tmp_path):
    model, shape = random_network(seed)
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 1, (3, *shape)).astype(np.float32)
    np.testing.assert_array_equal(*compare(model, x, tmp_path))


def truncated(version, rounding, dropped):
    """Return means of four, made by a sum and a truncation, as Brevitas has them."""
    rng = np.random.default_rng(dropped)
    net = Builder(rng)
    scale = np.float32(0.125)
    x = net.quant("x", scale, 6, True)
    sums = net.node("AveragePool", [x], kernel_shape=[2, 2], strides=[2, 2])
    sums = net.node("Mul", [sums, net.keep(np.float32(4))])
    last = [net.keep(np.float32(8 - dropped))]
    if version == 2:
        last.insert(0, net.keep(scale * 2**dropped))
    inputs = [sums, net.keep(scale), net.keep(np.float32(0)), net.keep(np.float32(8)), *last]
    y = net.node("Trunc", inputs, DOMAIN, rounding_mode=rounding)
    made = net.model((1, 3, 4, 6), y)
    made.opset_import[1].version = version
    return made


@pytest.mark.parametrize("rounding", MODES)
@pytest.mark.parametrize("dropped", [1, 2, 3])
@pytest.mark.parametrize("version", [1, 2])
def test_truncation(version, rounding, dropped, tmp_path):
    x = np.random.default_rng(0).normal(0, 3, (20, 3, 4, 6)).astype(np.float32)
    np.testing.assert_array_equal(*compare(truncated(version, rounding, dropped), x, tmp_path))


def test_arbitrary_scales_nearly_equal_the_executor(tmp_path):
    """Its float32 sums carry rounding errors, which ties and signs of 0 show."""
    differing = 0
    for seed in range(40):
        model, shape = random_network(seed, exact=False)
        x = np.random.default_rng(seed).normal(0, 1, (3, *shape)).astype(np.float32)
        ours, theirs = compare(model, x, tmp_path)
        differing += int((ours != theirs).any())
    assert differing <= 2
