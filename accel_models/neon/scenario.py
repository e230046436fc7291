"""The corners of an estimate's range."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from accel_models.neon.core import Place

__all__ = ["Code", "Overlap", "Scenario", "scenarios"]


class Overlap(StrEnum):
    """Whether streaming weights waits for arithmetic or hides behind it (perfect prefetch)."""

    ADDITIVE = "additive"
    OVERLAPPED = "overlapped"


class Code(StrEnum):
    """Whether a loop is as compiled (128-bit loads) or tuned by hand."""

    COMPILED = "compiled"
    TUNED = "tuned"


@dataclass(frozen=True, slots=True)
class Scenario:
    """One corner of the range."""

    weights: Place
    overlap: Overlap
    code: Code


def scenarios(places: Iterable[Place]) -> tuple[Scenario, ...]:
    """Return every corner: where the weights are, how they arrive, how good the code is."""
    return tuple(itertools.starmap(Scenario, itertools.product(places, Overlap, Code)))
