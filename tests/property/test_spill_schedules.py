"""Registers emptied after given additions, output by output: compiled equals specified."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import at_least, code_arrays

from fxpsim import (
    Accumulator,
    Chunked,
    Interleaved,
    QFormat,
    Sequential,
    Spill,
    mac_trace,
    matmul,
    matmul_stats,
    pack,
    simulate,
    spec,
)
from fxpsim.dispatch.operands import Facts
from fxpsim.errors import FormatError, GraphError
from fxpsim.graph import Graph, Node
from fxpsim.models import load, save
from fxpsim.ops import Conv2D, Dense, DepthwiseConv2D, TensorSpec

EIGHT = QFormat(8, 0)
orders = (
    st.just(Sequential())
    | st.builds(Interleaved, st.integers(1, 5), st.sampled_from(["tree", "sequential"]))
    | st.builds(Chunked, st.integers(1, 4), st.none() | st.integers(8, 20))
)
modes = st.sampled_from(["wrap", "saturate"])
#: 16-bit lanes, narrower ones that saturate, and ones that only the general kernel has.
registers = st.sampled_from(
    [(16, "wrap"), (16, "saturate"), (12, "saturate"), (11, "wrap"), (40, "wrap")]
)


@st.composite
def tiled(draw, outputs):
    """Registers of so many outputs, with a schedule for each tile."""
    tile = draw(st.integers(1, outputs))
    schedule = st.sets(st.integers(1, 12)).map(sorted)
    count = -(-outputs // tile)
    spill = Spill(
        into=Accumulator(draw(st.sampled_from([16, 32])), draw(modes)),
        at=draw(st.lists(schedule, min_size=count, max_size=count)),
        tile=tile,
    )
    bits, overflow = draw(registers)
    position = draw(st.sampled_from(["first", "last"]))
    return Accumulator(
        bits,
        overflow,
        order=draw(orders),
        spill=spill,
        bias=position,
    )


@st.composite
def problems(draw):
    outputs, length = draw(st.integers(1, 7)), draw(st.integers(1, 26))
    a, b = draw(code_arrays((2, length), 8)), draw(code_arrays((length, outputs), 8))
    return a, b, draw(st.none() | code_arrays((outputs,), 14)), draw(tiled(outputs))


def codes(sums):
    return [[one.value for one in row] for row in sums]


@at_least(150)
@given(problems())
def test_every_output_spills_when_its_tile_does(problem):
    a, b, bias, accumulator = problem
    start = None if bias is None else bias.tolist()
    sums = spec.matmul(a.tolist(), b.T.tolist(), accumulator, start)
    assert matmul(a, b, accumulator, bias=bias).tolist() == codes(sums)
    result = matmul_stats(a, b, accumulator, bias=bias)
    assert result.codes.tolist() == codes(sums)
    for level, stats in result.levels.items():
        columns = zip(*sums, strict=True)
        assert stats.events.tolist() == [
            sum(one.levels[level].count for one in column if level in one.levels)
            for column in columns
        ]
    for output in range(b.shape[1]):
        own = accumulator.for_output(output)
        first = None if start is None else start[output]
        assert mac_trace(a[0], b[:, output], own, bias=first).final == sums[0][output].value


@pytest.mark.parametrize("order", [Sequential(), Interleaved(8), Chunked(4)])
@pytest.mark.parametrize("overflow", ["wrap", "saturate"])
def test_tiles_of_a_large_product(order, overflow):
    """Large enough for kernels of their own, whatever the host compiles."""
    rng = np.random.default_rng(3)
    a, b = rng.integers(-128, 128, (70, 200)), rng.integers(-128, 128, (200, 40))
    schedules = [sorted(rng.choice(np.arange(1, 200), 9, replace=False).tolist()) for _ in range(3)]
    spill = Spill(into=Accumulator(32), at=schedules, tile=16)
    accumulator = Accumulator(16, overflow, order=order, spill=spill)
    rows = rng.choice(70, 3, replace=False)
    sums = spec.matmul(a[rows].tolist(), b.T.tolist(), accumulator)
    assert matmul(a, b, accumulator)[rows].tolist() == codes(sums)
    packed = pack(b, accumulator, a_format=EIGHT)
    assert (matmul(a, packed) == matmul(a, b, accumulator)).all()


def test_a_schedule_that_is_regular_is_every():
    rng = np.random.default_rng(0)
    a, b = rng.integers(-128, 128, (3, 40)), rng.integers(-128, 128, (40, 3))
    for order in (Sequential(), Interleaved(4), Chunked(2)):
        every, at = (
            Accumulator(13, "saturate", order=order, spill=spill)
            for spill in (Spill(3), Spill(at=range(3, 41, 3)))
        )
        assert (matmul(a, b, every) == matmul(a, b, at)).all()


def test_stochastic_registers_have_schedules_too():
    rng = np.random.default_rng(1)
    a, b = rng.integers(-128, 128, (3, 9)), rng.integers(-128, 128, (9, 3))
    spill = Spill(into=Accumulator(32), at=[[2], [5, 6]], tile=2)
    register = Accumulator(20, frac=-3, rounding="stochastic_weighted", spill=spill)
    sums = spec.matmul(a.tolist(), b.T.tolist(), register)
    with pytest.warns(match="plain Python integers"):
        assert matmul(a, b, register).tolist() == codes(sums)


def convolution(register):
    weights = np.random.default_rng(5).integers(-128, 128, (3, 3, 2, 5))
    return Conv2D(weights, EIGHT, register), TensorSpec((6, 5, 2), EIGHT)


def depthwise(register):
    weights = np.random.default_rng(6).integers(-128, 128, (3, 3, 5))
    layer = DepthwiseConv2D(weights, EIGHT, register, top_left=(1, 1), bottom_right=(1, 1))
    return layer, TensorSpec((6, 5, 5), EIGHT)


def dense(register):
    weights = np.random.default_rng(7).integers(-128, 128, (30, 5))
    return Dense(weights, EIGHT, register), TensorSpec((30,), EIGHT)


@pytest.mark.parametrize("layer", [dense, convolution, depthwise])
@pytest.mark.parametrize("overflow", ["wrap", "saturate"])
def test_layers_run_their_schedules(layer, overflow, tmp_path):
    spill = Spill(into=Accumulator(32), at=[[1, 4], [2, 3, 9], [7]], tile=2)
    op, source = layer(Accumulator(15, overflow, spill=spill))
    graph = Graph("one", source, (Node("layer", op, "input"),))
    inputs = np.random.default_rng(8).integers(-128, 128, (3, *source.shape))
    slow = simulate(graph, inputs, engine="spec").output
    assert (simulate(graph, inputs).output == slow).all()
    assert (simulate(graph, inputs, proofs=False).output == slow).all()
    save(graph, tmp_path / "one.fxp")
    again = load(tmp_path / "one.fxp")
    assert again.nodes[0].op.accumulator == op.accumulator
    assert (simulate(again, inputs).output == slow).all()


def test_ends_and_the_longest_stretch():
    assert Spill(4).ends(9) == (4, 8, 9)
    assert Spill().ends(9) == (9,)
    assert Spill(at=(3, 7, 12)).ends(9) == (3, 7, 9)
    assert Spill(at=(3,)).ends(0) == ()
    assert Spill(at=[[2], [3, 8]], tile=4).longest(9) == 7
    assert [Spill(4).longest(9), Spill(4).longest(3), Spill().longest(9)] == [4, 3, 9]


@given(st.integers(1, 40), st.sampled_from([Sequential(), Interleaved(3), Chunked(2)]), st.data())
def test_facts_never_promise_too_much(length, order, data):
    """What fits by the operands' ranges does not overflow, whatever the schedule."""
    ends = data.draw(st.sets(st.integers(1, 40)).map(sorted))
    register = Accumulator(10, order=order, spill=Spill(into=Accumulator(14), at=ends))
    if Facts(length, (-7, 7), (-7, 7), 0).fits(register):
        most = spec.accumulate([49] * length, register)
        assert not most.events


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Spill(2, at=(3,)), "not both"),
        (lambda: Spill(at=((3,), (4,))), "2 schedules need a tile"),
        (lambda: Spill(at=(3, 3)), r"ascending numbers of additions, 1 or more, not \(3, 3\)"),
        (lambda: Spill(at=(0,)), "ascending"),
        (lambda: Spill(at=(1.5,)), "ascending"),
        (lambda: Spill(2, Accumulator(20, spill=Spill(at=(3,)))), "schedule of its own"),
    ],
)
def test_what_cannot_be(make, words):
    with pytest.raises(FormatError, match=words):
        make()


def test_there_is_a_schedule_for_every_tile():
    register = Accumulator(16, spill=Spill(at=((3,), (4,)), tile=8))
    words = "24 outputs in tiles of 8 need 3 schedules of spills, not 2"
    ones = np.ones((4, 24), int)
    for call in (matmul, matmul_stats, spec.matmul):
        with pytest.raises(FormatError, match=words):
            call([[1] * 4], ones if call is not spec.matmul else ones.T.tolist(), register)
    with pytest.raises(GraphError, match=f"node 'fc': {words}"):
        Graph("g", TensorSpec((4,), EIGHT), (Node("fc", Dense(ones, EIGHT, register), "input"),))
