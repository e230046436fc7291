"""Cycles and bytes of one kernel on one layer, or on columns of layers that share a kernel."""

from __future__ import annotations

import functools
from dataclasses import dataclass

from accel_models.elementwise import Number, ceil_div
from accel_models.neon.core import Core, Instruction, Place
from accel_models.neon.cycles import busiest, forms, weigh
from accel_models.neon.kernel import Kernel
from accel_models.neon.loops import STEP, Counts, Epilogue, epilogue_counts
from accel_models.neon.scenario import Code, Overlap, Scenario

__all__ = ["Layer", "Shape", "bound_of", "epilogue_cycles", "join"]


@dataclass(frozen=True, slots=True)
class Shape:
    """The size of a layer, or columns of whole numbers: the sizes of many.

    Attributes
    ----------
    rows, inputs, outputs
        As in `Work`.
    by_channel
        Whether every channel has sums of its own (depthwise).
    """

    rows: Number
    inputs: Number
    outputs: Number
    by_channel: bool = False


@dataclass(frozen=True, slots=True)
class Layer:
    """A kernel on a layer.

    Attributes
    ----------
    core, kernel, shape
        What runs, and on what.
    epilogue
        What turns a sum into an output.
    copied_values
        Activations copied before the product (im2col), 0: none.
    """

    core: Core
    kernel: Kernel
    shape: Shape
    epilogue: Epilogue
    copied_values: Number = 0

    @property
    def weight_steps(self) -> Number:
        """Steps that take every weight once: along each sum, or over the channels."""
        if self.shape.by_channel:
            return self.shape.inputs * ceil_div(self.shape.outputs, STEP)
        return self.shape.outputs * ceil_div(self.shape.inputs, STEP)

    @property
    def vectors(self) -> Number:
        """Vectors that are computed: filled up where a loop takes several at a time."""
        multiple = self.kernel.loop.frame_multiple
        return ceil_div(self.shape.rows, multiple) * multiple

    @property
    def passes(self) -> Number:
        """How often every weight is loaded from L1."""
        return ceil_div(self.shape.rows, self.kernel.frames)

    @property
    def spills(self) -> Number:
        """Lanes emptied into wider ones: the planner's count, or by the worst-case rule."""
        kernel, shape = self.kernel, self.shape
        if kernel.products_per_spill is None:
            return 0
        if kernel.planned_spills is not None:
            return kernel.planned_spills
        outputs = shape.rows * shape.outputs
        if shape.by_channel:
            return outputs * ceil_div(shape.inputs, kernel.products_per_spill)
        lanes = kernel.loop.lanes
        return outputs * lanes * ceil_div(shape.inputs, lanes * kernel.products_per_spill)

    @property
    def weight_loads(self) -> Number:
        """Loads of weights, of a whole register."""
        loop = self.kernel.loop
        return self.passes * self.weight_steps * (STEP * loop.stored_weight_bits / self._register)

    @property
    def activation_loads(self) -> Number:
        """Loads of activations: one serves all outputs whose sums are in registers.

        By channel, no two products share one.
        """
        loop, shape = self.kernel.loop, self.shape
        per_step = STEP * loop.stored_activation_bits / self._activation_load_bits
        if shape.by_channel:
            return shape.rows * self.weight_steps * per_step
        blocks = self._alone * ceil_div(shape.outputs, loop.outputs)
        if self.kernel.frames > 1:
            together = self.vectors - self._alone
            blocks += together * ceil_div(shape.outputs, loop.shared_outputs)
        return blocks * ceil_div(shape.inputs, STEP) * per_step

    @property
    def waiting_cycles(self) -> Number:
        """Cycles that sums take because each addition waits for the one before it.

        Sums of one block wait side by side, blocks one after the other. By channel, positions are
        taken to be as many sums as it needs.
        """
        kernel, shape = self.kernel, self.shape
        if shape.by_channel:
            return 0
        blocks = self._alone * ceil_div(shape.outputs, kernel.loop.outputs)
        if kernel.frames > 1:
            groups = ceil_div(self.vectors - self._alone, kernel.frames)
            blocks += groups * ceil_div(shape.outputs, kernel.loop.shared_outputs)
        return blocks * ceil_div(shape.inputs, STEP) * _wait(self.core, kernel)

    @property
    def _alone(self) -> Number:
        """Vectors that share their weights with no other."""
        frames = self.kernel.frames
        if frames == 1:
            return self.shape.rows
        return 0 if self.kernel.loop.frame_multiple > 1 else self.shape.rows % frames == 1

    @property
    def loaded_bytes(self) -> Number:
        """Bytes that loops load from L1."""
        return (
            self.weight_loads * self._register + self.activation_loads * self._activation_load_bits
        ) / 8

    @property
    def streamed_bytes(self) -> Number:
        """Bytes of weights that come from beyond L1: each once, in tiles that L1 holds."""
        weights = self.shape.inputs * self.shape.outputs
        return ceil_div(weights * self.kernel.loop.stored_weight_bits, 8)

    @property
    def scratch_bytes(self) -> Number:
        """Bytes of the copied windows of as many rows as share weights; 0: read in place."""
        if not isinstance(self.copied_values, int) or not self.copied_values:
            return 0
        values = self.shape.inputs * self.kernel.frames
        return values * self.kernel.loop.stored_activation_bits // 8

    def instructions(self, code: Code) -> dict[Instruction, Number]:
        """Return what the inner loops execute, by class."""
        kernel, shape = self.kernel, self.shape
        loop, load = kernel.loop, _load(code)
        small = loop.activation_load_bits is not None
        found: dict[Instruction, Number] = {}
        for times, counts in (
            (self.vectors * self.weight_steps, kernel.each),
            (self.passes * self.weight_steps, loop.unpack),
            (self.spills / loop.lanes, kernel.spill),
            (self.weight_loads, {load: 1.0}),
            (self.activation_loads, {Instruction.SMALL_LOAD if small else load: 1.0}),
            (shape.rows * ceil_div(shape.inputs, STEP), loop.prepare),
        ):
            for name, count in counts.items():
                found[name] = found.get(name, 0.0) + times * count
        return found

    def loop_cycles(self, code: Code) -> Number:
        """Return the cycles of the inner loops alone, before the factor of compiled code."""
        counts = self.instructions(code)
        bounds = [weigh(form, counts) for form in forms(self.core)]
        return busiest([*bounds, self.waiting_cycles])

    def compute_cycles(self, code: Code) -> Number:
        """Return the cycles of loops, epilogues and copies: memory takes no time."""
        core = self.core
        outputs = self.shape.rows * self.shape.outputs
        factors = (1.0, 1.0)
        if code is Code.COMPILED:
            factors = (core.loop_factor.value, core.epilogue_factor.value)
        epilogues = [self.epilogue, *([self.kernel.reduce] if self.kernel.reduce else [])]
        each = sum(epilogue_cycles(core, epilogue, code) for epilogue in epilogues)
        copies = self.copied_values * self.kernel.loop.stored_activation_bits / self._register
        copy = _bound(core, {_load(code): 1.0, Instruction.STORE: 1.0})
        return factors[0] * self.loop_cycles(code) + factors[1] * outputs * each + copies * copy

    def stream_cycles(self, bytes_per_cycle: float | None) -> Number:
        """Return the cycles that the weights take to arrive; None: those of L1, in the loop."""
        return 0.0 if bytes_per_cycle is None else self.streamed_bytes / bytes_per_cycle

    def cycles(self, corner: Scenario, rates: dict[Place, float | None]) -> Number:
        """Return the cycles in one corner of the range."""
        compute = self.compute_cycles(corner.code)
        return join(compute, self.stream_cycles(rates[corner.weights]), corner.overlap)

    @property
    def ideal_cycles(self) -> Number:
        """Cycles if nothing but the multiplications of this kernel took time: a lower bound.

        A multiplication that begins a sum in place of one that adds to it may be the cheaper.
        """
        shape, each = self.shape, self.kernel.each
        adding = {name: count for name, count in each.items() if name in _MULTIPLICATIONS}
        beginning = dict(adding)
        for name, count in self.kernel.spill.items():
            if count < 0:
                beginning[Instruction.MULTIPLY_LONG] = beginning.pop(name)
        products = shape.rows * shape.inputs * shape.outputs
        least = min(_bound(self.core, counts) for counts in (adding, beginning))
        return products / STEP * least

    @property
    def _register(self) -> int:
        return self.kernel.loop.register_bits

    @property
    def _activation_load_bits(self) -> int:
        return self.kernel.loop.activation_load_bits or self._register


