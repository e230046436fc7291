"""Synthetic speech without the synthesizers: who may speak where, and how clips are made."""

from __future__ import annotations

import shutil
from collections import Counter

import numpy as np
import pytest

from fxpsim.errors import ConfigError, DataError
from fxpsim.kws.labels import KEYWORDS, LABELS
from fxpsim.kws.signals import coloured_noise, resample, rms, to_int16, trim
from fxpsim.kws.synthesis import Utterance, main, place, plan
from fxpsim.kws.synthesizers import missing_packages, speak
from fxpsim.kws.voices import Voice, cast_of, unknown_words

PEOPLE = {  # several synthesizers carry recordings of one person
    "kal": "Kevin", "kal16": "Kevin", "kal_diphone": "Kevin", "ked_diphone": "Kurt",
    "slt": "slt", "cmu_us_slt_arctic_hts": "slt", "awb": "awb", "rms": "rms",
}  # fmt: skip


def test_roles_share_nothing() -> None:
    training, evaluation = cast_of("training"), cast_of("evaluation")
    assert not set(training.accents) & set(evaluation.accents)
    assert not set(training.variants) & set(evaluation.variants)
    assert not set(training.recorded) & set(evaluation.recorded)
    people = [{PEOPLE[voice.name] for voice in cast.recorded} for cast in (training, evaluation)]
    assert not people[0] & people[1]
    assert training.seed != evaluation.seed


def test_plans_share_no_voice_and_no_seed() -> None:
    training, evaluation = plan("training", 200), plan("evaluation")
    assert not {u.voice for u in training} & {u.voice for u in evaluation} - {None}
    assert not {u.seed for u in training} & {u.seed for u in evaluation}


def test_plan_is_balanced_varied_and_repeatable() -> None:
    utterances = plan("evaluation")
    assert utterances == plan("evaluation")
    assert len(utterances) >= 600
    assert set(Counter(u.label for u in utterances).values()) == {60}
    assert {u.voice.synthesizer for u in utterances if u.voice} == {
        "espeak-ng", "flite", "festival"
    }  # fmt: skip
    for label in KEYWORDS:
        voices = {u.voice for u in utterances if u.label == label}
        assert len(voices) >= 20
        assert {cast.name for cast in cast_of("evaluation").recorded} <= {v.name for v in voices}
    assert {u.word for u in utterances if u.label == "_unknown_"} == set(unknown_words())
    assert not set(unknown_words()) & set(LABELS)


def test_unknown_role() -> None:
    with pytest.raises(ConfigError, match="did you mean 'training'"):
        cast_of("traning")  # type: ignore[arg-type]


def utterance(**changes: object) -> Utterance:
    fields: dict = {
        "label": "yes", "word": "yes", "voice": Voice("flite", "slt"), "speed": 1.0, "pitch": 1.0,
        "level_db": -20.0, "snr_db": 20.0, "noise_exponent": 1.0, "seed": (1, 2),
    }  # fmt: skip
    return Utterance(**{**fields, **changes})


def test_word_and_noise_have_the_planned_levels() -> None:
    word = np.sin(np.arange(5000) / 3)
    clip = place(utterance(), word) / 32768
    quiet = place(utterance(snr_db=90.0), word) / 32768
    assert clip.shape == (16000,)
    noise = clip - quiet
    assert 20 * np.log10(rms(noise)) == pytest.approx(-40, abs=0.3)
    loud = np.flatnonzero(np.abs(quiet) > 0.01)
    assert loud[-1] - loud[0] == pytest.approx(5000, abs=20)
    assert 20 * np.log10(rms(quiet[loud[0] : loud[-1]])) == pytest.approx(-20, abs=0.1)


def test_silence_is_noise_at_its_level() -> None:
    clip = place(utterance(label="_silence_", voice=None, level_db=-40.0), np.empty(0))
    assert 20 * np.log10(rms(clip / 32768)) == pytest.approx(-40, abs=0.1)


def test_resampled_tone_keeps_its_frequency() -> None:
    tone = np.sin(2 * np.pi * 50 * np.arange(2205) / 2205)  # 50 periods
    np.testing.assert_allclose(
        resample(tone, 1600), np.sin(2 * np.pi * 50 * np.arange(1600) / 1600), atol=1e-9
    )
    assert abs(resample(np.sin(2 * np.pi * 900 * np.arange(2205) / 2205), 1600)).max() < 1e-9


def test_trim_cuts_quiet_ends() -> None:
    sound = np.concatenate([np.zeros(4000), np.ones(800), np.zeros(3000)])
    assert trim(sound, margin=0).size == 800
    assert trim(sound, margin=320).size == 1440
    assert trim(np.zeros(500)).size == 500


def test_noise_falls_with_its_exponent() -> None:
    for exponent in (0.0, 1.0, 2.0):
        spectrum = np.abs(np.fft.rfft(coloured_noise(np.random.default_rng(0), 16000, exponent)))
        low, high = (np.mean(spectrum[a : 2 * a] ** 2) for a in (500, 2000))
        assert np.log2(low / high) == pytest.approx(2 * exponent, abs=0.3)


def test_samples_saturate() -> None:
    assert to_int16(np.array([-2.0, 0.5, 2.0])).tolist() == [-32768, 16384, 32767]


def test_missing_synthesizers_are_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shutil, "which", lambda program: None)
    assert "festvox-us-slt-hts" in missing_packages()
    with pytest.raises(DataError, match="apt-get install flite"):
        speak("yes", Voice("flite", "slt"))
    assert main(["--out", f"{tmp_path}/x.npz"]) == 1
    assert "apt-get install espeak-ng flite festival" in capsys.readouterr().err
