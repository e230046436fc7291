"""The generator behind stochastic rounding, against its published known answers."""

from __future__ import annotations

import numpy as np
import pytest

from fxpsim import QFormat, cast, quantize, spec
from fxpsim.draws import Draws
from fxpsim.errors import DataError, FormatError
from fxpsim.spec.philox import philox4x32

ONES = 0xFFFFFFFF
PI = 0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344, 0xA4093822, 0x299F31D0


@pytest.mark.parametrize(
    ("counter", "key", "words"),
    [
        ((0,) * 4, (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((ONES,) * 4, (ONES,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (PI[:4], PI[4:], (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1)),
    ],
)
def test_known_answers(counter, key, words):
    """The vectors that Salmon et al. distribute with Random123 (kat_vectors)."""
    assert philox4x32(counter, key) == words


def test_the_first_word_of_a_known_answer_rounds_an_element():
    """Where the counter is (stream, sample, element, step) and the seed the key, low word first."""
    seed = PI[4] | PI[5] << 32
    assert spec.draw(seed, *PI[:4]) == 0xD16CFE09
    sample = PI[1]
    zeros = spec.draw(seed, 0, sample, 0)
    up = zeros / 2**32
    just_below, just_above = np.nextafter([up, up], [0.0, 1.0])
    one = QFormat(8, 0)
    for value, code in ((just_below, 0), (up, 0), (just_above, 1)):
        got = quantize([value], one, "stochastic_weighted", seed=seed, samples=[sample])
        assert got.tolist() == [code]


def test_compiled_words_are_the_specified_ones():
    from fxpsim.dispatch.counters import draw_words

    ids = [7, 2**32 - 1, 0]
    words = draw_words((3, 2, 2), Draws(2**63 + 5, 3, ids)).reshape(3, 4)
    expected = [[spec.draw(2**63 + 5, 3, sample, i) for i in range(4)] for sample in ids]
    assert words.tolist() == expected


def test_weighted_draws_have_the_right_mean():
    values = np.full(200_000, 0.3)
    codes = quantize(values, QFormat(8, 0), "stochastic_weighted")
    # Five standard deviations of the mean of a Bernoulli variable.
    assert abs(codes.mean() - 0.3) < 5 * np.sqrt(0.3 * 0.7 / values.size)
    codes = cast(np.ones(200_000, np.int8), QFormat(8, 4), QFormat(8, 0), "stochastic_equal")
    assert abs(codes.mean() - 0.5) < 5 * 0.5 / np.sqrt(200_000)


@pytest.mark.parametrize(
    ("make", "error", "sentence"),
    [
        (lambda: Draws(-1), FormatError, "seed must be 0 to 18446744073709551615, not -1"),
        (lambda: Draws(0.5), FormatError, "seed must be an integer, not 0.5"),
        (lambda: Draws(0, 1 << 32), FormatError, "stream must be 0 to 4294967295"),
        (
            lambda: quantize([0.5], QFormat(8, 0), "stochastic_equal", samples=[1, 2]),
            DataError,
            "an id for each of 1 samples",
        ),
        (
            lambda: quantize([0.5], QFormat(8, 0), "stochastic_equal", samples=[-1]),
            DataError,
            "samples must be 0 to 4294967295",
        ),
    ],
)
def test_counters_that_cannot_be(make, error, sentence):
    with pytest.raises(error, match=sentence):
        make()
