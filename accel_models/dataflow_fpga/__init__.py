"""A pipeline of matrix-vector units on an FPGA, one for each layer: FINN.

A unit of `pe` x `simd` multipliers holds its weights on chip and takes (MH / pe) (MW / simd) cycles
for each vector. Bits decide what it is built of: lookup tables, block memory and the adder of the
accumulator.

References
----------
Blott et al., FINN-R, ACM TRETS 11(3), 2018; cycles, LUT, BRAM, URAM and DSP are those of FINN's
estimators (MVAU_hls, VVAU_hls at 39f0c9a); Colbert et al., arXiv:2301.13376 (accumulator bits).
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files
from typing import Annotated, Any, ClassVar

from accel_models.closed_form import ClosedForm, Price
from accel_models.constants import Constant
from accel_models.dataflow_fpga.memory import MemoryMode, RamStyle, bram18, uram
from accel_models.demand import LAYERS, Arithmetic, Demand, Kind
from accel_models.elementwise import Number, bit_length, ceil_div, choose, smaller, whole
from accel_models.estimate import Statement
from accel_models.keys import Doc
from accel_models.presets import preset_settings
from accel_models.toml import read_toml
from accel_models.work import Work, Workload

__all__ = ["DataflowFpga", "Fabric", "Multipliers", "accumulator_bits", "fold", "read_fabric"]


class Multipliers(StrEnum):
    """What multiplies."""

    LUT = "lut"
    DSP = "dsp"


@dataclass(frozen=True, slots=True)
class Fabric:
    """Constants of FINN's resource estimators."""

    text: str
    unit_luts: Constant
    lut_overhead: Constant
    multiplier_bits: Constant
    dsp_bits: Constant
    distributed_depth: Constant


@functools.cache
def read_fabric() -> Fabric:
    """Return the constants of FINN's resource estimators."""
    return read_toml(files(__name__) / "mvau.toml", Fabric)


@dataclass(frozen=True, slots=True)
class DataflowFpga(ClosedForm):
    """Cycles and resources of matrix-vector units, one after the other in a pipeline.

    The settings are listed by ``accel_models.describe("dataflow_fpga")``.
    """

    name: ClassVar[str] = "dataflow_fpga"
    summary: ClassVar[str] = "a matrix-vector unit for each layer on an FPGA (FINN)"

    pe: Annotated[int, Doc("outputs/cycle", "outputs that a unit sums at once", positive=True)] = 1
    simd: Annotated[int, Doc("products/cycle", "products of a sum at once", positive=True)] = 1
    multipliers: Annotated[Multipliers, Doc("resource", "what multiplies")] = Multipliers.LUT
    memory_mode: Annotated[MemoryMode, Doc("mode", "where weights are")] = (
        MemoryMode.INTERNAL_DECOUPLED
    )
    ram_style: Annotated[RamStyle, Doc("resource", "what weights are stored in")] = RamStyle.AUTO
    clock_hz: Annotated[float, Doc("Hz", "clock of the pipeline", positive=True)] = 100e6

    vectors: ClassVar[frozenset[str]] = frozenset({"pe", "simd"})

    @classmethod
    def presets(cls) -> Mapping[str, Mapping[str, Any]]:
        """Return the settings of each named machine."""
        return preset_settings(cls.name)

    @property
    def clock(self) -> float:
        """The clock in Hz."""
        return self.clock_hz

    def refusals(self, work: Demand) -> Iterator[tuple[Number, str]]:
        """Yield what there is no unit for."""
        if work.kind not in LAYERS:
            yield True, f"is {work.kind}, but only layers with weights have a unit here"
        if work.arithmetic is Arithmetic.FLOAT:
            yield True, "is floating point, but the units multiply integers"
        if work.kind is not Kind.DEPTHWISE:
            yield work.groups != 1, f"has {work.groups} groups, but a unit sums all inputs"

    def method(self, work: Work) -> str:
        """Return the unit and its folding."""
        unit = "VVAU" if work.kind is Kind.DEPTHWISE else "MVAU"
        return f"{unit} {self.pe}x{self.simd} {self.multipliers}"

    def price(self, work: Demand) -> Price:
        """Price the unit of one layer."""
        deep = ceil_div(work.outputs, self.pe) * ceil_div(work.inputs, self.simd)
        cycles = work.rows * deep
        wide = self.pe * self.simd * work.weight_bits
        weights = work.rows * deep * wide / 8
        streamed = (
            work.rows * work.inputs * work.groups * work.activation_bits
            + work.output_values * work.output_bits
        ) / 8
        return Price(
            cycles=cycles,
            low=cycles,
            high=cycles,
            compute_cycles=cycles,
            ideal_cycles=work.macs / (self.pe * self.simd),
            memory_bytes={"weight": weights, "stream": streamed},
            counts={
                "lut": self._luts(work, deep),
                "dsp": self._dsps(work),
                "bram18": bram18(wide, deep, self.memory_mode, self.ram_style),
                "uram": uram(wide, deep, self.memory_mode, self.ram_style),
                "accumulator_bits_total": accumulator_bits(work) * self.pe,
                "weight_stored_bytes": work.weights * work.weight_bits / 8,
            },
            resource_cycles={"compute": cycles / 1},
        )

    def interval(self, workload: Workload) -> int:
        """Return the cycles from one inference to the next: those of the slowest unit."""
        return max(int(self.price(work).cycles) for work in workload)

    def state(self, workload: Workload) -> Statement:
        """Say that everything is FINN's, and what that leaves out."""
        return Statement(
            basis=(
                "closed forms of FINN's estimators; the sum of the layers is the latency of one "
                "inference, the slowest unit the time between two (`interval`)"
            ),
            relative_error=0.0,
            error_basis=(
                "cycles, DSP, BRAM and accumulator bits against FINN 39f0c9a (MVAU_hls): exact, "
                "LUT within 1; FINN says of its own LUT that they are estimates before synthesis"
            ),
            sources=(
                "Blott et al., FINN-R, ACM TRETS 11(3), 2018",
                "Xilinx/finn at 39f0c9a, custom_op/fpgadataflow: MVAU_hls, VVAU_hls",
                "Colbert, Pappalardo, Petri-Koenig, arXiv:2301.13376 (accumulator bits)",
            ),
            assumptions=(
                "all layers have the same folding, as set; `fold` gives the one that FINN chooses",
                "a folding that does not divide a layer is priced as the layer filled up to it, "
                "which FINN leaves to its user",
                "sums have the bits of the accumulator or of the widest sum of their data types, "
                "whichever is less; activations are signed unless activation_magnitude says not",
                "convolutions without their sliding-window unit, no thresholds, no FIFOs",
                "no sourced energy exists",
            ),
        )

    def _luts(self, work: Demand, deep: Number) -> Number:
        fabric = read_fabric()
        bits = work.weight_bits + work.activation_bits
        multiply = self.simd * (2 * ceil_div(bits, fabric.multiplier_bits.whole) - 1) * bits
        if self.multipliers is Multipliers.DSP:
            multiply = 0
        add = bits * (2 * self.simd - 1)
        stored: Number = 0
        words = (
            self.pe * self.simd * work.weight_bits * ceil_div(deep, fabric.distributed_depth.whole)
        )
        if self.memory_mode is MemoryMode.INTERNAL_EMBEDDED:
            stored = choose(deep <= 128, words, 0)
        elif self.ram_style is RamStyle.DISTRIBUTED and (
            self.memory_mode is MemoryMode.INTERNAL_DECOUPLED
        ):
            stored = words
        unit = self.pe * (multiply + add + accumulator_bits(work))
        return whole(fabric.unit_luts.value + fabric.lut_overhead.value * unit + stored)

    def _dsps(self, work: Demand) -> Number:
        if self.multipliers is Multipliers.LUT:
            return 0 * work.rows
        each = ceil_div(work.weight_bits + work.activation_bits, read_fabric().dsp_bits.whole)
        return self.pe * each * (1 if work.kind is Kind.DEPTHWISE else self.simd)


