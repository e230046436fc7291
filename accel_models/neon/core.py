"""What a core is: instruction costs, pipes and memory rates, read from one TOML file."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accel_models.constants import Constant
from accel_models.errors import ConfigError, suggest
from accel_models.toml import read_table, structure

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

__all__ = [
    "Core",
    "Instruction",
    "Isa",
    "Level",
    "Order",
    "Place",
    "Timing",
    "list_cores",
    "read_core",
]


class Instruction(StrEnum):
    """Classes of instructions that cost the same; the examples are AArch64, then Armv7E-M."""

    FLOAT_MULTIPLY_ADD = "float_multiply_add"  # fmla 4s; vfma.f32
    HALF_MULTIPLY_ADD = "half_multiply_add"  # fmla 8h
    MULTIPLY_LONG = "multiply_long"  # smull
    MULTIPLY_ADD_LONG = "multiply_add_long"  # smlal
    MULTIPLY_ADD = "multiply_add"  # mla 16b
    ROUNDING_MULTIPLY = "rounding_multiply"  # sqrdmulh
    DOT = "dot"  # sdot
    MATRIX_MULTIPLY = "matrix_multiply"  # smmla
    PAIRWISE_ADD_LONG = "pairwise_add_long"  # sadalp, uadalp
    WIDENING_ADD = "widening_add"  # saddw
    ADD = "add"  # add, abs
    PAIRWISE_ADD = "pairwise_add"  # addp
    SATURATING_ADD = "saturating_add"  # sqadd
    MIN_MAX = "min_max"  # smin, smax, fmax
    LOGIC = "logic"  # and, orr, eor, bic, cmtst, movi
    SHIFT = "shift"  # shl, sshr, ushr, sshll
    ROUNDING_SHIFT = "rounding_shift"  # srshr by a constant
    VARIABLE_SHIFT = "variable_shift"  # srshl by a register
    SHIFT_ACCUMULATE = "shift_accumulate"  # srsra
    NARROW = "narrow"  # sqxtn, sqrshrn
    POPULATION_COUNT = "population_count"  # cnt
    TABLE = "table"  # tbl with one register
    CONVERT = "convert"  # scvtf, fcvtns
    LOAD = "load"  # ldr q; ldr
    TUNED_LOAD = "tuned_load"  # a whole register by the fastest sequence
    SMALL_LOAD = "small_load"  # ldr d, ldr s
    STORE = "store"  # str q; str
    DUAL_MULTIPLY_ADD = "dual_multiply_add"  # smlad: two products of 16 bits
    SINGLE_MULTIPLY_ADD = "single_multiply_add"  # smlabb
    EXTEND_PAIR = "extend_pair"  # sxtb16, pkhbt
    SCALAR = "scalar"  # add, subs, ssat
    BRANCH = "branch"  # taken
    REDUCING_DOT = "reducing_dot"  # vmladava: 16 products into one scalar


class Isa(StrEnum):
    """Instruction sets that loops are written for."""

    NEON = "neon"
    HELIUM = "helium"
    DSP = "dsp"


class Order(StrEnum):
    """Whether instructions issue in the order of the program."""

    IN = "in"
    OUT = "out"


class Place(StrEnum):
    """Where the weights are when a layer starts."""

    L1 = "l1"
    L2 = "l2"
    DRAM = "dram"
    FLASH = "flash"


@dataclass(frozen=True, slots=True)
class Timing:
    """What one instruction keeps busy.

    Attributes
    ----------
    pipes
        Pipes that can run it, any one of them, separated by spaces.
    cycles
        Cycles for which it keeps one pipe.
    slots
        Issue slots that it takes; None: one.
    latency
        Cycles until another instruction can use its result; given for those that accumulate.
    forwarded
        Cycles until the next of its kind can add to its result; None: the latency.
    """

    pipes: str
    cycles: Constant
    slots: Constant | None = None
    latency: Constant | None = None
    forwarded: Constant | None = None

    def __post_init__(self) -> None:
        if not self.pipes.split():
            raise ValueError("pipes must name at least one pipe")
        mistakes = _units("cycles", self.cycles, "cycles", may_be_zero=True)
        mistakes += _units("slots", self.slots, "slots", may_be_zero=True)
        mistakes += _units("latency", self.latency, "cycles", may_be_zero=True)
        mistakes += _units("forwarded", self.forwarded, "cycles", may_be_zero=True)
        if mistakes:
            raise ValueError("; ".join(mistakes))

    @property
    def between(self) -> float:
        """Cycles from one to the next that does not depend on it."""
        return self.cycles.value / len(self.pipes.split())

    @property
    def accumulate(self) -> float:
        """Cycles from one addition to a register to the next; 0: not given."""
        found = self.forwarded or self.latency
        return found.value if found else 0.0

    @property
    def constants(self) -> tuple[Constant, ...]:
        """Every number."""
        found = (self.cycles, self.slots, self.latency, self.forwarded)
        return tuple(constant for constant in found if constant)


@dataclass(frozen=True, slots=True)
class Level:
    """A memory: its rate in bytes a cycle or bytes a second, and its size in bytes if it has one.

    L1 has no rate: what its loads cost is in the instructions.
    """

    rate: Constant | None = None
    size: Constant | None = None

    def __post_init__(self) -> None:
        mistakes = _units("rate", self.rate, "bytes/cycle", "bytes/second")
        mistakes += _units("size", self.size, "bytes")
        if mistakes:
            raise ValueError("; ".join(mistakes))

    def bytes_per_cycle(self, clock_hz: float) -> float | None:
        """Return the rate at a clock, in bytes a cycle; None if it costs no cycles of its own."""
        if self.rate is None:
            return None
        return self.rate.value / (clock_hz if self.rate.unit == "bytes/second" else 1.0)


@dataclass(frozen=True, slots=True, eq=False)  # hashed as the object that it is
class Core:
    """One core.

    Attributes
    ----------
    text
        What it is, in a line.
    isa
        Which loops run.
    order
        In order: loads of compiled code wait in the pipe of arithmetic. Out of order: the busiest
        pipes decide, and memory hides behind arithmetic.
    weights
        Where the weights are at the default point.
    issue
        Instructions that enter the pipes each cycle.
    register_bits
        Bits that one load fills.
    clock
        A usual clock, in Hz.
    loop_factor, epilogue_factor
        Cycles of compiled code over those of its instructions, in loops and in short epilogues.
    memory
        Levels by place.
    instructions
        Timings by class; a core lacks what its file lacks.
    energy
        Energy of a cycle, in pJ; None: no source.
    error
        Largest known deviation of the cycles of loops, as a ratio, from what its source names;
        None: they were compared with nothing.
    """

    text: str
    isa: Isa
    order: Order
    weights: Place
    issue: Constant
    register_bits: Constant
    clock: Constant
    loop_factor: Constant
    epilogue_factor: Constant
    memory: dict[Place, Level]
    instructions: dict[Instruction, Timing]
    energy: Constant | None = None
    error: Constant | None = None

    def __post_init__(self) -> None:
        mistakes = [
            *_units("issue", self.issue, "instructions/cycle"),
            *_units("register_bits", self.register_bits, "bits"),
            *_units("clock", self.clock, "Hz"),
            *_units("loop_factor", self.loop_factor, "ratio"),
            *_units("epilogue_factor", self.epilogue_factor, "ratio"),
            *_units("energy", self.energy, "pJ/cycle", may_be_zero=True),
            *_units("error", self.error, "ratio", may_be_zero=True),
        ]
        if self.register_bits.value % 8:
            mistakes.append(f"register_bits must be whole bytes, not {self.register_bits.value:g}")
        needed = (Instruction.LOAD, Instruction.TUNED_LOAD, Instruction.SMALL_LOAD)
        if missing := [str(name) for name in needed if name not in self.instructions]:
            mistakes.append(f"a core must have a timing for {', '.join(missing)}")
        if self.weights not in self.memory:
            mistakes.append(f"weights are in {self.weights}, which memory has no entry for")
        if unrated := [
            place
            for place, level in self.memory.items()
            if place is not Place.L1 and level.rate is None
        ]:
            mistakes.append(f"memory {', '.join(unrated)} must have a rate")
        if mistakes:
            raise ValueError("; ".join(mistakes))

    @property
    def constants(self) -> tuple[Constant, ...]:
        """Every number of the file."""
        found = [self.issue, self.register_bits, self.clock, self.loop_factor, self.epilogue_factor]
        for level in self.memory.values():
            found += [constant for constant in (level.rate, level.size) if constant]
        for timing in self.instructions.values():
            found += timing.constants
        return (*found, *(constant for constant in (self.energy, self.error) if constant))


def _units(
    name: str, constant: Constant | None, *units: str, may_be_zero: bool = False
) -> list[str]:
    """Return what is wrong with the unit and the sign of a constant."""
    if constant is None:
        return []
    found = []
    if constant.unit not in units:
        found.append(f"{name} must be in {' or '.join(units)}, not in {constant.unit}")
    if constant.value < 0 or not (constant.value or may_be_zero):
        least = "0 or more" if may_be_zero else "more than 0"
        found.append(f"{name} must be {least}, not {constant.value:g}")
    return found


def list_cores() -> list[str]:
    """Return the names of the cores that ship with the package."""
    names = (file.name for file in (files(__package__) / "cores").iterdir())
    return sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml"))


def read_core(name: str) -> Core:
    """Return a core by its name, or from a file of yours whose name ends in ``.toml``.

    A file may begin with ``base = "cortex-a72"``: what it does not say is as in that core.
    """
    if name.endswith(".toml"):
        return _structured(Path(name))
    return _shipped(name)


@functools.cache
def _shipped(name: str) -> Core:
    return _structured(_file(name))


def _file(name: str) -> Traversable:
    if name not in list_cores():
        raise ConfigError(f"unknown core {name!r}{suggest(name, list_cores())}")
    return files(__package__) / "cores" / f"{name}.toml"


def _structured(path: Path | Traversable) -> Core:
    return structure(_with_base(path), Core, str(path))


def _with_base(path: Path | Traversable) -> dict[str, Any]:
    table = read_table(path)
    base = table.pop("base", None)
    if base is None:
        return table
    return _over(_with_base(_file(str(base))), table)


def _over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Return two nested tables as one; a constant is replaced as a whole."""
    merged = dict(below)
    for name, value in above.items():
        old = below.get(name)
        if isinstance(old, dict) and isinstance(value, dict) and "value" not in value:
            value = _over(old, value)
        merged[name] = value
    return merged
