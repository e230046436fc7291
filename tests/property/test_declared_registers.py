"""Lanes, chunks, spills, fractions, product registers: compiled equals specified, by level."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import code_arrays, declared_accumulators

from fxpsim import (
    Accumulator,
    Chunked,
    Interleaved,
    QFormat,
    Spill,
    mac_trace,
    matmul,
    matmul_stats,
    presets,
    spec,
)
from fxpsim.dispatch import level_names

pytestmark = pytest.mark.filterwarnings("ignore::fxpsim.engine.SlowPathWarning")
FRACS = st.integers(0, 4)


@st.composite
def problems(draw):
    rows, length, outputs = (
        draw(st.integers(1, 3)),
        draw(st.integers(1, 19)),
        draw(st.integers(1, 5)),
    )
    a = draw(code_arrays((rows, length), 8))
    b = draw(code_arrays((length, outputs), 8))
    bias = draw(st.none() | code_arrays((outputs,), 16))
    formats = QFormat(10, draw(FRACS)), QFormat(10, draw(FRACS))
    return a, b, bias, formats


@settings(max_examples=max(150, settings().max_examples))
@given(problems(), declared_accumulators())
def test_registers_and_statistics_are_those_of_the_specification(problem, accumulator):
    a, b, bias, (a_format, b_format) = problem
    options = {"a_format": a_format, "b_format": b_format, "bias": bias}
    frac = a_format.frac + b_format.frac
    start = None if bias is None else bias.tolist()
    sums = spec.matmul(a.tolist(), b.T.tolist(), accumulator, start, frac)
    values = [[one.value for one in row] for row in sums]
    assert matmul(a, b, accumulator, **options).tolist() == values
    result = matmul_stats(a, b, accumulator, **options)
    assert result.codes.tolist() == values
    assert tuple(result.levels) == level_names(accumulator)
    for level, stats in result.levels.items():
        for channel, column in enumerate(zip(*sums, strict=True)):
            events = [one.levels[level] for one in column if level in one.levels]
            firsts = [e.first_step for e in events if e.count]
            assert stats.events[channel] == sum(e.count for e in events)
            assert stats.first_step[channel] == min(firsts, default=-1)
    assert {level for row in sums for one in row for level in one.levels} <= set(result.levels)
    assert result.stats.lowest.tolist() == [
        min(s.lowest for s in c) for c in zip(*sums, strict=True)
    ]
    assert result.stats.highest.tolist() == [
        max(s.highest for s in c) for c in zip(*sums, strict=True)
    ]


@given(problems(), declared_accumulators())
def test_a_trace_ends_in_the_result(problem, accumulator):
    a, b, bias, (a_format, b_format) = problem
    start = None if bias is None else int(bias[0])
    trace = mac_trace(a[0], b[:, 0], accumulator, a_format=a_format, b_format=b_format, bias=start)
    assert trace.final == trace.registers[-1][-1]
    assert len(trace.names) == trace.registers.shape[1]
    assert trace.names[-1] == "final"
    assert len(trace.registers) in (1 + a.shape[1], 2 + a.shape[1])


def test_pairs_that_saturate_before_they_are_widened():
    """VPMADDUBSW: 255 * 127 * 2 saturates at 32767, and only then is exact."""
    a, b = np.full((1, 4), 255), np.full((4, 1), 127)
    assert matmul(a, b, presets.avx2_maddubs()).tolist() == [[2 * 32767]]
    assert matmul(a, b, Accumulator(32)).tolist() == [[4 * 255 * 127]]


def test_lanes_wrap_apart():
    """Three products of 127 * 127 in one 16-bit lane wrap; spread over lanes they do not."""
    a, b = np.full((1, 24), 127), np.full((24, 1), 127)
    exact = 24 * 127 * 127
    assert matmul(a, b, presets.neon_smlal(2)).tolist() == [[exact]]
    assert matmul(a, b, presets.neon_smlal(3)).tolist() != [[exact]]
    assert matmul(a, b, presets.neon_sdot()).tolist() == [[exact]]


def test_guard_bits_first_saturate_last():
    a, b = [[100, 100, -100]], [[1], [1], [1]]
    guarded = Accumulator(16, spill=Spill(None, Accumulator(8, "saturate")))
    assert matmul(a, b, guarded).tolist() == [[100]]
    assert matmul(a, b, Accumulator(8, "saturate")).tolist() == [[27]]


def test_trees_and_lanes_by_hand():
    trace = mac_trace([1, 2, 3, 4, 5], [1] * 5, Accumulator(8, order=Interleaved(2)))
    assert trace.names == ("lane0", "lane1", "final")
    assert trace.registers.tolist() == [
        [0, 0, 0], [1, 0, 0], [1, 2, 0], [4, 2, 0], [4, 6, 0], [9, 6, 0], [0, 0, 15],
    ]  # fmt: skip
    nodes = Accumulator(8, "saturate", order=Chunked(4, node_bits=4))
    # (5 + 5) saturates at 7, (5 - 8) is -3: the tree gives 4; the last chunk adds 1.
    assert mac_trace([5, 5, 5, -8, 1], [1] * 5, nodes).final == 5


def test_a_finer_register_takes_a_bias_that_comes_last_at_its_own_fraction():
    """Product and bias are 1; with one more fraction bit 2 and 2, of which 4 bits hold the sum."""
    finer = Accumulator(4, "saturate", frac=1, bias="last")
    assert matmul([[1]], [[1]], finer, bias=[1]).tolist() == [[4]]


def test_jam_sets_the_last_bit_of_lanes_that_are_added():
    """1 + 0 + 0 + 0 in four lanes: each sum of lanes gets its last bit, what is flushed too."""
    lanes = Accumulator(4, frac=0, rounding="jam", order=Interleaved(4))
    (exact,) = (one.value for one in spec.matmul([[1]], [[1]], lanes)[0])
    assert matmul([[1]], [[1]], lanes).tolist() == [[exact]] == [[3]]
    assert matmul([[1]], [[1]], Accumulator(4, rounding="jam")).tolist() == [[1]]
    assert matmul([[2]], [[1]], Accumulator(4, rounding="jam")).tolist() == [[2]]
