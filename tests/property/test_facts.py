"""The facts that make simulation fast without changing a bit, each on the plain rules.

The kernels rest on them: see docs/explanation/accumulators.md.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from strategies import accumulators

from fxpsim import (
    Accumulator,
    Chunked,
    Interleaved,
    Overflow,
    Sequential,
    Spill,
    matmul,
    spec,
)

words = st.integers(-(2**12), 2**12)
products = st.lists(words, max_size=24)
biases = st.none() | words
signs = st.sampled_from([True, True, False])


def wrapped(value: int, register: Accumulator) -> int:
    return spec.fit(value, register.lo, register.hi, Overflow.WRAP)


def specified(terms, register, bias=None):
    return spec.accumulate(terms, register, bias)


# 1. Wrapping at every addition is wrapping the sum.


@given(products, biases, st.integers(2, 16), signs, st.sampled_from(["first", "last"]), st.data())
def test_wrapping_every_addition_is_wrapping_the_exact_sum(terms, bias, bits, signed, place, data):
    order = data.draw(
        st.just(Sequential())
        | st.builds(Interleaved, st.integers(1, 5))
        | st.builds(Chunked, st.integers(1, 5), st.none() | st.integers(bits, 20))
    )
    register = Accumulator(bits, signed=signed, order=order, bias=place)
    result = specified(terms, register, bias)
    assert result.value == wrapped(sum(terms) + (bias or 0), register)


@given(products, st.integers(2, 16), signs, st.integers(1, 6), st.data())
def test_with_spill_it_holds_for_each_segment(terms, bits, signed, every, data):
    outer = Accumulator(
        data.draw(st.integers(2, 20)), data.draw(st.sampled_from(["saturate", "wrap"]))
    )
    register = Accumulator(bits, signed=signed, spill=Spill(every, outer))
    segments = [terms[start : start + every] for start in range(0, len(terms), every)]
    spilled = [wrapped(sum(segment), register) for segment in segments]
    assert specified(terms, register).value == specified(spilled, outer).value


def test_narrower_nodes_rounding_and_spill_break_it():
    """What the fact excludes: each of these differs from the exact sum, wrapped once."""
    terms = [100, 100, 100, 100]
    exact = wrapped(sum(terms), Accumulator(10))
    narrow_nodes = Accumulator(10, order=Chunked(4, node_bits=8))
    rounded = Accumulator(8, frac=-2)
    spilled = Accumulator(8, spill=Spill(2, Accumulator(10)))
    assert specified(terms, narrow_nodes).value != exact
    assert specified([1, 1, 1, 1], rounded).value != 1
    assert specified(terms, spilled).value != exact


# 2. Where every value of every register fits, the exact sum is the result.


@st.composite
def unrounded_accumulators(draw):
    """Any order, any spill, no fraction of their own."""
    mode, place = (
        draw(st.sampled_from(["saturate", "wrap"])),
        draw(st.sampled_from(["first", "last"])),
    )
    order = draw(
        st.just(Sequential())
        | st.builds(Interleaved, st.integers(1, 5), st.sampled_from(["tree", "sequential"]))
        | st.builds(Chunked, st.integers(1, 5), st.none() | st.integers(7, 20))
    )
    outer = Accumulator(draw(st.integers(8, 20)), mode)
    spill = draw(st.none() | st.builds(Spill, st.none() | st.integers(1, 6), st.just(outer)))
    return Accumulator(draw(st.integers(7, 16)), mode, order=order, spill=spill, bias=place)


@given(st.lists(st.integers(-20, 20), max_size=24), st.none() | st.integers(-60, 60),
       unrounded_accumulators())  # fmt: skip
def test_registers_that_nothing_leaves_hold_the_exact_sum(terms, bias, register):
    result = specified(terms, register, bias)
    assume(result.events == 0)
    assert register.exact_where_it_fits
    assert result.value == result.exact


def test_a_final_sum_that_fits_is_not_enough():
    terms, register = [100, 100, -100], Accumulator(8, "saturate")
    result = specified(terms, register)
    assert register.lo <= result.exact <= register.hi
    assert (result.exact, result.value) == (100, 27)


def test_partial_sums_in_another_order_are_not_enough():
    """All prefixes fit, but the lanes' own sums do not: the declared order counts."""
    terms = [100, -100, 100, -100]
    lanes = Accumulator(8, "saturate", order=Interleaved(2))
    register = Accumulator(8, "saturate")
    assert specified(terms, register).events == 0
    assert specified(terms, lanes).events == 2


@pytest.mark.parametrize("overflow", ["saturate", "wrap"])
def test_a_sum_one_beyond_the_register_does_not_fit(overflow):
    """Two of -128 * -128 are 2^15, as far from 0 as 16 bits go, but with the other sign."""
    codes = np.full((70, 2), -128), np.full((2, 70), -128)
    for spill in (None, Spill()):
        register = Accumulator(16, overflow, spill=spill)
        held = specified([1 << 14] * 2, register).value
        assert held == (32767 if overflow == "saturate" else -32768)
        assert (matmul(*codes, register) == held).all()


# 3. Floating-point products of matrices are exact up to a bound, in any order.


