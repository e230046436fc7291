"""Formats and accumulators: ranges, text in and out, sentences for what cannot be."""

from __future__ import annotations

import numpy as np
import pytest

from fxpsim import (
    Accumulator,
    Affine,
    Levels,
    Overflow,
    OverflowTrap,
    QFormat,
    Rounding,
    Wrap,
    WrapSignMagnitude,
    cast,
    cast_stats,
    dequantize,
    quantize,
    quantize_stats,
    requantize,
    spec,
)
from fxpsim.errors import DataError, FormatError
from fxpsim.schemes import Shift


@pytest.mark.parametrize(
    ("fmt", "lo", "hi", "resolution"),
    [
        (QFormat(8, 4), -128, 127, 1 / 16),
        (QFormat(8, 4, narrow=True), -127, 127, 1 / 16),
        (QFormat(5, -2, signed=False), 0, 31, 4.0),
        (QFormat(1, 0), -1, 0, 1.0),
        (QFormat(62, 70), -(2**61), 2**61 - 1, 2.0**-70),
    ],
)
def test_ranges(fmt, lo, hi, resolution):
    assert (fmt.lo, fmt.hi, fmt.resolution) == (lo, hi, resolution)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("fxp-s8/4", "fxp-s8/4"),
        ("fxp-u8/-3", "fxp-u8/-3"),
        ("fxp-s8/4n", "fxp-s8/4n"),
        ("fixed<8,4>", "fxp-s8/4"),
        ("ufixed<8, 3>", "fxp-u8/5"),
        ("fixed<8,-2>", "fxp-s8/10"),
        ("Q4.4", "fxp-s8/4"),
        ("UQ4.4", "fxp-u8/4"),
        ("TIQ3.4", "fxp-s8/4"),
    ],
)
def test_text_forms(text, canonical):
    fmt = QFormat.parse(text)
    assert str(fmt) == canonical
    assert QFormat.parse(str(fmt)) == fmt


