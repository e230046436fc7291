"""Compiled requantisation gives the bits of plain Python integers, for every scheme."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import at_least, overflow_modes_of, rounding_modes

import fxpsim as fx
from fxpsim import QFormat, requantize, spec
from fxpsim.engine import SlowPathWarning, interpreted
from fxpsim.errors import FormatError
from fxpsim.requantization import multiply

EXTREMES = [-(2**31), 1 - 2**31, -(2**30), -1, 0, 1, 2**30, 2**31 - 2, 2**31 - 1]
multipliers = st.integers(0, 2**31 - 1) | st.sampled_from(
    [0, 1, 2**30, 2**31 - 1, 0x7FFEFFFF, 0x7FFF0000]
)
factors = st.integers(-(2**31), 2**31) | st.sampled_from([-(2**31), 2**31, 3, -1])
shifts = st.integers(-70, 40) | st.integers(-16, 2) | st.sampled_from([-1000, 31, 1000])
scales = st.floats(0, 1e4, width=32) | st.sampled_from([0.0, 0.5, 2.0**-24, 1e-30, 3e38, 1e-45])

CONSTANTS = {
    fx.Gemmlowp: (multipliers, shifts),
    fx.HalfUpTwice: (multipliers, shifts),
    fx.SingleRound: (multipliers, shifts),
    fx.Int16x8: (multipliers, shifts),
    fx.Dyadic: (factors, shifts.map(lambda shift: -shift)),
    fx.Icn: (factors, shifts.map(lambda shift: max(-1000, -shift - 32))),
    fx.FloatScale: (scales,),
}
targets = st.sampled_from(
    [QFormat(8, 0), QFormat(16, 3, signed=False), QFormat(32, 0), QFormat(62, 0)]
)


@st.composite
def schemes(draw, kind):
    channels = draw(st.sampled_from([None, None, 1, 3, 300]))
    seen = draw(st.lists(st.tuples(*CONSTANTS[kind]), min_size=1, max_size=8))
    rows = seen if channels is None else [seen[i % len(seen)] for i in range(channels)]
    columns = list(rows[0]) if channels is None else [list(c) for c in zip(*rows, strict=True)]
    target = draw(targets)
    clamp = {"zero_point": draw(st.sampled_from([0, 0, 3, -128, 2**31 - 1]))}
    if draw(st.booleans()):
        clamp["act_min"], clamp["act_max"] = sorted(
            draw(st.tuples(*[st.integers(target.lo, target.hi)] * 2))
        )
    return kind(*columns, **clamp), channels or draw(st.integers(0, 9)), target


@st.composite
def accumulators(draw, channels):
    """Int32 extremes, ties of every shift, and wider words."""
    words = (
        st.integers(-(2**31), 2**31 - 1)
        | st.sampled_from(EXTREMES)
        | st.builds(lambda n, e: (2 * n + 1) << e, st.integers(-8, 8), st.integers(0, 26))
    )
    wide = draw(st.sampled_from([False, False, True]))
    words = words | st.integers(-(2**47), 2**47) if wide else words
    seen = draw(st.lists(words, min_size=1, max_size=12))
    rows = draw(st.integers(0, 4))
    kind = np.int64 if wide else np.int32
    return np.resize(np.array(seen, kind), (rows, channels))


@pytest.mark.filterwarnings("ignore::fxpsim.engine.SlowPathWarning")
@pytest.mark.parametrize("kind", CONSTANTS, ids=lambda kind: kind.__name__)
@at_least(150)
@given(data=st.data())
def test_compiled_is_the_rule(kind, data):
    scheme, channels, target = data.draw(schemes(kind))
    acc = data.draw(accumulators(channels))
    result = requantize(acc, scheme, target)
    with interpreted():
        expected = requantize(acc, scheme, target)
    assert result.dtype == expected.dtype
    np.testing.assert_array_equal(result, expected)


@pytest.mark.filterwarnings("ignore::fxpsim.engine.SlowPathWarning")
@given(st.data(), rounding_modes)
def test_shifts_are_casts(data, rounding):
    bits = data.draw(st.lists(st.integers(-20, 70), min_size=1, max_size=9))
    target = data.draw(targets)
    overflow = data.draw(overflow_modes_of(target))
    acc = data.draw(accumulators(len(bits)))
    result = requantize(acc, fx.Shift(bits, rounding, str(overflow)), target)
    expected = [
        spec.fit(
            spec.round_shift(code, bits[channel], rounding, spec.draw(0, 0, row, channel)),
            target.lo, target.hi, overflow,
        )
        for row, codes in enumerate(acc.tolist())
        for channel, code in enumerate(codes)
    ]  # fmt: skip
    assert result.ravel().tolist() == expected


factor_words = st.integers(-128, 127) | st.integers(-(2**15), 2**15) | st.integers(-(2**40), 2**40)


@pytest.mark.filterwarnings("ignore::fxpsim.engine.SlowPathWarning")
@pytest.mark.parametrize("kind", [fx.Shift, *CONSTANTS], ids=lambda kind: kind.__name__)
@given(data=st.data())
def test_products_are_requantised_as_if_they_were_stored(kind, data):
    if kind is fx.Shift:
        channels, target = data.draw(st.sampled_from([1, 3])), data.draw(targets)
        bits = data.draw(st.lists(st.integers(-9, 40), min_size=channels, max_size=channels))
        # A few modes: that all are right is for casts to say, and each is compiled anew.
        rounding = data.draw(st.sampled_from(["nearest_even", "trn_mag", "stochastic_weighted"]))
        scheme = fx.Shift(bits, rounding, data.draw(st.sampled_from(["saturate", "wrap(1)"])))
    else:
        scheme, channels, target = data.draw(schemes(kind))
    rows = data.draw(st.integers(0, 3))
    column = [data.draw(factor_words) for _ in range(rows)]
    row = np.resize(data.draw(st.lists(factor_words, min_size=1, max_size=5)), channels)
    products = np.array([[a * b for b in row.tolist()] for a in column], object)
    result = multiply(np.array(column, np.int64).reshape(rows, 1), row, scheme, target)
    with interpreted():
        expected = requantize(products.reshape(rows, channels), scheme, target)
    assert result.dtype == expected.dtype
    np.testing.assert_array_equal(result, expected)


def test_threads_change_no_bit():
    rng = np.random.default_rng(0)
    a, b = (rng.integers(-999, 999, (3001, 67)).astype(np.int16) for _ in range(2))
    for scheme in (
        fx.Shift(9, "stochastic_weighted"),
        fx.Shift(np.arange(67) % 12, "nearest_even", "wrap"),
        fx.Gemmlowp(2**30 + np.arange(67), -7),
        fx.FloatScale(0.01),
    ):
        for call in (multiply, lambda a, b, *rest, **k: requantize(a * np.int32(1), *rest, **k)):
            alone = call(a, b, scheme)
            np.testing.assert_array_equal(call(a, b, scheme, threads=3), alone)
    with pytest.raises(FormatError, match="threads must be an integer, 1 or more, not 0"):
        multiply(a, b, scheme, threads=0)


@at_least(300)
@given(st.integers(-(2**50), 2**50), scales)
def test_float_scale_is_numpys_float32(acc, scale):
    with np.errstate(over="ignore"):
        product = np.float32(acc) * np.float32(scale)
    rule = spec.float_scale(acc, float(np.float32(scale)))
    if np.isfinite(product):
        assert rule == int(np.rint(product))
    else:
        assert abs(rule) >= 2**128


@at_least(300)
@given(st.floats(2.0**-31, 1e6) | st.integers(1, 2**20).map(lambda n: 1 - 2.0**-53 * n))
def test_a_multiplier_is_the_nearest(scale):
    q, shift = spec.quantize_multiplier(scale)
    assert 2**30 <= q < 2**31
    step = Fraction(2) ** (shift - 31)
    assert abs(Fraction(scale) - q * step) <= step / 2


def test_multipliers_at_the_edges():
    assert spec.quantize_multiplier(0.0) == (0, 0)
    assert spec.quantize_multiplier(1.0) == (2**30, 1)
    assert spec.quantize_multiplier(0.5) == (2**30, 0)
    assert spec.quantize_multiplier(1 - 2.0**-40) == (2**30, 1)  # q rounded up to 2**31
    assert spec.quantize_multiplier(2.0**-32) == (2**30, -31)
    assert spec.quantize_multiplier(2.0**-33) == (0, 0)


@given(st.integers(-(2**20), 2**20), st.floats(2.0**-20, 0.99))
def test_integer_schemes_of_one_scale_are_near_the_real_product(acc, scale):
    for kind in CONSTANTS:
        if kind is fx.FloatScale:
            continue
        scheme = kind.from_scale(scale)
        coarse = abs(acc) * scale * 2**-14 if kind is fx.Int16x8 else 0.0
        assert abs(requantize([acc], scheme, QFormat(32, 0)).item() - acc * scale) <= 1.1 + coarse


def test_products_beyond_62_bits_say_so_and_are_right():
    scheme = fx.SingleRound(2**31 - 1, -10)
    with pytest.warns(SlowPathWarning, match="products beyond 62 bits"):
        assert requantize([2**40], scheme, QFormat(62, 0)).item() == spec.single_round(
            2**40, 2**31 - 1, -10
        )
    with pytest.warns(SlowPathWarning):
        assert requantize(np.array([2**70], object), fx.Dyadic(1, 64)).item() == 64
    assert requantize(np.array([2**40]), fx.Int16x8(2**30, -30)).item() == 127  # fits: compiled


def test_the_page_says_how_much_the_schemes_differ():
    rng = np.random.default_rng(0)
    scale = rng.uniform(0.0005, 0.01, 64)
    acc = np.rint(rng.normal(0, 40, (100_000, 64)) / scale).astype(np.int32)
    kinds = [fx.Gemmlowp, fx.HalfUpTwice, fx.SingleRound, fx.Int16x8, fx.FloatScale, fx.Dyadic]
    made = [kind(scale) if kind is fx.FloatScale else kind.from_scale(scale) for kind in kinds]
    results = [requantize(acc, scheme) for scheme in made]
    page = Path(__file__).resolve().parents[2] / "docs/explanation/requantisation.md"
    rows = [line for line in page.read_text().splitlines() if line.startswith("| Gemmlowp |")]
    cells = rows[0].split("|")[3:-1]
    for cell, result in zip(cells, results[1:], strict=True):
        assert float(cell) == pytest.approx(100 * (result != results[0]).mean(), abs=0.01)
    single = results[2]
    assert (single != results[3]).mean() == pytest.approx(0.0003, abs=0.00005)
    assert (single != results[4]).mean() < 2e-6
