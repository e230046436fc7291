"""Faults that a review found once; each test is the smallest case of one."""

from __future__ import annotations

import numpy as np
import pytest

from fxpsim import (
    Accumulator,
    Affine,
    Graph,
    Overflow,
    QFormat,
    Rounding,
    accumulator_grid,
    cast,
    dequantize,
    evaluate,
    guarantee,
    matmul,
    quantize,
    save,
    simulate,
    spec,
    sweep,
)
from fxpsim.errors import DataError, FormatError, FxpsimError, GraphError
from fxpsim.formats.modes import STOCHASTIC, check_overflow
from fxpsim.graph import Node
from fxpsim.ops import BatchNorm, Bias, Conv2D, Dense, Gain, Relu, Requantize, Softmax, TensorSpec
from fxpsim.scoring import Score

EIGHT = QFormat(8, 0)


def chain(shape, fmt, *ops):
    """A graph of operations one after the other, called n0, n1, ..."""
    names = ["input", *(f"n{i}" for i in range(len(ops)))]
    nodes = tuple(
        Node(name, op, source) for name, op, source in zip(names[1:], ops, names, strict=False)
    )
    return Graph("chain", TensorSpec(shape, fmt), nodes)


def ones(inputs, outputs, value=1):
    return np.full((inputs, outputs), value)


@pytest.mark.parametrize("overflow", [mode for mode in Overflow if mode is not Overflow.TRAP])
@pytest.mark.parametrize("rounding", [mode for mode in Rounding if mode not in STOCHASTIC])
def test_ranges_of_requantisation_hold_for_every_code(rounding, overflow):
    source = TensorSpec((1,), QFormat(5, 1))
    for target in (
        QFormat(3, 0),
        QFormat(4, 3),
        QFormat(3, 0, signed=False),
        QFormat(3, 0, narrow=True),
    ):
        try:
            check_overflow(target, overflow)
        except FormatError:
            continue
        op = Requantize(target, rounding, overflow)
        codes = np.arange(source.format.lo, source.format.hi + 1)
        results = op.run([codes[:, None]], [source]).reshape(-1)
        for i in range(len(codes)):
            for j in range(i, len(codes), 3):
                low, high = op.interval([(codes[i : i + 1], codes[j : j + 1])], [source])
                assert low[0] <= results[i : j + 1].min()
                assert results[i : j + 1].max() <= high[0]


@pytest.mark.filterwarnings("ignore::fxpsim.engine.SlowPathWarning")
def test_bounds_have_no_hidden_limit():
    wide = chain(
        (16,),
        QFormat(48, 0),
        Dense(ones(16, 16, 127), EIGHT, Accumulator(60, "saturate")),
        Dense(ones(16, 1, 127), EIGHT, Accumulator(62, "saturate")),
    )
    assert simulate(wide, np.full((1, 16), 2**47 - 1)).statistics("n1").events.sum() > 0
    assert not guarantee(wide).holds()
    assert guarantee(wide).minimum("n1") == 70  # 2**47 * (16 * 127) ** 2 lies below 2**69


def test_a_graph_that_runs_can_be_proven_about():
    graph = chain(
        (4,),
        EIGHT,
        Dense(ones(4, 4, 127), EIGHT),
        BatchNorm([32767] * 4, QFormat(16, 14), [1] * 4, QFormat(16, 4)),
        Requantize(EIGHT),
    )
    assert simulate(graph, np.ones((1, 4), int)).output.shape == (1, 4)
    assert guarantee(graph).minimum() == 17
    assert len(sweep(graph, np.ones((1, 4), int))) == 50


def test_every_layer_has_its_work():
    two = chain((2,), EIGHT, Dense(ones(2, 1), EIGHT), Dense(ones(1, 1), EIGHT))
    assert [work.name for work in two.work()] == ["n0", "n1"]
    late = chain((2,), EIGHT, Dense(ones(2, 1), EIGHT), Relu(), Gain([3], EIGHT), Bias([1], EIGHT))
    (work,) = late.work()
    assert (work.name, work.gain_bits, work.bias_bits) == ("n0", 8, 8)


