"""Affine and codebook formats: the array rules are the specified ones, and products use them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import accumulators, rounding_modes

from fxpsim import (
    Accumulator,
    Affine,
    Levels,
    Overflow,
    QFormat,
    dequantize,
    matmul,
    quantize,
    quantize_stats,
    spec,
)
from fxpsim.scaled import LEVEL_ROUNDING

scales = st.floats(1e-3, 1e3) | st.integers(-9, 9).map(lambda e: 2.0**e)
values = st.floats(-1e4, 1e4) | st.integers(-99, 99).map(lambda n: n / 4) | st.just(1e300)
seeds = st.integers(0, 2**64 - 1)


@st.composite
def affines(draw, channels):
    bits, signed = draw(st.integers(1, 16)), draw(st.booleans())
    word = QFormat(bits, 0, signed)
    zeros = st.integers(word.lo, word.hi)
    if channels is None:
        return Affine(bits, draw(scales), draw(zeros), signed=signed)
    return Affine(
        bits,
        [draw(scales) for _ in range(channels)],
        [draw(zeros) for _ in range(channels)],
        signed=signed,
        axis=-1,
    )


@given(
    affines(3),
    rounding_modes,
    st.sampled_from(["saturate", "saturate_symmetric", "wrap"]),
    st.lists(st.tuples(values, values, values), min_size=1, max_size=6),
    seeds,
)
def test_affine_per_axis(fmt, rounding, overflow, rows, seed):
    result = quantize_stats(rows, fmt, rounding, overflow, seed=seed)
    rule = spec.quantize_affine
    changed = 0
    for sample, row in enumerate(rows):
        for channel, value in enumerate(row):
            draw = spec.draw(seed, 0, sample, channel)
            scale, zero = fmt.scale[channel], fmt.zero_point[channel]
            code = rule(value, scale, zero, fmt.lo, fmt.hi, rounding, Overflow(overflow), draw)
            assert result.codes[sample, channel] == code
            free = rule(value, scale, zero, -(2**5000), 2**5000, rounding, Overflow.SATURATE, draw)
            changed += free != code
    assert result.changed == changed


@given(affines(None), st.data())
def test_affine_values_come_back_as_their_codes(fmt, data):
    codes = data.draw(st.lists(st.integers(fmt.lo, fmt.hi), max_size=10))
    back = dequantize(codes, fmt)
    assert back.tolist() == [(code - fmt.zero_point) * fmt.scale for code in codes]
    assert quantize(back, fmt).tolist() == codes


@given(affines(None), affines(3), st.lists(st.tuples(*[st.floats(-1e3, 1e3, width=32)] * 3)))
def test_float32_values_are_divided_as_float64(one, each, rows):
    singles = np.array(rows, np.float32).reshape(-1, 3)
    for fmt in (one, each, Levels([5, -7, 0, 300], 0.3)):
        expected = quantize(singles.astype(np.float64), fmt).tolist()
        assert quantize(singles, fmt).tolist() == expected
        assert quantize(singles.astype(">f4")[::-1], fmt).tolist() == expected[::-1]


codebooks = st.lists(st.integers(-200, 200), min_size=1, max_size=20)


@given(codebooks, scales, st.sampled_from(LEVEL_ROUNDING), st.lists(values, max_size=20))
def test_codebooks(codebook, scale, rounding, reals):
    fmt = Levels(codebook, scale)
    result = quantize_stats(reals, fmt, rounding)
    expected = [spec.quantize_level(value, codebook, scale, rounding) for value in reals]
    assert result.codes.tolist() == expected
    outside = [not min(codebook) <= value / scale <= max(codebook) for value in reals]
    assert result.changed == sum(outside)


@given(st.integers(1, 8))
def test_dorefa_levels_are_a_uniform_grid_on_minus_one_to_one(bits):
    fmt = Levels.dorefa(bits)
    grid = dequantize(np.arange(2**bits), fmt)
    np.testing.assert_allclose(grid, np.linspace(-1, 1, 2**bits))
    assert quantize(grid, fmt).tolist() == list(range(2**bits))
    assert max(fmt.codebook) < 1 << bits  # bits + 1 signed ones hold them
    assert 0 not in fmt.codebook


@pytest.mark.parametrize("levels", [Levels.binary(), Levels.ternary(), Levels([5, -7, 0, 300])])
@given(fmt=affines(None), accumulator=accumulators(max_bits=40), data=st.data())
def test_products_are_of_multiplicands(levels, fmt, accumulator, data):
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    a = rng.integers(fmt.lo, fmt.hi, (3, 5), endpoint=True)
    b = rng.integers(levels.lo, levels.hi, (5, 4), endpoint=True)
    result = matmul(a, b, accumulator, a_format=fmt, b_format=levels)
    left, right = a - fmt.zero_point, np.array(levels.codebook)[b]
    np.testing.assert_array_equal(result, matmul(left, right, accumulator))


def test_a_product_with_a_zero_point_for_each_output():
    weights = Affine(8, [0.5, 0.25], [3, -2], axis=1)
    codes = np.array([[10, 20], [-30, 40]], np.int8)
    result = matmul([[1, 2]], codes, Accumulator(32), b_format=weights)
    assert result.tolist() == [[7 + 2 * -33, 22 + 2 * 42]]
