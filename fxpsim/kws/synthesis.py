"""Synthetic speech from Debian's synthesizers: the shipped evaluation set, and training material.

``python -m fxpsim.kws.synthesis --out evaluation.npz`` makes the shipped set; the same programs
give the same bytes.  Synthetic speech ranks bit widths; it says nothing about real speakers.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fxpsim.errors import DataError, FxpsimError
from fxpsim.frontend.logmel import LogMel
from fxpsim.kws.datasets import EvaluationSet
from fxpsim.kws.labels import KEYWORDS, LABELS, SILENCE, UNKNOWN
from fxpsim.kws.signals import CLIP_SAMPLES, coloured_noise, resample, rms, to_int16, trim
from fxpsim.kws.synthesizers import missing_packages, speak
from fxpsim.kws.voices import Role, Voice, cast_of, unknown_words

__all__ = ["Utterance", "evaluation_set", "place", "plan", "render", "render_all", "spoken"]

CLIPS_PER_CLASS = 60
"""Clips of each of the twelve classes in the shipped set."""
RECORDED_EVERY = 3
"""One clip in so many is spoken by a recorded voice (flite, festival), the others by espeak-ng."""
TITLE = "synthetic speech: ranks bit widths only"

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Utterance:
    """One clip to be made: who says what, and how it is recorded.

    ``voice`` is None for ``_silence_``.  ``speed`` and ``pitch`` are relative to the voice's own,
    ``level_db`` is the root mean square of speech (or of the noise of a silence clip) relative to
    full scale, ``snr_db`` speech over noise, ``noise_exponent`` the slope of the noise (0 white,
    1 pink, 2 brown), ``seed`` draws noise and position.
    """

    label: str
    word: str
    voice: Voice | None
    speed: float
    pitch: float
    level_db: float
    snr_db: float
    noise_exponent: float
    seed: tuple[int, int]


def plan(role: Role, clips_per_class: int = CLIPS_PER_CLASS) -> tuple[Utterance, ...]:
    """All clips of a role, class after class; the same on every machine."""
    cast = cast_of(role)
    others = unknown_words()
    utterances: list[Utterance] = []
    for label in LABELS:
        for i in range(clips_per_class):
            seed = (cast.seed, len(utterances))
            rng = np.random.default_rng(seed)
            word = {SILENCE: "", UNKNOWN: others[i % len(others)]}.get(label, label)
            number = len(utterances)
            if label == SILENCE:
                voice = None
            elif i % RECORDED_EVERY == 0:
                # One voice on after each round of words, or a word would keep to few voices.
                turn = i // RECORDED_EVERY + i // len(others)
                voice = cast.recorded[turn % len(cast.recorded)]
            else:
                voice = cast.espeak(number + number // len(cast.accents), number * 7)
            utterances.append(
                Utterance(
                    label,
                    word,
                    voice,
                    speed=float(rng.uniform(0.8, 1.25)),
                    pitch=float(rng.uniform(0.85, 1.15)),
                    level_db=float(
                        rng.uniform(-60, -25) if label == SILENCE else rng.uniform(-30, -14)
                    ),
                    snr_db=float(rng.uniform(5, 30)),
                    noise_exponent=float(rng.uniform(0, 2)),
                    seed=seed,
                )
            )
    return tuple(utterances)


def spoken(utterance: Utterance) -> NDArray[np.float64]:
    """Speak the word alone, trimmed, at the synthesizer's own level; silence has no samples."""
    if utterance.voice is None:
        return np.empty(0)
    sound = trim(
        speak(utterance.word, utterance.voice, speed=utterance.speed, pitch=utterance.pitch)
    )
    if sound.size > CLIP_SAMPLES:  # a slow voice still has to fit into the second
        sound = resample(sound, CLIP_SAMPLES)
    return sound


def place(utterance: Utterance, word: NDArray[np.float64]) -> NDArray[np.int16]:
    """One second, int16 [16000]: the word at a random place, with noise at the planned level."""
    rng = np.random.default_rng(utterance.seed)
    level = 10 ** (utterance.level_db / 20)
    clip = np.zeros(CLIP_SAMPLES)
    noise_level = level
    if word.size:
        start = int(rng.integers(0, CLIP_SAMPLES - word.size + 1))
        clip[start : start + word.size] = word * (level / rms(word))
        noise_level = level * 10 ** (-utterance.snr_db / 20)
    noise = coloured_noise(rng, CLIP_SAMPLES, utterance.noise_exponent)
    return to_int16(clip + noise_level * noise)


def render(utterance: Utterance) -> NDArray[np.int16]:
    """Speak and place one clip, int16 [16000]."""
    return place(utterance, spoken(utterance))


def render_all(
    utterances: Sequence[Utterance], *, threads: int = 2, progress: Progress | None = None
) -> Iterator[NDArray[np.int16]]:
    """Clips in the order of ``utterances``; the synthesizers run ``threads`` at a time.

    Raises
    ------
    DataError
        Naming the Debian packages where a synthesizer is missing.
    """
    packages = missing_packages()
    if packages:
        raise DataError(
            "speech synthesis needs programs that are not installed: "
            f"apt-get install {' '.join(packages)}"
        )
    with ThreadPoolExecutor(threads) as pool:
        for done, clip in enumerate(pool.map(render, utterances), 1):
            yield clip
            if progress:
                progress(done, len(utterances))


def evaluation_set(
    front_end: LogMel | None = None,
    *,
    clips_per_class: int = CLIPS_PER_CLASS,
    progress: Progress | None = None,
) -> EvaluationSet:
    """Make the synthetic evaluation set; needs all synthesizers."""
    front_end = front_end or LogMel()
    utterances = plan("evaluation", clips_per_class)
    audio = np.stack(list(render_all(utterances, progress=progress)))
    voices = [str(u.voice) if u.voice else f"noise {u.seed[1]}" for u in utterances]
    return EvaluationSet(
        name="synthetic",
        title=TITLE,
        features=front_end.codes(audio),
        labels=np.array([LABELS.index(u.label) for u in utterances], np.int64),
        groups=np.array(voices),
        description=(
            f"{len(utterances)} clips of one second: {len(KEYWORDS)} keywords, other words and "
            f"noise, spoken by {len({u.voice for u in utterances if u.voice})} voices of "
            "espeak-ng, flite and festival, in coloured noise at 5 to 30 dB; none of these "
            "voices, accents, variants or seeds was used in training"
        ),
        source="python -m fxpsim.kws.synthesis",
        front_end=front_end,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line: make the shipped evaluation set."""
    parser = argparse.ArgumentParser(prog="python -m fxpsim.kws.synthesis", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="file to write (.npz)")
    options = parser.parse_args(arguments)

    def show(done: int, total: int) -> None:
        print(f"\r{done} of {total} clips", end="\n" if done == total else "", file=sys.stderr)

    try:
        made = evaluation_set(progress=show)
        made.save(options.out)
    except FxpsimError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{options.out}: {len(made.labels)} clips, features {made.features.shape[1:]}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
