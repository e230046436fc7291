"""ONNX's own node cases of linear quantisation, and ONNX Runtime on random tensors.

All cases of QuantizeLinear, DequantizeLinear, QLinearMatMul and MatMulInteger in
``onnx.backend.test`` are here, integers of 2, 4, 8 and 16 bits, per tensor, per axis and blocked
(a block is a row of a reshaped tensor, and its scale one along an axis), and codes that are floats
of 8 or 4 bits themselves.
"""

from __future__ import annotations

from importlib import import_module

import numpy as np
import pytest

import fxpsim as fx

onnx = pytest.importorskip("onnx")

#: Codes that are floats themselves, as codebooks.
MINIFLOATS = {
    "float8_e4m3fn": fx.Levels.minifloat(4, 3, 448),
    "float8_e5m2": fx.Levels.minifloat(5, 2, 57344),
    "float4_e2m1fn": fx.Levels.minifloat(2, 1),
}
WIDE = fx.Accumulator(32)


def node_cases():
    """Return the cases of four operators by name; importing an operator's module makes them."""
    from onnx.backend.test.case import node

    for name in ("quantizelinear", "dequantizelinear", "qlinearmatmul", "matmulinteger"):
        import_module(f"onnx.backend.test.case.node.{name}")
    wanted = ("QuantizeLinear", "DequantizeLinear", "QLinearMatMul", "MatMulInteger")
    cases = (case for case in node._NodeTestCases if "_expanded" not in case.name)
    return {case.name: case for case in cases if case.model.graph.node[0].op_type in wanted}


CASES = node_cases()
OF_FLOATS = [name for name in CASES if "float4" in name or "_e4m3" in name or "_e5m2" in name]


def numbers(tensor) -> tuple[np.ndarray, str]:
    """Return a tensor's numbers, and what they are kept as ("int4")."""
    if isinstance(tensor, onnx.TensorProto):
        tensor = onnx.numpy_helper.to_array(tensor)
    array = np.asarray(tensor)
    kind = array.dtype.name
    return (array if kind.startswith("float") else array.astype(np.int64)), kind


def affine(kind: str, scale, zero, axis: int | None = None) -> fx.Affine:
    bits = int(kind.removeprefix("u").removeprefix("int"))
    if np.size(scale) == 1:
        scale, zero, axis = np.ravel(scale)[0], np.ravel(zero)[0], None
    return fx.Affine(
        bits, np.float64(scale), np.array(zero), signed=not kind.startswith("u"), axis=axis
    )


