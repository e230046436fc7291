"""What fxpsim.testing offers others: it finds what is planted, and passes what is right."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fxpsim as fx
from fxpsim import testing
from fxpsim.errors import GraphError
from fxpsim.formats.modes import check_overflow
from fxpsim.graph import Node, State
from fxpsim.ops import Conv2D, Dense, TensorSpec
from fxpsim.testing import (
    Mismatch,
    assert_bit_exact,
    assert_never_overflows,
    codes,
    extreme_inputs,
    formats,
    graphs,
    inputs,
    overflow_modes,
    weights,
)

EIGHT = fx.QFormat(8, 0)


def layer(array, accumulator=None):
    """Return the graph of one layer of 8-bit inputs."""
    return fx.guarantee_layer(array, EIGHT, accumulator=accumulator).graph


def saturating(x, columns, bits, *, low=None):
    """Return sums (n, N) of a MAC unit that saturates at every product."""
    high, low = (1 << (bits - 1)) - 1, -(1 << (bits - 1)) if low is None else low
    total = np.zeros((len(x), columns.shape[1]), np.int64)
    for k, row in enumerate(columns):
        total = np.clip(total + x[:, k : k + 1] * row, low, high)
    return total


WEIGHTS = np.random.default_rng(0).integers(-128, 128, (24, 5))
NARROW = fx.Accumulator(14, "saturate")


def test_a_right_model_passes():
    assert_bit_exact(lambda x: saturating(x, WEIGHTS, 14), layer(WEIGHTS, NARROW))
    assert_bit_exact(lambda x: saturating(x, WEIGHTS, 14), layer(WEIGHTS, NARROW), rows=3)


FAULTS = {
    "one bit more": lambda x: saturating(x, WEIGHTS, 15),
    "a symmetric range": lambda x: saturating(x, WEIGHTS, 14, low=-8191),
    "the other order": lambda x: saturating(x[:, ::-1], WEIGHTS[::-1], 14),
    "saturates only in the end": lambda x: np.clip(x @ WEIGHTS, -8192, 8191),
    "drops the last product": lambda x: saturating(x[:, :-1], WEIGHTS[:-1], 14),
    "an input seen as unsigned": lambda x: saturating(x % 256, WEIGHTS, 14),
    "outputs swapped": lambda x: saturating(x, WEIGHTS[:, [1, 0, 2, 3, 4]], 14),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found_on_a_small_input(fault):
    graph = layer(WEIGHTS, NARROW)
    with pytest.raises(
        Mismatch, match=r"output \d must be -?\d+, not -?\d+; the input: 0 but"
    ) as m:
        assert_bit_exact(FAULTS[fault], graph)
    small = m.value.inputs
    assert (FAULTS[fault](small[None]) != fx.simulate(graph, small[None]).output).any()
    for k in np.flatnonzero(small):  # nothing more can be left out
        less = small.copy()
        less[k] = 0
        assert (FAULTS[fault](less[None]) == fx.simulate(graph, less[None]).output).all()


def test_inputs_of_ones_own_come_first():
    """A fault on one code of one input that no generated batch need hold."""
    secret = np.arange(24) - 12

    def fn(x):
        return saturating(x, WEIGHTS, 14) + (x == secret).all(axis=1, keepdims=True)

    graph = layer(WEIGHTS, NARROW)
    assert_bit_exact(fn, graph)
    with pytest.raises(Mismatch, match=r"0 but \[0\] = -12, .* and 15 more"):
        assert_bit_exact(fn, graph, inputs=[secret])


def test_what_is_no_model():
    graph = layer(WEIGHTS)
    with pytest.raises(
        Mismatch, match=r"integers of shape \(9, 5\) for 9 inputs, not int64 of \(9, 24"
    ):
        assert_bit_exact(lambda x: x, graph, rows=9)
    with pytest.raises(Mismatch, match="not float64"):
        assert_bit_exact(lambda x: 1.0 * (x @ WEIGHTS), graph)


def test_a_function_may_spoil_its_input():
    def fn(x):
        sums = x @ WEIGHTS
        x[:] = 0
        return sums

    assert_bit_exact(fn, layer(WEIGHTS))


def test_registers_that_may_overflow_are_named_with_an_input():
    graph = layer(WEIGHTS)
    assert_never_overflows(graph)
    needed = fx.guarantee(graph).minimum()
    assert_never_overflows(graph, fx.Accumulator(needed))
    words = rf"layer 'layer' may overflow a {needed - 1}-bit accumulator: .* network makes it"
    with pytest.raises(Mismatch, match=words) as m:
        assert_never_overflows(graph, fx.Accumulator(needed - 1, "saturate"))
    trace = fx.simulate(
        graph, m.value.inputs[None], accumulator=fx.Accumulator(needed - 1, "saturate")
    )
    assert trace.overflow.events.sum() > 0
    assert_never_overflows(graph, fx.Accumulator(needed - 1), input_range=(-10, 10))


def test_random_draws_have_no_witness():
    drawn = fx.Accumulator(12, frac=-1, rounding="stochastic_equal")
    with pytest.raises(Mismatch, match=r"needs 1\d bits$") as m:
        assert_never_overflows(layer(WEIGHTS, drawn))
    assert m.value.inputs is None


def test_lanes_are_named():
    lanes = fx.Accumulator(15, order=fx.Interleaved(4), spill=fx.Spill(2))
    with pytest.raises(
        Mismatch, match=r"15-bit accumulator \(lane\): .* needs 1[67] bits; an input"
    ):
        assert_never_overflows(layer(np.full((16, 2), 127)), lanes)


def test_extreme_inputs_reach_the_ends_of_sums():
    """Of a dense layer and of windows with padding: some row has a sum at its proven end."""
    rng = np.random.default_rng(2)
    image = TensorSpec((3, 3, 2), EIGHT)
    padded = Conv2D(rng.integers(-9, 9, (3, 3, 2, 2)), EIGHT, top_left=(1, 1), bottom_right=(1, 1))
    dense = Dense(rng.integers(-9, 9, (18, 2)), EIGHT)
    for op in (padded, dense):
        graph = fx.Graph("one", image, (Node("layer", op, "input"),))
        sums = fx.simulate(graph, extreme_inputs(graph, 200)).output
        bounds = fx.guarantee(graph).layers["layer"]
        assert sums.max() == bounds.highest.max()
        assert sums.min() == bounds.lowest.min()


@given(formats(), st.data())
def test_codes_are_of_their_format(fmt, data):
    array = data.draw(codes(fmt, (3, 4)))
    assert array.shape == (3, 4)
    assert fmt.lo <= array.min() <= array.max() <= fmt.hi
    narrow = fx.QFormat(data.draw(st.integers(1, 8)), 0, data.draw(st.booleans()))
    chosen = data.draw(weights((4, 3), narrow))
    assert chosen.shape == (4, 3)
    assert narrow.lo <= chosen.min() <= chosen.max() <= narrow.hi
    check_overflow(fmt, data.draw(overflow_modes(fmt)))


@settings(max_examples=30)
@given(graphs(), st.data())
@pytest.mark.filterwarnings("ignore::fxpsim.engine.SlowPathWarning")
def test_networks_with_images_are_those_of_the_specification(graph, data):
    batch = data.draw(inputs(graph, 2))
    assert batch.shape[1:] == graph.input.shape
    fast, slow = (fx.simulate(graph, batch, engine=one).output for one in ("compiled", "spec"))
    assert (fast == slow).all()


def test_networks_with_states_are_refused():
    node = Node("layer", Dense(np.ones((2, 2), int), EIGHT), "input")
    past = State("past", fx.QFormat(32, 0), np.zeros(2, int), "layer")
    graph = fx.Graph("delay", TensorSpec((2,), EIGHT), (node,), states=(past,), output="layer")
    with pytest.raises(GraphError, match="graph 'delay' has states"):
        assert_bit_exact(lambda x: x, graph)


def test_checks_need_no_hypothesis():
    """Strategies are loaded when they are asked for."""
    code = (
        "import sys; sys.modules['hypothesis'] = None\n"
        "import fxpsim.testing as t\n"
        "assert t.assert_bit_exact and t.extreme_inputs\n"
        "try: t.graphs\n"
        "except ModuleNotFoundError as error: print(error)\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "fxpsim.testing.graphs needs hypothesis: pip install 'fxpsim[testing]'" in run.stdout
    assert all(callable(getattr(testing, name)) for name in testing.__all__)