def test_repr_names_both_conventions():
    assert repr(QFormat(8, 4)) == "QFormat('fxp-s8/4': Q4.4, TI Q3.4)"


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: QFormat(0, 0), "format bits must be 1 to 62, not 0"),
        (lambda: QFormat(8, 0.5), "format frac must be an integer, not 0.5"),
        (lambda: QFormat(True, 0), "format bits must be an integer, not True"),
        (lambda: QFormat(99, 5000), "format bits must be 1 to 62, not 99; format frac must be"),
        (lambda: QFormat(8, 0, signed=False, narrow=True), "narrow format must be signed"),
        (lambda: QFormat.parse("s8.4"), r"two readings.*fxp-s12/4.*fxp-s8/4"),
        (lambda: QFormat.parse("eight"), "format must look like 'fxp-s8/4'"),
        (lambda: Accumulator(1), "accumulator bits must be 2 to 64, not 1"),
        (lambda: Accumulator(1, "warp"), "must be 2 to 64, not 1; .*did you mean 'wrap'"),
        (lambda: Accumulator(8, "saturate_to_zero"), "must be 'saturate' or 'wrap'"),
        (lambda: Accumulator.parse("wide"), "accumulator must look like '16,saturate'"),
        (lambda: quantize([1.0], QFormat(8, 0), "nearest_evn"), "did you mean 'nearest_even'"),
        (lambda: quantize([1.0], QFormat(8, 0, narrow=True), overflow="wrap"), "cannot wrap"),
        (lambda: Wrap(-1), "saturated_msbs must be an integer from 0 to 62, not -1"),
        (lambda: cast([1], QFormat(8, 0), QFormat(2, 0), overflow="wrap(3)"), "more bits than"),
        (lambda: cast([1], QFormat(8, 0), QFormat(8, 0, narrow=True), overflow=Wrap(1)), "narrow"),
        (
            lambda: cast([1], QFormat(8, 0), QFormat(8, 0, False), "floor", "wrap_sign_magnitude"),
            "unsigned format cannot wrap by sign and magnitude",
        ),
        (lambda: cast([1], QFormat(8, 0), QFormat(8, 0), overflow="wrapp(3)"), "must be one of"),
        (lambda: Affine(33, 1.0), "format bits must be 1 to 32, not 33"),
        (lambda: Affine(8, -1.0), "format scale must be finite and more than 0, not -1.0"),
        (lambda: Affine(8, "a"), "format scale must be a number, not 'a'"),
        (lambda: Affine(8, 1.0, 200), "zero point must be -128 to 127, not 200"),
        (lambda: Affine(8, [1.0, 2.0]), "need an axis to run along"),
        (lambda: Affine(8, [1.0, 2.0], [1, 2, 3], axis=0), "must be as many, not 2 and 3"),
        (lambda: Affine(8, 1.0, axis=99), "format axis must be -64 to 63, not 99"),
        (
            lambda: quantize([1.0], Affine(8, 1.0), overflow="wrap(1)"),
            "affine format must saturate",
        ),
        (lambda: Levels([]), "codebook must have an entry"),
        (lambda: Levels([0.5]), "codebook entry must be an integer, not 0.5"),
        (lambda: Levels([1], 0), "format scale must be finite and more than 0, not 0"),
        (lambda: Levels.dorefa(0), "DoReFa bits must be 1 to 16, not 0"),
        (lambda: quantize([1.0], Levels([1]), overflow="wrap"), "codebook format must saturate"),
        (lambda: quantize([1.0], Levels([1]), "jam"), "must round to a neighbour, not jam"),
        (lambda: cast([1], Affine(8, 1.0), QFormat(8, 0)), "source must be a QFormat, not Affine"),
        (lambda: quantize([1.0], "Q4.4"), "format must be a QFormat, not 'Q4.4'"),
        (lambda: Shift(0.5), "Shift bits must be an integer"),
        (lambda: requantize([1], 3), "must be a Shift, .* or Icn, not 3"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(make, sentence):
    with pytest.raises(FormatError, match=sentence):
        make()


def test_bad_values_name_the_element():
    with pytest.raises(DataError, match=r"element \[1, 0\] is NaN \(2 in all\)"):
        quantize([[1.0, 2.0], [float("nan"), float("nan")]], QFormat(8, 4))
    assert quantize([float("nan"), 1], QFormat(8, 4), nan="zero").tolist() == [0, 16]
    with pytest.raises(DataError, match=r"codes must be -8 to 7 .*element \[2\] is 9"):
        cast([1, 2, 9], QFormat(4, 0), QFormat(8, 0))
    with pytest.raises(DataError, match="codes must be integers, not float64"):
        dequantize([0.5], QFormat(8, 4))
    with pytest.raises(DataError, match="must be real numbers"):
        quantize(["a"], QFormat(8, 4))


def test_scaled_formats_check_their_codes_and_shapes():
    with pytest.raises(DataError, match=r"codes must be 0 to 2 \(format levels\[-1, 0, 1\]\)"):
        dequantize([3], Levels.ternary())
    with pytest.raises(DataError, match=r"\(format affine-s4\*0.5-3\), but element \[0\] is 8"):
        dequantize([8], Affine(4, 0.5, 3))
    per_axis = Affine(8, [0.5, 0.25], axis=1)
    with pytest.raises(DataError, match=r"2 scales along axis 1 does not fit .* \(2, 3\)"):
        quantize(np.zeros((2, 3)), per_axis)
    assert str(per_axis) == "affine-s8 along axis 1"
    with pytest.raises(DataError, match="NaN"):
        quantize([float("nan")], Levels.binary())
    assert quantize([float("nan"), 3], Affine(8, 1.0, 5), nan="zero").tolist() == [5, 8]
    assert quantize([-np.inf, np.inf], Affine(8, 1.0, 5)).tolist() == [-128, 127]
    assert quantize([-np.inf, np.inf], Affine(8, 1.0, 5), overflow="wrap").tolist() == [5, 5]
    assert str(Levels(range(9))) == "levels[0, 1, 2, 3, ...]"


def test_codes_have_the_type_of_their_format_never_of_their_values():
    assert quantize([0.0], QFormat(32, 0)).dtype == "int32"
    assert quantize([0.0], QFormat(33, 0)).dtype == "int64"
    assert quantize([0.0], QFormat(32, 0, signed=False)).dtype == "int64"


def test_a_trap_names_index_and_value():
    wide, narrow = QFormat(8, 0), QFormat(4, 0)
    assert cast([[7, -8]], wide, narrow, overflow="trap").tolist() == [[7, -8]]
    with pytest.raises(OverflowTrap, match=r"element \[0, 1\] is 9 after .* not fit -8 to 7"):
        cast([[1, 9], [100, 2]], wide, narrow, overflow="trap")
    with pytest.raises(OverflowTrap) as caught:
        quantize([0.0, 7.5, float("-inf")], narrow, overflow="trap")
    assert (caught.value.index, caught.value.value) == ((1,), 8)
    with pytest.raises(OverflowTrap, match=r"element \[0\] is -inf"):
        quantize([float("-inf")], narrow, overflow="trap")
    with pytest.raises(OverflowTrap, match="the value is 8"):
        spec.fit(8, -8, 7, Overflow.TRAP)


def test_every_mode_counts_what_it_changed():
    wide, narrow = QFormat(8, 0), QFormat(4, 0)
    for mode, changed in (("saturate", 2), ("saturate_symmetric", 3), ("wrap(1)", 2), ("trap", 0)):
        codes = [-8, 7] if mode == "trap" else [-9, -8, 0, 7, 8]
        assert cast_stats(codes, wide, narrow, overflow=mode).changed == changed
        assert quantize_stats(codes, narrow, overflow=mode).changed == changed


def test_no_saturated_bits_is_the_plain_mode():
    wide, narrow = QFormat(8, 0), QFormat(4, 0)
    codes = list(range(-128, 128))
    for plain, rule in (("wrap", Wrap(0)), ("wrap_sign_magnitude", WrapSignMagnitude(0))):
        expected = cast(codes, wide, narrow, overflow=plain).tolist()
        assert cast(codes, wide, narrow, overflow=rule).tolist() == expected
        assert cast(codes, wide, narrow, overflow=f"{plain}(0)").tolist() == expected
    assert str(Wrap(3)) == "wrap(3)"
    assert str(WrapSignMagnitude(1)) == "wrap_sign_magnitude(1)"


def test_accumulator_text_comes_back():
    for text in ("16,saturate", "24,wrap", "u12,saturate"):
        assert str(Accumulator.parse(text)) == text
    assert Accumulator.parse("20") == Accumulator(20, "wrap")
    assert (Accumulator.parse("u8,wrap").lo, Accumulator.parse("u8,wrap").hi) == (0, 255)


def test_requantize_is_a_rounding_shift():
    acc = [-3, -2, -1, 0, 1, 2, 3, 1000]
    assert requantize(acc, Shift(1, Rounding.NEAREST_UP)).tolist() == [-1, -1, 0, 0, 1, 1, 2, 127]
    assert requantize([5], Shift(-3), QFormat(6, 0)).tolist() == [31]
