"""Requantisation schemes: what cannot be, shapes, types, equality."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import fxpsim as fx
from fxpsim.errors import DataError, FormatError
from fxpsim.requantization import multiply


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: fx.Gemmlowp(-1, 0), "Gemmlowp multiplier must be 0 to 2147483647, not -1"),
        (lambda: fx.Gemmlowp(0.5, 0), "Gemmlowp multiplier must be an integer, not 0.5"),
        (lambda: fx.Gemmlowp(2**31, 2000), "not 2147483648; Gemmlowp shift must be .* not 2000"),
        (lambda: fx.Gemmlowp([1, 2], [0, 1, 2]), "not 2 of multiplier, 3 of shift"),
        (lambda: fx.Icn([], []), "as many constants"),
        (lambda: fx.Dyadic([[1]], 0), r"Dyadic m must be an integer, not \[\[1\]\]"),
        (lambda: fx.Dyadic(1, 0, zero_point=2**31), "zero_point must be -2147483648 to"),
        (lambda: fx.Dyadic(1, 0, act_max=0.5), "act_max must be an integer"),
        (lambda: fx.FloatScale(-0.5), "scale must be a number, 0 or more, .* not -0.5"),
        (lambda: fx.FloatScale(float("nan")), "not nan"),
        (lambda: fx.FloatScale(1e39), "that float32 holds, not 1e"),
        (lambda: fx.FloatScale("half"), "not 'half'"),
        (lambda: fx.SingleRound.from_scale([0.5, float("inf")]), "not inf"),
        (lambda: fx.Shift([1, 2.5]), "Shift bits must be an integer, not 2.5"),
        (lambda: fx.requantize([1], fx.Dyadic(1, 0, act_min=0, act_max=300)), "within -128 to 127"),
        (lambda: fx.requantize([1], fx.Dyadic(1, 0, act_min=9, act_max=3)), "must be ascending"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_said_in_a_sentence(make, sentence):
    with pytest.raises(FormatError, match=sentence):
        make()


def test_a_shift_takes_every_overflow_rule():
    acc = [-300, -129, 5, 128, 300]
    narrow = fx.QFormat(8, 0, narrow=True)
    for rule in ("wrap(2)", fx.Wrap(2), fx.WrapSignMagnitude(1)):
        expected = fx.cast(acc, fx.QFormat(16, 0), fx.QFormat(8, 0), "floor", rule)
        assert fx.requantize(acc, fx.Shift(0, overflow=rule)).tolist() == expected.tolist()
        with pytest.raises(FormatError, match="a narrow format cannot wrap"):
            fx.requantize(acc, fx.Shift(0, overflow=rule), narrow)
    assert fx.Shift(3, overflow="wrap(2)") == fx.Shift(3, overflow=fx.Wrap(2))


def test_factors_must_broadcast_together():
    with pytest.raises(DataError, match=r"their shapes are \(2,\) and \(3,\)"):
        multiply([1, 2], [1, 2, 3], fx.Shift(1))


def test_channels_lie_on_the_last_axis():
    scheme = fx.Dyadic([1, 10, 100], 0)
    acc = [[1, 1, 1], [2, -2, -2]]
    assert fx.requantize(acc, scheme).tolist() == [[1, 10, 100], [2, -20, -128]]
    assert fx.requantize(np.ones((2, 0, 3), np.int32), scheme).shape == (2, 0, 3)
    with pytest.raises(DataError, match=r"must have the scheme's 3 channels, .* \(3, 2\)"):
        fx.requantize(np.ones((3, 2), int), scheme)
    with pytest.raises(DataError, match=r"3 channels, but their shape is \(\)"):
        fx.requantize(5, scheme)


def test_strided_and_small_accumulators():
    acc = np.arange(-128, 128, dtype=np.int8).reshape(2, 4, 32)[:, ::2].transpose(2, 1, 0)
    for kind in (np.int8, np.int16, np.int32, np.int64):
        result = fx.requantize(acc.astype(kind), fx.Dyadic([1, 3], 1))
        assert result.tolist() == fx.requantize(acc.tolist(), fx.Dyadic([1, 3], 1)).tolist()
    assert fx.requantize(np.uint32(2**32 - 1), fx.Dyadic(1, 26)).item() == 64


def test_results_have_the_type_of_the_target():
    assert fx.requantize([1], fx.Icn(1, 0)).dtype == np.int32
    assert fx.requantize([1], fx.Icn(1, 0), fx.QFormat(33, 0)).dtype == np.int64


def test_a_relu_is_a_clamp():
    scheme = fx.FloatScale(0.5, zero_point=-128, act_min=-128)
    assert fx.requantize([-100, 0, 3, 5, 10**6], scheme).tolist() == [-128, -128, -126, -126, 127]


def test_schemes_are_values():
    scheme = fx.Gemmlowp(np.array([1, 2], np.int32), np.int64(-3))
    assert scheme == fx.Gemmlowp((1, 2), -3)
    assert hash(scheme) == hash(fx.Gemmlowp([1, 2], -3))
    assert scheme != fx.HalfUpTwice((1, 2), -3)
    assert pickle.loads(pickle.dumps(scheme)) == scheme
    assert scheme.channels == 2
    assert fx.Gemmlowp([1, 2], [-3]) == scheme
    assert fx.Gemmlowp([7], [0]).channels is None


def test_scales_become_the_constants_of_each_scheme():
    assert fx.Gemmlowp.from_scale(0.75) == fx.Gemmlowp(3 << 29, 0)
    assert fx.Dyadic.from_scale([0.75, 3.0]) == fx.Dyadic([3 << 29, 3 << 29], [31, 29])
    assert fx.Icn.from_scale(0.75, zero_point=7) == fx.Icn(3 << 29, -1, zero_point=7)
    scheme = fx.FloatScale.from_scales(0.1, [0.3, 0.7], 0.9)
    expected = np.float32(0.1) * np.array([0.3, 0.7], np.float32) / np.float32(0.9)
    assert scheme == fx.FloatScale(expected)
