"""What can go wrong when asking for a cost, each as a sentence that says what to change."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

__all__ = [
    "ConfigError",
    "CostError",
    "PluginError",
    "UnsupportedWorkError",
    "WorkError",
    "raise_all",
    "suggest",
]


class CostError(ValueError):
    """Anything that is wrong with what a cost model was handed."""


class WorkError(CostError):
    """A `Work` that no hardware could be asked to do."""


class ConfigError(CostError):
    """A model, preset, key or file that does not exist or cannot hold that value."""


class UnsupportedWorkError(CostError):
    """A `Work` that this model cannot price; the message says why."""


class PluginError(CostError):
    """A plug-in of somebody else that cannot be loaded, or fails."""


def suggest(word: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the nearest known word, else the list of them all."""
    words = sorted(known)
    near = get_close_matches(word, words, n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; known: {', '.join(words) or 'none'}"


def raise_all(error: type[CostError], where: str, mistakes: Sequence[str]) -> None:
    """Raise one `error` that names every mistake found in `where`; return if there are none."""
    if len(mistakes) == 1:
        raise error(f"{where}: {mistakes[0]}")
    if mistakes:
        lines = "".join(f"\n  {mistake}" for mistake in mistakes)
        raise error(f"{where}: {len(mistakes)} mistakes{lines}")
