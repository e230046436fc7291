"""Compiled casts give the bits of plain Python integers, for every mode and any shift."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from strategies import at_least, formats, has_meaning, mode_pairs, rounding_modes

from fxpsim import (
    Overflow,
    OverflowTrap,
    QFormat,
    cast,
    cast_stats,
    dequantize,
    quantize,
    quantize_stats,
    spec,
)
from fxpsim.engine import interpreted
from fxpsim.errors import FormatError

words = st.integers(-(2**61), 2**61 - 1)
seeds = st.integers(0, 2**64 - 1)


def draws(seed, values):
    """What a vector's elements draw: every one is a sample of its own."""
    return [spec.draw(seed, 0, sample, 0) for sample in range(len(values))]


@pytest.mark.filterwarnings("ignore:a cast of values")
@at_least(400)
@given(formats(), formats(), mode_pairs, st.lists(words, max_size=20), seeds)
def test_code_to_code(source, target, modes, values, seed):
    rounding, overflow = modes
    assume(has_meaning(target, overflow))
    codes = [spec.fit(value, source.lo, source.hi, Overflow.SATURATE) for value in values]
    expected = [
        spec.cast(code, source, target, rounding, overflow, draw)
        for code, draw in zip(codes, draws(seed, codes), strict=True)
    ]
    result = cast_stats(np.array(codes, np.int64), source, target, rounding, overflow, seed=seed)
    assert result.codes.tolist() == expected
    rounded = [
        spec.round_shift(code, source.frac - target.frac, rounding, draw)
        for code, draw in zip(codes, draws(seed, codes), strict=True)
    ]
    assert result.changed == sum(x != y for x, y in zip(rounded, expected, strict=True))


floats = st.floats(allow_nan=False, allow_infinity=False, width=64)
near_ties = st.builds(
    lambda n, e, up: float(np.nextafter(n / 2**e, np.inf if up else -np.inf)) if up is not None
    else n / 2**e,
    st.integers(-(2**20), 2**20), st.integers(0, 70), st.none() | st.booleans(),
)  # fmt: skip


whole = st.integers(-300, 300).map(float)
around_the_ends = st.builds(
    lambda bits, near, sign: sign * (2.0**bits + near),
    st.integers(0, 70),
    st.sampled_from([-1.5, -1.0, -0.5, 0.0, 0.5, 1.0]),
    st.sampled_from([-1, 1]),
)  # fmt: skip


@given(
    formats(),
    mode_pairs,
    st.lists(whole | near_ties | around_the_ends | floats, max_size=40),
    seeds,
)
@at_least(400)
def test_float_to_code(target, modes, values, seed):
    rounding, overflow = modes
    assume(has_meaning(target, overflow))
    drawn = draws(seed, values)
    expected = [
        spec.quantize(value, target, rounding, overflow, draw)
        for value, draw in zip(values, drawn, strict=True)
    ]
    result = quantize_stats(values, target, rounding, overflow, seed=seed)
    assert result.codes.tolist() == expected
    rounded = [
        spec.round_float(value, target.frac, rounding, draw)
        for value, draw in zip(values, drawn, strict=True)
    ]
    assert result.changed == sum(x != y for x, y in zip(rounded, expected, strict=True))


@given(formats(max_bits=53), st.data())
def test_values_of_codes_come_back_as_the_codes(fmt, data):
    codes = data.draw(st.lists(st.integers(fmt.lo, fmt.hi), max_size=10))
    assert quantize(dequantize(codes, fmt), fmt).tolist() == codes


@given(formats(), mode_pairs)
def test_infinities_overflow_alike_without_compilation(fmt, modes):
    rounding, overflow = modes
    assume(has_meaning(fmt, overflow))
    ends = [-np.inf, np.inf]
    result = quantize(ends, fmt, rounding, overflow).tolist()
    with interpreted():
        assert quantize(ends, fmt, rounding, overflow).tolist() == result
    symmetric = fmt.lo if fmt.lo == 0 else -fmt.hi
    known = {
        Overflow.SATURATE: [fmt.lo, fmt.hi],
        Overflow.SATURATE_SYMMETRIC: [symmetric, fmt.hi],
        Overflow.SATURATE_TO_ZERO: [0, 0],
        Overflow.WRAP: [0, 0],
    }
    assert result == known.get(overflow, result)


