"""Proven widths by hand: bounds, registers, ranges, witnesses, what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from fxpsim import (
    Accumulator,
    Affine,
    Chunked,
    Graph,
    Interleaved,
    Levels,
    QFormat,
    Sequential,
    Spill,
    guarantee,
    guarantee_layer,
    load,
    mac_trace,
    simulate,
    sweep,
)
from fxpsim.errors import ConfigError, DataError, GraphError
from fxpsim.graph import Node
from fxpsim.ops import Conv2D, Dense, Relu, Requantize, TensorSpec

S8, U8 = QFormat(8, 0), QFormat(8, 0, signed=False)
WEIGHTS = [[3], [-2], [1]]


def ends(g, bound, register=None):
    """Return lowest and highest of channel 0 by a bound."""
    rows = [p for p in g.proofs["layer"] if p.bound == bound and register in (None, p.register)]
    (one,) = rows
    return int(one.lowest[0]), int(one.highest[0])


def test_five_bounds_by_hand():
    """A2Q's and A2Q+'s formulas, signs, and the order; unsigned inputs, 3-bit weights."""
    g = guarantee_layer(WEIGHTS, U8, bias=[10])
    assert ends(g, "data-type") == (-(3 * 255 * 4 + 10), 3 * 255 * 4 + 10)
    assert ends(g, "l1") == (-(255 * 6 + 10), 255 * 6 + 10)
    assert ends(g, "zero-centred") == (-(255 * 4 + 10), 255 * 4 + 10)
    assert ends(g, "sign-split") == ends(g, "prefix-exact") == (-2 * 255 + 10, 4 * 255 + 10)
    assert g.minimum() == 12
    assert g.minimum(bound="data-type") == 13


@pytest.mark.parametrize(("fmt", "magnitude"), [(S8, 128), (U8, 255)])
def test_published_widths(fmt, magnitude):
    """ceil(log2(n + 1)) + 1 bits hold a magnitude n: 2301.13376, equation of its section 3."""
    weights = np.full((256, 1), -128)
    g = guarantee_layer(weights, fmt)
    assert ends(g, "l1") == ends(g, "data-type") == (-256 * 128 * magnitude, 256 * 128 * magnitude)
    assert g.minimum(bound="data-type") == 24
    balanced = guarantee_layer([[100], [-100]], fmt)
    assert ends(balanced, "zero-centred") == (-100 * 255, 100 * 255)  # the published form


def test_the_bias_first_or_last():
    first = guarantee_layer(WEIGHTS, U8, bias=[600])
    last = guarantee_layer(WEIGHTS, U8, bias=[600], accumulator=Accumulator(32, bias="last"))
    assert ends(first, "prefix-exact") == (90, 1620)
    assert ends(last, "prefix-exact") == ends(last, "sign-split") == (-510, 1620)


def test_ranges_without_zero_are_where_order_matters():
    """All inputs are 3 to 9: 3x - 2y + z goes 9..27, then -9..21, then -6..30."""
    graph = Graph("g", TensorSpec((3,), S8), (Node("layer", Dense(WEIGHTS, S8), "input"),))
    g = guarantee(graph, input_range=(3, 9))
    assert ends(g, "sign-split") == (-18, 36)
    assert ends(g, "prefix-exact") == (-9, 30)
    down = Accumulator(32, order=Sequential((0,)))
    assert ends(guarantee(graph.with_accumulators(down), input_range=(3, 9)), "prefix-exact") == (
        -9,
        30,
    )
    assert not g.proofs["layer"][3].tight
    assert g.table.range_source.unique().tolist() == ["interval"]


def test_the_order_of_axes():
    """Inputs are 1: 9, 4, -1, -6, 3, 12 along the rows; 9, 4, -1, 8, 3, 12 down the columns."""
    weights = [[9], [-5], [-5], [-5], [9], [9]]
    for axes, highest, lowest in (((0, 1), 12, -6), ((1, 0), 12, -1)):
        layer = Dense(weights, QFormat(5, 0), Accumulator(32, order=Sequential(axes)))
        graph = Graph("g", TensorSpec((2, 3), S8), (Node("layer", layer, "input"),))
        g = guarantee(graph, input_range=(1, 1))
        assert ends(g, "prefix-exact") == (lowest, highest)
        witness = g.witness("layer", 0, 4)
        assert witness.multiplicands.tolist() == [1] * 6


def test_lanes_chunks_and_spills_apart():
    ones = np.ones((8, 1), int)
    lanes = guarantee_layer(ones, U8, accumulator=Accumulator(16, order=Interleaved(4)))
    assert ends(lanes, "prefix-exact", "lane") == (0, 510)
    assert ends(lanes, "prefix-exact", "final") == (0, 2040)
    assert lanes.minimum() == 12
    assert lanes.minimum(register="lane", bound="prefix-exact") == 10
    spilled = Accumulator(16, order=Interleaved(2), spill=Spill(2, Accumulator(32)))
    spill = guarantee_layer(ones, U8, accumulator=spilled, bias=[-7])
    assert ends(spill, "prefix-exact", "lane") == (0, 510)
    assert ends(spill, "prefix-exact", "final") == (-7, 2033)
    assert (spill.minimum(), spill.minimum(register="final")) == (10, 12)
    assert spill.holds(Accumulator(10, order=Interleaved(2), spill=Spill(2, Accumulator(12))))
    assert not spill.holds(Accumulator(9, order=Interleaved(2), spill=Spill(2, Accumulator(12))))
    tree = Accumulator(32, order=Chunked(4, node_bits=20))
    chunked = guarantee_layer(ones, U8, accumulator=tree, bias=[5])
    assert ends(chunked, "prefix-exact", "node") == (0, 1020)
    assert ends(chunked, "prefix-exact", "final") == (5, 2045)


def test_unsigned_registers():
    positive = guarantee_layer(np.ones((4, 1), int), U8, accumulator=Accumulator(8, signed=False))
    assert positive.minimum() == 10
    g = guarantee_layer(WEIGHTS, U8, accumulator=Accumulator(8, signed=False))
    assert g.table.bits.isna().all()
    with pytest.raises(GraphError, match="which may be negative"):
        g.minimum()
    assert "channel 0 may be negative" in str(g.shortfalls()[0])
    points = sweep(g.graph, [[1, 2, 3]], accumulators=[Accumulator(8, signed=False)])
    assert points["overflow_outputs"].tolist() == [1.0]  # 3, then -1


def test_rounding_in_the_register():
    """Products of 2 fraction bits into whole numbers: 7/4 rounds down to 1, four times."""
    coarse = Accumulator(8, frac=0)
    g = guarantee_layer(np.ones((4, 1), int), QFormat(3, 2, signed=False), accumulator=coarse)
    assert ends(g, "prefix-exact") == (0, 4)
    assert [p.bound for p in g.proofs["layer"]] == ["prefix-exact"]


def test_a_witness_overflows_at_its_step():
    g = guarantee_layer(WEIGHTS, U8, bias=[10])
    witness = g.witness("layer", 0, 11)
    assert (witness.step, witness.value, witness.inputs.tolist()) == (3, 1030, [255, 0, 255])
    trace = mac_trace(witness.inputs, [3, -2, 1], witness.accumulator, bias=10)
    assert trace.final == 1030 - 2048
    with pytest.raises(GraphError, match="no input overflows 12 bits"):
        g.witness("layer", 0, 12)
    with pytest.raises(GraphError, match="must be 0 to 0, not 1"):
        g.witness("layer", 1, 4)


def test_witness_of_a_spill_register_and_the_file(tmp_path):
    spilled = Accumulator(16, spill=Spill(2, Accumulator(32)))
    g = guarantee_layer(np.ones((4, 1), int), U8, accumulator=spilled)
    outer = g.witness("layer", 0, 10, register="final")
    assert outer.accumulator.outermost.bits == 10
    assert (outer.level, outer.step, outer.value) == ("final", 4, 1020)
    outer.save(tmp_path / "w.npz")
    with np.load(tmp_path / "w.npz") as saved:
        assert saved["inputs"].tolist() == [255] * 4
        assert '"step": 4' in str(saved["description"])
    with pytest.raises(GraphError, match="did you mean 'final'"):
        g.witness("layer", 0, 10, register="finl")


def test_a_window_that_never_lies_within_the_image():
    """3 x 3 on one column: taps beside it always read padding, so they add nothing."""
    layer = Conv2D(np.full((3, 3, 1, 1), 5), QFormat(4, 0), top_left=(1, 1), bottom_right=(1, 1))
    for rows, high in ((4, 3), (2, 2)):
        graph = Graph("g", TensorSpec((rows, 1, 1), U8), (Node("layer", layer, "input"),))
        g = guarantee(graph)
        assert ends(g, "prefix-exact")[1] == 3 * 5 * 255
        assert g.proofs["layer"][-1].tight == (high == 3)
    with pytest.raises(GraphError, match="lies within"):
        g.witness("layer", 0, 8)


def test_witnesses_of_whole_networks():
    graph = load("kws250k-4bit")
    g = guarantee(graph, bounds="prefix-exact")
    for name in ("dense0", "dense1"):
        bits = g.minimum(name)
        channel = g.proofs[name][-1].bits.index(bits)
        witness = g.witness(name, channel, 13)
        trace = simulate(graph, witness.inputs[None], accumulator={name: witness.accumulator})
        assert trace.statistics(name).events[channel] > 0
        assert bits > 13


def test_deeper_ranges():
    nodes = (
        Node("a", Dense([[1], [1]], QFormat(2, 0)), "input"),
        Node("relu", Relu(), "a"),
        Node("act", Requantize(QFormat(6, 0)), "relu"),
        Node("b", Dense([[1]], QFormat(2, 0)), "act"),
    )
    g = guarantee(Graph("g", TensorSpec((2,), QFormat(4, 0)), nodes))
    table = g.table[g.table.bound == "prefix-exact"].set_index("node")
    assert table.loc["a", ["input_lo", "input_hi", "range_source"]].tolist() == [-8, 7, "declared"]
    assert table.loc["b", ["input_lo", "input_hi", "range_source"]].tolist() == [0, 14, "interval"]
    assert (table.loc["b", "bits"], g.minimum()) == (5, 5)


def test_codebooks_and_zero_points():
    binary = guarantee_layer([[1], [-1]], Levels.binary())
    assert ends(binary, "prefix-exact") == (-2, 2)
    affine = Affine(8, 0.5, -128)
    taken_off = guarantee_layer([[2]], affine)
    folded = guarantee_layer([[2]], affine, folded=True)
    assert ends(taken_off, "prefix-exact") == (0, 510)
    assert ends(folded, "prefix-exact") == (0, 510)  # 256 - 256 to 256 + 254
    late = Accumulator(32, bias="last")
    assert ends(guarantee_layer([[2]], affine, folded=True, accumulator=late), "prefix-exact") == (
        -256,
        510,
    )
    assert folded.witness("layer", 0, 9).inputs.tolist() == [127]


def test_what_is_refused():
    g = guarantee_layer(WEIGHTS, U8, bounds=["l1", "sign-split"])
    with pytest.raises(ConfigError, match="did you mean 'sign-split'"):
        guarantee_layer(WEIGHTS, U8, bounds="sign-spilt")
    with pytest.raises(GraphError, match="only by l1, sign-split"):
        g.minimum(bound="prefix-exact")
    with pytest.raises(GraphError, match="did you mean 'layer'"):
        g.minimum("layr")
    with pytest.raises(GraphError, match="no register 'lane'"):
        g.minimum(register="lane")
    with pytest.raises(DataError, match="integers of shape"):
        guarantee_layer([1, 2], U8)
    with pytest.raises(DataError, match="input range must be two codes"):
        guarantee(g.graph, input_range=(-1, 4))
