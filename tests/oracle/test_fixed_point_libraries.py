"""Casts against two other libraries, on values made on the spot."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from fxpsim import QFormat, Rounding, cast, quantize

FXPMATH = {
    "floor": Rounding.FLOOR,
    "fix": Rounding.TOWARD_ZERO,
    "ceil": Rounding.CEIL,
    "around": Rounding.NEAREST_EVEN,
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


@pytest.mark.parametrize("name", FXPMATH)
@pytest.mark.parametrize("overflow", ["saturate", "wrap"])
@pytest.mark.parametrize(("bits", "frac"), [(8, 4), (5, 0), (12, 9), (24, 3)])
@pytest.mark.parametrize("signed", [True, False])
def test_fxpmath_quantises_alike(name, overflow, bits, frac, signed):
    fxpmath = pytest.importorskip("fxpmath")
    rng = np.random.default_rng(0)
    ties = rng.integers(-400, 400, 200) / 2.0 ** (frac + 1)
    values = np.concatenate([ties, rng.normal(0, 2.0 ** (bits - frac), 300)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = fxpmath.Fxp(
            values, signed=signed, n_word=bits, n_frac=frac, rounding=name, overflow=overflow
        )
    ours = quantize(values, QFormat(bits, frac, signed), FXPMATH[name], overflow)
    np.testing.assert_array_equal(ours, theirs.val.astype(np.int64))


@pytest.mark.parametrize("name", APYTYPES)
@pytest.mark.parametrize("overflow", ["SAT", "WRAP"])
def test_apytypes_casts_alike(name, overflow):
    apytypes = pytest.importorskip("apytypes")
    rng = np.random.default_rng(0)
    source = QFormat(20, 11)
    codes = rng.integers(source.lo, source.hi, 3000, endpoint=True)
    theirs = apytypes.APyFixedArray(
        [int(code) & 0xFFFFF for code in codes], int_bits=9, frac_bits=11
    )
    for bits, frac in [(8, 4), (12, 11), (6, -2), (16, 13), (5, 9)]:
        result = theirs.cast(
            int_bits=bits - frac,
            frac_bits=frac,
            quantization=getattr(apytypes.QuantizationMode, name),
            overflow=getattr(apytypes.OverflowMode, overflow),
        )
        raw = np.array([int(bit) for bit in result.to_bits()])
        signed = raw - (raw >= 1 << (bits - 1)) * (1 << bits)
        mode = "saturate" if overflow == "SAT" else "wrap"
        ours = cast(codes, source, QFormat(bits, frac), APYTYPES[name], mode)
        np.testing.assert_array_equal(ours, signed)
