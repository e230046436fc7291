"""The float log-mel front end: values against the definition, rows as a stream, clear errors."""

from __future__ import annotations

import numpy as np
import pytest

from fxpsim.errors import ConfigError, DataError
from fxpsim.frontend.logmel import LogMel


def noise(clips: int, samples: int = 16000, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(-8000, 8000, (clips, samples)).astype(np.int16)


def test_one_row_is_the_definition_written_out() -> None:
    front_end = LogMel(frames_per_row=2, bands=8)
    audio = noise(1)[0]

    def power(start: int) -> np.ndarray:
        n = np.arange(512)
        frame = audio[start : start + 512] / 32768 * (0.5 - 0.5 * np.cos(2 * np.pi * n / 512))
        return np.abs(np.fft.rfft(frame)) ** 2

    def mel(f: np.ndarray | float) -> np.ndarray:
        return 2595 * np.log10(1 + np.asarray(f) / 700)

    edges = np.linspace(mel(60), mel(7600), 10)
    bins = mel(np.arange(257) * 31.25)
    bands = []
    for low, middle, high in zip(edges, edges[1:], edges[2:], strict=False):
        triangle = np.interp(bins, [low, middle, high], [0, 1, 0])
        bands.append((power(640) @ triangle + power(960) @ triangle) / 2)
    np.testing.assert_allclose(front_end.features(audio)[1], np.log2(bands) + 4, atol=2e-4)


def test_codes_round_to_even_and_saturate() -> None:
    values = np.array([0.0625, 0.1875, -0.0625, 100, -100], np.float32)
    assert LogMel(output_frac=3).quantize(values).tolist() == [0, 2, 0, 127, -128]


def test_batch_and_single_clip_agree() -> None:
    audio = noise(70)
    front_end = LogMel()
    codes = front_end.codes(audio)
    assert codes.shape == (70, 16, 20)
    assert codes.dtype == np.int8
    assert np.array_equal(front_end.codes(audio[66]), codes[66])


def test_rows_depend_on_their_own_samples_only() -> None:
    """A row is the same in a stream as in a clip: there is no state and no clip gain."""
    front_end = LogMel()
    step = front_end.hop * front_end.frames_per_row
    audio = noise(1)[0]
    loud_start = audio.copy()
    loud_start[: 2 * step] = 32000
    whole = front_end.codes(audio)
    np.testing.assert_array_equal(front_end.codes(audio[3 * step :])[0], whole[3])
    np.testing.assert_array_equal(front_end.codes(loud_start)[3:], whole[3:])


def test_six_decibels_are_two_octaves_of_power() -> None:
    front_end = LogMel()
    quiet = noise(1)[0] // 4
    difference = front_end.features((quiet * 2).astype(np.int16)) - front_end.features(quiet)
    np.testing.assert_allclose(difference, 2.0, atol=1e-3)


def test_digital_silence_is_the_lowest_code() -> None:
    assert (LogMel().codes(np.zeros(16000, np.int16)) == -128).all()


def test_a_tone_lights_its_band() -> None:
    tone = (8000 * np.sin(2 * np.pi * 1000 / 16000 * np.arange(16000))).astype(np.int16)
    front_end = LogMel()
    centres = front_end.mel_matrix().argmax(axis=0) * 31.25
    loudest = front_end.features(tone).argmax(axis=1)
    assert set(loudest) <= set(np.argsort(abs(centres - 1000))[:2])


def test_no_band_is_empty() -> None:
    assert (LogMel().mel_matrix().sum(axis=0) > 0.5).all()


def test_output_format_text() -> None:
    assert LogMel().output_format == "fxp-s8/3"


@pytest.mark.parametrize(
    ("audio", "says"),
    [
        (np.zeros(16000, np.float32), "int16"),
        (np.zeros((2, 2, 16000), np.int16), "shape"),
        (np.zeros(600, np.int16), "at least 1152 samples"),
    ],
)
def test_wrong_audio_is_refused(audio: np.ndarray, says: str) -> None:
    with pytest.raises(DataError, match=says):
        LogMel().codes(audio)


def test_all_mistakes_of_a_configuration_are_told_at_once() -> None:
    with pytest.raises(ConfigError) as told:
        LogMel(fft_length=500, bands=0, high_hz=9000, output_bits=9)
    for part in (
        "fft_length",
        "bands must be an integer from 1 to 1024, not 0",
        "9000",
        "output_bits",
    ):
        assert part in str(told.value)
