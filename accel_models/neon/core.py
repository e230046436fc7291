"""What a core is: instruction costs, epilogues and memory rates, read from one TOML file."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files
from pathlib import Path

from accel_models.constants import Constant
from accel_models.errors import ConfigError, suggest
from accel_models.toml import read_toml

__all__ = ["Core", "Epilogue", "Instruction", "Memory", "Schedule", "list_cores", "read_core"]


class Instruction(StrEnum):
    """Classes of vector instructions on 128 bits; the example is AArch64."""

    FLOAT_MULTIPLY_ADD = "float_multiply_add"  # fmla
    MULTIPLY_LONG = "multiply_long"  # smull
    MULTIPLY_ADD_LONG = "multiply_add_long"  # smlal
    PAIRWISE_ADD_LONG = "pairwise_add_long"  # sadalp
    WIDENING_ADD = "widening_add"  # saddw
    SATURATING_ADD = "saturating_add"  # sqadd
    MIN_MAX = "min_max"  # smin, smax
    SHIFT = "shift"  # shl, sshr
    LOAD = "load"  # ldr q
    TUNED_LOAD = "tuned_load"  # 128 bits by the fastest sequence


class Epilogue(StrEnum):
    """What happens to each output after its sum is complete."""

    FLOAT_BIAS = "float_bias"  # add the bias, clip
    REDUCE_32 = "reduce_32"  # add four 32-bit lanes
    REDUCE_16 = "reduce_16"  # add eight 16-bit lanes
    MULTIPLIER = "multiplier"  # own 32-bit multiplier, shift, narrow
    SHIFT_32 = "shift_32"  # one rounding shift from 32 to 8 bits
    SHIFT_16 = "shift_16"  # one rounding shift from 16 to 8 bits


@dataclass(frozen=True, slots=True)
class Schedule:
    """Cycles of one piece of code as a compiler orders it, and as an expert would."""

    compiled: Constant
    tuned: Constant

    def __post_init__(self) -> None:
        if self.tuned.value > self.compiled.value:
            raise ValueError("tuned must not be slower than compiled")


@dataclass(frozen=True, slots=True)
class Memory:
    """Sizes in bytes; rates in bytes a cycle (caches) and bytes a second (DRAM)."""

    l1_size: Constant
    l2_size: Constant
    l2_rate: Constant
    dram_rate: Constant


@dataclass(frozen=True, slots=True)
class Core:
    """One in-order core with one vector pipe."""

    text: str
    clock: Constant
    instructions: dict[Instruction, Constant]
    epilogues: dict[Epilogue, Schedule]
    memory: Memory

    def __post_init__(self) -> None:
        missing = [str(i) for i in Instruction if i not in self.instructions]
        missing += [str(e) for e in Epilogue if e not in self.epilogues]
        if missing:
            raise ValueError(f"a core must have a cost for {', '.join(missing)}")


def list_cores() -> list[str]:
    """Return the names of the cores that ship with the package."""
    folder = files(__package__) / "cores"
    names = (file.name for file in folder.iterdir())
    return sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml"))


def read_core(name: str) -> Core:
    """Return a core by its name, or from a file of yours whose name ends in ``.toml``."""
    return read_toml(Path(name), Core) if name.endswith(".toml") else _shipped(name)


@functools.cache
def _shipped(name: str) -> Core:
    if name not in list_cores():
        raise ConfigError(f"unknown core {name!r}{suggest(name, list_cores())}")
    return read_toml(files(__package__) / "cores" / f"{name}.toml", Core)
