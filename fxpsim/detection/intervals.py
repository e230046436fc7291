"""Exact confidence intervals of counts: what so many events, or none, allow to be said."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from fxpsim.errors import ConfigError

__all__ = ["FEWEST", "binomial_interval", "poisson_interval"]

#: Events per exposure below which no rate is claimed: with none in so much exposure, a rate of
#: three is what 95 % confidence still allows (exp(-3) = 0.05).
FEWEST = 3.0
_TAIL = 0.025
_HALVINGS = 100


@lru_cache(maxsize=4096)
def poisson_interval(events: int) -> tuple[float, float]:
    """Return the exact 95 % interval of a Poisson mean of which so many events were seen.

    Returns
    -------
    low, high : float
        In events; both ends leave 2.5 %.

    Notes
    -----
    F. Garwood, "Fiducial limits for the Poisson distribution", Biometrika 28, 1936.

    Examples
    --------
    >>> low, high = poisson_interval(0)
    >>> low, round(high, 3)
    (0.0, 3.689)
    """
    _check("events", events)

    def at_most(most: int) -> Callable[[float], float]:
        counts = np.arange(most + 1)
        factorials = _log_factorials(most)
        return lambda mean: _sum_of(counts * np.log(mean) - mean - factorials)

    top = events + 10 * (events**0.5 + 2)
    low = 0.0 if not events else _falls_to(1 - _TAIL, at_most(events - 1), top)
    return low, _falls_to(_TAIL, at_most(events), top)


@lru_cache(maxsize=4096)
def binomial_interval(events: int, trials: int) -> tuple[float, float]:
    """Return the exact 95 % interval of a probability: so many events in so many trials.

    Notes
    -----
    C. Clopper, E. Pearson, "The use of confidence or fiducial limits illustrated in the case of
    the binomial", Biometrika 26, 1934.

    Examples
    --------
    >>> low, high = binomial_interval(1, 10)
    >>> round(low, 4), round(high, 4)
    (0.0025, 0.445)
    """
    _check("trials", trials)
    _check("events", events)
    if events > trials or not trials:
        raise ConfigError(f"there must be trials, and at most {trials} events, not {events}")
    factorials = _log_factorials(trials)

    def at_most(most: int) -> Callable[[float], float]:
        counts = np.arange(most + 1)
        ways = factorials[trials] - factorials[counts] - factorials[trials - counts]
        return lambda p: _sum_of(ways + counts * np.log(p) + (trials - counts) * np.log1p(-p))

    low = 0.0 if not events else _falls_to(1 - _TAIL, at_most(events - 1), 1.0)
    return low, 1.0 if events == trials else _falls_to(_TAIL, at_most(events), 1.0)


def _check(name: str, value: int) -> None:
    if value < 0:
        raise ConfigError(f"{name} must be 0 or more, not {value}")


def _log_factorials(most: int) -> NDArray[np.float64]:
    """Return log(0!), log(1!), ... log(most!)."""
    logs: NDArray[np.float64] = np.log(np.maximum(np.arange(most + 1), 1)).cumsum()
    return logs


def _sum_of(logs: NDArray[np.float64]) -> float:
    return float(np.exp(logs).sum())


def _falls_to(target: float, falling: Callable[[float], float], top: float) -> float:
    """Return where a falling function of 0 to ``top`` takes a value, by bisection."""
    low, high = 0.0, top
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (middle, high) if falling(middle) > target else (low, middle)
    return (low + high) / 2
