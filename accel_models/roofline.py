"""Anything else: a peak rate of products, a memory on the chip and one outside.

A layer takes as long as the busier of arithmetic and the memory outside (Williams et al., CACM
52(4), 2009). Weights and activations outside the chip cross once; below a size they stay inside.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar

from accel_models.closed_form import ClosedForm, Price
from accel_models.demand import LAYERS, Arithmetic, Demand
from accel_models.elementwise import Number, choose, larger
from accel_models.estimate import Statement
from accel_models.keys import Doc
from accel_models.presets import preset_settings
from accel_models.storage import WeightStorage, create_storage
from accel_models.technology import horowitz_45nm
from accel_models.work import Work, Workload

__all__ = ["Roofline"]


@dataclass(frozen=True, slots=True)
class Roofline(ClosedForm):
    """Cycles and traffic of a machine of which only peak rates are known.

    The settings are listed by ``accel_models.describe("roofline")``.
    """

    name: ClassVar[str] = "roofline"
    summary: ClassVar[str] = "a peak rate of products against the rate of a memory"

    macs_per_cycle: Annotated[
        float, Doc("MAC/cycle", "peak rate of 8-bit products", positive=True)
    ] = 64.0
    values_per_cycle: Annotated[
        float, Doc("values/cycle", "rate of operations without weights", positive=True)
    ] = 8.0
    narrow_gain: Annotated[
        bool, Doc("yes/no", "products of fewer than 8 weight bits are so much faster")
    ] = False
    memory_bytes_per_cycle: Annotated[
        float, Doc("bytes/cycle", "rate of the memory outside", positive=True)
    ] = 4.0
    weight_sram_kib: Annotated[
        float, Doc("KiB", "weights of a layer that fit stay on the chip")
    ] = 0.0
    activation_sram_kib: Annotated[
        float, Doc("KiB", "activations of a layer that fit stay on the chip", positive=True)
    ] = 64.0
    storage: Annotated[str, Doc("name", "how weights are stored: one of list_storages()")] = (
        "packed"
    )
    _storage: WeightStorage = field(init=False, repr=False, compare=False)

    vectors: ClassVar[frozenset[str]] = frozenset(
        {"macs_per_cycle", "values_per_cycle", "memory_bytes_per_cycle"}
    )

    def __post_init__(self) -> None:
        ClosedForm.__post_init__(self)
        object.__setattr__(self, "_storage", create_storage(self.storage))

    @classmethod
    def presets(cls) -> Mapping[str, Mapping[str, Any]]:
        """Return the settings of each named machine."""
        return preset_settings(cls.name)

    def refusals(self, work: Demand) -> Iterator[tuple[Number, str]]:
        """Nothing: whatever is counted can be held against a roof."""
        yield from ()

    def method(self, work: Work) -> str:
        """Return the peak rate."""
        return f"{self.macs_per_cycle:g} MAC/cycle"

    def price(self, work: Demand) -> Price:
        """Price one layer: the higher of two roofs."""
        weights = self._storage.bits(work) / 8 if work.kind in LAYERS else 0 * work.rows
        constants = weights + work.parameter_bits / 8
        activations = (
            work.input_values * work.activation_bits + work.output_values * work.output_bits
        ) / 8
        kept = 0 * work.rows if work.ring is None else work.ring.values * work.activation_bits / 8
        inside = activations + kept <= self.activation_sram_kib * 1024
        outside = choose(constants <= self.weight_sram_kib * 1024, 0, constants)
        outside = outside + choose(inside, 0, activations)
        sram = constants + activations
        rate = self.macs_per_cycle
        if self.narrow_gain:
            rate = rate * 8 / choose(work.weight_bits < 8, work.weight_bits, 8)
        compute = work.macs / rate
        if work.kind not in LAYERS:
            compute = compute + work.output_values * work.inputs / self.values_per_cycle
        transfer = outside / self.memory_bytes_per_cycle
        return Price(
            cycles=larger(compute, transfer),
            low=compute,
            high=compute + transfer,
            compute_cycles=compute,
            ideal_cycles=work.macs / rate,
            memory_bytes={"chip": sram, "memory": outside},
            energy_by_component=self._energy(work, sram, outside),
            counts={"weight_stored_bytes": weights},
            resource_cycles={"compute": compute, "memory": transfer},
        )

    def _energy(self, work: Demand, sram: Number, outside: Number) -> dict[str, Number]:
        technology = horowitz_45nm()
        if work.arithmetic is Arithmetic.FLOAT:
            mac = technology.float32_multiply.value + technology.float32_add.value
        else:
            mac = technology.multiply_pj(work.weight_bits, work.activation_bits)
            mac = mac + technology.add_pj(work.accumulator.bits)
        size = max(self.activation_sram_kib, self.weight_sram_kib)
        return {
            "mac": work.macs * mac,
            "sram": 8 * sram * technology.sram_pj_per_bit(size),
            "dram": 8 * outside * technology.dram_pj_per_bit(),
        }

    def state(self, workload: Workload) -> Statement:
        """Say that this is a bound and no schedule."""
        return Statement(
            basis="the higher of two roofs, layer by layer; low: arithmetic; high: their sum",
            relative_error=1.0,
            error_basis="a bound, not a schedule: machines reach 10 to 90 % of it",
            sources=(
                "Williams, Waterman, Patterson, Roofline, CACM 52(4), 2009",
                "Horowitz, Computing's energy problem, ISSCC 2014 (45 nm)",
            ),
            assumptions=(
                "every operand crosses once; arithmetic is always busy",
                "weights of a layer that fit their memory were there before; activations that fit "
                "never leave",
                "sizes and rates are design points unless a preset names their source",
                "energy: products, additions, memories; no clock, control, registers or leakage",
            ),
        )
