"""What an engine answers, before the memory behind it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from accel_models.elementwise import Number

__all__ = ["Count"]


@dataclass(frozen=True, slots=True)
class Count:
    """Cycles and traffic of one layer on an engine.

    Attributes
    ----------
    cycles
        Of the engine alone.
    ideal_cycles
        If every lane had something to do in every cycle.
    buffer_bits
        Bits between the engine and the memory beside it.
    counts
        What else is counted, by name.
    """

    cycles: Number
    ideal_cycles: Number
    buffer_bits: Number
    counts: Mapping[str, Number]
