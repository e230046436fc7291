"""Accumulators of real machines do what their manuals say."""

from __future__ import annotations

import numpy as np
import pytest

from fxpsim import Accumulator, QFormat, cast, guarantee, mac_trace, matmul, matmul_stats, presets
from fxpsim.errors import FormatError
from fxpsim.graph import Graph, Node
from fxpsim.ops import Dense, TensorSpec

EIGHT = QFormat(8, 0)


def arm_fully_connected_q7(x, weights, bias, bias_shift, out_shift):
    """The C loop: sum = (bias << bias_shift) + NN_ROUND(out_shift); ssat(sum >> out_shift, 8)."""
    out = []
    for column in weights.T.tolist():
        total = (bias << bias_shift) + ((1 << out_shift) >> 1)
        for code, weight in zip(x, column, strict=True):
            total += code * weight
        out.append(max(-128, min(127, total >> out_shift)))
    return out


@pytest.mark.parametrize("out_shift", [0, 1, 7, 12])
def test_cmsis_q7_rounds_in_the_register(out_shift):
    rng = np.random.default_rng(out_shift)
    x, weights = rng.integers(-128, 128, 30), rng.integers(-128, 128, (30, 50))
    start = np.full(50, -77 << 3)
    sums = matmul([x], weights, presets.cmsis_q7(out_shift), bias=start)
    wide = QFormat(32, out_shift)
    codes = cast(sums, wide, EIGHT, "floor", "saturate")
    assert codes[0].tolist() == arm_fully_connected_q7(x.tolist(), weights, -77, 3, out_shift)
    rounded = cast(matmul([x], weights, Accumulator(32), bias=start), wide, EIGHT, "nearest_up",
                   "saturate")  # fmt: skip
    np.testing.assert_array_equal(codes, rounded)


def test_the_constant_is_part_of_step_0():
    trace = mac_trace([1, 2], [1, 1], presets.cmsis_q7(4), bias=10)
    assert trace.registers.tolist() == [[18], [19], [21]]
    narrow = Accumulator(5, "saturate", rounding_constant=8)
    stats = matmul_stats([[1]], [[1]], narrow, bias=[10]).stats
    assert (stats.first_step[0], stats.lowest[0], stats.highest[0]) == (0, 18, 19)
    assert (stats.additions, stats.events[0]) == (2, 2)


def test_the_constant_is_in_the_bounds():
    """8 products of -128 to 127 with weight 1: 1016 of 1023 fit, and 8 more do not."""
    layer = Dense(np.ones((8, 1), int), EIGHT, Accumulator(11, "saturate"))
    graph = Graph("one", TensorSpec((8,), EIGHT), (Node("fc", layer, "input"),))
    constant = Accumulator(11, "saturate", rounding_constant=8)
    assert guarantee(graph).holds()
    assert not guarantee(graph).holds(constant)
    (short,) = guarantee(graph).shortfalls(constant)
    assert short.needed == 12
    own = guarantee(graph.with_accumulators(constant))
    assert (own.minimum(), own.holds(), own.holds(Accumulator(11))) == (12, False, True)
    (exact,) = (one for one in own.proofs["fc"] if one.bound == "prefix-exact")
    assert exact.highest.tolist() == [1024]


def test_a_constant_belongs_to_the_sum():
    with pytest.raises(FormatError, match="out_shift must be 0 to 31, not 40"):
        presets.cmsis_q7(40)
    assert presets.cmsis_q7(0) == Accumulator(32)
    assert repr(presets.cmsis_q7(1)) == "Accumulator(bits=32, rounding_constant=1)"
