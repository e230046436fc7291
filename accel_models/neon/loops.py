"""Inner loops as data: instructions for 16 products, what they load, and which sums they make.

One TOML file a loop. The numbers are counts of instructions (`each`, `by_channel`: for 16
products; `unpack`: for 16 weights, whatever number of vectors shares them; `spill`: to empty one
register of lanes; `prepare`: for 16 activations).
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from importlib.resources import files
from types import MappingProxyType

from accel_models.errors import ConfigError, suggest
from accel_models.neon.core import Core, Instruction, Isa
from accel_models.toml import read_toml
from accel_models.work import Arithmetic

__all__ = [
    "STEP",
    "Counts",
    "Epilogue",
    "Loop",
    "Sums",
    "epilogue_counts",
    "read_loop",
    "read_loops",
    "rescales",
]

STEP = 16  # products in a step of a loop
Counts = Mapping[Instruction, float]


class Sums(StrEnum):
    """How a loop adds products up."""

    WIDE = "wide"  # 32-bit sums
    LANES = "lanes"  # n products in narrow lanes, which are then emptied into 32 bits
    NARROW = "narrow"  # in narrow lanes, never widened
    SATURATING = "saturating"  # every product on its own, so that each sum can be clamped
    NORMALISED = "normalised"  # every product is cut before it is added
    APPROXIMATE = "approximate"  # products lose bits: only if asked for by name


class Epilogue(StrEnum):
    """What happens to each output after its sum is complete."""

    REDUCE_32 = "reduce_32"  # add the lanes of 32 bits
    REDUCE_16 = "reduce_16"  # add the lanes of 16 bits
    FLOAT_BIAS = "float_bias"  # add the bias, clip
    MULTIPLIER = "multiplier"  # a 32-bit multiplier and shift of its own, narrow
    LAYER_MULTIPLIER = "layer_multiplier"  # one multiplier and shift for the layer
    FLOAT_SCALE = "float_scale"  # to float, scale, back
    SHIFT_32 = "shift_32"  # one rounding shift from 32 to 8 bits
    SHIFT_16 = "shift_16"  # one rounding shift from 16 to 8 bits
    DYNAMIC = "dynamic"  # the shift that the largest output asks for


@dataclass(frozen=True, slots=True)
class Loop:
    """One inner loop.

    Attributes
    ----------
    text, source, note
        What it does, where such a loop is published, and what else to know.
    isa, arithmetic, sums
        Which instructions it is written for, and what it computes.
    weight_bits, activation_bits
        Widest operands that it takes.
    stored_weight_bits, stored_activation_bits
        Bits that each takes in memory.
    register_bits
        Bits that a load fills.
    lane_bits
        Lanes in which products are added.
    offset_weights
        Weights are stored with an offset that makes them positive, and so twice as large.
    clamps_itself
        Sums narrower than their lanes need no further instruction.
    longest
        Most products that a lane takes before it is emptied; None: as many as fit.
    outputs, shared_outputs
        Outputs that share a load of activations: of one vector; of several that share weights.
    frames, frame_multiple
        Most vectors that share a load of weights; vectors that are computed at a time.
    activation_load_bits
        Bits that a load of activations takes; None: a whole register.
    code_bytes
        Size of such a loop as gcc 12.2 -O3 makes it for AArch64; None: never compiled here.
    each, unpack, spill, prepare
        Instructions (see the module).
    by_channel
        Instructions for 16 products with a channel in every lane (depthwise); None: cannot.
    reduce
        What adds the lanes of one output; None: each output has one lane.
    """

    text: str
    source: str
    isa: Isa
    arithmetic: Arithmetic
    sums: Sums
    weight_bits: int
    activation_bits: int
    stored_weight_bits: int
    stored_activation_bits: int
    outputs: int
    each: dict[Instruction, float]
    note: str = ""
    register_bits: int = 128
    lane_bits: int = 32
    offset_weights: bool = False
    clamps_itself: bool = False
    longest: int | None = None
    shared_outputs: int = 1
    frames: int = 1
    frame_multiple: int = 1
    activation_load_bits: int | None = None
    code_bytes: int | None = None
    unpack: dict[Instruction, float] = field(default_factory=dict)
    spill: dict[Instruction, float] = field(default_factory=dict)
    prepare: dict[Instruction, float] = field(default_factory=dict)
    by_channel: dict[Instruction, float] | None = None
    reduce: Epilogue | None = None

    def __post_init__(self) -> None:
        mistakes = [
            f"{name} must be 1 or more, not {value}"
            for name in (
                *("weight_bits", "activation_bits", "stored_weight_bits", "stored_activation_bits"),
                *("outputs", "shared_outputs", "frames", "frame_multiple", "longest"),
                *("lane_bits", "register_bits", "activation_load_bits", "code_bytes"),
            )
            if (value := getattr(self, name)) is not None and value < 1
        ]
        if not mistakes and self.register_bits % self.lane_bits:
            mistakes.append(
                f"lane_bits must divide the {self.register_bits} bits of a register, not "
                f"{self.lane_bits}"
            )
        if not mistakes and self.frames % self.frame_multiple:
            mistakes.append(
                f"frames must be a multiple of frame_multiple ({self.frame_multiple}), not "
                f"{self.frames}"
            )
        if not any(self.each.values()):
            mistakes.append("each must have an instruction")
        begun = {name: self.each.get(name, 0.0) for name in self.spill}
        for part, counts in (
            ("each", self.each),
            ("unpack", self.unpack),
            ("prepare", self.prepare),
            ("by_channel", self.by_channel or {}),
            ("spill with each", {n: begun[n] + count for n, count in self.spill.items()}),
        ):
            mistakes += [
                f"{part}: {name} must be 0 or more, not {count:g}"
                for name, count in counts.items()
                if count < 0
            ]
        if mistakes:
            raise ValueError("; ".join(mistakes))

    @property
    def lanes(self) -> int:
        """Sums in one register."""
        return self.register_bits // self.lane_bits

    @property
    def outputs_in_register(self) -> int:
        """Outputs whose sums are in one register: one, unless each has a lane."""
        return self.lanes if self.isa is Isa.NEON and self.reduce is None else 1

    @property
    def packed(self) -> bool:
        """Whether operands are stored without containers of their own."""
        return self.stored_weight_bits < 8

    def runs_on(self, core: Core) -> bool:
        """Return whether a core has every instruction of this loop."""
        used = {*self.each, *self.unpack, *self.spill, *self.prepare}
        return self.isa is core.isa and used <= set(core.instructions)


@functools.cache
def read_loops() -> Mapping[str, Loop]:
    """Return the loops that ship with the package, by name."""
    folder = files(__package__) / "loops"
    found = sorted(folder.iterdir(), key=lambda file: file.name)
    return MappingProxyType(
        {
            file.name.removesuffix(".toml"): read_toml(file, Loop)
            for file in found
            if file.name.endswith(".toml")
        }
    )


def read_loop(name: str) -> Loop:
    """Return a loop by its name, or from a file of yours whose name ends in ``.toml``.

    Raises
    ------
    ConfigError
        If there is no such loop; naming everything that is wrong in the file.
    """
    if name.endswith(".toml"):
        return read_toml(name, Loop)
    if name not in read_loops():
        raise ConfigError(f"unknown loop {name!r}{suggest(name, read_loops())}")
    return read_loops()[name]


@dataclass(frozen=True, slots=True)
class _Epilogues:
    text: str
    source: str
    vector: dict[Epilogue, dict[Instruction, float]]
    scalar: dict[Epilogue, dict[Instruction, float]]


@functools.cache
def _epilogues() -> _Epilogues:
    return read_toml(files(__package__) / "epilogues.toml", _Epilogues)


def rescales(core: Core) -> list[Epilogue]:
    """Return what a core can make outputs of sums with."""
    tables = _epilogues()
    known = tables.scalar if core.isa is Isa.DSP else tables.vector
    return [name for name in known if name not in (Epilogue.REDUCE_32, Epilogue.REDUCE_16)]


def epilogue_counts(core: Core, epilogue: Epilogue) -> Counts:
    """Return the instructions of an epilogue for one output."""
    tables = _epilogues()
    return (tables.scalar if core.isa is Isa.DSP else tables.vector)[epilogue]
