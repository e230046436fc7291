"""A systolic array of R x C multiply-accumulate elements: the machine that SCALE-Sim simulates.

A matrix product of M rows, K products a sum and N outputs is cut into tiles (folds) of R x C.
Which matrix stays in the array decides what is loaded, streamed and spilled.

References
----------
Samajdar et al., A systematic methodology for characterizing scalability of DNN accelerators
using SCALE-Sim, ISPASS 2020; cycle and access counts are those of SCALE-Sim 3.0.0.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, ClassVar

from accel_models.closed_form import ClosedForm, Price
from accel_models.demand import LAYERS, Arithmetic, Demand
from accel_models.elementwise import Number, ceil_div, choose, larger, smaller
from accel_models.estimate import Statement
from accel_models.keys import Doc
from accel_models.presets import preset_settings
from accel_models.systolic.replay import (
    LONGEST,
    held_words,
    image_words,
    replayed_inputs,
    replayed_weights,
)
from accel_models.technology import horowitz_45nm
from accel_models.technology.elements import register_pj_per_bit
from accel_models.work import Work, Workload

__all__ = ["Buffers", "Counts", "Dataflow", "PartialSums", "SystolicArray"]


class Dataflow(StrEnum):
    """Which matrix stays in the array."""

    OUTPUT_STATIONARY = "os"
    WEIGHT_STATIONARY = "ws"
    INPUT_STATIONARY = "is"


class PartialSums(StrEnum):
    """Where sums wait between the folds of K (weight and input stationary)."""

    DRAM = "dram"
    SRAM = "sram"


class Buffers(StrEnum):
    """How often an operand that exceeds its buffer is fetched: as in SCALE-Sim, or at most."""

    REPLAY = "replay"
    BOUND = "bound"


@dataclass(frozen=True, slots=True)
class Counts:
    """What one layer does on the array, in cycles and in words, before any width is known.

    Attributes
    ----------
    folds
        Tiles of the array that the layer is cut into.
    sum_folds
        Of these, how many one output's sum passes through (1: it never leaves the array).
    compute_cycles
        Cycles of all folds, each as long as the full array needs.
    input_reads, weight_reads
        Words read from the buffers.
    output_writes
        Words written to the output buffer; all but the last of `sum_folds` are partial sums.
    """

    folds: Number
    sum_folds: Number
    compute_cycles: Number
    input_reads: Number
    weight_reads: Number
    output_writes: Number


@dataclass(frozen=True, slots=True)
class SystolicArray(ClosedForm):
    """Cycles, buffer and memory traffic and energy of a systolic array.

    The settings are listed by ``accel_models.describe("systolic")``.
    """

    name: ClassVar[str] = "systolic"
    summary: ClassVar[str] = "R x C systolic array as SCALE-Sim models it, with true bit widths"

    rows: Annotated[int, Doc("processing elements", "rows R of the array", positive=True)] = 8
    columns: Annotated[int, Doc("processing elements", "columns C of the array", positive=True)] = 8
    dataflow: Annotated[Dataflow, Doc("dataflow", "which matrix stays in the array")] = (
        Dataflow.OUTPUT_STATIONARY
    )
    input_sram_kib: Annotated[
        float, Doc("KiB", "input buffer, half of it prefetches", positive=True)
    ] = 64.0
    weight_sram_kib: Annotated[
        float, Doc("KiB", "weight buffer, half of it prefetches", positive=True)
    ] = 64.0
    output_sram_kib: Annotated[float, Doc("KiB", "output buffer", positive=True)] = 64.0
    partial_sums: Annotated[
        PartialSums, Doc("memory", "where sums wait between folds (SCALE-Sim: dram)")
    ] = PartialSums.DRAM
    dram_bytes_per_cycle: Annotated[
        float,
        Doc("bytes/cycle", "rate at which the memory outside the chip delivers", positive=True),
    ] = 16.0

    buffers: Annotated[
        Buffers, Doc("rule", "an operand that does not fit: as SCALE-Sim, or fetched for every use")
    ] = Buffers.REPLAY

    vectors: ClassVar[frozenset[str]] = frozenset({"rows", "columns", "dram_bytes_per_cycle"})

    @classmethod
    def presets(cls) -> Mapping[str, Mapping[str, Any]]:
        """Return the settings of each named array."""
        return preset_settings(cls.name)

    def refusals(self, work: Demand) -> Iterator[tuple[Number, str]]:
        """Layers of any width; floating point where energies are published (32 bits)."""
        if work.kind not in LAYERS:
            yield True, f"is {work.kind}, but an array only multiplies matrices"
        if work.arithmetic is Arithmetic.FLOAT:
            wrong = (work.weight_bits != 32) | (work.activation_bits != 32)
            yield wrong, "is floating point of other than 32 bits, which has no sourced energy"
        window = work.window
        if self.buffers is Buffers.REPLAY and window is not None:
            large = image_words(work, window) >= _held(self.input_sram_kib, work.activation_bits)
            yield (
                large & (work.rows * work.inputs > LONGEST),
                "has an image that half the input buffer does not hold, and too many window "
                "positions to replay: buffers=bound or a larger input_sram_kib prices it",
            )

    def method(self, work: Work) -> str:
        """Return the array and its dataflow."""
        return f"{self.rows}x{self.columns} {self.dataflow}"

    def counts(self, work: Demand) -> Counts:
        """Return the closed forms of cycles and words: of one group, times their number."""
        m, k, n = work.rows, work.inputs, work.outputs // work.groups
        r, c = self.rows, self.columns
        match self.dataflow:
            case Dataflow.OUTPUT_STATIONARY:
                on_rows, on_columns, streamed = ceil_div(m, r), ceil_div(n, c), k
                input_reads, weight_reads = m * k * on_columns, k * n * on_rows
            case Dataflow.WEIGHT_STATIONARY:
                on_rows, on_columns, streamed = ceil_div(k, r), ceil_div(n, c), m
                input_reads, weight_reads = m * k * on_columns, k * n
            case Dataflow.INPUT_STATIONARY:
                on_rows, on_columns, streamed = ceil_div(k, r), ceil_div(m, c), n
                input_reads, weight_reads = m * k, k * n * on_columns
        stays_out = self.dataflow is Dataflow.OUTPUT_STATIONARY
        folds, sum_folds = work.groups * on_rows * on_columns, 1 if stays_out else on_rows
        # Sums drain while they are still needed elsewhere; operands must be loaded first.
        load = 0 if stays_out else r
        return Counts(
            folds=folds,
            sum_folds=sum_folds,
            compute_cycles=folds * (load + r + c + streamed - 2),
            input_reads=work.groups * input_reads,
            weight_reads=work.groups * weight_reads,
            output_writes=work.output_values * sum_folds,
        )

    def price(self, work: Demand) -> Price:
        """Price one layer; see `docs/explanation/cost-models.md` for every formula."""
        counts = self.counts(work)
        inputs, weights = self._dram_reads(work, counts)
        sram_bits = self._bits(work, counts.input_reads, counts.weight_reads, counts)
        dram_bits = self._bits(work, inputs, weights, counts)
        writes = counts.output_writes
        if self.partial_sums is PartialSums.SRAM:
            kept = work.output_values * work.accumulator.final_bits <= _bits(self.output_sram_kib)
            dram_bits["partial_sum"] = choose(kept, 0, dram_bits["partial_sum"])
            writes = choose(kept, work.output_values, writes)
        dram_bytes = sum(dram_bits.values()) / 8
        transfer = dram_bytes / self.dram_bytes_per_cycle
        first_tile = self._first_tile_bits(work) / 8 / self.dram_bytes_per_cycle
        compute = counts.compute_cycles
        return Price(
            cycles=larger(compute, transfer) + first_tile,
            low=compute / 1,
            high=compute + transfer + first_tile,
            compute_cycles=compute,
            ideal_cycles=work.macs / (self.rows * self.columns),
            memory_bytes={"sram": sum(sram_bits.values()) / 8, "dram": dram_bytes},
            energy_by_component=self._energy(work, sram_bits, dram_bits),
            counts={
                "folds": counts.folds,
                "sram_input_reads_words": counts.input_reads,
                "sram_weight_reads_words": counts.weight_reads,
                "sram_output_writes_words": counts.output_writes,
                "dram_input_reads_words": inputs,
                "dram_weight_reads_words": weights,
                "dram_output_writes_words": writes,
                "dram_weight_bytes": dram_bits["weight"] / 8,
                "dram_partial_sum_bytes": dram_bits["partial_sum"] / 8,
            },
            resource_cycles={"compute": compute / 1, "dram": transfer},
        )

    def state(self, workload: Workload) -> Statement:
        """Say that cycles are SCALE-Sim's and what was taken for granted."""
        technology = horowitz_45nm()
        return Statement(
            basis=(
                "closed forms of a systolic array (every fold takes the full array); default "
                "point: the slower of arithmetic and DRAM, plus the load of the first tile, as "
                "with double buffering; low: DRAM free; high: no overlap"
            ),
            relative_error=0.0,
            error_basis=(
                "compute_cycles and word counts against SCALE-Sim 3.0.0: exact (DRAM reads with "
                "buffers=bound: an upper bound); never checked on "
                f"silicon; energy is that of {technology.node.value:.0f} nm, its DRAM part alone "
                "uncertain by a factor of 2"
            ),
            sources=(
                "Samajdar et al., ISPASS 2020 (SCALE-Sim), version 3.0.0",
                "Horowitz, Computing's energy problem, ISSCC 2014 (45 nm)",
                "Coelho et al., Nature Machine Intelligence 3, 2021 (QKeras energy fits)",
                "Shao et al., Aladdin, ISCA 2014 (registers, scaled from 40 nm)",
            ),
            assumptions=(
                "weights and activations are stored and moved at their own widths, partial sums "
                "at the accumulator's",
                "partial sums that leave the array are read back (SCALE-Sim counts no read)",
                "half a buffer is filled by hundredths of the whole and then forgotten, as in "
                "SCALE-Sim: an operand that exceeds it is fetched again",
                "widths do not change the arithmetic rate: an element makes one product a cycle",
                "activations and outputs come from and go to DRAM between layers",
                "sizes and the DRAM rate are design points unless a preset names their source",
                "a convolution is the product of its windows and its filters, as in SCALE-Sim: the "
                "image comes from DRAM once if half its buffer holds it, else every window does; "
                "a depthwise one is a product for each channel, one after the other",
                "energy: products, additions into the accumulator, one write of each operand's and "
                "sum's register for every product, buffers, DRAM; no clock, control or leakage",
            ),
        )

    def _dram_reads(self, work: Demand, counts: Counts) -> tuple[Number, Number]:
        """Return words of inputs and weights; those that half a buffer holds come once."""
        if self.buffers is Buffers.REPLAY:
            array = (str(self.dataflow), self.rows, self.columns, work)
            inputs = replayed_inputs(*array, _held(self.input_sram_kib, work.activation_bits))
            weights = replayed_weights(*array, _held(self.weight_sram_kib, work.weight_bits))
            return work.groups * inputs, work.groups * weights
        fits_input = work.input_values < _bits(self.input_sram_kib) // work.activation_bits / 2
        fits_weight = work.weights < _bits(self.weight_sram_kib) // work.weight_bits / 2
        return (
            choose(fits_input, work.input_values, counts.input_reads),
            choose(fits_weight, work.weights, counts.weight_reads),
        )

    def _bits(
        self, work: Demand, input_words: Number, weight_words: Number, counts: Counts
    ) -> dict[str, Number]:
        """Return bits moved by operand; partial sums go out and come back."""
        partial = work.output_values * (counts.sum_folds - 1)
        return {
            "input": input_words * work.activation_bits,
            "weight": weight_words * work.weight_bits,
            "parameter": work.parameter_bits,
            "partial_sum": 2 * partial * work.accumulator.final_bits,
            "output": work.output_values * work.output_bits,
        }

    def _first_tile_bits(self, work: Demand) -> Number:
        """Return the bits that must be there before the first product."""
        k, n, r, c = work.inputs, work.outputs // work.groups, self.rows, self.columns
        inputs, weights = work.activation_bits, work.weight_bits
        match self.dataflow:
            case Dataflow.OUTPUT_STATIONARY:
                return smaller(work.rows, r) * inputs + smaller(n, c) * weights
            case Dataflow.WEIGHT_STATIONARY:
                return smaller(k, r) * smaller(n, c) * weights
            case Dataflow.INPUT_STATIONARY:
                return smaller(k, r) * smaller(work.rows, c) * inputs

    def _energy(
        self, work: Demand, sram_bits: Mapping[str, Number], dram_bits: Mapping[str, Number]
    ) -> dict[str, Number]:
        technology = horowitz_45nm()
        if work.arithmetic is Arithmetic.FLOAT:
            mac = technology.float32_multiply.value + technology.float32_add.value
        else:
            mac = technology.multiply_pj(work.weight_bits, work.activation_bits)
            mac += technology.add_pj(work.accumulator.bits)
        buffers = {
            "input": self.input_sram_kib,
            "weight": self.weight_sram_kib,
            "parameter": self.weight_sram_kib,
            "partial_sum": self.output_sram_kib,
            "output": self.output_sram_kib,
        }
        held = work.weight_bits + work.activation_bits + work.accumulator.bits
        return {
            "mac": work.macs * mac,
            "register": work.macs * held * register_pj_per_bit(),
            "sram": sum(
                bits * technology.sram_pj_per_bit(buffers[operand])
                for operand, bits in sram_bits.items()
            ),
            "dram": sum(dram_bits.values()) * technology.dram_pj_per_bit(),
        }


def _bits(kib: float) -> float:
    return kib * 8192


def _held(kib: float, word_bits: Number) -> Number:
    return held_words(_bits(kib) // word_bits)
