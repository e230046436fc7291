"""The errors a user meets.  Each message is a sentence that says what to change."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = ["ConfigError", "DataError", "FormatError", "FxpsimError", "GraphError", "suggest"]


class FxpsimError(ValueError):
    """Anything that is wrong with what the caller handed in."""


class FormatError(FxpsimError):
    """A number format, rounding mode, overflow mode or accumulator that cannot be."""


class GraphError(FxpsimError):
    """A network whose parts do not fit together."""


class DataError(FxpsimError):
    """A file or an array that cannot be read as what it should be."""


class ConfigError(FxpsimError):
    """A setting that cannot be."""


def suggest(word: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the nearest known word, else the list of them all."""
    words = sorted(known)
    near = get_close_matches(word, words, n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; known: {', '.join(words)}"
