"""Operations of imported networks: against plain rules, by hand, and on what does not fit."""

from __future__ import annotations

import math

import numpy as np
import pytest

from fxpsim import Affine, FloatScale, Gemmlowp, Graph, QFormat, simulate
from fxpsim.errors import DataError, FormatError, GraphError
from fxpsim.graph import Node
from fxpsim.importers.tflite.tables import interpolated16, softmax_exponentials
from fxpsim.ops import (
    Add,
    AveragePool2D,
    Concatenate,
    Constant,
    Conv2D,
    DepthwiseConv2D,
    FloatTableSoftmax,
    GemmlowpSoftmax,
    LookupSoftmax,
    MaxPool2D,
    Multiply,
    Pad,
    ReduceSum,
    Reinterpret,
    Rescale,
    RescaleFloat64,
    Reshape,
    Slice,
    Stack,
    Table,
    TensorSpec,
    Transpose,
)
from fxpsim.ops.window import Window
from fxpsim.spec import elementary

INT8 = Affine(8, 0.5, -3)
EIGHT = QFormat(8, 0)


def both(op, codes, *specs):
    """Run an operation compiled and by the rules; they must agree."""
    names = [f"x{i}" for i in range(len(specs))]
    # The first source is the input; the others are constants.
    nodes = [
        Node(n, Constant(c[0], s.format), "input")
        for n, c, s in zip(names[1:], codes[1:], specs[1:], strict=True)
    ]
    graph = Graph("op", specs[0], (*nodes, Node("y", op, ("input", *names[1:]))))
    fast, slow = (simulate(graph, codes[0], engine=e).output for e in ("compiled", "spec"))
    np.testing.assert_array_equal(fast, slow)
    return fast


@pytest.mark.parametrize("bits", [4, 5])
def test_fixed_point_functions_are_close_to_the_real_ones(bits):
    for x in np.linspace(-(2**bits) + 0.01, 0, 300):
        raw = int(x * 2 ** (31 - bits))
        assert abs(elementary.exp_of_negative(raw, bits) / 2**31 - math.exp(x)) < 1e-6
        if bits == 4:
            assert abs(elementary.logistic(raw, 4) / 2**31 - 1 / (1 + math.exp(-x))) < 1e-6
            assert abs(elementary.tanh(-raw, 4) / 2**31 + math.tanh(x)) < 1e-6


@pytest.mark.parametrize("scale", [0.01, 0.1, 0.7])
def test_softmax_of_8_bit_scores(scale):
    rng = np.random.default_rng(1)
    codes = rng.integers(-128, 128, (200, 7))
    source = TensorSpec((7,), Affine(8, scale, 5))
    op = GemmlowpSoftmax(softmax_exponentials(scale), Affine(8, 1 / 256, -128))
    shares = (both(op, [codes], source) + 128) / 256
    powers = np.exp(codes * scale)
    assert np.abs(shares - powers / powers.sum(axis=1, keepdims=True)).max() < 1 / 200
    table = np.exp(-scale * np.arange(256)).astype(np.float32).view(np.int32)
    floats = both(FloatTableSoftmax(table, Affine(8, 1 / 256, -128)), [codes], source)
    assert np.abs(floats + 128 - shares * 256).max() <= 1


@pytest.mark.parametrize("scale", [1e-4, 2e-3])
def test_softmax_of_16_bit_scores(scale):
    rng = np.random.default_rng(2)
    codes = rng.integers(-32768, 32768, (200, 5))
    op = LookupSoftmax(
        Gemmlowp.from_scale(scale / (10 / 65535)),
        interpolated16(np.exp, -10.0, 0.0, np.float32),
        interpolated16(lambda x: 1 / (1 + x), 0.0, 1.0, np.float32),
        Affine(16, 2**-15),
    )
    shares = both(op, [codes], TensorSpec((5,), Affine(16, scale))) / 2**15
    powers = np.exp((codes - codes.max(axis=1, keepdims=True)) * scale)
    assert np.abs(shares - powers / powers.sum(axis=1, keepdims=True)).max() < 1e-3


