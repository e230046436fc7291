"""Compiled products give the bits, and the statistics, of plain Python integers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import accumulators, code_arrays

from fxpsim import Accumulator, matmul, matmul_stats, spec
from fxpsim.engine import interpreted
from fxpsim.stats import bits_for


@st.composite
def problems(draw):
    """Operands whose sizes lie around the tiles' rows and lanes, with a register."""
    rows = draw(st.sampled_from([1, 2, 3, 4, 5, 12, 13, 17]))
    length = draw(st.sampled_from([0, 1, 2, 3, 17]))
    outputs = draw(st.sampled_from([1, 2, 7, 16, 31, 33, 65]))
    width = draw(st.sampled_from([2, 5, 8, 9, 16, 17, 24]))
    a = draw(code_arrays((rows, length), width))
    b = draw(code_arrays((length, outputs), width))
    bias = draw(st.none() | code_arrays((outputs,), 20))
    return a, b, bias, draw(accumulators())


def specified(a, b, bias, accumulator):
    start = None if bias is None else bias.tolist()
    return spec.matmul(a.tolist(), b.T.tolist(), accumulator, start)


@given(problems())
def test_registers_are_those_of_the_specification(problem):
    a, b, bias, accumulator = problem
    sums = specified(a, b, bias, accumulator)
    expected = [[one.value for one in row] for row in sums]
    np.testing.assert_array_equal(
        matmul(a, b, accumulator, bias=bias), np.array(expected).reshape(len(a), b.shape[1])
    )


@given(problems())
def test_statistics_are_those_of_the_specification(problem):
    a, b, bias, accumulator = problem
    sums = specified(a, b, bias, accumulator)
    result = matmul_stats(a, b, accumulator, bias=bias)
    columns = list(zip(*sums, strict=True))
    stats = result.stats
    np.testing.assert_array_equal(result.codes, [[one.value for one in row] for row in sums])
    for channel, column in enumerate(columns):
        touched = [one for one in column if one.events]
        fits = [accumulator.lo <= one.exact <= accumulator.hi for one in touched]
        assert stats.events[channel] == sum(one.events for one in column)
        assert stats.outputs[channel] == len(touched)
        assert stats.first_step[channel] == min((one.first_step for one in touched), default=-1)
        assert stats.transient[channel] == sum(fits)
        assert stats.persistent[channel] == len(fits) - sum(fits)
        assert stats.lowest[channel] == min(one.lowest for one in column)
        assert stats.highest[channel] == max(one.highest for one in column)
        needed = [bits_for(one.lowest, one.highest) for one in column]
        counted = np.repeat(np.arange(stats.required.shape[1]), stats.required[channel])
        assert counted.tolist() == sorted(needed)
        products = a.astype(object) * b[:, channel].astype(object)
        assert stats.product_lowest[channel] == products.min(initial=products.max(initial=0))
        assert stats.product_highest[channel] == products.max(initial=products.min(initial=0))


@given(problems(), st.integers(1, 16))
def test_statistics_add_up_over_batches(problem, cut):
    a, b, bias, accumulator = problem
    whole = matmul_stats(a, b, accumulator, bias=bias).stats
    first, second = (
        matmul_stats(part, b, accumulator, bias=bias).stats for part in (a[:cut], a[cut:])
    )
    parts = first + second
    for name in whole.__slots__:
        np.testing.assert_array_equal(getattr(whole, name), getattr(parts, name), err_msg=name)


@given(problems())
def test_wrapping_each_addition_is_wrapping_the_sum(problem):
    a, b, bias, accumulator = problem
    register = Accumulator(accumulator.bits, "wrap", signed=accumulator.signed)
    sums = specified(a, b, bias, register)
    for one in (one for row in sums for one in row):
        assert one.value == spec.fit(one.exact, register.lo, register.hi, register.overflow)


@given(problems())
def test_a_register_that_nothing_leaves_holds_the_exact_sum(problem):
    a, b, bias, accumulator = problem
    stats = matmul_stats(a, b, accumulator, bias=bias)
    exact = a.astype(object) @ b.astype(object) + (0 if bias is None else bias.astype(object))
    calm = stats.stats.events == 0
    np.testing.assert_array_equal(stats.codes[:, calm], exact[:, calm].astype(np.int64))


def test_registers_beyond_the_compiled_widths_fall_back_to_the_specification():
    big = np.full((1, 4), 2**62)
    ones = np.ones((4, 1), np.int64)
    with pytest.warns(UserWarning, match="64-bit accumulator runs in plain Python"):
        result = matmul(big, ones, Accumulator(64, "saturate"))
    assert result.tolist() == [[2**63 - 1]]


def test_saturation_at_the_end_differs_from_saturation_at_every_step():
    a, b = [[100, 100, -100]], [[1], [1], [1]]
    assert matmul(a, b, Accumulator(8, "saturate")).tolist() == [[27]]
    assert matmul(a, b, Accumulator(32)).tolist() == [[100]]  # 100 would have fitted


def test_the_histogram_says_how_many_sums_need_how_many_bits():
    a, b = [[100, 100, -100], [1, 0, 0], [7, 1, 0]], [[1, 2], [1, 0], [1, 0]]
    stats = matmul_stats(a, b, Accumulator(8, "saturate")).stats
    table = stats.histogram()
    assert table.index.name == "channel"
    assert table.columns.tolist() == [2, 3, 4, 5, 6, 7, 8, 9]
    assert table.loc[0].tolist() == [1, 0, 0, 1, 0, 0, 0, 1]  # 200, 1 and 8
    assert table.loc[1].tolist() == [0, 1, 0, 1, 0, 0, 0, 1]  # 200, 2 and 14
    rows = stats.table()
    assert rows["required_bits"].tolist() == [9, 9]
    assert rows["product_highest"].tolist() == [100, 200]
    assert rows["product_lowest"].tolist() == [-100, 0]


@given(problems())
def test_one_pass_over_planes_is_what_numpy_makes_of_them(problem):
    a, b, bias, accumulator = problem
    compiled = matmul_stats(a, b, accumulator, bias=bias).stats
    with interpreted():
        plain = matmul_stats(a, b, accumulator, bias=bias).stats
    for name in plain.__slots__:
        np.testing.assert_array_equal(getattr(compiled, name), getattr(plain, name), err_msg=name)


def test_sixteen_unsigned_bits_are_counted_as_unsigned():
    stats = matmul_stats([[1]], [[-1]], Accumulator(16, "saturate", signed=False))
    assert stats.codes.tolist() == [[0]]
    assert stats.stats.events.tolist() == [1]
