"""What a set of clips can decide: how much speech of how many people it has."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from fxpsim.kws.datasets import EvaluationSet
from fxpsim.kws.labels import LABELS, SILENCE
from fxpsim.report.verdict import MARGIN

__all__ = ["FEWEST_CLIPS", "FEWEST_VOICES", "Evidence", "is_synthetic"]

#: Resampling fewer groups makes intervals too narrow: Cameron, Gelbach and Miller,
#: Bootstrap-based improvements for inference with clustered errors, 2008, begin at 5 to 10.
FEWEST_VOICES = 10
#: Even where not one decision changes, n clips exclude no loss below 3 / n at 95 % (Hanley and
#: Lippman-Hand, If nothing goes wrong, is everything all right?, JAMA 1983).
FEWEST_CLIPS = math.ceil(3 / MARGIN)


@dataclass(frozen=True, slots=True)
class Evidence:
    """Who speaks how much.

    Attributes
    ----------
    voices : int
        Speakers or synthetic voices that differ.
    speech, noise : int
        Clips with a word of theirs, and clips without any.
    """

    voices: int
    speech: int
    noise: int

    @classmethod
    def of(cls, evaluation: EvaluationSet) -> Evidence:
        """Count those of a set."""
        spoken = evaluation.labels != LABELS.index(SILENCE)
        speech = int(spoken.sum())
        voices = len(np.unique(evaluation.groups[spoken]))
        return cls(voices, speech, len(evaluation) - speech)

    @property
    def enough(self) -> bool:
        """Whether no measured loss means anything."""
        return self.voices >= FEWEST_VOICES and self.speech >= FEWEST_CLIPS

    @property
    def rule(self) -> str:
        """What is asked of a set, in words."""
        return f"{FEWEST_CLIPS} clips of speech by {FEWEST_VOICES} speakers or voices"

    def __str__(self) -> str:
        return (
            f"{_counted(self.speech, 'clip')} of speech by "
            f"{_counted(self.voices, 'speaker or voice', 'speakers or voices')}, "
            f"{self.noise} of noise"
        )


def _counted(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"


def is_synthetic(evaluation: EvaluationSet) -> bool:
    """Whether nobody spoke these clips: what a set of them says of people must be checked."""
    return evaluation.title.lower().startswith("synthetic")
