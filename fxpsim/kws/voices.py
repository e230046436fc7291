"""Which synthetic voice speaks in which role; the lists stand in ``voices.toml``."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any, Literal

from fxpsim.errors import ConfigError, suggest

__all__ = ["Cast", "Role", "Voice", "cast_of", "unknown_words"]

Role = Literal["evaluation", "training"]


@dataclass(frozen=True, slots=True)
class Voice:
    """A voice of one synthesizer (``espeak-ng``, ``flite`` or ``festival``).

    ``name`` is the synthesizer's own; for espeak-ng ``accent+variant``.
    """

    synthesizer: str
    name: str

    def __str__(self) -> str:
        return f"{self.synthesizer} {self.name}"


@dataclass(frozen=True, slots=True)
class Cast:
    """Everything that one role may use, and nothing that the other role may."""

    role: Role
    seed: int
    accents: tuple[str, ...]
    variants: tuple[str, ...]
    flite: tuple[str, ...]
    festival: tuple[str, ...]

    def espeak(self, accent: int, variant: int) -> Voice:
        """Voice of an accent and a variant by their positions, counted round."""
        name = f"{self.accents[accent % len(self.accents)]}"
        return Voice("espeak-ng", f"{name}+{self.variants[variant % len(self.variants)]}")

    @property
    def recorded(self) -> tuple[Voice, ...]:
        """Voices made from recordings of a person (flite and festival)."""
        return tuple(Voice("flite", name) for name in self.flite) + tuple(
            Voice("festival", name) for name in self.festival
        )


@lru_cache(maxsize=1)
def _lists() -> dict[str, Any]:
    return tomllib.loads((files("fxpsim.kws") / "voices.toml").read_text(encoding="utf-8"))


def unknown_words() -> tuple[str, ...]:
    """Words that are spoken as ``_unknown_``."""
    return tuple(_lists()["words"]["unknown"])


def cast_of(role: Role) -> Cast:
    """Return the voices, accents, variants and noise seed of a role."""
    if role not in ("evaluation", "training"):
        raise ConfigError(
            f"role must be evaluation or training, not {role!r}"
            f"{suggest(role, ('evaluation', 'training'))}"
        )
    lists = _lists()[role]
    return Cast(
        role=role,
        seed=lists["seed"],
        accents=tuple(lists["espeak"]["accents"]),
        variants=tuple(lists["espeak"]["variants"]),
        flite=tuple(lists["flite"]),
        festival=tuple(lists["festival"]),
    )
