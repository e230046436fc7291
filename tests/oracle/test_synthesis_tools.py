"""The shipped synthetic set against the synthesizers that made it."""

from __future__ import annotations

import numpy as np
import pytest

from fxpsim.errors import DataError
from fxpsim.kws.datasets import EvaluationSet
from fxpsim.kws.synthesis import evaluation_set, plan, render, render_all, spoken
from fxpsim.kws.synthesizers import missing_packages, speak
from fxpsim.kws.voices import Voice, cast_of

pytestmark = pytest.mark.skipif(
    bool(missing_packages()), reason=f"synthesizers not installed: {', '.join(missing_packages())}"
)


def test_shipped_codes_are_made_again() -> None:
    """Every 24th clip: all classes and synthesizers; one step of rounding is left to the FFT."""
    shipped = EvaluationSet.shipped()
    chosen = range(5, len(shipped), 24)
    utterances = plan("evaluation")
    audio = np.stack(list(render_all([utterances[i] for i in chosen])))
    made = shipped.front_end.codes(audio).astype(int)
    wanted = shipped.features[list(chosen)].astype(int)
    assert abs(made - wanted).max() <= 1
    assert np.mean(made == wanted) > 0.999
    assert shipped.labels[5] == 0


def test_a_clip_is_the_same_twice() -> None:
    utterance = plan("training", 3)[0]
    np.testing.assert_array_equal(render(utterance), render(utterance))


@pytest.mark.parametrize("role", ["training", "evaluation"])
def test_every_voice_of_a_role_speaks(role: str) -> None:
    cast = cast_of(role)  # type: ignore[arg-type]
    voices = [*cast.recorded]
    voices += [cast.espeak(i, i) for i in range(max(len(cast.variants), len(cast.accents)))]
    for voice in voices:
        sound = speak("stop", voice)
        assert 0.2 < sound.size / 16000 < 1.6, voice
        assert np.abs(sound).max() > 0.03, voice


def test_speed_and_pitch_are_heard() -> None:
    voice = cast_of("evaluation").recorded[0]
    slow, fast = speak("seven", voice, speed=0.8), speak("seven", voice, speed=1.25)
    assert slow.size > 1.3 * fast.size
    high = speak("seven", voice, pitch=1.15)
    assert high.size == pytest.approx(speak("seven", voice).size, rel=0.05)


def test_words_fit_into_a_second() -> None:
    assert all(0 < spoken(u).size <= 16000 for u in plan("evaluation", 1) if u.voice)


def test_unknown_voice_is_told() -> None:
    with pytest.raises(DataError, match="espeak-ng could not speak 'yes' as espeak-ng nobody"):
        speak("yes", Voice("espeak-ng", "nobody"))


def test_small_set_is_made_whole() -> None:
    seen = []
    made = evaluation_set(
        clips_per_class=1, progress=lambda done, total: seen.append((done, total))
    )
    assert made.labels.tolist() == list(range(12))
    assert seen[-1] == (12, 12)
