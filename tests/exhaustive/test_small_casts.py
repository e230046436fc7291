"""Every code of every format up to 6 bits, to every such format, in every mode.

A cast depends on the formats' fractions by their difference only; differences from -7 to 8 are
here, beyond which every code of 6 bits is shifted out altogether.  Nothing is sampled.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from strategies import has_meaning

from fxpsim import Overflow, QFormat, Rounding, Wrap, WrapSignMagnitude, cast, quantize, spec
from fxpsim.formats import OverflowRule

RULES: list[OverflowRule] = [
    *(mode for mode in Overflow if mode is not Overflow.TRAP),
    *(rule(count) for rule in (Wrap, WrapSignMagnitude) for count in range(1, 7)),
]
SHIFTS = range(-7, 9)
#: Bits, sign, narrow.
WORDS = [
    (bits, signed, narrow)
    for bits in range(1, 7)
    for signed, narrow in ((True, False), (False, False), (True, True))
    if bits > 1 or not narrow
]
SOURCES = [word for word in WORDS if not word[2]]  # a narrow one has no other codes
PEAK = 64 << 7
DRAWS = [spec.draw(0, 0, sample, 0) for sample in range(64)]


def codes_of(fmt: QFormat) -> np.ndarray:
    return np.arange(fmt.lo, fmt.hi + 1)


@cache
def fitted(word: tuple[int, bool, bool], rule: OverflowRule) -> np.ndarray:
    """Return what the specification makes of -PEAK to PEAK."""
    bits, signed, narrow = word
    fmt = QFormat(bits, 0, signed, narrow)
    return np.array([spec.fit(v, fmt.lo, fmt.hi, rule) for v in range(-PEAK, PEAK + 1)])


def targets(frac: int):
    """Yield every format with a fraction and every rule it takes, with the fitted numbers."""
    for bits, signed, narrow in WORDS:
        target = QFormat(bits, frac, signed, narrow)
        for rule in RULES:
            if has_meaning(target, rule):
                yield target, rule, fitted((bits, signed, narrow), rule)


@pytest.mark.parametrize("rounding", list(Rounding))
def test_every_code_of_every_format_to_every_format(rounding):
    for bits, signed, _ in SOURCES:
        source = QFormat(bits, 3, signed)
        codes = codes_of(source)
        for shift in SHIFTS:
            rounded = np.array([
                spec.round_shift(code, shift, rounding, draw)
                for code, draw in zip(codes.tolist(), DRAWS, strict=False)
            ])  # fmt: skip
            for target, rule, table in targets(source.frac - shift):
                result = cast(codes, source, target, rounding, rule)
                if not np.array_equal(result, table[rounded + PEAK]):
                    np.testing.assert_array_equal(
                        result, table[rounded + PEAK], err_msg=f"{source} to {target}, {rule}"
                    )


@pytest.mark.parametrize("rounding", list(Rounding))
@pytest.mark.parametrize("frac", [-1, 0, 4])
def test_every_value_midpoint_and_quarter_to_every_format(rounding, frac):
    """All multiples of a quarter step within twice the widest range, and midpoints' neighbours."""
    middle = np.arange(-256, 257)[1::2] / 2
    beside = [np.nextafter(middle, towards) for towards in (-np.inf, np.inf)]
    values = np.concatenate([np.arange(-512, 513) / 4, *beside]) * 2.0**-frac
    draws = [spec.draw(0, 0, sample, 0) for sample in range(values.size)]
    rounded = np.array([
        spec.round_float(value, frac, rounding, draw)
        for value, draw in zip(values.tolist(), draws, strict=True)
    ])  # fmt: skip
    for target, rule, table in targets(frac):
        result = quantize(values, target, rounding, rule)
        np.testing.assert_array_equal(result, table[rounded + PEAK], err_msg=f"{target}, {rule}")