def test_softmax_of_fine_scores_is_right_or_refused():
    fmt, share = QFormat(14, 8), QFormat(8, 8, signed=False)
    graph = chain((2,), fmt, Softmax.for_scores(fmt, share))
    codes = simulate(graph, quantize([[10.0, 0.0]], fmt)).output
    np.testing.assert_allclose(dequantize(codes, share), [[1.0, 0.0]], atol=1 / 128)
    with pytest.raises(GraphError, match="would need a table of"):
        Softmax.for_scores(QFormat(24, 16), share)
    wide = Softmax([1, 0], QFormat(32, 31, signed=False))
    assert simulate(chain((2,), fmt, wide), [[1, 3]]).output.tolist() == [[0, 2**31]]


def test_false_accepts_are_counted_without_rounding_error():
    rows = np.array([[5, 0]] + [[i / 200, 0] for i in range(99)] + [[9, 0]])
    labels = np.array([0] + [1] * 100)
    score = Score(rows, labels, np.arange(101).astype(str), ("a", "_unknown_"))
    assert score.det().false_rejects_at(0.01) == 0.0
    with pytest.raises(DataError, match="clips without the keyword"):
        Score(rows[:1], labels[:1], np.array(["x"]), ("a", "_unknown_")).det()


def test_a_bias_that_does_not_fit_is_refused():
    layer = Dense([[1]], QFormat(8, 7), Accumulator(40, "saturate"), [1], QFormat(8, -60))
    with pytest.raises(GraphError, match="the bias needs 89 bits once aligned"):
        chain((1,), QFormat(8, 14), layer)


@pytest.mark.filterwarnings("ignore::fxpsim.engine.SlowPathWarning")
def test_integers_of_any_size_are_exact():
    assert matmul([[2**200]], [[0]], Accumulator(40)).tolist() == [[0]]
    assert matmul([[2**200]], [[3]], Accumulator(8, "saturate")).tolist() == [[127]]
    assert matmul([[1]], [[1]], Accumulator(16), bias=[2**70]).tolist() == [[1]]
    empty = matmul(np.zeros((0, 1), int), np.array([[2**63]], np.uint64), Accumulator(16))
    assert empty.shape == (0, 1)


@pytest.mark.parametrize(
    ("value", "fmt", "rounding", "overflow"),
    [
        (-(2.0**53), QFormat(54, 0), Rounding.JAM, Overflow.SATURATE),
        (-(2.0**53), QFormat(54, 0), Rounding.TRN_MAG, Overflow.SATURATE),
        (-(2.0**54), QFormat(55, 0, narrow=True), Rounding.FLOOR, Overflow.SATURATE_TO_ZERO),
        (2.0**61, QFormat(62, 0), Rounding.FLOOR, Overflow.SATURATE_TO_ZERO),
        (1.7e308, QFormat(8, 7), Rounding.JAM, Overflow.WRAP),
        (-1.7e308, QFormat(8, 7), Rounding.TRN_MAG, Overflow.WRAP),
    ],
)
def test_extreme_floats(value, fmt, rounding, overflow):
    expected = spec.quantize(value, fmt, rounding, overflow)
    assert quantize([value], fmt, rounding, overflow).tolist() == [expected]


def test_names_with_pattern_characters_are_names():
    nodes = (
        Node("fc*", Dense(ones(2, 2), EIGHT), "input"),
        Node("fc2", Dense(ones(2, 2), EIGHT), "fc*"),
        Node("fc[0]", Dense(ones(2, 2), EIGHT), "fc2"),
    )
    graph = Graph("odd", TensorSpec((2,), EIGHT), nodes)
    points = [Accumulator(4, "saturate")]
    table = sweep(graph, [[3, 3]], accumulators=points, nodes="fc[[]0]")
    assert table["overflow_layers"].tolist() == [1.0]
    assert sweep(graph, [[3, 3]], accumulators=points)["overflow_layers"].tolist() == [2 / 3]


