"""Long recordings of which the truth is known: words one after the other."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxpsim.detection.matching import Spoken
from fxpsim.errors import DataError

__all__ = ["Recording", "concatenated", "shipped_recording"]


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """Sound with the words in it.

    Parameters
    ----------
    samples : int16 array (n,), or integer array (rows, bands)
        Audio, or what a front end made of it.
    spoken : tuple of Spoken
        In order of time; words that nobody listens for may be left out.
    """

    samples: NDArray[Any]
    spoken: tuple[Spoken, ...]


def concatenated(
    clips: Iterable[tuple[str, NDArray[Any]]], *, step: float, gap: int = 0, fill: int = 0
) -> Recording:
    """Return one recording of clips, one after the other.

    Parameters
    ----------
    clips : iterable of (str, array)
        The word, and int16 samples (n,) or rows (rows, bands).  Each whole clip counts as the time
        in which its word was spoken.
    step : float
        Seconds from one sample, or row, to the next.
    gap : int
        Samples or rows of the code ``fill`` before, between and behind the clips.
    """
    pieces: list[NDArray[Any]] = []
    spoken: list[Spoken] = []
    at = gap
    for word, clip in clips:
        silence = np.full((gap, *clip.shape[1:]), fill, clip.dtype)
        pieces += [silence, clip]
        spoken.append(Spoken(at * step, (at + len(clip)) * step, word))
        at += len(clip) + gap
    if not pieces:
        raise DataError("a recording must have at least one clip")
    return Recording(np.concatenate([*pieces, pieces[0]]), tuple(spoken))


def shipped_recording(seed: int = 0) -> Recording:
    """Return the synthetic speech that the package ships, its clips in random order.

    They are features, rows of 60 ms, so that the front end has run already; a row that spans two
    clips is missing.
    """
    from fxpsim.frontend.logmel import LogMelRows
    from fxpsim.kws.datasets import EvaluationSet
    from fxpsim.kws.labels import LABELS

    shipped = EvaluationSet.shipped()
    front_end = LogMelRows(shipped.front_end)
    order = np.random.default_rng(seed).permutation(len(shipped))
    return concatenated(
        ((LABELS[shipped.labels[i]], shipped.features[i]) for i in order),
        step=front_end.hop / front_end.sample_rate,
    )
