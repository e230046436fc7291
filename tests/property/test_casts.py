"""Compiled casts give the bits of plain Python integers, for every mode and any shift."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from strategies import formats, overflow_modes, rounding_modes

from fxpsim import Overflow, cast, dequantize, quantize, spec

words = st.integers(-(2**61), 2**61 - 1)


@pytest.mark.filterwarnings("ignore:a cast of values")
@settings(max_examples=300)
@given(formats(), formats(), rounding_modes, overflow_modes, st.lists(words, max_size=20))
def test_code_to_code(source, target, rounding, overflow, values):
    assume(not (target.narrow and overflow is Overflow.WRAP))
    codes = [spec.fit(value, source.lo, source.hi, Overflow.SATURATE) for value in values]
    expected = [spec.cast(code, source, target, rounding, overflow) for code in codes]
    assert cast(np.array(codes, np.int64), source, target, rounding, overflow).tolist() == expected


floats = st.floats(allow_nan=False, allow_infinity=False, width=64)
near_ties = st.builds(
    lambda n, e, up: float(np.nextafter(n / 2**e, np.inf if up else -np.inf)) if up is not None
    else n / 2**e,
    st.integers(-(2**20), 2**20), st.integers(0, 70), st.none() | st.booleans(),
)  # fmt: skip


whole = st.integers(-300, 300).map(float)


@given(formats(), rounding_modes, overflow_modes, st.lists(whole | near_ties | floats, max_size=40))
@settings(max_examples=300)
def test_float_to_code(target, rounding, overflow, values):
    assume(not (target.narrow and overflow is Overflow.WRAP))
    expected = [spec.quantize(value, target, rounding, overflow) for value in values]
    assert quantize(values, target, rounding, overflow).tolist() == expected


@given(formats(max_bits=53), st.data())
def test_values_of_codes_come_back_as_the_codes(fmt, data):
    codes = data.draw(st.lists(st.integers(fmt.lo, fmt.hi), max_size=10))
    assert quantize(dequantize(codes, fmt), fmt).tolist() == codes


@given(formats(), overflow_modes, rounding_modes)
def test_infinities_overflow(fmt, overflow, rounding):
    assume(not (fmt.narrow and overflow is Overflow.WRAP))
    low, high = quantize([-np.inf, np.inf], fmt, rounding, overflow).tolist()
    symmetric = fmt.lo if fmt.lo == 0 else -fmt.hi
    assert (low, high) == {
        Overflow.SATURATE: (fmt.lo, fmt.hi),
        Overflow.SATURATE_SYMMETRIC: (symmetric, fmt.hi),
    }.get(overflow, (0, 0))
