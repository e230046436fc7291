"""Casts, arithmetic and sums against AMD's ap_fixed and Siemens' ac_fixed, compiled on the spot.

One known difference: with ``AP_WRAP_SM`` and no saturated bits, ``ap_fixed_base::operator=`` reads
the lowest deleted bit (``lD``) from the *unrounded* operand (``ap_fixed_base.h``, ``bool lD = ...
_AP_ROOT_op_get_bit(op.V, pos1)``).  Where rounding carries into that bit the header inverts the
word by the old one; we round first and overflow second.  Those vectors are held to the header's
rule instead, so that nothing is left out.

And ``ac_fixed(double)`` scales by a power of 2 in floating point first (``ac_fixed.h``,
``ac_private::ldexpr``), which makes 0 of the smallest numbers, so that they never round away from
it: ac_fixed is asked about no others than 0 below 1e-290.
"""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

import numpy as np
import pytest
from oracle.hls_programs import AC, AP, Library, Program

from fxpsim import (
    Accumulator,
    Chunked,
    Interleaved,
    Overflow,
    Product,
    QFormat,
    Rounding,
    Spill,
    WrapSignMagnitude,
    array,
    cast,
    mac_trace,
    matmul,
    quantize,
    spec,
)
from fxpsim.formats import OverflowRule
from fxpsim.formats.modes import check_overflow

LENGTH, CHAINS = 16, 6
SMALLEST_OF_AC = 1e-290
SUM_MODES = (Overflow.SATURATE, Overflow.WRAP)


class Conversion(NamedTuple):
    """A cast, or with no source a float's: formats, modes, inputs, where the answer is."""

    source: QFormat | None
    target: QFormat
    rounding: Rounding
    overflow: OverflowRule
    inputs: np.ndarray
    answer: int


class Chain(NamedTuple):
    """Sums of products: operands (CHAINS, LENGTH), the accumulator, where the answer is."""

    a: np.ndarray
    b: np.ndarray
    formats: tuple[QFormat, QFormat]
    accumulator: Accumulator
    answer: int


class Asked(NamedTuple):
    program: Program
    casts: list[Conversion]
    floats: list[Conversion]
    arithmetic: list[tuple]
    chains: list[Chain]


def word(rng: np.random.Generator, low: int, high: int, frac: int, signed: bool | None = None):
    signed = bool(rng.integers(2)) if signed is None else signed
    return QFormat(int(rng.integers(low, high + 1)), int(frac), signed)


def pairs(rng: np.random.Generator, overflow: OverflowRule):
    """Yield sources and targets: to the right, to the left, beyond the word, and wide ones."""
    only_signed = overflow is Overflow.WRAP_SIGN_MAGNITUDE or isinstance(
        overflow, WrapSignMagnitude
    )
    signed = True if only_signed else None
    source = word(rng, 5, 8, rng.integers(-2, 9))
    yield source, word(rng, 3, 6, source.frac - rng.integers(1, 5), signed)
    source = word(rng, 3, 7, rng.integers(-2, 9))
    yield source, word(rng, 3, 8, source.frac + rng.integers(0, 5), signed)
    source = word(rng, 3, 7, rng.integers(-2, 9))
    yield source, word(rng, 3, 7, source.frac - source.bits - rng.integers(0, 4), signed)
    source = word(rng, 20, 62, rng.integers(0, 60))
    yield source, word(rng, 8, 62, source.frac - rng.integers(-12, 40), signed)


def codes(fmt: QFormat, target: QFormat, rng: np.random.Generator) -> np.ndarray:
    """Return all codes of a small format; of a wide one ends, ties, and all magnitudes."""
    if fmt.bits <= 8:
        return np.arange(fmt.lo, fmt.hi + 1)
    near = [fmt.lo, fmt.hi, 0]
    unit = fmt.frac - target.frac
    for end in (target.lo, target.hi + 1, 2 * target.hi, *rng.integers(-40, 40, 8).tolist()):
        code = (2 * end + 1) << (unit - 1) if unit > 0 else end >> -unit
        near += [code, code << 1 >> 1 if unit < 0 else code - (1 << max(unit - 1, 0))]
    values = {v + d for v in near for d in (-1, 0, 1)}
    values |= {int(v) for v in rng.integers(fmt.lo, fmt.hi, 40, endpoint=True)}
    values |= {int(v) >> int(rng.integers(fmt.bits)) for v in rng.integers(fmt.lo, fmt.hi, 60)}
    return np.array(sorted(v for v in values if fmt.lo <= v <= fmt.hi), np.int64)