def test_sums_and_products_stretch():
    rng = np.random.default_rng(3)
    left, right = rng.integers(-128, 128, (9, 2, 3, 4)), rng.integers(-128, 128, (1, 4))
    specs = TensorSpec((2, 3, 4), INT8), TensorSpec((4,), Affine(8, 0.25, 7))
    target = Affine(8, 1.0, 4)
    # To a common scale of 1, and on to the target's.
    to_one = Gemmlowp.from_scale(0.5), Gemmlowp.from_scale(0.25)
    add = Add(20, *to_one, Gemmlowp.from_scale(2.0**-20, zero_point=4), target)
    real = (left + 3) * 0.5 + (right[0] - 7) * 0.25
    codes = both(add, [left, right], *specs)
    assert np.abs(codes - 4 - np.clip(real, -132, 123)).max() <= 0.5
    multiply = Multiply(Gemmlowp.from_scale(0.5 * 0.25, zero_point=4), target)
    real = (left + 3) * 0.5 * (right[0] - 7) * 0.25
    codes = both(multiply, [left, right], *specs)
    assert np.abs(codes - 4 - np.clip(real, -132, 123)).max() <= 0.5
    low, high = multiply.interval([(c.min(0), c.max(0)) for c in (left, right)], specs)
    assert (low <= codes).all()
    assert (codes <= high).all()


def test_tables_bound_what_they_hold():
    table = Table(np.abs(np.arange(-128, 128)) // 2, EIGHT)
    codes = np.random.default_rng(4).integers(-128, 128, (50, 6))
    source = TensorSpec((6,), INT8)
    assert both(table, [codes], source).tolist() == (np.abs(codes) // 2).tolist()
    low, high = table.interval([(np.array([-4, -128]), np.array([2, 127]))], [source])
    assert (low.tolist(), high.tolist()) == ([0, 0], [2, 64])


@pytest.mark.parametrize("rounding", ["nearest_away", "floor"])
def test_pools(rounding):
    codes = np.random.default_rng(5).integers(-128, 128, (4, 5, 6, 3))
    source = TensorSpec((5, 6, 3), INT8)
    window = {"size": (3, 2), "stride": (2, 2), "top_left": (1, 0), "bottom_right": (1, 0)}
    means = both(AveragePool2D(**window, rounding=rounding), [codes], source)
    highest = both(MaxPool2D(**window, act_max=20), [codes], source)
    assert means.shape == highest.shape == (4, 3, 3, 3)
    for n, i, j, c in np.ndindex(means.shape):
        part = codes[n, max(0, 2 * i - 1) : 2 * i + 2, 2 * j : 2 * j + 2, c]
        mean = part.sum() / part.size
        away = math.copysign(math.floor(abs(mean) + 0.5), mean)
        assert means[n, i, j, c] == (math.floor(mean) if rounding == "floor" else away)
        assert highest[n, i, j, c] == min(20, part.max())


def test_movement():
    codes = np.random.default_rng(6).integers(-128, 128, (3, 2, 5, 4))
    source = TensorSpec((2, 5, 4), INT8)
    for op, wanted in (
        (Reshape((10, 4)), codes.reshape(3, 10, 4)),
        (Transpose((2, 0, 1)), codes.transpose(0, 3, 1, 2)),
        (Slice((0, 4, 1), (2, 3, 1), (1, -2, 1), (2,)), codes[:, :, ::-2, 1]),
        (
            Pad((1, 0, 0), (0, 0, 2)),
            np.pad(codes, [(0, 0), (1, 0), (0, 0), (0, 2)], constant_values=-3),
        ),
        (Reinterpret(Affine(8, 1.0, 9)), codes),
    ):
        np.testing.assert_array_equal(both(op, [codes], source), wanted)
        low, high = op.interval([(codes.min(0), codes.max(0))], [source])
        assert (low <= wanted).all()
        assert (wanted <= high).all()
    joined = both(Concatenate(1), [codes, codes[:1]], source, source)
    np.testing.assert_array_equal(joined[:, :, :5], codes)
    np.testing.assert_array_equal(joined[1, :, 5:], codes[0])
    assert both(Stack(3), [codes, codes[:1]], source, source).shape == (3, 2, 5, 4, 2)


def test_rescaling_takes_the_zero_point_off():
    codes = np.arange(-128, 128).reshape(1, 256)
    op = Rescale(Gemmlowp.from_scale(0.5, zero_point=10), Affine(8, 1.0, 10))
    exact = (codes + 3) * 0.5
    shifted = both(op, [codes], TensorSpec((256,), INT8)) - 10
    assert np.abs(shifted - exact).max() <= 0.5
    double = RescaleFloat64((0.5,), Affine(16, 1.0))
    halves = double.run([codes], [TensorSpec((256,), EIGHT)])
    assert halves[0].tolist() == [elementary.float64_scale(int(c), 0.5) for c in codes[0]]
    assert double.run([np.array([[1]])], [TensorSpec((1,), EIGHT)]).tolist() == [[1]]


def test_sums_along_axes():
    codes = np.random.default_rng(7).integers(-128, 128, (3, 2, 5, 4))
    source = TensorSpec((2, 5, 4), INT8)
    sums = both(ReduceSum((0, 1)), [codes], source)
    assert sums.tolist() == (codes + 3).sum(axis=(1, 2)).tolist()
    extreme = np.full((1, 2, 5, 4), 127)
    assert both(ReduceSum((0, 1, 2)), [extreme], source).tolist() == [130 * 40]
    with pytest.raises(GraphError, match="some of 0 to 2"):
        ReduceSum((3,)).infer(source)


def test_same_padding_is_that_of_tensorflow():
    window = Window.same((10, 4), (49, 10), (2, 2))
    assert (window.top_left, window.bottom_right) == ((4, 1), (5, 1))
    assert window.positions((49, 10)) == (25, 5)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Conv2D(np.ones((2, 2, 3), int), EIGHT), "shape .height, width, input channels, N"),
        (lambda: Conv2D(np.ones((1, 1, 2, 2), int), EIGHT, stride=(0, 1)), "stride must be 1"),
        (lambda: Conv2D(np.ones((1, 1, 2, 2), int), EIGHT, stride=2), r"\(height, width\), not 2"),
        (
            lambda: DepthwiseConv2D(np.ones((1, 1, 3), int), EIGHT, multiplier=2),
            "divide the 3 outp",
        ),
        (lambda: MaxPool2D((2, 2), (1, 1), top_left=(2, 0)), "padding must be smaller"),
        (lambda: AveragePool2D((1, 1), (1, 1), rounding="ceil"), "nearest_away or floor"),
        (lambda: Table(np.zeros((2, 2), int), EIGHT), "row of 2 to 65536"),
        (lambda: Rescale(Gemmlowp.from_scale(1.0, act_max=300), INT8), "activation's range"),
        (lambda: GemmlowpSoftmax([5], INT8), "begins with 2147483647"),
        (lambda: RescaleFloat64((0.0,), INT8), "more than 0"),
    ],
)
def test_operations_check_their_constants(make, sentence):
    with pytest.raises((GraphError, DataError, FormatError), match=sentence):
        make()


