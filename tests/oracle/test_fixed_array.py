"""Arrays with a format, and conversions, against apytypes and fxpmath."""

from __future__ import annotations

import operator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fxpsim as fx
from fxpsim.errors import DataError, FormatError

OPERATIONS = [operator.add, operator.sub, operator.mul]
COMPARISONS = [operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge]


@st.composite
def arrays(draw, shape, signed=None, max_bits=24):
    if signed is None:
        signed = draw(st.booleans())
    fmt = fx.QFormat(draw(st.integers(1, max_bits)), draw(st.integers(-4, 12)), signed)
    seed = draw(st.integers(0, 2**32 - 1))
    ends = draw(st.booleans())
    rng = np.random.default_rng(seed)
    codes = rng.choice([fmt.lo, fmt.hi], shape) if ends else rng.integers(
        fmt.lo, fmt.hi, shape, endpoint=True
    )  # fmt: skip
    return fx.array(codes, fmt)


def same(ours, theirs):
    back = fx.array(theirs)
    assert back.format == ours.format
    np.testing.assert_array_equal(back.codes, ours.codes)


@given(arrays((3, 4), signed=True), arrays((3, 4), signed=True), st.sampled_from(OPERATIONS))
def test_apytypes_has_the_same_results_in_the_same_formats(a, b, operation):
    pytest.importorskip("apytypes")
    same(operation(a, b), operation(a.to_apytypes(), b.to_apytypes()))
    same(-a, -a.to_apytypes())


@given(arrays((2, 5), signed=True), arrays((5, 3), signed=True))
def test_apytypes_has_the_same_matrix_products(a, b):
    pytest.importorskip("apytypes")
    same(a @ b, a.to_apytypes() @ b.to_apytypes())


@given(arrays((4,)), arrays((4,)), st.sampled_from(OPERATIONS + COMPARISONS))
def test_results_are_exact_for_any_sign(a, b, operation):
    """Values of up to 53 bits are exact floats, and so are their sums and products."""
    result = operation(a, b)
    expected = operation(a.values, b.values)
    np.testing.assert_array_equal(getattr(result, "values", result), expected)


@given(arrays((4,), max_bits=30))
def test_formats_are_as_narrow_as_ap_fixed_has_them(a):
    doubled, squared = a + a, a * a
    assert (doubled.format.bits, doubled.format.frac) == (a.format.bits + 1, a.format.frac)
    assert (squared.format.bits, squared.format.frac) == (2 * a.format.bits, 2 * a.format.frac)


@given(arrays((2, 3), max_bits=62))
def test_fxpmath_and_back(a):
    same(a, a.to_fxpmath())
    np.testing.assert_array_equal(a.to_fxpmath().get_val(), a.values)


@given(arrays((3,), max_bits=60))
def test_apytypes_and_back(a):
    pytest.importorskip("apytypes")
    back = fx.array(a.to_apytypes())
    assert back.format == fx.QFormat(a.format.bits + (not a.format.signed), a.format.frac)
    np.testing.assert_array_equal(back.codes, a.codes)


def test_scalars_of_both_libraries():
    apytypes, fxpmath = pytest.importorskip("apytypes"), pytest.importorskip("fxpmath")
    for scalar in (apytypes.APyFixed(-3 & 255, 4, 4), fxpmath.Fxp(-0.1875, True, 8, 4)):
        number = fx.array(scalar)
        assert (number.codes.item(), str(number.format), number.shape) == (-3, "fxp-s8/4", ())


def test_an_array_by_hand():
    fmt = fx.QFormat(8, 4)
    a = fx.array([[0.5, -1.25], [7.99, -9.0]], fmt)
    assert a.codes.tolist() == [[8, -20], [127, -128]]
    assert a.codes.dtype == np.int32
    assert repr(a[0]) == "FixedArray([ 0.5  -1.25], fxp-s8/4)"
    assert a[1, 0].values == 7.9375
    assert len(a) == 2
    assert a.cast(fx.QFormat(4, 1), "nearest_even", "saturate").codes.tolist() == [[1, -2], [7, -8]]
    vector = fx.array([1, 2], fmt)
    assert (vector @ vector).codes.item() == 5
    assert (a @ vector).shape == (2,)
    with pytest.raises(ValueError, match="read-only"):
        a.codes[0, 0] = 1


@pytest.mark.parametrize(
    ("make", "error", "sentence"),
    [
        (lambda a: a + 1, FormatError, r"operands of \+ must be fixed-point arrays .* not int"),
        (lambda a: a == 1, FormatError, "operands of == must be fixed-point arrays"),
        (lambda a: a @ 1, FormatError, "operands of @ must be fixed-point arrays"),
        (lambda a: a[0] @ a, DataError, "must be vectors or matrices"),
        (lambda a: a * a, FormatError, r"the result of \* needs 80 bits, .* at most 62"),
        (lambda a: fx.array([1]), FormatError, "format must be a QFormat, not None"),
        (lambda a: fx.array(a.to_fxpmath(), a.format), FormatError, "has its format"),
        (lambda a: fx.array([9], fx.QFormat(4, 0)), DataError, "codes must be -8 to 7"),
    ],
)
def test_what_cannot_be(make, error, sentence):
    with pytest.raises(error, match=sentence):
        make(fx.array([1, 2], fx.QFormat(40, 4)))


def test_foreign_arrays_that_cannot_be():
    apytypes, fxpmath = pytest.importorskip("apytypes"), pytest.importorskip("fxpmath")
    with pytest.raises(DataError, match="must be of APyFixed, not APyFloat"):
        fx.array(apytypes.APyFloat.from_float(1.0, 5, 5))
    with pytest.raises(DataError, match="must be real and without scale"):
        fx.array(fxpmath.Fxp(1 + 2j, True, 8, 4))