@pytest.mark.filterwarnings("ignore:a cast of values")
@given(formats(max_bits=12), rounding_modes, st.lists(words, max_size=9), seeds)
def test_a_trap_names_the_first(target, rounding, codes, seed):
    source = QFormat(62, 4)
    array = np.array(codes, np.int64).reshape(-1, 1)
    fits = [
        spec.round_shift(code, source.frac - target.frac, rounding, draw)
        for code, draw in zip(codes, draws(seed, codes), strict=True)
    ]
    first = next((i for i, code in enumerate(fits) if not target.lo <= code <= target.hi), None)
    if first is None:
        result = cast(array, source, target, rounding, "trap", seed=seed)
        assert result.ravel().tolist() == fits
        return
    with pytest.raises(OverflowTrap) as caught:
        cast(array, source, target, rounding, "trap", seed=seed)
    assert (caught.value.index, caught.value.value) == ((first, 0), fits[first])


@given(
    st.sampled_from(["stochastic_weighted", "stochastic_equal"]),
    seeds,
    st.integers(1, 6),
    st.integers(0, 6),
    st.data(),
)
def test_slices_of_a_batch_draw_the_same(rounding, seed, batch, width, data):
    rng = np.random.default_rng(seed)
    values = rng.normal(0, 3, (batch, width, 2))
    codes = rng.integers(-999, 999, (batch, width, 2))
    ids = rng.integers(0, 2**32, batch)
    start = data.draw(st.integers(0, batch))
    stop = data.draw(st.integers(start, batch))
    source, target = QFormat(12, 6), QFormat(9, 2)
    part = slice(start, stop)
    full = quantize(values, target, rounding, seed=seed, samples=ids)
    sliced = quantize(values[part], target, rounding, seed=seed, samples=ids[part])
    np.testing.assert_array_equal(full[part], sliced)
    full = cast(codes, source, target, rounding, seed=seed, samples=ids)
    sliced = cast(codes[part], source, target, rounding, seed=seed, samples=ids[part])
    np.testing.assert_array_equal(full[part], sliced)
    with interpreted():
        again = cast(codes, source, target, rounding, seed=seed, samples=ids)
    np.testing.assert_array_equal(full, again)


@pytest.mark.parametrize("rounding", ["nearest_even", "stochastic_equal", "stochastic_weighted"])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_threads_and_types_change_no_bit(rounding, kind):
    rng = np.random.default_rng(0)
    values = rng.normal(0, 6, (7, 199, 311)).astype(kind)
    target, source = QFormat(8, 4), QFormat(20, 11)
    codes = rng.integers(source.lo, source.hi, values.shape).astype(np.int32)
    alone = quantize_stats(values, target, rounding, "wrap", seed=5)
    shared = quantize_stats(values, target, rounding, "wrap", seed=5, threads=3)
    np.testing.assert_array_equal(shared.codes, alone.codes)
    assert shared.changed == alone.changed
    wide = quantize(values.astype(np.float64), target, rounding, "wrap", seed=5)
    np.testing.assert_array_equal(wide, alone.codes)
    alone = cast_stats(codes, source, target, rounding, "saturate", seed=5)
    for given_type in (np.int32, np.int64):
        shared = cast_stats(
            codes.astype(given_type), source, target, rounding, "saturate", seed=5, threads=2
        )
        np.testing.assert_array_equal(shared.codes, alone.codes)
        assert shared.changed == alone.changed
    with pytest.raises(FormatError, match="threads must be"):
        cast(codes, source, target, threads=0)


singles = st.floats(allow_nan=False, allow_infinity=False, width=32)


@given(
    formats(max_bits=30),
    mode_pairs,
    st.lists(singles | near_ties.map(np.float32).map(float), max_size=40),
)
def test_float32_is_as_exact(target, modes, values):
    rounding, overflow = modes
    assume(has_meaning(target, overflow))
    narrow = quantize_stats(np.array(values, np.float32), target, rounding, overflow)
    wide = quantize_stats(np.array(values, np.float64), target, rounding, overflow)
    assert narrow.codes.tolist() == wide.codes.tolist()
    assert narrow.changed == wide.changed