@pytest.mark.parametrize(
    ("op", "shape", "sentence"),
    [
        (Conv2D(np.ones((2, 2, 3, 1), int), EIGHT), (4, 4, 2), r"\(height, width, 3\), not"),
        (Conv2D(np.ones((3, 3, 2, 1), int), EIGHT), (2, 2, 2), "must fit the padded image"),
        (Reshape((3,)), (2, 2, 2), "8 elements"),
        (Slice((0,), (9,), (1,)), (8,), "lie within axis 0 of 8"),
        (Slice((0,), (2,), (1,), (0,)), (8,), "axes to drop"),
        (Transpose((0, 0)), (2, 2), "0 to 1 in some order"),
        (Rescale(FloatScale([0.5, 0.5]), EIGHT), (3,), "2 channels"),
        (Table(np.zeros(16, int), EIGHT), (3,), "256 entries, not 16"),
        (Pad((1,), (1,)), (2, 2), "an entry an axis"),
    ],
)
def test_what_does_not_fit_names_the_node(op, shape, sentence):
    with pytest.raises(GraphError, match=f"node 'y'.*{sentence}"):
        Graph("bad", TensorSpec(shape, EIGHT), (Node("y", op, "input"),))


def test_several_inputs():
    nodes = (Node("a", Reshape((4,)), "input"), Node("y", Concatenate(0), ("a", "input")))
    with pytest.raises(GraphError, match="agree in all others"):
        Graph("bad", TensorSpec((2, 2), EIGHT), nodes)
    with pytest.raises(GraphError, match="must read 1 tensors, not 2"):
        Graph("bad", TensorSpec((4,), EIGHT), (Node("y", Reshape((4,)), ("input", "input")),))
    graph = Graph(
        "twice", TensorSpec((4,), EIGHT), (Node("y", Concatenate(0), ("input", "input")),)
    )
    assert simulate(graph, [[1, 2, 3, 4]]).output.tolist() == [[1, 2, 3, 4, 1, 2, 3, 4]]
