"""Detections held against what was said: hits, misses and false accepts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from fxpsim.errors import ConfigError

__all__ = ["Matches", "Rule", "Spoken", "match"]


class Spoken(NamedTuple):
    """A word in a recording: from when to when, in seconds."""

    start: float
    end: float
    word: str


@dataclass(frozen=True, slots=True)
class Rule:
    """When a detection is of a word that was spoken.

    A spoken word is found if it is detected between its start and ``late`` seconds after its end.
    A detection is false if no such word was spoken around it, from its start to ``forgiven``
    seconds after its end; false ones of one word less than ``apart`` seconds after the first count
    as one.

    Notes
    -----
    The defaults are MLPerf Tiny's: github.com/mlcommons/tiny,
    benchmark/training/streaming_wakeword/str_ww_util.py, get_true_and_false_detections.
    """

    late: float = 0.5
    forgiven: float = 1.0
    apart: float = 1.0

    def __post_init__(self) -> None:
        wrong = [
            f"{name} must be 0 seconds or more, not {value!r}"
            for name in ("late", "forgiven", "apart")
            if not (value := getattr(self, name)) >= 0
        ]
        if wrong:
            raise ConfigError("; ".join(wrong))


@dataclass(frozen=True, slots=True)
class Matches:
    """What became of the words that were spoken, and which detections were of none.

    Attributes
    ----------
    found : tuple of bool
        For each spoken word.
    false : tuple of (float, str)
        Time and word of each false accept.
    """

    found: tuple[bool, ...]
    false: tuple[tuple[float, str], ...]

    @property
    def missed(self) -> int:
        """Words that were spoken but not detected."""
        return self.found.count(False)


def match(
    detections: Iterable[tuple[float, str]], spoken: Sequence[Spoken], rule: Rule | None = None
) -> Matches:
    """Hold detections (seconds, word), in order of time, against the truth."""
    rule = rule or Rule()
    detections = list(detections)
    found = tuple(
        any(word == one.word and one.start <= time < one.end + rule.late
            for time, word in detections)
        for one in spoken
    )  # fmt: skip
    false: list[tuple[float, str]] = []
    quiet: dict[str, float] = {}
    for time, word in detections:
        excused = any(
            word == one.word and one.start <= time < one.end + rule.forgiven for one in spoken
        )
        if not excused and time >= quiet.get(word, 0.0):
            false.append((time, word))
            quiet[word] = time + rule.apart
    return Matches(found, tuple(false))
