"""ONNX's own cases of quantisation operators, through the importer.

``onnx.backend.test`` has 45; eight of them have codes that are floats of few bits, which are no
integers.  What is computed becomes the input of a network, everything else a constant of it; the
operators that make scales from data run on constants only.
"""

from __future__ import annotations

from importlib import import_module

import numpy as np
import pytest

import fxpsim as fx
from fxpsim.errors import DataError

onnx = pytest.importorskip("onnx")
helper = onnx.helper

FAMILIES = (
    "quantizelinear", "dequantizelinear", "qlinearmatmul", "matmulinteger", "qlinearconv",
    "convinteger", "dynamicquantizelinear",
)  # fmt: skip
#: Codes that are floats of 8 or 4 bits.
NO_INTEGERS = {
    "test_quantizelinear_e4m3fn",
    "test_quantizelinear_e5m2",
    "test_quantizelinear_float4e2m1",
    "test_dequantizelinear_e4m3fn",
    "test_dequantizelinear_e4m3fn_float16",
    "test_dequantizelinear_e4m3fn_zero_point",
    "test_dequantizelinear_e5m2",
    "test_dequantizelinear_float4e2m1",
}


def node_cases():
    """Return the cases by name; importing an operator's module makes them."""
    from onnx.backend.test.case import node

    for name in FAMILIES:
        import_module(f"onnx.backend.test.case.node.{name}")
    return {case.name: case for case in node._NodeTestCases}


CASES = node_cases()
EXPRESSIBLE = sorted(set(CASES) - NO_INTEGERS)


def proto(tensor, name):
    copy = onnx.TensorProto()
    copy.CopyFrom(
        tensor if isinstance(tensor, onnx.TensorProto) else onnx.numpy_helper.from_array(tensor)
    )
    copy.name = name
    return copy


def numbers(tensor):
    if isinstance(tensor, onnx.TensorProto):
        tensor = onnx.numpy_helper.to_array(tensor)
    array = np.asarray(tensor)
    return array if array.dtype.kind == "f" else array.astype(np.int64)


def network(case, computed=1, output=0):
    """Return the model of a case with its first ``computed`` inputs left open."""
    model = onnx.ModelProto()
    model.CopyFrom(case.model)
    graph, inputs = model.graph, case.data_sets[0][0]
    names = [info.name for info in graph.input]
    for name, tensor in list(zip(names, inputs, strict=True))[computed:]:
        graph.initializer.append(proto(tensor, name))
    kept = graph.output[output]
    graph.ClearField("output")
    graph.output.append(kept)
    if not computed:
        del graph.input[:]
        graph.input.append(helper.make_tensor_value_info("idle", onnx.TensorProto.INT8, [1, 1]))
    return model


def loaded(tmp_path, model):
    path = tmp_path / "case.onnx"
    path.write_bytes(model.SerializeToString())
    return fx.load(path)


def samples(array, graph):
    """Return an array with one axis more where the network has no batch."""
    whole = array.size == np.prod(graph.input.shape)
    return array.reshape(1, *graph.input.shape) if whole else array


def test_there_are_45_cases():
    assert len(CASES) == 45
    assert len(EXPRESSIBLE) == 37


@pytest.mark.parametrize("name", EXPRESSIBLE)
def test_case(name, tmp_path):
    case = CASES[name]
    inputs, expected = case.data_sets[0]
    node = case.model.graph.node[0]
    blocks = any(attribute.name == "block_size" for attribute in node.attribute)
    if "dynamic" in name or blocks:
        for output, wanted in enumerate(expected):
            check_constant(tmp_path, case, output, numbers(wanted))
        return
    x, wanted = numbers(inputs[0]), numbers(expected[0])
    graph = loaded(tmp_path, network(case))
    codes = x
    if x.dtype.kind == "f":
        codes = fx.quantize(samples(x, graph), graph.input.format)
    got = fx.simulate(graph, samples(codes, graph)).output
    if wanted.dtype.kind == "f":
        got = fx.dequantize(got, graph.specs[graph.output].format).astype(wanted.dtype)
    np.testing.assert_array_equal(got.reshape(wanted.shape), wanted)


def check_constant(tmp_path, case, output, wanted):
    """A constant network puts out what the operator makes of a constant."""
    model = network(case, computed=0, output=output)
    if wanted.dtype.kind == "f":  # scales are no codes: they are compared as the importer has them
        from fxpsim.importers.onnx import _read_operators
        from fxpsim.importers.onnx.importer import Importer
        from fxpsim.importers.onnx.model import parse

        importer = Importer(parse(model.SerializeToString()))
        assert not _read_operators(importer)
        got = importer.constants[model.graph.output[0].name].array
        np.testing.assert_array_equal(got.astype(wanted.dtype), wanted)
        return
    graph = loaded(tmp_path, model)
    got = fx.simulate(graph, np.zeros((1, *graph.input.shape), int)).output
    np.testing.assert_array_equal(got.reshape(wanted.shape), wanted)


@pytest.mark.parametrize("name", sorted(NO_INTEGERS))
def test_floats_of_few_bits_are_refused(name, tmp_path):
    with pytest.raises(DataError, match=r"float8|float4|integers"):
        loaded(tmp_path, network(CASES[name]))


def test_a_scale_made_from_data_is_refused(tmp_path):
    with pytest.raises(DataError, match="quantise statically"):
        loaded(tmp_path, network(CASES["test_dynamicquantizelinear"]))