def floats(fmt: QFormat, rng: np.random.Generator) -> np.ndarray:
    """Return ties, codes, ends, their neighbours among floats, and the smallest there are."""
    halves = np.concatenate([rng.integers(-40, 40, 20), 2 * rng.integers(fmt.lo, fmt.hi, 10)])
    ends = np.array([fmt.lo, fmt.hi, -fmt.hi, 2.0**fmt.bits, -(2.0**fmt.bits)])
    exact = np.concatenate([halves / 2, ends, ends + 0.5, ends - 0.5]) * 2.0**-fmt.frac
    beside = [np.nextafter(exact, towards) for towards in (-np.inf, np.inf)]
    tiny = np.array([0.0, 5e-324, -5e-324, 2.3e-308, -2.3e-308])
    scale = 2.0 ** rng.uniform(-fmt.frac - 3, fmt.bits - fmt.frac + 2, 40)
    return np.concatenate([exact, *beside, tiny, rng.normal(size=40) * scale])


def operands(rng: np.random.Generator):
    formats = tuple(QFormat(8, int(rng.integers(0, 6)), bool(rng.integers(4))) for _ in range(2))
    a, b = (rng.integers(f.lo, f.hi, (CHAINS, LENGTH), endpoint=True) for f in formats)
    return a, b, formats


def ask_chains(program: Program, rng: np.random.Generator) -> list[Chain]:
    library, chains = program.library, []

    def ask(function, accumulator, outer_types, size=CHAINS, *arguments):
        types = [library.word(f) for f in formats] + outer_types
        text = ", ".join(str(n) for n in (LENGTH, *arguments))
        answer = program.ask(function, types, a, b, size=size, arguments=text)
        chains.append(Chain(a, b, formats, accumulator, answer))

    for rounding, overflow in product(library.roundings, SUM_MODES):
        a, b, formats = operands(rng)
        exact = sum(f.frac for f in formats)
        bits, frac = int(rng.integers(9, 20)), exact - int(rng.integers(-1, 5))
        modes = {"overflow": overflow, "rounding": rounding}
        acc = library.word(QFormat(bits, frac), rounding, overflow)
        every = CHAINS * LENGTH
        ask("chain", Accumulator(bits, frac=frac, **modes), [acc], every)
        narrow = Product(int(rng.integers(6, 16)), frac + 1, rounding, overflow)
        product_word = library.word(QFormat(narrow.bits, narrow.frac), rounding, overflow)
        register = Accumulator(bits, frac=frac, product=narrow, **modes)
        ask("chain_of_products", register, [product_word, acc], every)
        count, into = int(rng.integers(2, 7)), Accumulator(bits + 3, frac=frac - 1, **modes)
        outer = library.word(QFormat(into.bits, into.frac), rounding, overflow)
        register = Accumulator(bits, frac=frac, spill=Spill(count, into), **modes)
        ask("chain_with_spill", register, [acc, outer], CHAINS, count)
        ask("four_lanes", Accumulator(bits, frac=frac, order=Interleaved(4), **modes), [acc])
        node = library.word(QFormat(bits - 1, exact), Rounding.FLOOR, overflow)
        register = Accumulator(bits, frac=frac, order=Chunked(4, bits - 1), **modes)
        ask("trees_of_four", register, [node, acc])
    return chains