def blocks(x: np.ndarray, axis: int, size: int) -> np.ndarray:
    """Return (blocks, size), in the order of their scales."""
    split = x.reshape(*x.shape[:axis], x.shape[axis] // size, size, *x.shape[axis + 1 :])
    return np.moveaxis(split, axis + 1, -1).reshape(-1, size)


def linear(case):
    """Return input, expected output and format of a case of (De)QuantizeLinear, blocks as rows."""
    (x, *parameters), (expected,) = case.data_sets[0]
    node = case.model.graph.node[0]
    attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    (x, x_kind), (y, y_kind) = numbers(x), numbers(expected)
    scale = numbers(parameters[0])[0]
    zero = numbers(parameters[1])[0] if len(parameters) > 1 else np.zeros(scale.shape, np.int64)
    axis, size = attributes.get("axis", 1), attributes.get("block_size", 0)
    if size:
        x, y, scale, zero, axis = blocks(x, axis, size), blocks(y, axis, size), scale.ravel(), \
            zero.ravel(), 0  # fmt: skip
    return x, y, affine(x_kind if node.op_type[0] == "D" else y_kind, scale, zero, axis)


def of(operator: str) -> list[str]:
    return [
        name
        for name, case in CASES.items()
        if case.model.graph.node[0].op_type == operator and name not in OF_FLOATS
    ]


def test_the_cases_are_all_here():
    assert len(OF_FLOATS) == 8
    assert len(CASES) == 36


@pytest.mark.parametrize("name", OF_FLOATS)
def test_floats_of_few_bits_are_codebooks(name):
    (x, scale, *_), (expected,) = CASES[name].data_sets[0]
    x, scale, expected = (
        onnx.numpy_helper.to_array(t) if isinstance(t, onnx.TensorProto) else np.asarray(t)
        for t in (x, scale, expected)
    )
    given, result = (x, expected) if "dequantize" not in name else (expected, x)
    fmt = MINIFLOATS[result.dtype.name]
    rows = zip(
        np.atleast_2d(given),
        np.atleast_2d(result),
        np.resize(scale, len(np.atleast_2d(given))),
        strict=True,
    )
    for reals, codes, step in rows:
        fmt_here = fx.Levels(fmt.codebook, fmt.scale * float(step))
        patterns = codes.view(np.uint8).astype(int)
        if "dequantize" in name:
            np.testing.assert_array_equal(fx.dequantize(patterns, fmt_here), reals.astype(float))
        else:
            got = fx.dequantize(fx.quantize(reals, fmt_here), fmt)
            np.testing.assert_array_equal(got, codes.astype(float))  # +0 for -0


@pytest.mark.parametrize("name", of("QuantizeLinear"))
def test_quantize_linear(name):
    x, expected, fmt = linear(CASES[name])
    np.testing.assert_array_equal(fx.quantize(x, fmt), expected)


@pytest.mark.parametrize("name", of("DequantizeLinear"))
def test_dequantize_linear(name):
    x, expected, fmt = linear(CASES[name])
    np.testing.assert_array_equal(fx.dequantize(x, fmt).astype(np.float32), expected)


@pytest.mark.parametrize("name", of("MatMulInteger"))
def test_matmul_integer(name):
    inputs, (expected,) = CASES[name].data_sets[0]
    (a, a_kind), (b, b_kind), (a_zero, _), (b_zero, _) = map(numbers, inputs)
    formats = {"a_format": affine(a_kind, 1, a_zero), "b_format": affine(b_kind, 1, b_zero)}
    np.testing.assert_array_equal(fx.matmul(a, b, WIDE, **formats), expected)


@pytest.mark.parametrize("name", of("QLinearMatMul"))
def test_qlinear_matmul(name):
    inputs, (expected,) = CASES[name].data_sets[0]
    arrays, kinds = zip(*map(numbers, inputs), strict=True)
    a, a_scale, a_zero, b, b_scale, b_zero, y_scale, y_zero = arrays
    formats = {
        "a_format": affine(kinds[0], a_scale, a_zero),
        "b_format": affine(kinds[3], b_scale, b_zero),
    }
    scheme = fx.FloatScale.from_scales(
        a_scale.item(), b_scale.item(), y_scale.item(), zero_point=y_zero.item()
    )
    target = fx.QFormat(8, 0, signed=kinds[0] == "int8")
    stacked = (m.reshape(-1, *m.shape[-2:]) for m in (a, b, np.asarray(expected)))
    for left, right, y in zip(*stacked, strict=True):
        sums = fx.matmul(left, right, WIDE, **formats)
        np.testing.assert_array_equal(fx.requantize(sums, scheme, target), y)


def session(operator: str, inputs: dict[str, np.ndarray], output: type[np.generic]) -> np.ndarray:
    """Run one node in ONNX Runtime."""
    runtime = pytest.importorskip("onnxruntime")
    helper = onnx.helper

    def info(name, dtype, shape):
        return helper.make_tensor_value_info(
            name, helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), shape
        )

    node = helper.make_node(operator, list(inputs), ["y"])
    declared = [info(name, x.dtype, x.shape) for name, x in inputs.items()]
    graph = helper.make_graph([node], "one", declared, [info("y", output, None)])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    started = runtime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return started.run(None, {name: np.asarray(x) for name, x in inputs.items()})[0]


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, np.uint16])
def test_onnx_runtime_quantises_alike(dtype):
    """With power-of-two scales float32 divides exactly, as our float64 does; others may tie."""
    rng = np.random.default_rng(4)
    limits = np.iinfo(dtype)
    for exponent in range(-8, 3):
        scale, zero = np.float32(2.0**exponent), rng.integers(limits.min, limits.max, dtype=dtype)
        halves = rng.integers(2 * limits.min - 99, 2 * limits.max + 99, 500)
        values = np.concatenate([halves / 2, rng.normal(0, limits.max, 500)]) * scale
        x = values.astype(np.float32)
        fmt = affine(np.dtype(dtype).name, scale, zero)
        codes = session("QuantizeLinear", {"x": x, "s": scale, "z": zero}, dtype)
        np.testing.assert_array_equal(fx.quantize(x, fmt), codes)
        back = session("DequantizeLinear", {"x": codes, "s": scale, "z": zero}, np.float32)
        np.testing.assert_array_equal(fx.dequantize(codes, fmt), back)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8])
def test_onnx_runtime_multiplies_alike(dtype):
    """Weights have 7 bits: without 8-bit dot products its kernels for x86 saturate pairs."""
    rng = np.random.default_rng(5)
    limits = np.iinfo(dtype)
    for size in (3, 40, 130):
        a = rng.integers(limits.min, limits.max, (17, size), dtype, endpoint=True)
        b = rng.integers(limits.min // 2, limits.max // 2, (size, 9), dtype, endpoint=True)
        zeros = [rng.integers(limits.min // 2, limits.max // 2, dtype=dtype) for _ in range(2)]
        zeros.append(dtype((limits.min + limits.max + 1) // 2))
        kind = np.dtype(dtype).name
        formats = {"a_format": affine(kind, 1, zeros[0]), "b_format": affine(kind, 1, zeros[1])}
        sums = fx.matmul(a, b, WIDE, **formats)
        inputs = {"a": a, "b": b, "az": zeros[0], "bz": zeros[1]}
        np.testing.assert_array_equal(sums, session("MatMulInteger", inputs, np.int32))

        peak = float(np.abs(sums).max())
        scales = [np.float32(s) for s in (0.0071, 0.0213, 0.0071 * 0.0213 * peak / 110)]
        inputs = {
            "a": a, "as": scales[0], "az": zeros[0], "b": b, "bs": scales[1], "bz": zeros[1],
            "ys": scales[2], "yz": zeros[2],
        }  # fmt: skip
        scheme = fx.FloatScale.from_scales(*scales, zero_point=int(zeros[2]))
        target = fx.QFormat(8, 0, signed=kind == "int8")
        ours = fx.requantize(sums, scheme, target)
        np.testing.assert_array_equal(ours, session("QLinearMatMul", inputs, dtype))
        assert len(np.unique(ours)) > 20