def _wait(core: Core, kernel: Kernel) -> float:
    """Return the cycles in which one register of sums takes a step of inputs, one by one."""
    counts = dict(kernel.each)
    if kernel.products_per_spill is not None:
        spills = STEP / kernel.loop.lanes / kernel.products_per_spill
        for name, count in kernel.spill.items():
            counts[name] = counts.get(name, 0.0) + spills * max(0.0, count)
    timings = core.instructions
    waits = (timings[n].accumulate * count for n, count in counts.items() if n in timings)
    return kernel.loop.outputs_in_register * max(waits, default=0.0)


_MULTIPLICATIONS = frozenset(
    {
        Instruction.FLOAT_MULTIPLY_ADD,
        Instruction.HALF_MULTIPLY_ADD,
        Instruction.MULTIPLY_LONG,
        Instruction.MULTIPLY_ADD_LONG,
        Instruction.MULTIPLY_ADD,
        Instruction.ROUNDING_MULTIPLY,
        Instruction.DOT,
        Instruction.MATRIX_MULTIPLY,
        Instruction.DUAL_MULTIPLY_ADD,
        Instruction.SINGLE_MULTIPLY_ADD,
        Instruction.REDUCING_DOT,
        Instruction.TABLE,
        Instruction.POPULATION_COUNT,
    }
)


@functools.lru_cache(maxsize=1024)
def epilogue_cycles(core: Core, epilogue: Epilogue, code: Code) -> float:
    """Return the cycles of an epilogue for one output, before the factor of compiled code."""
    return bound_of(core, epilogue_counts(core, epilogue), code)


def bound_of(core: Core, counts: Counts, code: Code) -> float:
    """Return the cycles that instructions take at least, their loads as compiled or tuned."""
    return _bound(core, _with_load(counts, code))


def join(compute: Number, stream: Number, overlap: Overlap) -> Number:
    """Return the cycles of arithmetic and stream, one after the other or side by side."""
    return busiest((compute, stream)) if overlap is Overlap.OVERLAPPED else compute + stream


def _load(code: Code) -> Instruction:
    return Instruction.LOAD if code is Code.COMPILED else Instruction.TUNED_LOAD


def _with_load(counts: Counts, code: Code) -> Counts:
    if code is Code.COMPILED:
        return counts
    return {
        Instruction.TUNED_LOAD if name is Instruction.LOAD else name: count
        for name, count in counts.items()
    }


def _bound(core: Core, counts: Counts) -> float:
    return float(max(weigh(form, counts) for form in forms(core)))