def ask_all(library: Library) -> Asked:
    rng = np.random.default_rng(20)
    program = Program(library)
    asked = Asked(program, [], [], [], [])
    for rounding, overflow in product(library.roundings, library.overflows):
        for source, target in pairs(rng, overflow):
            check_overflow(target, overflow)
            inputs = codes(source, target, rng)
            types = [library.word(source), library.word(target, rounding, overflow)]
            answer = program.ask("cast_codes", types, inputs, size=inputs.size)
            asked.casts.append(Conversion(source, target, rounding, overflow, inputs, answer))
        inputs = floats(target := word(rng, 4, 40, rng.integers(-3, 12), signed=True), rng)
        if library is AC:
            inputs = inputs[(inputs == 0) | (np.abs(inputs) > SMALLEST_OF_AC)]
        types = [library.word(target, rounding, overflow)]
        answer = program.ask("quantize_doubles", types, inputs.view(np.int64), size=inputs.size)
        asked.floats.append(Conversion(None, target, rounding, overflow, inputs, answer))
    for _ in range(24):
        a, b = (word(rng, 2, 20, rng.integers(-3, 12)) for _ in range(2))
        left, right = (rng.integers(f.lo, f.hi, 30, endpoint=True) for f in (a, b))
        types = [library.word(a), library.word(b)]
        answer = program.ask("arithmetic", types, left, right, size=4 * 3 + 6 * 30)
        asked.arithmetic.append((array(left, a), array(right, b), answer))
    asked.chains.extend(ask_chains(program, rng))
    return asked


@pytest.fixture(scope="module", params=[AP, AC], ids=lambda library: f"{library.prefix}_fixed")
def asked(request, tmp_path_factory) -> Asked:
    questions = ask_all(request.param)
    questions.program.run(tmp_path_factory.mktemp(request.param.prefix))
    return questions


def rounded(value: float, one: Conversion, rounding: Rounding) -> int:
    if one.source is None:
        return spec.round_float(value, one.target.frac, rounding)
    return spec.round_shift(value, one.source.frac - one.target.frac, rounding)


def with_the_unrounded_bit(one: Conversion) -> list[int]:
    """Return the codes by the header's rule for ``AP_WRAP_SM``."""
    lo, hi, bits = one.target.lo, one.target.hi, one.target.bits
    results = []
    for value in one.inputs.tolist():
        deleted = rounded(value, one, Rounding.FLOOR) >> bits & 1
        number = rounded(value, one, one.rounding)
        word = spec.fit(number, lo, hi, Overflow.WRAP)
        results.append(~word if word != number and deleted != (word < 0) else word)
    return results


def compare(ours: np.ndarray, expected: np.ndarray, one: Conversion) -> int:
    """Compare one conversion; return how many vectors show the header's difference."""
    same = ours
    if one.overflow is Overflow.WRAP_SIGN_MAGNITUDE:
        same = np.array(with_the_unrounded_bit(one))
    np.testing.assert_array_equal(same, expected, err_msg=str(one[:4]))
    return np.count_nonzero(ours != expected)


@pytest.mark.filterwarnings("ignore:a cast of values")
def test_casts(asked):
    vectors = different = 0
    for one in asked.casts:
        ours = cast(one.inputs, one.source, one.target, one.rounding, one.overflow)
        different += compare(ours, asked.program.answers[one.answer], one)
        vectors += ours.size
    assert vectors > 10_000
    assert different < vectors // 100


def test_floats(asked):
    different = 0
    for one in asked.floats:
        ours = quantize(one.inputs, one.target, one.rounding, one.overflow)
        different += compare(ours, asked.program.answers[one.answer], one)
    assert different < 40


def test_arithmetic_in_full_precision(asked):
    for a, b, answer in asked.arithmetic:
        answers = asked.program.answers[answer]
        formats, results = answers[:12].reshape(4, 3), answers[12:].reshape(-1, 6).T
        for ours, fmt, expected in zip((a + b, a - b, a * b, -a), formats, results, strict=False):
            bits, frac, signed = fmt.tolist()
            assert ours.format == QFormat(bits, frac, bool(signed)), (a.format, b.format)
            np.testing.assert_array_equal(ours.codes, expected)
        np.testing.assert_array_equal(a < b, results[4])
        np.testing.assert_array_equal(a == b, results[5])


def test_sums(asked):
    steps = 0
    for one in asked.chains:
        expected = asked.program.answers[one.answer].reshape(CHAINS, -1)
        options = {"a_format": one.formats[0], "b_format": one.formats[1]}
        for a, b, theirs in zip(one.a, one.b, expected, strict=True):
            trace = mac_trace(a, b, one.accumulator, **options)
            ours = trace.registers[1:, 0].tolist() if len(theirs) > 1 else [trace.final]
            assert ours == theirs.tolist(), (one.accumulator, one.formats)
            result = matmul(a[None], b[:, None], one.accumulator, **options)
            assert result.item() == theirs[-1]
            steps += len(theirs)
    assert steps > 2000
