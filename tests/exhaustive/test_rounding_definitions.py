"""Rounding of every small number, as specified and by definition."""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor

import pytest

from fxpsim import Rounding, spec
from fxpsim.formats.modes import STOCHASTIC

FIXED = [mode for mode in Rounding if mode not in STOCHASTIC]
NEAREST = {
    Rounding.NEAREST_UP: ceil,
    Rounding.NEAREST_DOWN: floor,
    Rounding.NEAREST_TO_ZERO: int,
    Rounding.NEAREST_AWAY: lambda x: ceil(x) if x > 0 else floor(x),
    Rounding.NEAREST_EVEN: lambda x: floor(x) + floor(x) % 2,
    Rounding.NEAREST_ODD: lambda x: floor(x) + 1 - floor(x) % 2,
}
DIRECTED = {
    Rounding.FLOOR: floor,
    Rounding.CEIL: ceil,
    Rounding.TOWARD_ZERO: int,
    Rounding.AWAY_FROM_ZERO: lambda x: ceil(x) if x > 0 else floor(x),
    Rounding.TRN_MAG: lambda x: floor(x) + (x < 0),
    Rounding.JAM: lambda x: floor(x) | 1,
    Rounding.JAM_UNBIASED: lambda x: floor(x) | (x != floor(x)),
}


def by_definition(value: Fraction, rounding: Rounding) -> int:
    """Round a number that is not on the grid's side of a shift by 0."""
    if rounding in DIRECTED:
        return DIRECTED[rounding](value)
    if value - floor(value) == Fraction(1, 2):
        return NEAREST[rounding](value)
    return floor(value + Fraction(1, 2))


@pytest.mark.parametrize("rounding", FIXED)
@pytest.mark.parametrize("shift", range(1, 9))
def test_rounding_is_its_definition(rounding, shift):
    for value in range(-128, 128):
        expected = by_definition(Fraction(value, 2**shift), rounding)
        assert spec.round_shift(value, shift, rounding) == expected


@pytest.mark.parametrize("shift", range(1, 9))
def test_every_draw_in_steps_of_a_fraction_rounds_as_often_as_it_should(shift):
    """Of 2**shift draws that divide the unit evenly, as many round up as units are dropped."""
    drawn = [number << (32 - shift) for number in range(2**shift)]
    for value in range(-40, 40):
        rounded = [
            spec.round_shift(value, shift, Rounding.STOCHASTIC_WEIGHTED, draw) for draw in drawn
        ]
        assert sum(rounded) == value
        assert set(rounded) <= {value >> shift, -(-value >> shift)}
        even = [spec.round_shift(value, shift, Rounding.STOCHASTIC_EQUAL, d) for d in (0, 1)]
        assert even == [value >> shift, -(-value >> shift)]
