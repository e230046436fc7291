"""What is between layers with weights: pooling and elementwise operations."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from importlib.resources import files

from accel_models.demand import Demand, Operation
from accel_models.elementwise import Number
from accel_models.neon.core import Core, Instruction, Isa
from accel_models.neon.layer import bound_of
from accel_models.neon.scenario import Code
from accel_models.toml import read_toml

__all__ = ["between_cycles"]


@dataclass(frozen=True, slots=True)
class _Counts:
    read: dict[Instruction, float]
    write: dict[Instruction, float]


@dataclass(frozen=True, slots=True)
class _Between:
    text: str
    source: str
    vector: dict[Operation, _Counts]
    scalar: dict[Operation, _Counts]


@functools.cache
def _counts() -> _Between:
    return read_toml(files(__package__) / "between.toml", _Between)


def between_cycles(core: Core, operation: Operation, work: Demand, code: Code) -> Number:
    """Return the cycles of pooling (each tap is read) or of an operation on every value."""
    tables = _counts()
    counts = (tables.vector if core.isa is Isa.NEON else tables.scalar)[operation]
    written = work.rows * work.outputs
    read, write = (bound_of(core, part, code) for part in (counts.read, counts.write))
    factor = core.loop_factor.value if code is Code.COMPILED else 1.0
    return factor * (written * work.inputs * read + written * write)
