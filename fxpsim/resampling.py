"""Intervals by the bootstrap: whole speakers are drawn, because clips of one are alike."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["COVERAGE", "RESAMPLES", "percentiles", "resample_groups"]

#: Resamples of a bootstrap, and the share of them that an interval covers.
RESAMPLES, COVERAGE = 1000, 0.95


def resample_groups(groups: NDArray[np.str_], seed: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return how often each bootstrap resample draws each group, and each clip's group number.

    Clips of one speaker are alike, so speakers are drawn, not clips (cluster bootstrap; Davison
    and Hinkley, *Bootstrap Methods and their Application*, 1997, section 3.8).

    Returns
    -------
    draws : int array (RESAMPLES, groups)
        Read-only.
    number : int array (clips,)
        Read-only.
    """
    return _resampled(tuple(groups.tolist()), seed)


@lru_cache(maxsize=8)
def _resampled(groups: tuple[str, ...], seed: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the same; a report asks for those of one set again and again."""
    names, number = np.unique(np.array(groups), return_inverse=True)
    rng = np.random.default_rng(seed)
    share = np.full(len(names), 1 / len(names))
    draws, number = rng.multinomial(len(names), share, size=RESAMPLES), number.reshape(-1)
    for array in (draws, number):
        array.flags.writeable = False
    return draws, number


def percentiles(resampled: NDArray[np.float64]) -> tuple[float, float]:
    """Return the ends of the interval that covers ``COVERAGE`` of what resamples gave."""
    low, high = np.quantile(resampled, [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2])
    return float(low), float(high)
