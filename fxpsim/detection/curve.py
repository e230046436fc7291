"""Detection error trade-off on long recordings: false accepts per hour against false rejects."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from fxpsim.detection.intervals import FEWEST, binomial_interval, poisson_interval
from fxpsim.detection.matching import Rule, Spoken, match
from fxpsim.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

    from fxpsim.detection.detector import Detector
    from fxpsim.detection.listener import Heard, Listener
    from fxpsim.detection.material import Recording

__all__ = ["det"]

#: Thresholds that are tried where none are given.
_POINTS = 60


@dataclass(frozen=True, slots=True)
class _Scored:
    """One recording, heard."""

    heard: Heard
    spoken: tuple[Spoken, ...]
    seconds: float


def det(
    listener: Listener,
    recordings: Iterable[Recording],
    *,
    confidences: Iterable[float] | None = None,
    rule: Rule | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """Return how often a listener errs, by threshold.

    Parameters
    ----------
    listener : Listener
        Its detector is used with other thresholds; smoothing and refractory time stay.
    recordings : iterable of Recording
        Audio at the front end's sample rate, or its rows.  Words that the detector does not listen
        for count as nothing said.
    confidences : iterable of float, optional
        Mean scores that a detection must pass; spread over all that the recordings reach where not
        given.
    rule : Rule, optional
        When a detection is right; MLPerf Tiny's where not given.
    progress : callable, optional
        Called with the recordings heard and their number.

    Returns
    -------
    DataFrame
        A row per threshold, rising.  ``threshold`` (code of the sum) and ``confidence``;
        ``false_accepts`` in ``hours`` of audio, the rate ``false_accepts_per_hour`` with
        its exact Poisson interval ``false_accepts_low``, ``false_accepts_high`` (95 %), and
        ``claimed_per_hour``: that rate, but never below 3 per ``hours``, which is what none
        at all would leave open; ``false_rejects`` of ``words``, their share
        ``false_reject_rate`` with its Clopper-Pearson interval ``false_rejects_low``,
        ``false_rejects_high``.

    Raises
    ------
    DataError
        No recording, or no word in any that the detector listens for.
    """
    import pandas as pd

    scored = _heard(listener, list(recordings), progress)
    detector, rule = listener.detector, rule or Rule()
    hours = sum(one.seconds for one in scored) / 3600
    words = sum(len(one.spoken) for one in scored)
    if not words:
        raise DataError(
            f"recordings must have words to detect, {', '.join(detector.words)}, but have none"
        )
    codes = (
        _reached(detector, scored)
        if confidences is None
        else sorted({detector.threshold_of(confidence) for confidence in confidences})
    )
    table = []
    for code in codes:
        at = replace(detector, threshold=code)
        matches = [
            match(
                [(listener.time_of(d.decision), d.word) for d in at.detect(one.heard.scores)],
                one.spoken,
                rule,
            )
            for one in scored
        ]
        false = sum(len(one.false) for one in matches)
        missed = sum(one.missed for one in matches)
        low, high = poisson_interval(false)
        share_low, share_high = binomial_interval(missed, words)
        table.append(
            {
                "threshold": code,
                "confidence": code * detector.unit,
                "false_accepts": false,
                "hours": hours,
                "false_accepts_per_hour": false / hours,
                "false_accepts_low": low / hours,
                "false_accepts_high": high / hours,
                "claimed_per_hour": max(false, FEWEST) / hours,
                "false_rejects": missed,
                "words": words,
                "false_reject_rate": missed / words,
                "false_rejects_low": share_low,
                "false_rejects_high": share_high,
            }
        )
    return pd.DataFrame(table)


def _heard(
    listener: Listener,
    recordings: list[Recording],
    progress: Callable[[int, int], None] | None,
) -> list[_Scored]:
    if not recordings:
        raise DataError("there must be at least one recording")
    front_end, scored = listener.front_end, []
    for done, recording in enumerate(recordings, 1):
        rows = recording.samples.ndim == 2
        step = front_end.hop if rows else 1
        heard = (listener.listen_rows if rows else listener.listen)(recording.samples)
        wanted = tuple(one for one in recording.spoken if one.word in listener.detector.words)
        seconds = len(recording.samples) * step / front_end.sample_rate
        scored.append(_Scored(heard, wanted, seconds))
        if progress:
            progress(done, len(recordings))
    return scored


def _reached(detector: Detector, scored: list[_Scored]) -> list[int]:
    """Return thresholds spread over the sums that could be a detection."""
    sums = [detector.sums(detector.multiplicands(one.heard.scores)) for one in scored]
    best = np.concatenate([one[detector.candidates(one)].max(axis=1, initial=0) for one in sums])
    if not best.size:
        return [0]
    found = np.unique(best)
    places = np.linspace(0, found.size - 1, min(found.size, _POINTS)).round().astype(int)
    return [int(found[0]) - 1, *(int(code) for code in found[places])]
