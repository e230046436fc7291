"""The flush planner: safe, fewest, never worse than the rules that know no weights."""

from __future__ import annotations

from functools import cache
from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import at_least

import accel_models as am
from fxpsim import (
    Accumulator,
    Affine,
    Chunked,
    Interleaved,
    QFormat,
    Sequential,
    Spill,
    guarantee,
    guarantee_layer,
    load,
    plan_spills,
    presets,
    simulate,
    spec,
)
from fxpsim.check_certificate import check
from fxpsim.errors import FormatError, GraphError
from fxpsim.graph import Graph, Node
from fxpsim.guarantees.certificates import certificate
from fxpsim.ops import Dense, DepthwiseConv2D, TensorSpec

EIGHT, UNSIGNED = QFormat(8, 0), QFormat(8, 0, signed=False)
inputs = st.sampled_from(
    [
        *(EIGHT, UNSIGNED, QFormat(8, 0, narrow=True), Affine(8, 0.5, 3), Affine(8, 1, 99)),
        *(QFormat(2, 0), QFormat(3, 0), QFormat(2, 0, signed=False), Affine(3, 1, 1)),
    ]
)
orders = st.sampled_from([Sequential(), Interleaved(2), Interleaved(3), Chunked(2), Chunked(3)])


@st.composite
def layers(draw, longest=24, outputs=5):
    """Weights (K, N), small or large; the input's format; lanes that hold a product at least.

    Small numbers in narrow lanes fill them to the last value.
    """
    shape = draw(st.integers(1, longest)), draw(st.integers(1, outputs))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    most = draw(st.sampled_from([1, 3, 31, 127]))
    weights = rng.integers(-most, most, shape, endpoint=True)
    if draw(st.booleans()):
        weights = np.rint(rng.laplace(0, most / 5, shape)).clip(-most, most).astype(int)
    order, fmt = draw(orders), draw(inputs)
    together = order.size if isinstance(order, Chunked) else 1
    largest = together * most * max(map(abs, fmt.multiplicand_range))
    bits = largest.bit_length() + 1 + draw(st.integers(0, 3))
    overflow = draw(st.sampled_from(["wrap", "saturate"]))
    return weights, fmt, Accumulator(max(2, bits), overflow, order=order, spill=Spill())


def extremes(weights, fmt, rng):
    """Return inputs (rows, K) that drive each output as far up and down as it goes."""
    lo, hi = fmt.lo, fmt.hi
    driven = [np.where((w > 0) == up, hi, lo) for w in weights.T for up in (True, False)]
    return np.array([*driven, *rng.choice([lo, hi], (4, len(weights)))])


def planned(layer, tile=None, unit=1):
    weights, fmt, register = layer
    plan = plan_spills(guarantee_layer(weights, fmt), register, tile=tile, unit=unit)
    return plan, plan.layers["layer"]


@at_least(150)
@given(layers(), st.sampled_from([None, 1, 2]))
def test_a_plan_never_overflows(layer, tile):
    plan, _ = planned(layer, tile)
    weights, fmt, _ = layer
    codes = extremes(weights, fmt, np.random.default_rng(0))
    trace = simulate(plan.graph, codes)
    assert (trace.overflow.events == 0).all()
    slow = simulate(plan.graph, codes, proofs=False).output
    zero = fmt.zero_point if isinstance(fmt, Affine) else 0
    assert slow.tolist() == ((codes - zero) @ weights).tolist()
    assert guarantee(plan.graph).holds()
    assert not check(certificate(guarantee(plan.graph)))


def ends_of_products(weights, fmt):
    """Return the lowest and highest (2, K, N) that every product can be."""
    return np.sort([weights * end for end in fmt.multiplicand_range], axis=0)


def turn(order):
    """Return the products that make one addition into each lane."""
    return order.lanes if isinstance(order, Interleaved) else getattr(order, "size", 1)


def safe(products, register):
    """Return whether lanes hold products (2, K, N) at their worst, as the specification adds."""
    bare = Accumulator(register.bits, order=register.order, spill=Spill(into=Accumulator(40)))
    driven = np.minimum(products[0], 0), np.maximum(products[1], 0)
    sums = (spec.accumulate(column.tolist(), bare) for ends in driven for column in ends.T)
    return all(events.count == 0 for one in sums for events in one.levels.values())


@given(layers(longest=14, outputs=3))
def test_no_schedule_has_fewer_spills(layer):
    """Every subset of places, in order of size: the first that is safe has as many as planned."""
    weights, fmt, register = layer
    found = planned(layer)[1]
    products, size = ends_of_products(weights, fmt), turn(register.order)

    @cache
    def stretch(start, end):
        return safe(products[:, start * size : end * size], register)

    for count in range(found.additions):
        for places in combinations(range(1, found.additions), count):
            if all(stretch(a, b) for a, b in pairwise((0, *places, found.additions))):
                assert found.planned.tolist() == [count + 1]
                return
    raise AssertionError("no schedule is safe")


