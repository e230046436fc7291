"""The errors a user meets.  Each message is a sentence that says what to change."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike

from accel_models.errors import suggest

__all__ = [
    "ConfigError",
    "DataError",
    "FormatError",
    "FxpsimError",
    "GraphError",
    "OverflowTrap",
    "naming",
    "suggest",
]

#: Characters of a sentence about a file.
_LONGEST = 800


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


class OverflowTrap(FxpsimError):  # noqa: N818 - the field's word for it
    """A value overflowed where the overflow mode is ``trap``.

    Attributes
    ----------
    value : int or float
        The rounded value, as a code of the format it does not fit (infinity where it was).
    index : tuple of int
        The first element it happened at, in C order: batch, channel, step.
    """

    def __init__(self, value: float, lo: int, hi: int, index: tuple[int, ...] = ()) -> None:
        where = f"element {list(index)}" if index else "the value"
        super().__init__(f"{where} is {value} after rounding, which does not fit {lo} to {hi}")
        self.value, self.lo, self.hi, self.index = value, lo, hi, index


@contextmanager
def naming(path: str | PathLike[str]) -> Iterator[None]:
    """Make every error of ours a DataError that begins with the file it was found in.

    A sentence that quotes a long part of the file is cut, and is one line.
    """
    try:
        yield
    except FxpsimError as error:
        sentence = " ".join(str(error).removeprefix(f"{path}: ").split())
        if len(sentence) > _LONGEST:
            sentence = f"{sentence[: _LONGEST // 2]} ... {sentence[-_LONGEST // 2 :]}"
        raise DataError(f"{path}: {sentence}") from None
