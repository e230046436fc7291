"""Detection error trade-off: keywords missed against false alarms, and how networks compare there.

Every clip is a trial for every keyword.  A keyword is accepted where its margin is at least the
threshold; papers on keyword spotting fix the share of keywords that are missed and report what
false alarms are left, relative to a reference.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxpsim.errors import ConfigError
from fxpsim.resampling import COVERAGE

__all__ = ["DetCurve", "Measure", "RelativeChange", "Trials"]

#: What rounding may add to a product of a rate and a count of trials.
_SLACK = 1e-9


class Measure(StrEnum):
    """What is read off at a fixed false reject rate.

    ``FALSE_ACCEPTS``: share of trials without the keyword that are accepted (of false detections,
    or false alarms).  ``FALSE_DISCOVERIES``: share of what is accepted that is false,
    FA / (FA + TA); it depends on how often keywords are said in the set.
    """

    FALSE_ACCEPTS = "false accept rate"
    FALSE_DISCOVERIES = "false discovery rate"


@dataclass(frozen=True, slots=True)
class DetCurve:
    """False rejects against false accepts, threshold by threshold.

    Attributes
    ----------
    threshold : float array (t,)
        A keyword is accepted where its margin is at least this; rising.
    false_accept_rate : float array (t,)
        Share of trials without the keyword that are accepted.
    false_reject_rate : float array (t,)
        Share of trials with the keyword that are not.
    """

    threshold: NDArray[np.float64]
    false_accept_rate: NDArray[np.float64]
    false_reject_rate: NDArray[np.float64]

    def false_rejects_at(self, false_accept_rate: float) -> float:
        """Return the lowest false reject rate at which false accepts are at most so many."""
        allowed = self.false_accept_rate <= false_accept_rate
        return float(self.false_reject_rate[allowed].min())


@dataclass(frozen=True, slots=True)
class RelativeChange:
    """A rate beside that of a reference, both at the same false reject rate.

    Attributes
    ----------
    value, reference : float
        The two rates.
    change : float
        value / reference - 1; not a number where the reference makes no such error.
    low, high : float
        Its 95 % interval; not numbers where too many resamples have a reference without errors.
    """

    value: float
    reference: float
    change: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, eq=False)
class Trials:
    """Margins of keywords, apart by whether the keyword was said.

    Attributes
    ----------
    targets, others : float arrays (t,), (o,)
        Margins of trials with and without the keyword, rising.
    target_groups, other_groups : int arrays (t,), (o,)
        Number of the speaker of each.
    groups : int
        How many speakers there are.
    """

    targets: NDArray[np.float64]
    others: NDArray[np.float64]
    target_groups: NDArray[np.intp]
    other_groups: NDArray[np.intp]
    groups: int

    @classmethod
    def of(
        cls,
        margins: NDArray[np.float64],
        is_target: NDArray[np.bool_],
        groups: NDArray[np.intp],
        count: int,
    ) -> Trials:
        """Sort trials (n,) with the number of the speaker of each, 0 to ``count`` - 1."""
        order = np.argsort(margins, kind="stable")
        targets, others = order[is_target[order]], order[~is_target[order]]
        return cls(margins[targets], margins[others], groups[targets], groups[others], count)

    def curve(self) -> DetCurve:
        """Return both error rates at every threshold that tells trials apart."""
        threshold = np.append(np.unique(np.concatenate((self.targets, self.others))), np.inf)
        rejected = np.searchsorted(self.targets, threshold) / len(self.targets)
        accepted = len(self.others) - np.searchsorted(self.others, threshold)
        return DetCurve(threshold, accepted / len(self.others), rejected)

    def rate(self, measure: Measure, false_reject_rate: float) -> float:
        """Return a rate at the highest threshold that misses at most a share of the keywords.

        Raises
        ------
        ConfigError
            The share is not at least 0 and less than 1.
        """
        once = np.ones((1, self.groups), np.int64)
        return float(self._rates(measure, false_reject_rate, once)[0])

    def relative_change(
        self,
        reference: Trials,
        measure: Measure,
        false_reject_rate: float,
        draws: NDArray[Any],
    ) -> RelativeChange:
        """Return how a rate differs from that of another network on the same clips.

        Parameters
        ----------
        reference : Trials
            Of the same clips.
        measure : Measure
            Which rate.
        false_reject_rate : float
            Share of keywords that may be missed; each network has its own threshold for it, found
            anew in every resample.
        draws : int array (resamples, groups)
            How often each resample draws each speaker, the same for both networks.
        """
        value, fixed = (one.rate(measure, false_reject_rate) for one in (self, reference))
        change = value / fixed - 1 if fixed > 0 else np.nan
        ours, theirs = (one._rates(measure, false_reject_rate, draws) for one in (self, reference))
        with np.errstate(divide="ignore", invalid="ignore"):
            resampled = ours / theirs - 1
        # Without an error of the reference there is no ratio: it counts as beyond all others.
        resampled[~(theirs > 0) | np.isnan(ours)] = np.inf
        low, high = np.quantile(
            resampled, [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2], method="nearest"
        )
        if np.isnan(change) or np.isinf(high):
            low = high = np.nan
        return RelativeChange(value, fixed, float(change), float(low), float(high))

    def _rates(
        self, measure: Measure, false_reject_rate: float, draws: NDArray[Any]
    ) -> NDArray[np.float64]:
        """Return the rate of every resample (r,); not a number where none has a keyword."""
        if not 0 <= false_reject_rate < 1:
            raise ConfigError(
                f"false reject rate must be at least 0 and less than 1, not {false_reject_rate}"
            )
        missed = np.cumsum(draws[:, self.target_groups], axis=1)
        allowed = np.floor(false_reject_rate * missed[:, -1] + _SLACK)
        # The first keyword too many is the one that must be accepted.
        threshold = self.targets[(missed > allowed[:, None]).argmax(axis=1)]
        true, false = np.zeros(len(draws)), np.zeros(len(draws))
        for value in np.unique(threshold):
            same = threshold == value
            for found, margins, groups in (
                (true, self.targets, self.target_groups),
                (false, self.others, self.other_groups),
            ):
                accepted = groups[np.searchsorted(margins, value) :]
                found[same] = draws[same] @ np.bincount(accepted, minlength=self.groups)
        with np.errstate(invalid="ignore"):
            if measure is Measure.FALSE_DISCOVERIES:
                return np.asarray(np.where(true > 0, false / (false + true), np.nan))
            trials = draws @ np.bincount(self.other_groups, minlength=self.groups)
            return np.asarray(np.where(true > 0, false / trials, np.nan))
