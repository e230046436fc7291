"""A number that somebody measured, wrote in a manual, computed or assumed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Constant", "Provenance", "Setting"]


class Provenance(StrEnum):
    """How a constant came to be known."""

    MEASURED = "measured"
    MANUAL = "manual"
    MODEL = "model"
    ASSUMED = "assumed"


@dataclass(frozen=True, slots=True)
class Constant:
    """A number with its unit, its source and the kind of that source."""

    value: float
    unit: str
    source: str
    kind: Provenance

    def __post_init__(self) -> None:
        _named(self.unit, self.source)

    @property
    def whole(self) -> int:
        """The value of a constant that counts something."""
        return int(self.value)


@dataclass(frozen=True, slots=True)
class Setting:
    """The value that a preset gives to a key of a model, with its unit and source."""

    value: int | float | str | bool
    unit: str
    source: str
    kind: Provenance

    def __post_init__(self) -> None:
        _named(self.unit, self.source)


def _named(unit: str, source: str) -> None:
    if not unit or not source:
        raise ValueError("a constant needs a unit and a source")