def float_sum(terms: list[int], dtype: type[np.floating], rng: np.random.Generator) -> int:
    """Add in a random order, every partial sum rounded as the type does."""
    numbers = [dtype(term) for term in terms]
    while len(numbers) > 1:
        i, j = rng.choice(len(numbers), 2, replace=False)
        total = numbers[i] + numbers[j]
        numbers = [n for k, n in enumerate(numbers) if k not in (i, j)] + [total]
    return int(numbers[0])


@given(st.lists(st.integers(0, 2**24), min_size=1, max_size=12), st.data())
def test_float32_sums_are_exact_within_24_bits_of_either_sign(sizes, data):
    room = {1: 2**24, -1: 2**24}  # what is left to positive and to negative products
    terms = []
    for size in sizes:
        sign = data.draw(st.sampled_from([1, -1]))
        terms.append(sign * min(size, room[sign]))
        room[sign] -= abs(terms[-1])
    rng = np.random.default_rng(data.draw(st.integers(0, 999)))
    assert float_sum(terms, np.float32, rng) == sum(terms)
    scaled = [term << 29 for term in terms]  # 2**53 of float64
    scaled[-1] += scaled[-1] < 0  # not all even
    assert float_sum(scaled, np.float64, rng) == sum(scaled)


def test_beyond_the_bound_they_are_not():
    assert float(np.float32(2**24) + np.float32(1)) == 2**24
    assert np.float64(2**53) + np.float64(1) == 2**53


def test_int8_products_of_1024_terms_are_exactly_at_the_bound():
    """1024 * (-128)**2 is 2**24: BLAS is allowed, one term more would not be."""
    a, b = np.full((2, 1024), -128), np.full((1024, 2), -128)
    b[:, 1] = 127
    a[1, ::2] = 127
    exact = a.astype(object) @ b.astype(object)
    assert exact[0, 0] == 2**24
    assert (a.astype(np.float32) @ b.astype(np.float32)).astype(np.int64).tolist() == exact.tolist()
    assert matmul(a, b, Accumulator(32)).tolist() == exact.tolist()
    longer = [1025 * 128 * 128 - 1, 1025 * 128 * 128]  # sums that float32 cannot tell apart
    assert np.float32(longer[0]) == np.float32(longer[1])


# 4. One pass with peaks answers for every width.


@given(products, biases, signs)
def test_peaks_tell_which_widths_overflow(terms, bias, signed):
    seen = specified(terms, Accumulator(64), bias)
    for bits in range(2, 24):
        for mode in ("saturate", "wrap"):
            register = Accumulator(bits, mode, signed=signed)
            fits = register.lo <= seen.lowest and seen.highest <= register.hi
            result = specified(terms, register, bias)
            assert (result.events == 0) == fits
            assert (result.lowest, result.highest) == (seen.lowest, seen.highest)


def test_peaks_do_not_tell_how_often():
    """The same peaks, and one overflow or two."""
    register = Accumulator(8, "saturate")
    sums = [specified(terms, register) for terms in ([200, -100], [150, 50, -100])]
    assert {(one.lowest, one.highest) for one in sums} == {(100, 200)}
    assert [one.events for one in sums] == [1, 2]


# 5. Saturation: every step in order; but outputs are independent, and steps compose.


def test_saturation_is_not_associative():
    register = Accumulator(8, "saturate")
    orders = ([100, 100, -100], [100, -100, 100], [-100, 100, 100])
    assert [specified(terms, register).value for terms in orders] == [27, 100, 100]


@given(
    st.integers(1, 4), st.integers(1, 9), st.integers(1, 5), accumulators(24), st.integers(0, 999)
)
def test_outputs_are_independent(rows, length, outputs, register, seed):
    """Any subset of rows and columns, in any order, has the same bits."""
    rng = np.random.default_rng(seed)
    a, b = rng.integers(-128, 128, (rows, length)), rng.integers(-128, 128, (length, outputs))
    whole = [[s.value for s in row] for row in spec.matmul(a.tolist(), b.T.tolist(), register)]
    some_rows, some = rng.permutation(rows)[: rows // 2 + 1], rng.permutation(outputs)[:2]
    part = spec.matmul(a[some_rows].tolist(), b.T[some].tolist(), register)
    assert [[s.value for s in row] for row in part] == np.array(whole)[some_rows][:, some].tolist()


@given(st.lists(words, min_size=1, max_size=24), st.integers(2, 14), signs, st.data())
def test_clamped_additions_compose(terms, bits, signed, data):
    """f(x) = min(hi, max(lo, x + c)): two after one another are one, so a scan is possible."""
    register = Accumulator(bits, "saturate", signed=signed)
    steps = [(term, register.lo, register.hi) for term in terms]
    while len(steps) > 1:  # join two neighbours, anywhere
        at = data.draw(st.integers(0, len(steps) - 2))
        (c, lo, hi), (c2, lo2, hi2) = steps[at : at + 2]

        def outer(x, c2=c2, lo2=lo2, hi2=hi2):
            return min(hi2, max(lo2, x + c2))

        steps[at : at + 2] = [(c + c2, outer(lo), outer(hi))]
    c, lo, hi = steps[0]
    for start in (register.lo, 0, register.hi):
        stepwise = start
        for term in terms:
            stepwise = spec.fit(stepwise + term, register.lo, register.hi, Overflow.SATURATE)
        assert min(hi, max(lo, start + c)) == stepwise