@given(layers(longest=30), st.sampled_from([None, 1, 2, 3]), st.integers(1, 3))
def test_dynamic_programming_needs_as_many(layer, tile, unit):
    """Fewest stretches to every place, for any tile and unit."""
    weights, fmt, register = layer
    try:
        found = planned(layer, tile, unit)[1]
    except GraphError:
        return
    size, outputs = turn(register.order), weights.shape[1]
    for number, first in enumerate(range(0, outputs, tile or outputs)):
        products = ends_of_products(weights[:, first : first + (tile or outputs)], fmt)
        fewest = {0: 0}
        for end in [*range(unit, found.additions, unit), found.additions]:
            before = [
                fewest[start]
                for start in fewest
                if safe(products[:, start * size : end * size], register)
            ]
            if before:
                fewest[end] = 1 + min(before)
        assert found.planned[number] == fewest[found.additions]


@at_least(150)
@given(layers(longest=60), st.sampled_from([None, 1, 2]), st.integers(1, 2))
def test_never_more_spills_than_rules_that_know_less(layer, tile, unit):
    try:
        found = planned(layer, tile, unit)[1]
    except GraphError:
        return
    if found.worst_case is not None:
        assert (found.planned <= found.worst_case).all()
    if found.norm is not None:
        assert (found.planned <= found.norm).all()
    if found.norm is not None and found.worst_case is not None:
        assert (found.norm <= found.worst_case).all()


#: Formats and weights of which every product is as large as any: signs are the same, or inputs
#: reach as far up as down.
EXTREMES = [
    (EIGHT, [-128]),
    (QFormat(8, 0, narrow=True), [127]),
    (QFormat(8, 0, narrow=True), [-127, 127]),
    (UNSIGNED, [127]),
    (UNSIGNED, [-127]),
]


