"""Training material: real and synthetic words, made many, as feature codes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fxpsim.errors import DataError
from fxpsim.frontend.logmel import LogMel
from fxpsim.kws.labels import LABELS, SILENCE, label_of_word
from fxpsim.kws.recordings import Clip
from fxpsim.kws.signals import CLIP_SAMPLES, coloured_noise, rms, to_int16
from fxpsim.kws.synthesis import plan, spoken
from fxpsim.train.augmentation import SoundAugmentation

__all__ = ["Material", "Words", "augmented", "coloured_noises", "real_words", "synthetic_words"]

Progress = Callable[[int, int], None]
Sounds = NDArray[np.float32]
_LEVEL = 0.07  # root mean square of a synthetic word, about that of the real ones


@dataclass(frozen=True, slots=True)
class Words:
    """Sounds, float32 [clips, 16000] in units of full scale, and labels, int64 [clips]."""

    sounds: Sounds
    labels: NDArray[np.int64]

    @property
    def silence(self) -> Sounds:
        """The clips in which nobody speaks."""
        quiet: Sounds = self.sounds[self.labels == LABELS.index(SILENCE)]
        return quiet


@dataclass(frozen=True, slots=True)
class Material:
    """Augmented copies as codes.

    ``views`` has one int8 array [clips, rows, bands] for each front end; ``labels`` int64 [clips].
    """

    views: tuple[NDArray[np.int8], ...]
    labels: NDArray[np.int64]


def real_words(clips: Sequence[Clip]) -> Words:
    """Read recordings as sounds.

    Raises
    ------
    DataError
        Where there are none.
    """
    if not clips:
        raise DataError("training needs recordings, but no clip of a training speaker was found")
    sounds = np.stack([clip.second() for clip in clips]).astype(np.float32) / 32768.0
    labels = np.array([label_of_word(clip.word) for clip in clips], np.int64)
    return Words(sounds, labels)


def synthetic_words(clips_per_class: int, progress: Progress | None = None) -> Words:
    """Words spoken by the training voices, in the middle of an otherwise silent second."""
    utterances = [u for u in plan("training", clips_per_class) if u.label != SILENCE]
    sounds = np.zeros((len(utterances), CLIP_SAMPLES), np.float32)
    with ThreadPoolExecutor(2) as pool:
        for i, word in enumerate(pool.map(spoken, utterances)):
            start = (CLIP_SAMPLES - word.size) // 2
            sounds[i, start : start + word.size] = word * (_LEVEL / rms(word))
            if progress:
                progress(i + 1, len(utterances))
    return Words(sounds, np.array([LABELS.index(u.label) for u in utterances], np.int64))


def coloured_noises(count: int, seed: int) -> Sounds:
    """Make a bank of one-second noises from white to brown, float32 [count, 16000]."""
    rng = np.random.default_rng((seed, 1))
    return np.stack(
        [coloured_noise(rng, CLIP_SAMPLES, rng.uniform(0, 2)).astype(np.float32)
         for _ in range(count)]
    )  # fmt: skip


def augmented(
    words: Words,
    copies: int,
    noises: Sounds,
    change: SoundAugmentation,
    front_ends: Sequence[LogMel],
    *,
    seed: int,
    threads: int = 2,
    progress: Progress | None = None,
) -> Material:
    """Make changed copies of all words, each as seen by every front end.

    Each copy draws from its own generator, so the result does not depend on ``threads``.
    """

    def one(copy: int) -> tuple[NDArray[np.int8], ...]:
        rng = np.random.default_rng((seed, 2, copy))
        audio = to_int16(change(words.sounds, noises, rng))
        return tuple(front_end.codes(audio) for front_end in front_ends)

    rounds = []
    with ThreadPoolExecutor(threads) as pool:
        for done, views in enumerate(pool.map(one, range(copies)), 1):
            rounds.append(views)
            if progress:
                progress(done, copies)
    return Material(
        tuple(np.concatenate(views) for views in zip(*rounds, strict=True)),
        np.tile(words.labels, copies),
    )
