"""Casts against two other libraries, in every mode they have, on formats and codes made here."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from fxpsim import Overflow, QFormat, Rounding, Wrap, cast, dequantize, quantize

FXPMATH = {
    "floor": Rounding.FLOOR,
    "bit_trunc": Rounding.FLOOR,
    "fix": Rounding.TOWARD_ZERO,
    "trunc": Rounding.TOWARD_ZERO,
    "ceil": Rounding.CEIL,
    "around": Rounding.NEAREST_EVEN,
    "nearest_posinf": Rounding.NEAREST_UP,
    "nearest_neginf": Rounding.NEAREST_DOWN,
    "nearest_zero": Rounding.NEAREST_TO_ZERO,
    "nearest_away": Rounding.NEAREST_AWAY,
}
APYTYPES = {
    "TRN": Rounding.FLOOR,
    "TRN_ZERO": Rounding.TOWARD_ZERO,
    "TRN_INF": Rounding.CEIL,
    "TRN_AWAY": Rounding.AWAY_FROM_ZERO,
    "TRN_MAG": Rounding.TRN_MAG,
    "RND": Rounding.NEAREST_UP,
    "RND_ZERO": Rounding.NEAREST_TO_ZERO,
    "RND_INF": Rounding.NEAREST_AWAY,
    "RND_MIN_INF": Rounding.NEAREST_DOWN,
    "RND_CONV": Rounding.NEAREST_EVEN,
    "RND_CONV_ODD": Rounding.NEAREST_ODD,
    "JAM": Rounding.JAM,
    "JAM_UNBIASED": Rounding.JAM_UNBIASED,
}
STOCHASTIC = {
    "STOCH_WEIGHTED": Rounding.STOCHASTIC_WEIGHTED,
    "STOCH_EQUAL": Rounding.STOCHASTIC_EQUAL,
}
APYTYPES_OVERFLOW = {"SAT": Overflow.SATURATE, "WRAP": Overflow.WRAP, "NUMERIC_STD": Wrap(1)}


def some_codes(fmt: QFormat, rng: np.random.Generator, count: int) -> np.ndarray:
    """Return codes of all magnitudes, the ends among them."""
    codes = rng.integers(fmt.lo, fmt.hi, count, endpoint=True) >> rng.integers(0, fmt.bits, count)
    return np.concatenate([[fmt.lo, fmt.hi, 0, -int(fmt.signed)], codes])


@pytest.mark.parametrize("overflow", ["saturate", "wrap"])
@pytest.mark.parametrize("name", FXPMATH)
def test_fxpmath_quantises_and_casts_alike(name, overflow):
    fxpmath = pytest.importorskip("fxpmath")
    rng = np.random.default_rng(1)
    for _ in range(25):
        signed = bool(rng.integers(2))
        target = QFormat(int(rng.integers(2, 28)), int(rng.integers(-3, 14)), signed)
        source = QFormat(int(rng.integers(2, 28)), int(rng.integers(-3, 14)), bool(rng.integers(2)))
        codes = some_codes(source, rng, 60)
        ties = rng.integers(-400, 400, 60) * 2.0 ** (-target.frac - 1)
        values = np.concatenate([dequantize(codes, source), ties])
        options = {"rounding": name, "overflow": overflow}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = fxpmath.Fxp(values, signed, target.bits, target.frac, **options).val
        ours = quantize(values, target, FXPMATH[name], overflow)
        np.testing.assert_array_equal(ours, theirs.astype(np.int64), err_msg=str(target))
        ours = cast(codes, source, target, FXPMATH[name], overflow)
        np.testing.assert_array_equal(ours, theirs[: codes.size].astype(np.int64))


def test_no_mode_of_fxpmath_is_left_out():
    config = pytest.importorskip("fxpmath").Config()
    assert set(config._rounding_list) <= set(FXPMATH)
    assert set(config._overflow_list) == {"saturate", "wrap"}


def apytypes_cast(apytypes, codes, source, target, name, overflow):
    array = apytypes.APyFixedArray(
        (codes & (1 << source.bits) - 1).tolist(),
        int_bits=source.bits - source.frac,
        frac_bits=source.frac,
    )
    result = array.cast(
        int_bits=target.bits - target.frac,
        frac_bits=target.frac,
        quantization=getattr(apytypes.QuantizationMode, name),
        overflow=getattr(apytypes.OverflowMode, overflow),
    )
    raw = np.array([int(bit) for bit in result.to_bits()], np.int64)
    return raw - ((raw > target.hi).astype(np.int64) << target.bits)


@pytest.mark.filterwarnings("ignore:a cast of values")
@pytest.mark.parametrize("overflow", APYTYPES_OVERFLOW)
@pytest.mark.parametrize("name", APYTYPES)
def test_apytypes_casts_alike(name, overflow):
    apytypes = pytest.importorskip("apytypes")
    rng = np.random.default_rng(2)
    for _ in range(40):
        source = QFormat(int(rng.integers(1, 63)), int(rng.integers(-4, 40)))
        # apytypes 0.5.1 saturates wrongly where a shift to the left needs more than 64 bits.
        left = int(rng.integers(-20, min(20, 64 - source.bits) + 1))
        target = QFormat(int(rng.integers(1, 63)), source.frac + left)
        codes = some_codes(source, rng, 60)
        theirs = apytypes_cast(apytypes, codes, source, target, name, overflow)
        ours = cast(codes, source, target, APYTYPES[name], APYTYPES_OVERFLOW[overflow])
        np.testing.assert_array_equal(ours, theirs, err_msg=f"{source} to {target}")


@pytest.mark.parametrize("name", STOCHASTIC)
def test_apytypes_draws_between_the_same_neighbours(name):
    """Their draws are others than ours: what can be drawn, and how often, is the same.

    But for STOCH_EQUAL of exact values, which apytypes 0.5.1 rounds up half the time too.
    """
    apytypes = pytest.importorskip("apytypes")
    apytypes.set_fixed_quantization_seed(3)
    source, target = QFormat(10, 6), QFormat(8, 2)
    inexact = [code for code in range(-37, 38) if code % 16]
    codes = np.repeat(inexact, 4000)
    theirs = apytypes_cast(apytypes, codes, source, target, name, "WRAP")
    ours = cast(codes, source, target, STOCHASTIC[name])
    for one in (ours, theirs):
        assert set((one - (codes >> 4)).tolist()) == {0, 1}
    up = [(one - (codes >> 4)).reshape(-1, 4000).mean(axis=1) for one in (ours, theirs)]
    np.testing.assert_allclose(*up, atol=5 * np.sqrt(0.5 / 4000))  # five standard deviations


def test_no_mode_of_apytypes_is_left_out():
    apytypes = pytest.importorskip("apytypes")
    modes = apytypes.QuantizationMode  # has other names for the same values
    known = {getattr(modes, name).value for name in [*APYTYPES, *STOCHASTIC]}
    assert {mode.value for mode in modes} == known
    assert {mode.name for mode in apytypes.OverflowMode} == set(APYTYPES_OVERFLOW)
