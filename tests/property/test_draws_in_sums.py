"""Stochastic rounding inside sums: specified draws, whatever the batch, the engine, the slices."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import code_arrays, declared_accumulators, graphs

from fxpsim import (
    Accumulator,
    Interleaved,
    Product,
    QFormat,
    Spill,
    dispatch,
    mac_trace,
    matmul,
    spec,
)
from fxpsim.draws import Draws, drawing
from fxpsim.errors import GraphError
from fxpsim.formats.modes import STOCHASTIC
from fxpsim.graph import Graph, Node
from fxpsim.ops import Dense, Requantize, TensorSpec
from fxpsim.simulation import simulate
from fxpsim.stats import OverflowStatistics

pytestmark = pytest.mark.filterwarnings("ignore::fxpsim.engine.SlowPathWarning")
FORMAT = QFormat(8, 3)
stochastic = st.sampled_from(sorted(STOCHASTIC))


@st.composite
def problems(draw):
    rows, length, outputs = (draw(st.integers(1, top)) for top in (4, 9, 70))
    a, b = draw(code_arrays((rows, length), 8)), draw(code_arrays((length, outputs), 8))
    bias = draw(st.none() | code_arrays((outputs,), 12))
    ids = st.integers(0, 2**32 - 1)
    samples = draw(st.lists(ids, min_size=rows, max_size=rows))
    draws = {"seed": draw(st.integers(0, 2**64 - 1)), "stream": draw(ids), "samples": samples}
    return a, b, bias, draws


wide = {"a_format": QFormat(9, 2), "b_format": QFormat(9, 2)}


@given(problems(), declared_accumulators(rounding=stochastic))
def test_compiled_draws_are_the_specified_ones(problem, accumulator):
    a, b, bias, draws = problem
    start = None if bias is None else bias.tolist()
    sums = spec.matmul(a.tolist(), b.T.tolist(), accumulator, start, 4, Draws(**draws))
    values = [[one.value for one in row] for row in sums]
    assert matmul(a, b, accumulator, bias=bias, **draws, **wide).tolist() == values
    last = len(a) - 1, b.shape[1] - 1
    place = {"sample": draws["samples"][-1], "element": last[1]}
    trace = mac_trace(
        a[last[0]], b[:, last[1]], accumulator, bias=None if bias is None else start[-1],
        seed=draws["seed"], stream=draws["stream"], **place, **wide,
    )  # fmt: skip
    assert trace.final == values[-1][-1]


@given(problems(), declared_accumulators(rounding=stochastic), st.permutations(range(4)))
def test_a_row_keeps_its_draws_wherever_it_stands(problem, accumulator, order):
    a, b, bias, draws = problem
    order = [i for i in order if i < len(a)]
    whole = matmul(a, b, accumulator, bias=bias, **draws, **wide)
    moved = draws | {"samples": np.array(draws["samples"])[order]}
    shuffled = matmul(a[order], b, accumulator, bias=bias, **moved, **wide)
    np.testing.assert_array_equal(shuffled, whole[order])


@given(graphs(), st.integers(0, 2**64 - 1))
def test_engines_and_slices_of_a_network_draw_the_same(problem, seed):
    graph, inputs = problem
    ids = np.arange(len(inputs)) + 7
    whole = simulate(graph, inputs, probes=["*"], seed=seed, samples=ids)
    slow = simulate(graph, inputs, probes=["*"], seed=seed, samples=ids, engine="spec")
    parts = [
        simulate(graph, inputs[rows], probes=["*"], seed=seed, samples=ids[rows])
        for rows in (slice(0, 1), slice(1, None))
    ]
    for name, codes in whole.tensors.items():
        np.testing.assert_array_equal(slow[name], codes, err_msg=name)
        joined = np.concatenate([part[name] for part in parts])
        np.testing.assert_array_equal(joined, codes, err_msg=name)
    for name, _ in graph.layers:
        statistics, (one, other) = whole.statistics(name), (p.statistics(name) for p in parts)
        for part in OverflowStatistics.__slots__:
            np.testing.assert_array_equal(getattr(one + other, part), getattr(statistics, part))


def test_each_step_draws_by_its_own_counter():
    """Three bits behind the point are dropped: up where the word is below dropped * 2**29."""
    seed, products = 11, [3, 5, 4, 1, 7, 2]
    register = 0
    for step, product in enumerate(products, start=1):
        total = (register << 3) + product
        register = (total >> 3) + (spec.draw(seed, 2, 9, 4, step) < (total & 7) << 29)
    rounds = Accumulator(16, frac=0, rounding="stochastic_weighted")
    kind = {"a_format": FORMAT, "seed": seed, "stream": 2}
    trace = mac_trace(products, [1] * 6, rounds, sample=9, element=4, **kind)
    assert trace.final == register
    columns = np.zeros((6, 5), int)
    columns[:, 4] = 1
    assert matmul([products], columns, rounds, samples=[9], **kind)[0, 4] == register


def test_roundings_of_one_step_are_independent():
    """A half rounded to 0 or 1, then to 0 or 2: by one word the mean would be 1."""
    outer = Accumulator(16, frac=-1, rounding="stochastic_weighted")
    products = Product(16, 0, "stochastic_weighted")
    halves = np.ones((1, 4000), int)
    cases = [
        Accumulator(16, frac=-1, rounding="stochastic_weighted", product=products),
        Accumulator(16, frac=0, rounding="stochastic_weighted", spill=Spill(1, outer)),
        Accumulator(
            16, frac=0, rounding="stochastic_weighted", order=Interleaved(2), spill=Spill(1, outer)
        ),
    ]
    for accumulator in cases:
        results = 2 * matmul([[1]], halves, accumulator, b_format=QFormat(8, 1))
        assert abs(results.mean() - 0.5) < 0.06  # 4 standard deviations of the mean


def test_one_register_takes_the_first_word_wherever_it_is():
    word = "stochastic_equal"
    one = Accumulator(16, frac=0, rounding=word)
    assert one.draw_words == (0, 0)
    spilling = Accumulator(16, spill=Spill(2, one))
    assert spilling.draw_words == (0, 0, 0)
    both = Accumulator(16, rounding=word, product=Product(8, 0, word), spill=Spill(2, one))
    assert both.draw_words == (0, 1, 2)


def test_rows_of_one_sample_count_on():
    """The output positions of a convolution are elements of one sample."""
    rows = Draws(0, 0, [5, 8]).rows(6, 10)
    assert [ids.tolist() for ids in rows] == [[5, 5, 5, 8, 8, 8], [0, 10, 20, 0, 10, 20]]
    register = Accumulator(16, frac=0, rounding="stochastic_weighted")
    values = np.arange(6)[:, None], np.ones((1, 10), int)
    kind = {"a_format": FORMAT, "b_format": FORMAT}
    with drawing(Draws(3, 0, [5, 8])):
        folded = dispatch.product(*values, register, (0, 5), (1, 1), product_frac=6)
    flat = [
        spec.accumulate([int(i)], register, None, 6, seed=3, sample=(5, 8)[i // 3], element=e).value
        for i in range(6)
        for e in range(i % 3 * 10, i % 3 * 10 + 10)
    ]
    assert folded.reshape(-1).tolist() == flat
    assert matmul(*values, register, seed=3, **kind).shape == (6, 10)


def test_streams_are_settable():
    register = Accumulator(16, frac=0, rounding="stochastic_weighted")
    nodes = (
        Node("fc", Dense(np.ones((4, 9), int), QFormat(4, 3), register), "input"),
        Node("out", Requantize(QFormat(8, -2), "stochastic_weighted"), "fc"),
    )
    graph = Graph("two", TensorSpec((4,), FORMAT), nodes)
    inputs = np.arange(12).reshape(3, 4)
    usual = simulate(graph, inputs, seed=5)
    same = simulate(graph, inputs, seed=5, streams={"fc": 0, "out": 1})
    other = simulate(graph, inputs, seed=5, streams={"fc": 3}, probes=["fc"])
    np.testing.assert_array_equal(usual.output, same.output)
    ones, kind = np.ones((4, 9), int), {"a_format": FORMAT, "b_format": QFormat(4, 3)}
    np.testing.assert_array_equal(
        other["fc"], matmul(inputs, ones, register, seed=5, stream=3, **kind)
    )
    with pytest.raises(GraphError, match="no node 'fd' to give a stream; known: fc, out"):
        simulate(graph, inputs, streams={"fd": 1})
