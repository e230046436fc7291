"""A cost model as another package brings it: lanes that add, subtract or skip."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Annotated, Any, ClassVar

import accel_models as am
from accel_models.demand import LAYERS, Demand
from accel_models.elementwise import Number, ceil_div, larger

__all__ = ["TernaryNpu", "Trits"]


@dataclass(frozen=True, slots=True)
class Trits(am.WeightStorage):
    """Weights of {-1, 0, 1}, five in a byte, since 3^5 = 243."""

    name: ClassVar[str] = "trits"
    summary: ClassVar[str] = "five ternary weights in a byte"

    def bits(self, work: Demand) -> Number:
        """Return whole bytes."""
        return 8 * ceil_div(work.weights, 5)


@dataclass(frozen=True, slots=True)
class TernaryNpu(am.ClosedForm):
    """`lanes` additions a cycle; weights arrive from flash while the machine works."""

    name: ClassVar[str] = "ternary_npu"
    summary: ClassVar[str] = "lanes that add, subtract or skip (an example of a plug-in)"

    lanes: Annotated[int, am.Doc("products/cycle", "additions at once", positive=True)] = 256
    flash_rate: Annotated[
        float, am.Doc("bytes/cycle", "rate of the flash with the weights", positive=True)
    ] = 1.0

    #: Settings that may be columns of a table of design points.
    vectors: ClassVar[frozenset[str]] = frozenset({"lanes", "flash_rate"})

    @classmethod
    def presets(cls) -> Mapping[str, Mapping[str, Any]]:
        """Return the settings of each named machine: a file each."""
        return {"small": cls.read_preset(str(files(__name__) / "small.toml"))}

    def refusals(self, work: Demand) -> Iterator[tuple[Number, str]]:
        """Yield what the machine cannot do, and why not."""
        if work.kind not in LAYERS:
            yield True, f"is {work.kind}, but lanes only add"
        if work.arithmetic is am.Arithmetic.FLOAT:
            yield True, "is floating point, but lanes add integers"
        yield work.weight_bits > 2, f"has {work.weight_bits}-bit weights, not {{-1, 0, 1}}"
        yield work.accumulator.final_bits > 24, "sums in more bits than the 24 of a register"

    def method(self, work: am.Work) -> str:
        """Return what runs a layer."""
        return f"{self.lanes} lanes"

    def price(self, work: Demand) -> am.Price:
        """Price one layer, or columns of many."""
        compute = work.rows * work.inputs * ceil_div(work.outputs, self.lanes)
        flash = Trits().bytes(work) + ceil_div(work.parameter_bits, 8)
        stream = flash / self.flash_rate
        values = work.input_values * work.activation_bits + work.output_values * work.output_bits
        return am.Price(
            cycles=larger(compute, stream),  # flash is read ahead
            low=compute / 1,  # weights already there
            high=compute + stream,  # nothing is read ahead
            compute_cycles=compute,
            ideal_cycles=work.macs / self.lanes,
            memory_bytes={"flash": flash / 1, "ram": values / 8},
            resource_cycles={"compute": compute / 1, "flash": stream},
        )

    def state(self, workload: am.Workload) -> am.Statement:
        """Say what the numbers are made of."""
        return am.Statement(
            basis="closed form; default: flash read ahead; low: no flash; high: no overlap",
            relative_error=0.5,
            error_basis="invented for this example: never compared with anything",
            sources=("Ternary NPU data sheet, revision 3 (invented)",),
            assumptions=("five ternary weights share a byte, whatever their declared width",),
        )