def test_byte_order_and_kinds_of_integers():
    swapped = np.array([[1, -2]], ">i2")
    assert matmul(swapped, swapped.T, Accumulator(16)).tolist() == [[5]]
    assert cast(swapped, QFormat(16, 0), EIGHT).tolist() == [[1, -2]]
    with pytest.raises(DataError, match="must be integers, not timedelta64"):
        cast(np.array([1], "m8[s]"), EIGHT, EIGHT)
    assert Accumulator(np.int64(16)) == Accumulator(16)
    assert QFormat(np.int64(8), np.int8(2)) == QFormat(8, 2)
    assert len(accumulator_grid(np.arange(8, 10))) == 4
    assert cast(np.array([np.int64(3)], object), EIGHT, EIGHT).tolist() == [3]


def test_stored_codes_have_the_type_of_their_format():
    graph = chain((2,), EIGHT, Relu(), Gain([1, 1], QFormat(2, 0)))
    trace = simulate(graph, np.zeros((1, 2), np.int8), probes=["*"])
    assert {codes.dtype.name for codes in trace.tensors.values()} == {"int32"}


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda g: simulate(g, [[1]], accumulator=16), "must be an Accumulator or a mapping"),
        (
            lambda g: simulate(g, [[1]], accumulator={"n0": "16"}),
            "must be an Accumulator, not '16'",
        ),
        (lambda g: sweep(g, [[1]], accumulators=16), "accumulators must be Accumulator objects"),
        (lambda g: guarantee(g).minimum("n1"), "no layer 'n1' with an accumulator"),
        (lambda g: guarantee(chain((1,), EIGHT, Relu())).minimum(), "has no layer"),
        (lambda g: evaluate(chain((2, 2), EIGHT, Relu()), np.ones((1, 2, 2), int), [0]), "scores"),
        (lambda g: Accumulator.parse("²"), "accumulator must look like"),
        (lambda g: Accumulator.parse("9" * 5000), "accumulator must look like"),
        (lambda g: Accumulator(16, signed="no"), "signed must be True or False"),
        (lambda g: QFormat(8, 0, signed=1), "signed must be True or False"),
        (lambda g: quantize([2**53 + 1], QFormat(62, 0)), "must be exact as float64"),
        (lambda g: quantize([1j], EIGHT), "not complex"),
        (lambda g: chain((1,), EIGHT, Relu(1.5)), "relu maximum must be a code of 1 or more"),
    ],
)
def test_mistakes_are_sentences(call, sentence):
    graph = chain((1,), EIGHT, Dense([[1]], EIGHT), Relu())
    with pytest.raises(FxpsimError, match=sentence):
        call(graph)


def test_what_cannot_be_written_leaves_nothing_behind(tmp_path):
    graph = Graph("odd", TensorSpec((1,), EIGHT), (Node("r", Relu(), "input"),), (), {"x": {1, 2}})
    with pytest.raises(GraphError, match="cannot be written"):
        save(graph, tmp_path / "odd.fxp")
    assert list(tmp_path.iterdir()) == []


def test_formats_refuse_what_is_no_number():
    with pytest.raises(FormatError, match="format bits must be an integer"):
        QFormat(8.0, 0)


@pytest.mark.parametrize("overflow", ["saturate", "wrap"])
def test_a_folded_start_that_the_register_cannot_hold(overflow):
    """A window of padding alone is proven to be 0; raw codes would have to start from 77."""
    layer = Conv2D(
        [[[[11]]]], QFormat(5, 2), Accumulator(2, overflow), stride=(1, 2), top_left=(0, 1)
    )
    source = TensorSpec((1, 1, 1), Affine(8, 0.5, -7))
    graph = Graph("g", source, (Node("conv", layer, "input"),))
    assert simulate(graph, np.array([[[[35]]]])).output.item() == 0
