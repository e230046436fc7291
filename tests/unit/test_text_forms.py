"""Formats and modes as text, in every notation and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import formats, overflow_modes, overflow_modes_of, rounding_modes

from fxpsim import Overflow, QFormat, Rounding, Target, Wrap, WrapSignMagnitude
from fxpsim.errors import FormatError


@pytest.mark.parametrize(
    ("text", "fmt", "rounding", "overflow"),
    [
        ("fixed<8,4>", QFormat(8, 4), "floor", "wrap"),
        ("fixed<8,4,RND>", QFormat(8, 4), "nearest_up", "wrap"),
        ("fixed<8,4,RND,SAT>", QFormat(8, 4), "nearest_up", "saturate"),
        ("ap_ufixed<8, -2, AP_RND_CONV, AP_SAT_SYM>", QFormat(8, 10, False), "nearest_even",
         "saturate_symmetric"),
        ("ufixed<8,4,TRN_ZERO,SAT_ZERO>", QFormat(8, 4, False), "toward_zero", "saturate_to_zero"),
        ("fixed<8,4,RND_CONV_ODD,WRAP,3>", QFormat(8, 4), "nearest_odd", Wrap(3)),
        ("fixed<8,4,RND_INF,WRAP_SM,1>", QFormat(8, 4), "nearest_away", WrapSignMagnitude(1)),
        ("fixed<8,4,RND_ZERO,WRAP_SM>", QFormat(8, 4), "nearest_to_zero", "wrap_sign_magnitude"),
        ("fixed<8,4,RND_MIN_INF,WRAP,0>", QFormat(8, 4), "nearest_down", "wrap"),
        ("Q4.4", QFormat(8, 4), "floor", "wrap"),
        ("TIQ3.4,jam,trap", QFormat(8, 4), "jam", "trap"),
        ("fxp-s8/4n, nearest_even, saturate", QFormat(8, 4, narrow=True), "nearest_even",
         "saturate"),
        ("fxp-u8/4,ceil,wrap(2)", QFormat(8, 4, False), "ceil", Wrap(2)),
    ],
)  # fmt: skip
def test_reading(text, fmt, rounding, overflow):
    assert Target.parse(text) == Target(fmt, rounding, overflow)
    assert QFormat.parse(text) == fmt


@given(st.data(), formats(), rounding_modes)
def test_everything_written_is_read_back(data, fmt, rounding):
    target = Target(fmt, rounding, data.draw(overflow_modes_of(fmt)))
    assert Target.parse(str(target)) == target
    if not fmt.narrow:
        for notation in ("canonical", "hls", "arm", "ti"):
            if fmt.signed or notation != "ti":
                assert QFormat.parse(fmt.to_text(notation)) == fmt


@given(st.data(), formats(), overflow_modes)
def test_hls_types_are_read_back(data, fmt, overflow):
    rounding = data.draw(st.sampled_from(["floor", "toward_zero", "nearest_up", "nearest_odd"]))
    if not fmt.narrow:
        target = Target(fmt, rounding, data.draw(overflow_modes_of(fmt)))
        assert Target.parse(target.hls()) == target


def test_notations():
    fmt = QFormat(8, 4)
    texts = [fmt.to_text(name) for name in ("canonical", "hls", "arm", "ti")]
    assert texts == ["fxp-s8/4", "fixed<8,4>", "Q4.4", "TIQ3.4"]
    target = Target(fmt, Rounding.NEAREST_UP, Overflow.SATURATE)
    assert (str(target), target.hls()) == ("fxp-s8/4,nearest_up,saturate", "fixed<8,4,RND,SAT>")
    assert Target(fmt, overflow="wrap(3)").hls() == "fixed<8,4,TRN,WRAP,3>"
    assert repr(target) == "Target(QFormat('fxp-s8/4': Q4.4, TI Q3.4), 'nearest_up', 'saturate')"


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Target.parse("fixed<8,4,ROUND>"), "HLS rounding mode must be one of .*'ROUND'"),
        (lambda: Target.parse("fixed<8,4,RND,CLIP>"), "HLS overflow mode must be one of .*'CLIP'"),
        (lambda: Target.parse("fixed<8,4,RND,WRAP,n>"), "must be a number, not 'n'"),
        (lambda: Target.parse("fixed<8,4,RND,WRAP,1,2>"), "at most five parameters"),
        (lambda: Target.parse("Q4.4,floor,wrap,1"), "a rounding and an overflow mode, not more"),
        (lambda: Target.parse("Q4.4,flor"), "did you mean 'floor'"),
        (lambda: Target.parse("u8.4"), r"two readings.*fxp-u12/4.*fxp-u8/4"),
        (lambda: Target(QFormat(8, 4), "ceil").hls(), "HLS has no name for 'ceil'"),
        (lambda: Target(QFormat(8, 4), overflow="trap").hls(), "HLS has no name for 'trap'"),
        (lambda: QFormat(8, 4, narrow=True).to_text("hls"), "hls notation has no narrow formats"),
        (lambda: QFormat(8, 4, False).to_text("ti"), "ti notation has no unsigned formats"),
        (lambda: QFormat(8, 4).to_text("arn"), "notation must be one of .* did you mean 'arm'"),
    ],
)
def test_what_cannot_be(make, sentence):
    with pytest.raises(FormatError, match=sentence):
        make()
