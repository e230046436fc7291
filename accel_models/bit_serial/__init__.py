"""Engines that take operands bit by bit, so that narrower ones take fewer cycles.

`rule=lanes`: a grid of lanes, each of which takes some bits of an operand in a cycle; a product
takes ceil(w / w') ceil(a / a') of them. Stripes, UNPU, Loom and BISMO are presets. `rule=ne16`: the
NE16 of GAP9 with its phases, see `accel_models.bit_serial.ne16`.

References
----------
Judd et al., Stripes, MICRO 2016 (activations serial: time ~ their bits / 16); Lee et al., UNPU,
IEEE JSSC 54(1), 2019 (weights serial, 1 to 16 bits); Sharify et al., Loom, DAC 2018 (both, and only
weights in fully connected layers); Umuroglu et al., BISMO, FPL 2018 (bit planes).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, ClassVar

from accel_models.bit_serial import lanes, ne16
from accel_models.closed_form import ClosedForm, Price
from accel_models.demand import LAYERS, Arithmetic, Demand, Kind
from accel_models.elementwise import Number, larger
from accel_models.estimate import Statement
from accel_models.keys import Doc
from accel_models.presets import preset_settings
from accel_models.work import Work, Workload

__all__ = ["BitSerial", "Rule"]


class Rule(StrEnum):
    """How cycles are counted."""

    NE16 = "ne16"
    LANES = "lanes"


@dataclass(frozen=True, slots=True)
class BitSerial(ClosedForm):
    """Cycles of engines whose time depends on the bits of their operands.

    The settings are listed by ``accel_models.describe("bit_serial")``.
    """

    name: ClassVar[str] = "bit_serial"
    summary: ClassVar[str] = "narrow operands take fewer cycles: NE16, Stripes, UNPU, Loom, BISMO"

    rule: Annotated[Rule, Doc("rule", "how cycles are counted")] = Rule.NE16
    scale_bits: Annotated[
        int, Doc("bits", "ne16: multiplier of each output (8 or 32)", positive=True)
    ] = 32
    shifts: Annotated[bool, Doc("yes/no", "ne16: every output has a shift of its own")] = False
    vectors_at_once: Annotated[int, Doc("vectors", "lanes: rows of the grid", positive=True)] = 16
    outputs_at_once: Annotated[int, Doc("outputs", "lanes: columns", positive=True)] = 16
    products_at_once: Annotated[
        int, Doc("products", "lanes: products of one sum", positive=True)
    ] = 16
    weight_bits_per_cycle: Annotated[
        int, Doc("bits/cycle", "lanes: of each weight", positive=True)
    ] = 1
    activation_bits_per_cycle: Annotated[
        int, Doc("bits/cycle", "lanes: of each activation", positive=True)
    ] = 8
    dense_activation_bits: Annotated[
        int | None,
        Doc(
            "bits",
            "lanes: dense layers share the rows among outputs, this many cycles apart",
            positive=True,
        ),
    ] = None
    memory_bytes_per_cycle: Annotated[
        float, Doc("bytes/cycle", "rate of the memory behind the engine", positive=True)
    ] = 8.0

    vectors: ClassVar[frozenset[str]] = frozenset({"memory_bytes_per_cycle"})

    @classmethod
    def presets(cls) -> Mapping[str, Mapping[str, Any]]:
        """Return the settings of each named engine."""
        return preset_settings(cls.name)

    def refusals(self, work: Demand) -> Iterator[tuple[Number, str]]:
        """Yield what the engine cannot do."""
        if work.kind not in LAYERS:
            yield True, f"is {work.kind}, but the engine only multiplies by weights"
        if work.arithmetic is Arithmetic.FLOAT:
            yield True, "is floating point, but the engine takes the bits of integers"
        if work.kind is not Kind.DEPTHWISE:
            yield work.groups != 1, f"has {work.groups} groups, but an output sums all channels"
        yield from (ne16 if self.rule is Rule.NE16 else lanes).refusals(work)

    def method(self, work: Work) -> str:
        """Return the mode of the engine."""
        return ne16.mode(work) if self.rule is Rule.NE16 else lanes.mode(self, work)

    def price(self, work: Demand) -> Price:
        """Price one layer: the engine, and the memory behind it at the same time."""
        engine = ne16 if self.rule is Rule.NE16 else lanes
        found = engine.count(self, work)
        moved = (
            work.weights * work.weight_bits
            + work.input_values * work.activation_bits
            + work.output_values * work.output_bits
            + work.parameter_bits
        ) / 8
        transfer = moved / self.memory_bytes_per_cycle
        return Price(
            cycles=larger(found.cycles, transfer),
            low=found.cycles / 1,
            high=found.cycles + transfer,
            compute_cycles=found.cycles,
            ideal_cycles=found.ideal_cycles,
            memory_bytes={"buffer": found.buffer_bits / 8, "memory": moved},
            counts=found.counts,
            resource_cycles={"compute": found.cycles / 1, "memory": transfer},
        )

    def state(self, workload: Workload) -> Statement:
        """Say whose cycles these are."""
        common = (
            "default point: the slower of engine and memory; low: engine alone; high: one after "
            "the other",
        )
        if self.rule is Rule.LANES:
            return Statement(
                basis=f"grid of bit-serial lanes; {common[0]}",
                relative_error=0.5,
                error_basis="the scaling rules of the papers; never compared with a machine",
                sources=(
                    "Judd et al., Stripes, MICRO 2016",
                    "Lee et al., UNPU, IEEE JSSC 54(1), 2019",
                    "Sharify et al., Loom, DAC 2018",
                    "Umuroglu et al., BISMO, FPL 2018",
                ),
                assumptions=(
                    "every step takes a cycle; filling and draining the grid is free",
                    "a depthwise layer is a product for each channel, one after the other",
                    "no sourced energy by layer exists",
                ),
            )
        return Statement(
            basis=f"phases of NE16, one after the other; {common[0]}",
            relative_error=0.42,
            error_basis=(
                "GAP9's measured time of a whole network, of which the layers on NE16 are 58 %; "
                "engine cycles against DORY be3d6dd (Ne16PerfModel): exact"
            ),
            sources=(
                "pulp-platform/dory at be3d6dd, GAP9_NE16/Tiler/Ne16PerfModel.py",
                "MLPerf Tiny v1.0, GreenWaves GAP9 (5-bit weights)",
            ),
            assumptions=(
                f"outputs are scaled by {self.scale_bits}-bit multipliers; biases are added where "
                "the work has them",
                "a dense layer is a 1 x 1 convolution of one pixel: 8 of 9 columns wait",
                "layers are in L1, in one tile; L2 delivers "
                f"{self.memory_bytes_per_cycle:g} bytes a cycle (assumed)",
                "no sourced energy by layer exists",
            ),
        )