@given(
    st.integers(1, 60),
    st.integers(1, 6),
    st.sampled_from(EXTREMES),
    st.sampled_from([16, 17, 18, 19]),
    orders,
)
def test_extreme_weights_leave_the_worst_case_rule(additions, outputs, extreme, bits, order):
    fmt, values = extreme
    size = order.size if isinstance(order, Chunked) else 1  # all chunks are full
    rng = np.random.default_rng(additions)
    weights = rng.choice(values, (additions * size, outputs))
    register = Accumulator(bits, order=order, spill=Spill())
    largest = max(-fmt.lo, fmt.hi) * max(map(abs, values))
    every = register.hi // largest // size
    if not every:
        return
    found = planned((weights, fmt, register))[1]
    assert found.worst_case == -(-found.additions // every)
    assert found.planned.tolist() == [found.worst_case]


@pytest.mark.parametrize("bits", [62, 64])
def test_registers_as_wide_as_machine_words(bits):
    found = planned((np.full((40, 2), -127), UNSIGNED, Accumulator(bits, spill=Spill())))[1]
    assert found.accumulator.spill == Spill()


def test_signs_apart_save_for_unsigned_inputs():
    """Inputs that are not negative: products of one sign only are in the way of each other."""
    weights = np.random.default_rng(0).integers(-15, 16, (800, 8))
    found = planned((weights, UNSIGNED, Accumulator(16, spill=Spill())))[1]
    assert found.planned[0] < 0.7 * found.norm[0]
    same_sign = planned((abs(weights), UNSIGNED, Accumulator(16, spill=Spill())))[1]
    assert same_sign.planned == same_sign.norm


def test_a_small_plan_by_hand():
    weights = np.array([[100, 1], [100, 1], [60, -128], [60, -128], [100, 0]])
    register = Accumulator(16, spill=Spill())
    # First output: 100 + 100 is 25600 at most, 60 more are 33280; 60 + 60 + 100 are 28160.
    # Second: 128 * 128 + 128 * 128 is 32768, one too many.
    found = planned((weights, EIGHT, register), tile=1)[1]
    assert found.accumulator.spill == Spill(at=((2,), (3,)), tile=1)
    # Together: 2; then one, as two of -128 are too many; then the rest.
    assert planned((weights, EIGHT, register))[1].accumulator.spill == Spill(at=(2, 3))


def network():
    rng = np.random.default_rng(4)
    source = TensorSpec((6, 5, 3), EIGHT)
    depthwise = DepthwiseConv2D(rng.integers(-128, 128, (3, 3, 3)), EIGHT, top_left=(1, 1))
    nodes = (Node("depthwise[0];x", depthwise, "input"),)
    return Graph("network", source, nodes)


def test_names_that_look_like_patterns_and_channels_in_lanes():
    plan = plan_spills(network(), tile=2)
    assert plan.layers["depthwise[0];x"].accumulator.order == Sequential()
    codes = np.random.default_rng(0).integers(-128, 128, (2, 6, 5, 3))
    slow = simulate(plan.graph, codes, engine="spec", proofs=False).output
    assert (simulate(plan.graph, codes).output == slow).all()
    (work,) = plan.graph.work()
    spills = [
        len(plan.layers["depthwise[0];x"].accumulator.for_output(n).spill.ends(9)) for n in range(3)
    ]
    assert work.spills == work.rows * sum(spills)


@pytest.mark.parametrize("bits", [8, 5, 4])
def test_the_cost_model_prices_the_plan(bits):
    graph = load(f"kws250k-{bits}bit")
    plan = plan_spills(graph)
    model = am.create("neon")
    worst = {
        name: presets.neon_smlal(-(-one.additions // one.worst_case))
        for name, one in plan.layers.items()
    }
    before, after = (
        model.estimate(each.work()) for each in (graph.with_accumulators(worst), plan.graph)
    )
    for (name, one), layer in zip(plan.layers.items(), plan.graph.work(), strict=True):
        # Eight lanes of each output; tiles of eight outputs, here all of them full.
        each = np.repeat(one.planned, 8)[: layer.outputs]
        assert after.table.spills[name] == 8 * layer.rows * each.sum()
    assert after.table.spills.sum() < before.table.spills.sum()
    assert after.compute_cycles < before.compute_cycles
    codes = np.random.default_rng(1).integers(
        graph.input.format.lo, graph.input.format.hi, (3, *graph.input.shape), endpoint=True
    )
    assert (simulate(plan.graph, codes, proofs=False).output == simulate(graph, codes).output).all()


def test_proofs_take_the_fast_path_through_planned_layers():
    plan = plan_spills(load("kws250k-8bit"))
    bounds = guarantee(plan.graph, bounds="sign-split").layers
    assert all(bounds[name].holds(op.accumulator) for name, op in plan.graph.layers)


def test_what_cannot_be_planned():
    weights = np.full((4, 3), 127)
    proof = guarantee_layer(weights, UNSIGNED)
    with pytest.raises(
        GraphError,
        match=r"layer 'layer': additions 1 to 1 of output 0 may be 0 to 32385, but a register of "
        r"15 bits holds -16384 to 16383",
    ):
        plan_spills(proof, Accumulator(15, spill=Spill()))
    with pytest.raises(GraphError, match="additions 1 to 2 of output 0 may be 0 to 64770"):
        plan_spills(proof, Accumulator(16, spill=Spill()), unit=2)
    with pytest.raises(GraphError, match=r"may overflow a 17-bit accumulator.*needs 18 bits"):
        plan_spills(proof, Accumulator(16, spill=Spill(into=Accumulator(17))))
    with pytest.raises(
        GraphError, match="no layer of graph 'layer' has an accumulator that spills"
    ):
        plan_spills(proof, Accumulator(16))
    with pytest.raises(GraphError, match="rounds in its registers"):
        plan_spills(proof, Accumulator(16, frac=-2, spill=Spill()))
    with pytest.raises(FormatError, match="outputs in a tile must be 1 to"):
        plan_spills(proof, tile=0)


def test_other_layers_must_hold_too():
    """Ranges of inputs say nothing where an earlier register may overflow."""
    first = Dense(np.full((4, 3), 100), EIGHT, Accumulator(8))
    graph = Graph("two", TensorSpec((4,), EIGHT), (Node("first", first, "input"),))
    second = Dense(np.ones((3, 2), int), EIGHT)
    graph = Graph("two", graph.input, (*graph.nodes, Node("second", second, "first")))
    with pytest.raises(GraphError, match=r"layer 'first' may overflow an? 8-bit accumulator"):
        plan_spills(graph, {"second": Accumulator(20, spill=Spill())})


def test_a_lane_one_bit_narrower_overflows_as_its_witness_says():
    """Every tile has a schedule of its own, and so have its bounds and witnesses."""
    rng = np.random.default_rng(9)
    weights = rng.integers(-90, 91, (64, 6))
    register = Accumulator(16, "saturate", order=Interleaved(2), spill=Spill())
    plan = plan_spills(guarantee_layer(weights, EIGHT), register, tile=2)
    proof = guarantee(plan.graph)
    lanes = [one for one in proof.proofs["layer"] if one.register == "lane"]
    assert [one.own for one in lanes] == [True]
    needed = lanes[0].bits
    assert max(needed) == 16
    for channel, bits in enumerate(needed):
        witness = proof.witness("layer", channel, bits - 1, register="lane")
        trace = simulate(plan.graph, witness.inputs[None], accumulator=witness.accumulator)
        overflow = trace.overflow.set_index(["channel", "level"]).loc[(channel, "lane")]
        assert overflow.first_step == witness.step
        own = witness.accumulator.for_output(channel)
        products = (witness.multiplicands * weights[:, channel]).tolist()
        assert spec.accumulate(products, own).levels["lane"].first_step == witness.step
