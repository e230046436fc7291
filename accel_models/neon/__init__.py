"""Arm cores with NEON: which loop runs a layer, and how many cycles it takes.

An in-order core issues its vector instructions one after the other, so that the cycles of a loop
are the sum of its instructions' costs. Weights come from one of three places and either wait for
arithmetic or hide behind it; loops are as compiled or tuned by hand. The estimate is the range
over all of these, with a default point.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any, ClassVar

from accel_models.demand import LAYERS
from accel_models.estimate import LayerEstimate, Statement
from accel_models.keys import Doc
from accel_models.model import CostModel, Support
from accel_models.neon.core import Core, Instruction, list_cores, read_core
from accel_models.neon.kernel import LANES, Kernel, choose, refuse
from accel_models.storage import container_bytes, packed_bytes
from accel_models.work import Arithmetic, Kind, Work, Workload

__all__ = ["Code", "NeonCore", "Overlap", "Place", "Scenario"]

_STEP = 16  # products per step of a loop


class Place(StrEnum):
    """Where the weights are when a layer starts."""

    L1 = "l1"
    L2 = "l2"
    DRAM = "dram"


class Overlap(StrEnum):
    """Whether streaming weights waits for arithmetic or hides behind it (perfect prefetch)."""

    ADDITIVE = "additive"
    OVERLAPPED = "overlapped"


class Code(StrEnum):
    """Whether a loop is as compiled (128-bit loads) or tuned by hand."""

    COMPILED = "compiled"
    TUNED = "tuned"


@dataclass(frozen=True, slots=True)
class Scenario:
    """One corner of the range."""

    weights: Place
    overlap: Overlap
    code: Code


@dataclass(frozen=True, slots=True)
class NeonCore(CostModel):
    """Cycles of layers on one in-order Arm core.

    The settings are listed by ``accel_models.describe("neon")``; `weights`, `overlap` and `code`
    choose the default point, the range is over all of them.
    """

    name: ClassVar[str] = "neon"
    summary: ClassVar[str] = "in-order Arm core with NEON, from measured instruction costs"

    core: Annotated[str, Doc("name", "core, or a .toml file that describes one")] = "cortex-a53"
    weights: Annotated[Place, Doc("memory", "where the weights are (default point)")] = Place.L2
    overlap: Annotated[Overlap, Doc("mode", "streaming against arithmetic (default point)")] = (
        Overlap.ADDITIVE
    )
    code: Annotated[Code, Doc("mode", "quality of the loops (default point)")] = Code.COMPILED
    packed: Annotated[bool, Doc("yes/no", "two weights in a byte (4 bits or fewer)")] = False
    clock_hz: Annotated[float | None, Doc("Hz", "clock; none: the core file's", positive=True)] = (
        None
    )
    l2_rate: Annotated[
        float | None, Doc("bytes/cycle", "L2 reads; none: the core file's", positive=True)
    ] = None
    dram_rate: Annotated[
        float | None, Doc("bytes/second", "DRAM reads; none: the core file's", positive=True)
    ] = None
    _spec: Core = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        CostModel.__post_init__(self)
        object.__setattr__(self, "_spec", read_core(self.core))

    @classmethod
    def presets(cls) -> Mapping[str, Mapping[str, Any]]:
        """Return one preset for each core that ships with the package."""
        return {name: {"core": name} for name in list_cores()}

    def supports(self, work: Work) -> Support:
        """All layers: fp32, and integers up to 16 bits in sums of up to 32 bits."""
        if work.kind not in LAYERS:
            return Support(f"is {work.kind}, but only layers with weights have a loop here")
        return Support(refuse(work, self.packed))

    def kernel(self, work: Work) -> Kernel:
        """Return the loop that runs a layer."""
        return choose(work, self.packed)

    def scenarios(self, work: Work) -> dict[Scenario, float]:
        """Return the cycles of one layer in every corner of the range."""
        corners = itertools.product(Place, Overlap, Code)
        return {
            corner: self._cycles(work, corner) for corner in itertools.starmap(Scenario, corners)
        }

    def estimate_layer(self, work: Work) -> LayerEstimate:
        """Price one layer; see `docs/explanation/cost-models.md` for every formula."""
        kernel = self.kernel(work)
        corners = self.scenarios(work)
        here = Scenario(self.weights, self.overlap, self.code)
        loads = self._weight_loads(work, kernel) + self._activation_loads(work, kernel)
        streamed = self._streamed_bytes(work, kernel)
        moved = {"l1": loads * 16 + container_bytes(work.output_values, work.output_bits)}
        if self.weights is not Place.L1:
            moved[str(self.weights)] = streamed
        peak = 4 if work.arithmetic is Arithmetic.FLOAT or kernel.weight_bits == 16 else 8
        return LayerEstimate(
            name=work.name,
            method=kernel.name,
            macs=work.macs,
            cycles=corners[here],
            low=min(corners.values()),
            high=max(corners.values()),
            compute_cycles=self._compute(work, kernel, self.code),
            ideal_cycles=work.macs / peak,
            memory_bytes=moved,
            counts={
                "spills": self._spills(work, kernel),
                "stored_weight_bytes": packed_bytes(work.weights, kernel.weight_bits),
            },
        )

    def state(self, workload: Workload) -> Statement:
        """Say what was summed, and why the default point is where it is."""
        constants = [
            *self._spec.instructions.values(),
            self._spec.memory.l2_rate,
            self._spec.memory.dram_rate,
        ]
        constants += [s.compiled for s in self._spec.epilogues.values()]
        return Statement(
            basis=(
                f"sum of vector instructions at their costs on {self.core}, epilogues, and the "
                "weight stream; range over weights in {L1, L2, DRAM} x {additive, overlapped} x "
                f"{{compiled, tuned}}; default point: {self.weights}, {self.overlap}, {self.code}"
            ),
            relative_error=0.08,
            error_basis=(
                "compute_cycles against an in-order simulation of compiled loops with the same "
                "measured instruction costs (the largest deviation of the loops priced here); "
                "nothing was run on silicon; L2 and DRAM rates add the spread of the range"
            ),
            sources=tuple(dict.fromkeys(constant.source for constant in constants)),
            assumptions=(*self._assumptions(), *self._too_large(workload)),
        )

    def _assumptions(self) -> tuple[str, ...]:
        return (
            "default point: the same for every width, so that ratios do not profit from one "
            "network fitting a cache that another exceeds; L2 because it holds a network of a "
            "few 100 kB if nothing else runs, additive because an in-order core waits for its "
            "loads, compiled because few loops for narrow weights are tuned by hand",
            f"DRAM at {self._dram_bytes_per_cycle():.2f} bytes a cycle; take weights=dram if "
            "other software empties the caches between two inferences",
            "a convolution is the product of its windows and its filters, windows read in place; a "
            "depthwise one has a channel in every lane and loads its weights at every position; "
            "the error stated is that of dense layers",
            "each weight arrives once an inference: a tile stays in L1 for all vectors",
            "loops advance by 16 products; calls, loop set-up and activation functions are free",
            "sums are kept by lane and added at the end, or one activation is copied to all "
            "lanes: both cost the same here",
            "a register between two lane widths lives in the wider one: clamped after every "
            "addition where it may saturate, cut once at the end where it wraps",
        )

    def _too_large(self, workload: Workload) -> tuple[str, ...]:
        sizes = {Place.L1: self._spec.memory.l1_size, Place.L2: self._spec.memory.l2_size}
        if self.weights not in sizes:
            return ()
        held = sum(packed_bytes(w.weights, self.kernel(w).weight_bits) for w in workload)
        size = int(sizes[self.weights].value)
        if held <= size:
            return ()
        return (
            f"the weights ({held} bytes) exceed {self.weights} ({size} bytes): the default point "
            "is too fast, see high",
        )

    def _cycles(self, work: Work, corner: Scenario) -> float:
        kernel = self.kernel(work)
        compute = self._compute(work, kernel, corner.code)
        stream = self._stream(work, kernel, corner.weights)
        if corner.overlap is Overlap.OVERLAPPED:
            return max(compute, stream)
        return compute + stream

    def _compute(self, work: Work, kernel: Kernel, code: Code) -> float:
        """Return the cycles of arithmetic, L1 loads and epilogues."""
        load = Instruction.LOAD if code is Code.COMPILED else Instruction.TUNED_LOAD
        passes = _ceil(work.rows, kernel.frames)
        loads = self._weight_loads(work, kernel) + self._activation_loads(work, kernel)
        epilogues = [kernel.rescale(work), *([kernel.reduce] if kernel.reduce else [])]
        schedules = [self._spec.epilogues[epilogue] for epilogue in epilogues]
        return (
            work.rows * _weight_steps(work) * _cost(self._spec, kernel.operations)
            + passes * _weight_steps(work) * _cost(self._spec, kernel.unpack)
            + self._spills(work, kernel) / LANES * _cost(self._spec, kernel.spill)
            + loads * self._spec.instructions[load].value
            + work.output_values
            * sum((s.compiled if code is Code.COMPILED else s.tuned).value for s in schedules)
        )

    def _stream(self, work: Work, kernel: Kernel, place: Place) -> float:
        """Return the cycles that the weights take to arrive; those of L1 loads are in the loop."""
        if place is Place.L1:
            return 0.0
        if place is Place.L2:
            rate = self._spec.memory.l2_rate.value if self.l2_rate is None else self.l2_rate
        else:
            rate = self._dram_bytes_per_cycle()
        return self._streamed_bytes(work, kernel) / rate

    def _dram_bytes_per_cycle(self) -> float:
        clock = self._spec.clock.value if self.clock_hz is None else self.clock_hz
        rate = self._spec.memory.dram_rate.value if self.dram_rate is None else self.dram_rate
        return rate / clock

    @staticmethod
    def _spills(work: Work, kernel: Kernel) -> float:
        """Return lanes emptied into wider ones: the planner's count, or by the worst-case rule."""
        if kernel.products_per_spill is None:
            return 0
        if kernel.planned_spills is not None:
            return kernel.planned_spills
        if work.kind is Kind.DEPTHWISE:
            return work.output_values * _ceil(work.inputs, kernel.products_per_spill)
        return work.output_values * LANES * _ceil(work.inputs, LANES * kernel.products_per_spill)

    @staticmethod
    def _weight_loads(work: Work, kernel: Kernel) -> float:
        """Return 128-bit loads of weights: all of them for each group of vectors."""
        per_step = _STEP * kernel.weight_bits / 128
        return _ceil(work.rows, kernel.frames) * _weight_steps(work) * per_step

    @staticmethod
    def _activation_loads(work: Work, kernel: Kernel) -> float:
        """Return 128-bit loads of activations: one serves 128 products, 64 of shared weights.

        The registers hold sums of as many outputs as an activation has bits, or of half as many
        for each of several vectors.  By channel, no two products share one.
        """
        bits = kernel.activation_bits
        if work.kind is Kind.DEPTHWISE:
            return work.rows * _weight_steps(work) * _STEP * bits / 128
        single = 1 if work.rows % kernel.frames == 1 else 0
        blocks = single * _ceil(work.outputs, bits)
        blocks += (work.rows - single) * _ceil(work.outputs, bits // 2)
        return blocks * _ceil(work.inputs, _STEP) * _STEP * bits / 128

    @staticmethod
    def _streamed_bytes(work: Work, kernel: Kernel) -> float:
        """Return bytes of weights that come from beyond L1: each once, in tiles that L1 holds."""
        return packed_bytes(work.weights, kernel.weight_bits)


def _cost(core: Core, operations: Mapping[Instruction, float]) -> float:
    return sum(count * core.instructions[name].value for name, count in operations.items())


def _weight_steps(work: Work) -> int:
    """Return the steps that take every weight once: along each sum, or over the channels."""
    if work.kind is Kind.DEPTHWISE:
        return work.inputs * _ceil(work.outputs, _STEP)
    return work.outputs * _ceil(work.inputs, _STEP)


def _ceil(count: int, size: int) -> int:
    return -(-count // size)
