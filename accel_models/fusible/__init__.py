"""An array whose elements split for narrow operands: Bit Fusion.

An element multiplies one pair of 8-bit operands in a cycle, or 2, 4... 16 pairs of narrower ones.
Widths are rounded up to a fraction of the widest: 3 bits run as 4 would on four products, 5 to 7 as
8. Memories keep the true bits.

References
----------
Sharma et al., Bit Fusion, ISCA 2018; cycles are those of its simulator at 04ec1c8.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, ClassVar

from accel_models.closed_form import ClosedForm, Price
from accel_models.demand import LAYERS, Arithmetic, Demand, Kind
from accel_models.elementwise import Number, ceil_div, each, larger, round_up, smaller
from accel_models.errors import ConfigError
from accel_models.estimate import Statement
from accel_models.fusible.tiles import Buffers, best_stalls
from accel_models.keys import Doc
from accel_models.presets import preset_settings
from accel_models.technology.elements import elements_45nm
from accel_models.work import Work, Workload

__all__ = ["FusibleArray", "Tiling"]

_SUM_BITS = 32
_DRAM_PJ_PER_BIT = 15.0


class Tiling(StrEnum):
    """How the transfers between DRAM and buffers are found."""

    ONCE = "once"
    SEARCH = "search"


@dataclass(frozen=True, slots=True)
class FusibleArray(ClosedForm):
    """Cycles, traffic and energy of an array of elements that split.

    The settings are listed by ``accel_models.describe("fusible")``.
    """

    name: ClassVar[str] = "fusible"
    summary: ClassVar[str] = "an array whose elements split for narrow operands (Bit Fusion)"

    rows: Annotated[int, Doc("elements", "products of a sum at once", positive=True)] = 16
    columns: Annotated[int, Doc("elements", "outputs at once", positive=True)] = 32
    widest_bits: Annotated[int, Doc("bits", "operands of a whole element", positive=True)] = 8
    narrowest_bits: Annotated[int, Doc("bits", "operands of the smallest part", positive=True)] = 2
    port_bits: Annotated[int, Doc("bits/cycle", "between DRAM and buffers", positive=True)] = 192
    weight_sram_kib: Annotated[float, Doc("KiB", "half of it prefetches", positive=True)] = 64.0
    input_sram_kib: Annotated[float, Doc("KiB", "half of it prefetches", positive=True)] = 32.0
    output_sram_kib: Annotated[float, Doc("KiB", "half of it drains", positive=True)] = 16.0
    tiling: Annotated[
        Tiling, Doc("rule", "every operand crosses once, or the best tiles and order are searched")
    ] = Tiling.ONCE

    vectors: ClassVar[frozenset[str]] = frozenset({"rows", "columns", "port_bits"})

    def __post_init__(self) -> None:
        ClosedForm.__post_init__(self)
        halves = [self.narrowest_bits << n for n in range(self.widest_bits.bit_length())]
        if self.widest_bits not in halves:
            raise ConfigError(
                f"cost model 'fusible': widest_bits must be narrowest_bits ({self.narrowest_bits}) "
                f"doubled so many times, not {self.widest_bits}"
            )

    @classmethod
    def presets(cls) -> Mapping[str, Mapping[str, Any]]:
        """Return the settings of each named array."""
        return preset_settings(cls.name)

    def refusals(self, work: Demand) -> Iterator[tuple[Number, str]]:
        """Yield what the array cannot do."""
        if work.kind not in LAYERS:
            yield True, f"is {work.kind}, but the array only multiplies matrices"
        if work.arithmetic is Arithmetic.FLOAT:
            yield True, "is floating point, but elements split integers"
        if work.kind is not Kind.DEPTHWISE:
            yield work.groups != 1, f"has {work.groups} groups, but an output sums all channels"
        for noun, bits in (("weights", work.weight_bits), ("activations", work.activation_bits)):
            yield (
                bits > self.widest_bits,
                (f"has {bits}-bit {noun}, but elements take at most {self.widest_bits}"),
            )

    def method(self, work: Work) -> str:
        """Return the array, and how far an element is split."""
        return f"{self.rows}x{self.columns} split in {self.parts(work)}"

    def parts(self, work: Demand) -> Number:
        """Return the products that an element makes in a cycle."""
        weights = larger(work.weight_bits, self.narrowest_bits)
        inputs = larger(work.activation_bits, self.narrowest_bits)
        return (self.widest_bits // weights) * (self.widest_bits // inputs)

    def price(self, work: Demand) -> Price:
        """Price one layer: a product for each group, transfers behind arithmetic."""
        groups, outputs, parts = work.groups, work.outputs // work.groups, self.parts(work)
        together = self.rows * parts
        padded = round_up(work.inputs, together)
        compute = groups * work.rows * ceil_div(outputs, self.columns) * (padded // together)
        stalls = groups * self._stalls(work, outputs, parts)
        weights = groups * padded * outputs * work.weight_bits
        inputs = work.rows * work.inputs * groups * work.activation_bits
        sums = groups * work.rows * round_up(outputs, self.columns) * _SUM_BITS
        moved = (weights + inputs + 2 * sums + work.parameter_bits) / 8
        transfer = moved * 8 / self.port_bits
        return Price(
            cycles=compute + stalls,
            low=compute / 1,
            high=compute + larger(transfer, stalls) + 2 * groups,
            compute_cycles=compute,
            ideal_cycles=work.macs / (self.rows * self.columns * parts),
            memory_bytes={"sram": self._sram_bits(work, padded, groups) / 8, "dram": moved},
            energy_by_component=self._energy(work, compute, padded, moved),
            counts={"products_per_element": parts, "stall_cycles": stalls},
            resource_cycles={"compute": compute / 1, "dram": transfer},
        )

    def _stalls(self, work: Demand, outputs: Number, parts: Number) -> Number:
        """Return the cycles of one group that wait for DRAM."""
        buffers = Buffers(
            weights=int(self.weight_sram_kib * 8192 / 2),
            inputs=int(self.input_sram_kib * 8192 / 2),
            outputs=int(self.output_sram_kib * 8192 / 2),
        )
        given = (
            *(work.rows, work.inputs, outputs, work.weight_bits, work.activation_bits),
            *(self.rows * parts, self.columns, self.port_bits),
        )
        if self.tiling is Tiling.SEARCH:
            return each(best_stalls, *given, buffers.weights, buffers.inputs, buffers.outputs)
        padded = round_up(work.inputs, self.rows * parts)
        weights = padded * outputs * work.weight_bits
        inputs = work.rows * work.inputs * work.activation_bits
        sums = work.rows * round_up(outputs, self.columns) * _SUM_BITS
        first = (
            smaller(weights, buffers.weights)
            + smaller(inputs, buffers.inputs)
            + smaller(sums, buffers.outputs)
        )
        last = smaller(sums, buffers.outputs)
        compute = work.rows * ceil_div(outputs, self.columns) * (padded // (self.rows * parts))
        middle = ceil_div(weights + inputs + 2 * sums - first - last, self.port_bits)
        exposed = ceil_div(first, self.port_bits) + ceil_div(last, self.port_bits)
        return larger(middle - compute, 0) + exposed

    def _sram_bits(self, work: Demand, padded: Number, groups: Number) -> Number:
        """Return bits between buffers and elements: inputs serve a row, weights one element."""
        outputs = work.outputs // groups
        inputs = work.rows * ceil_div(outputs, self.columns) * padded * work.activation_bits
        weights = work.rows * padded * outputs * work.weight_bits
        return groups * (inputs + weights) + work.output_values * _SUM_BITS

    def _energy(
        self, work: Demand, compute: Number, padded: Number, moved: Number
    ) -> dict[str, Number]:
        table = elements_45nm()
        element = table.fusible.get(str(self.widest_bits), table.fusible["8"])
        bank = self.weight_sram_kib * 1024 / 16
        return {
            "elements": compute * (self.rows * self.columns * element.energy.value),
            "sram": self._sram_bits(work, padded, work.groups) * table.memory_pj_per_bit(bank),
            "dram": moved * 8 * _DRAM_PJ_PER_BIT,
        }

    def state(self, workload: Workload) -> Statement:
        """Say that cycles are Bit Fusion's."""
        return Statement(
            basis=(
                "closed form of an array whose elements split; default: transfers behind "
                "arithmetic but for the first tile and the last sums; low: no transfers"
            ),
            relative_error=0.0,
            error_basis=(
                "compute_cycles against Bit Fusion's simulator 04ec1c8: exact; total cycles with "
                "tiling=search: exact; with tiling=once: see docs/reference/accelerators.md"
            ),
            sources=(
                "Sharma et al., Bit Fusion, ISCA 2018; simulator and synthesis at 04ec1c8",
                "CACTI sweep in the same repository (45 nm)",
            ),
            assumptions=(
                "operand widths are rounded up to a fraction of the widest in arithmetic only",
                "sums cross at 32 bits, both ways, whatever the accumulator",
                "convolutions are products of their windows and filters",
                "energy: elements with their registers whenever the array is busy, buffers, DRAM "
                f"at {_DRAM_PJ_PER_BIT:g} pJ a bit; no leakage",
            ),
        )