def accumulator_bits(work: Demand) -> Number:
    """Return the bits of a unit's sums: those asked for, or enough for all data if that is less.

    ``1 + ceil(log2(K 2^(w + a - 1 - s) + 1))`` with s = 1 for signed activations; Colbert et al.,
    arXiv:2301.13376, in whole numbers.
    """
    magnitude = work.activation_magnitude
    half = 1 << (work.activation_bits - 1)
    signed = 1 if magnitude is None else choose(magnitude > half, 0, 1)
    largest = work.inputs << (work.weight_bits + work.activation_bits - 1 - signed)
    return smaller(work.accumulator.final_bits, 1 + bit_length(largest))


def fold(work: Work, target_cycles: int, stream_bits: int = 36) -> tuple[int, int]:
    """Return the (pe, simd) that FINN's `SetFolding` chooses for a layer.

    Parameters
    ----------
    target_cycles
        Cycles that the layer should take fewer than.
    stream_bits
        Widest stream of weights for each output (`mvau_wwidth_max`).
    """
    pe, simd = 1, 1
    deep = work.rows * work.weights
    if work.kind is Kind.DEPTHWISE:
        pe = _first(work.outputs, deep, target_cycles)
        if pe == work.outputs and deep // pe > target_cycles:
            simd = _first(work.inputs, deep // pe, target_cycles)
        return pe, simd
    for candidate in _divisors(work.inputs):
        wide = work.weight_bits * candidate > stream_bits
        fast = deep // candidate < target_cycles
        if wide and not fast:
            break
        simd = candidate
        if fast:
            break
    return _first(work.outputs, deep // simd, target_cycles), simd


def _first(size: int, cycles: int, target: int) -> int:
    """Return the first divisor that brings `cycles` below `target`, or the last."""
    return next((d for d in _divisors(size) if cycles // d < target), size)


def _divisors(size: int) -> list[int]:
    return [d for d in range(1, size + 1) if size % d == 0]
