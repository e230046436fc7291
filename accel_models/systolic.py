"""A systolic array of R x C multiply-accumulate elements: the machine that SCALE-Sim simulates.

A matrix product of M rows, K products a sum and N outputs is cut into tiles (folds) of R x C.
Which matrix stays in the array decides what is loaded, streamed and spilled.

References
----------
Samajdar et al., A systematic methodology for characterizing scalability of DNN accelerators
using SCALE-Sim, ISPASS 2020; cycle and access counts are those of SCALE-Sim 3.0.0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, ClassVar

from accel_models.estimate import LayerEstimate, Statement
from accel_models.keys import Doc
from accel_models.model import CostModel, Support
from accel_models.presets import read_presets
from accel_models.technology import horowitz_45nm
from accel_models.work import Arithmetic, Work, Workload

__all__ = ["Counts", "Dataflow", "PartialSums", "SystolicArray"]


class Dataflow(StrEnum):
    """Which matrix stays in the array."""

    OUTPUT_STATIONARY = "os"
    WEIGHT_STATIONARY = "ws"
    INPUT_STATIONARY = "is"


class PartialSums(StrEnum):
    """Where sums wait between the folds of K (weight and input stationary)."""

    DRAM = "dram"
    SRAM = "sram"


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

    folds: int
    sum_folds: int
    compute_cycles: int
    input_reads: int
    weight_reads: int
    output_writes: int


@dataclass(frozen=True, slots=True)
class SystolicArray(CostModel):
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

    @classmethod
    def presets(cls) -> Mapping[str, Mapping[str, Any]]:
        """Return the settings of each named array."""
        return {
            name: {label: setting.value for label, setting in preset.settings.items()}
            for name, preset in read_presets(cls.name).items()
        }

    def supports(self, work: Work) -> Support:
        """Layers of any width; floating point where energies are published (32 bits)."""
        widths = (work.weight_bits, work.activation_bits)
        if work.arithmetic is Arithmetic.FLOAT and widths != (32, 32):
            return Support("is floating point of other than 32 bits, which has no sourced energy")
        return Support()

    def counts(self, work: Work) -> Counts:
        """Return the closed forms of cycles and words: of one group, times their number."""
        m, k, n = work.rows, work.inputs, work.outputs // work.groups
        r, c = self.rows, self.columns
        match self.dataflow:
            case Dataflow.OUTPUT_STATIONARY:
                on_rows, on_columns, streamed = _ceil(m, r), _ceil(n, c), k
                reads = (m * k * on_columns, k * n * on_rows)
            case Dataflow.WEIGHT_STATIONARY:
                on_rows, on_columns, streamed = _ceil(k, r), _ceil(n, c), m
                reads = (m * k * on_columns, k * n)
            case Dataflow.INPUT_STATIONARY:
                on_rows, on_columns, streamed = _ceil(k, r), _ceil(m, c), n
                reads = (m * k, k * n * on_columns)
        stays_out = self.dataflow is Dataflow.OUTPUT_STATIONARY
        folds, sum_folds = work.groups * on_rows * on_columns, 1 if stays_out else on_rows
        # Sums drain while they are still needed elsewhere; operands must be loaded first.
        load = 0 if stays_out else r
        return Counts(
            folds=folds,
            sum_folds=sum_folds,
            compute_cycles=folds * (load + r + c + streamed - 2),
            input_reads=work.groups * reads[0],
            weight_reads=work.groups * reads[1],
            output_writes=work.output_values * sum_folds,
        )

    def estimate_layer(self, work: Work) -> LayerEstimate:
        """Price one layer; see `docs/explanation/cost-models.md` for every formula."""
        counts = self.counts(work)
        words = self._dram_words(work, counts)
        sram_bits = self._bits(work, counts.input_reads, counts.weight_reads, counts)
        dram_bits = self._bits(work, words["input"], words["weight"], counts)
        if self.partial_sums is PartialSums.SRAM and self._sums_fit(work):
            dram_bits["partial_sum"] = 0.0
        dram_bytes = sum(dram_bits.values()) / 8
        transfer = dram_bytes / self.dram_bytes_per_cycle
        first_tile = self._first_tile_bits(work) / 8 / self.dram_bytes_per_cycle
        compute = counts.compute_cycles
        return LayerEstimate(
            name=work.name,
            method=f"{self.rows}x{self.columns} {self.dataflow}",
            macs=work.macs,
            cycles=max(compute, transfer) + first_tile,
            low=float(compute),
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
                "dram_input_reads_words": words["input"],
                "dram_weight_reads_words": words["weight"],
                "dram_output_writes_words": counts.output_writes
                if dram_bits["partial_sum"] or counts.sum_folds == 1
                else work.output_values,
                "dram_weight_bytes": dram_bits["weight"] / 8,
                "dram_partial_sum_bytes": dram_bits["partial_sum"] / 8,
            },
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
                "compute_cycles and word counts against SCALE-Sim 3.0.0: exact, but for DRAM "
                "reads of operands that exceed a buffer (an upper bound); never checked on "
                f"silicon; energy is that of {technology.node.value:.0f} nm, its DRAM part alone "
                "uncertain by a factor of 2"
            ),
            sources=(
                "Samajdar et al., ISPASS 2020 (SCALE-Sim), version 3.0.0",
                "Horowitz, Computing's energy problem, ISSCC 2014 (45 nm)",
                "Coelho et al., Nature Machine Intelligence 3, 2021 (QKeras energy fits)",
            ),
            assumptions=(
                "weights and activations are stored and moved at their own widths, partial sums "
                "at the accumulator's",
                "partial sums that leave the array are read back (SCALE-Sim counts no read)",
                "an operand that exceeds half its buffer is fetched again for every pass",
                "widths do not change the arithmetic rate: an element makes one product a cycle",
                "activations and outputs come from and go to DRAM between layers",
                "sizes and the DRAM rate are design points unless a preset names their source",
                "a convolution is the product of its windows and its filters, as in SCALE-Sim: the "
                "image comes from DRAM once if half its buffer holds it, else every window does; "
                "a depthwise one is a product for each channel, one after the other",
                "energy: products, additions into the accumulator, buffers, DRAM; no clock, "
                "control, registers or leakage",
            ),
        )

    def _dram_words(self, work: Work, counts: Counts) -> dict[str, int]:
        """Operands are fetched once if half their buffer holds them, else for every use."""
        fits_input = work.input_values * work.activation_bits < _half_bits(self.input_sram_kib)
        fits_weight = work.weights * work.weight_bits < _half_bits(self.weight_sram_kib)
        return {
            "input": work.input_values if fits_input else counts.input_reads,
            "weight": work.weights if fits_weight else counts.weight_reads,
        }

    def _bits(
        self, work: Work, input_words: int, weight_words: int, counts: Counts
    ) -> dict[str, float]:
        """Return bits moved by operand; partial sums go out and come back."""
        partial = work.output_values * (counts.sum_folds - 1)
        return {
            "input": input_words * work.activation_bits,
            "weight": weight_words * work.weight_bits,
            "parameter": work.outputs * (work.bias_bits + work.gain_bits),
            "partial_sum": 2 * partial * _register_bits(work),
            "output": work.output_values * work.output_bits,
        }

    def _sums_fit(self, work: Work) -> bool:
        bits = work.output_values * _register_bits(work)
        return bits <= self.output_sram_kib * 8192

    def _first_tile_bits(self, work: Work) -> int:
        """Return the bits that must be there before the first product."""
        k, n, r, c = work.inputs, work.outputs // work.groups, self.rows, self.columns
        match self.dataflow:
            case Dataflow.OUTPUT_STATIONARY:
                return min(work.rows, r) * work.activation_bits + (min(n, c) * work.weight_bits)
            case Dataflow.WEIGHT_STATIONARY:
                return min(k, r) * min(n, c) * work.weight_bits
            case Dataflow.INPUT_STATIONARY:
                return min(k, r) * min(work.rows, c) * work.activation_bits

    def _energy(
        self, work: Work, sram_bits: Mapping[str, float], dram_bits: Mapping[str, float]
    ) -> dict[str, float]:
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
        return {
            "mac": work.macs * mac,
            "sram": sum(
                bits * technology.sram_pj_per_bit(buffers[operand])
                for operand, bits in sram_bits.items()
            ),
            "dram": sum(dram_bits.values()) * technology.dram_pj_per_bit(),
        }


def _ceil(count: int, size: int) -> int:
    return -(-count // size)


def _half_bits(kib: float) -> float:
    return kib * 1024 * 8 / 2


def _register_bits(work: Work) -> int:
    """Return the width at which a sum leaves the array: that of the outermost register."""
    return work.accumulator.outer_bits or work.accumulator.bits
