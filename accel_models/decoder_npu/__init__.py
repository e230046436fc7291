"""An accelerator that decodes compressed weights as it goes: Arm's Ethos-U.

Multipliers wait for the weight decoder, the memories for each other: a layer takes as long as the
busiest of accelerator, SRAM and the memory that holds the weights. Fewer weight bits make the
stream shorter; the multipliers do not notice.

References
----------
Arm, Ethos-U55 and Ethos-U65 technical overviews; Arm Vela 5.2.0, whose cycle counts this follows.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from importlib.resources import files
from typing import Annotated, Any, ClassVar

from accel_models.closed_form import ClosedForm, Price
from accel_models.constants import Constant
from accel_models.decoder_npu.blocks import Block, find_block
from accel_models.decoder_npu.cycles import layer_cycles, spatial_blocks
from accel_models.decoder_npu.machine import Accelerator, System, read_accelerator, read_system
from accel_models.decoder_npu.shape import Shape, shape_of
from accel_models.decoder_npu.weights import scale_bytes, weight_bytes
from accel_models.demand import LAYERS, Arithmetic, Demand, Kind, Operation
from accel_models.elementwise import Number, ceil_div, choose, largest, round_up
from accel_models.estimate import Statement
from accel_models.keys import Doc
from accel_models.presets import preset_settings
from accel_models.storage import WeightStorage, create_storage
from accel_models.toml import read_toml
from accel_models.work import Work, Workload

__all__ = ["DecoderNpu", "WeightPlace"]

_BRICK = 16  # channels that lie together in memory
_SUB_KERNEL = 8


class WeightPlace(StrEnum):
    """Where the weights are."""

    OUTSIDE = "outside"
    SRAM = "sram"


@dataclass(frozen=True, slots=True)
class Constants:
    """What is in no description of an accelerator."""

    text: str
    softmax_passes: Constant
    host_cycles_per_value: Constant
    host_call_cycles: Constant


@functools.cache
def read_constants() -> Constants:
    """Return the constants of softmax and of what the host does."""
    return read_toml(files(__name__) / "constants.toml", Constants)


@functools.lru_cache(maxsize=4096)
def _known_block(accelerator: str, shape: Shape) -> Block:
    return find_block(read_accelerator(accelerator), shape)


@dataclass(frozen=True, slots=True)
class DecoderNpu(ClosedForm):
    """Cycles and traffic of an accelerator with a weight decoder.

    The settings are listed by ``accel_models.describe("decoder_npu")``.
    """

    name: ClassVar[str] = "decoder_npu"
    summary: ClassVar[str] = "an accelerator that decodes compressed weights (Ethos-U)"

    accelerator: Annotated[str, Doc("name", "accelerator, or a .toml file that describes one")] = (
        "ethos-u55-128"
    )
    system: Annotated[str, Doc("name", "clock and memories, or a .toml file with them")] = (
        "u55-high-end-embedded"
    )
    weights: Annotated[WeightPlace, Doc("memory", "where the weights are")] = WeightPlace.OUTSIDE
    storage: Annotated[str, Doc("name", "how weights are stored: a name of list_storages()")] = (
        "ethos"
    )
    sram_kib: Annotated[
        float, Doc("KiB", "inputs, outputs and kept values of a layer must fit", positive=True)
    ] = 512.0
    host_clock_hz: Annotated[
        float, Doc("Hz", "clock of the processor beside the accelerator", positive=True)
    ] = 200e6
    weight_bytes_per_cycle: Annotated[
        float | None,
        Doc(
            "bytes/cycle", "rate of the memory with the weights; none: the system's", positive=True
        ),
    ] = None
    _machine: Accelerator = field(init=False, repr=False, compare=False)
    _around: System = field(init=False, repr=False, compare=False)
    _storage: WeightStorage = field(init=False, repr=False, compare=False)

    vectors: ClassVar[frozenset[str]] = frozenset({"weight_bytes_per_cycle"})

    def __post_init__(self) -> None:
        ClosedForm.__post_init__(self)
        object.__setattr__(self, "_machine", read_accelerator(self.accelerator))
        object.__setattr__(self, "_around", read_system(self.system))
        object.__setattr__(self, "_storage", create_storage(self.storage))

    @classmethod
    def presets(cls) -> Mapping[str, Mapping[str, Any]]:
        """Return the settings of each named machine."""
        return preset_settings(cls.name)

    @property
    def clock(self) -> float:
        """The clock in Hz."""
        return self._around.clock.value

    def refusals(self, work: Demand) -> Iterator[tuple[Number, str]]:
        """Yield what the accelerator cannot do."""
        if work.arithmetic is Arithmetic.FLOAT:
            yield True, "is floating point, but the multipliers are for integers"
        yield work.weight_bits > 8, f"has {work.weight_bits}-bit weights, but at most 8 are decoded"
        yield (
            work.activation_bits > 16,
            (f"has {work.activation_bits}-bit activations, but 8 or 16 are multiplied"),
        )
        held = self._streams(work)
        if work.ring is not None:
            held = held + work.ring.values * work.activation_bits / 8
        yield (
            held > self.sram_kib * 1024,
            (
                f"has {held} bytes of activations, but the SRAM has {self.sram_kib:g} KiB: "
                "smaller tiles of the image, or fewer activation bits, would fit"
            ),
        )
        if work.kind in LAYERS:
            yield work.accumulator.final_bits > 40, "sums in more than 40 bits"
        if work.kind in (Kind.CONV2D, Kind.DENSE):
            yield work.groups != 1, f"has {work.groups} groups, but outputs sum all channels"

    def method(self, work: Work) -> str:
        """Return the block that the layer is cut into."""
        if work.kind is Kind.ELEMENTWISE:
            return f"{self.accelerator} {work.operation}"
        block = self.block(work)
        return f"{self.accelerator} blocks of {block.height}x{block.width}x{block.depth}"

    def block(self, work: Demand) -> Block:
        """Return the block that a layer is cut into."""
        shape = shape_of(work)
        if any(hasattr(getattr(shape, name), "shape") for name in Shape.__slots__):
            return find_block(self._machine, shape)
        return _known_block(self.accelerator, shape)

    def price(self, work: Demand) -> Price:
        """Price one layer: the busiest of accelerator, SRAM and the memory with the weights."""
        shape = shape_of(work)
        host = self._host_cycles(work)
        if work.kind is Kind.ELEMENTWISE:
            return self._priced(work, self._element_cycles(work), 1, host, self._streams(work), 0)
        block = self.block(work)
        latency = self._scale_latency() if work.kind in LAYERS else 0.0
        per_output = self._per_output(work, shape)
        npu = layer_cycles(self._machine, self._around, shape, block, per_output, latency)
        held = weight_bytes(self._machine, self._storage, work, shape) if work.kind in LAYERS else 0
        fetches = spatial_blocks(shape, block)
        return self._priced(work, npu, fetches, host, self._traffic(work, shape, block), held)

    def _priced(
        self,
        work: Demand,
        npu: Number,
        fetches: Number,
        host: Number,
        traffic: Number,
        held: Number,
    ) -> Price:
        """Put together what each resource takes."""
        outside = self.weights is WeightPlace.OUTSIDE
        scales = scale_bytes(work) if work.kind in LAYERS else 0
        # Weights that are needed again are copied into SRAM; scales are read for every block.
        fetched = held + scales * fetches
        if outside:
            sram_bytes = traffic + choose(fetches > 1, held * (fetches + 1), 0)
        else:
            sram_bytes = traffic + (held + scales) * fetches
        sram = sram_bytes / (self._machine.port_bytes.value * self._around.sram_scale.value)
        memory = fetched / self._weight_rate() if outside else 0 * sram
        busy = {"npu": npu / 1, "sram": sram, str(self._around.weights): memory}
        longest = largest(*busy.values())
        moved = {"sram": sram_bytes / 1}
        if outside:
            moved[str(self._around.weights)] = fetched / 1
        return Price(
            cycles=longest + host,
            low=npu + host,
            high=npu + sram + memory + host,
            compute_cycles=npu,
            ideal_cycles=work.macs / self._machine.peak,
            memory_bytes=moved,
            counts={
                "weight_stored_bytes": held,
                "scale_stored_bytes": scales,
                "host_cycles": host,
            },
            resource_cycles=busy,
        )

    def state(self, workload: Workload) -> Statement:
        """Say whose estimates these are, and where they part."""
        constants = read_constants()
        return Statement(
            basis=(
                f"{self.accelerator} in {self.system}: the busiest of accelerator, SRAM and the "
                "memory with the weights, layer by layer; low: the accelerator alone; high: one "
                "after the other"
            ),
            relative_error=0.3,
            error_basis=(
                "totals against Arm Vela 5.2.0: see docs/reference/accelerators.md for the error "
                "of every network; Vela calls its own numbers estimates, and its two compilers "
                "differ by up to 23 % in total cycles"
            ),
            sources=(
                "Arm Vela 5.2.0: ethos_u55_performance.cpp, architecture_allocator.py, mlw_codec",
                "Arm Vela 5.2.0: config_files/Arm/vela.ini",
            ),
            assumptions=(
                "weights come once from outside into SRAM and are decoded from there; their "
                "transfer hides behind the layer that uses them, not behind the one before it",
                "weights of unknown statistics do not compress: give a histogram or an entropy",
                "activations stay in SRAM; no cascades of layers",
                "the host copies the values of ring buffers, at "
                f"{constants.host_cycles_per_value.value:g} of its cycles a value and "
                f"{constants.host_call_cycles.whole} a call (assumed; Vela charges nothing)",
                "no sourced energy exists",
            ),
        )

    def _weight_rate(self) -> Number:
        if self.weight_bytes_per_cycle is not None:
            return self.weight_bytes_per_cycle
        return self._machine.port_bytes.value * self._around.weight_scale.value

    def _scale_latency(self) -> float:
        outside = self.weights is WeightPlace.OUTSIDE
        return (self._around.weight_latency if outside else self._around.sram_latency).value

    def _per_output(self, work: Demand, shape: Shape) -> Number:
        """Return the cycles for which the output stage is busy with each output."""
        machine = self._machine
        if work.kind is Kind.POOL:
            fast = work.operation is Operation.MAXIMUM
            return (machine.maximum_cycles if fast else machine.output_cycles).value
        wide = machine.output_cycles_40.value, machine.output_cycles.value
        return choose(shape.sum_bits == 40, *wide)

    def _element_cycles(self, work: Demand) -> Number:
        """Return the cycles of an operation on every value."""
        machine = self._machine
        each = {
            Operation.ADD: machine.add_cycles,
            Operation.MULTIPLY: machine.multiply_cycles,
            Operation.LOOK_UP: machine.look_up_cycles,
            Operation.SOFTMAX: machine.wide_cycles,
        }.get(work.operation, machine.output_cycles)
        passes = 1
        if work.operation is Operation.SOFTMAX:
            passes = read_constants().softmax_passes.whole
        return passes * each.value * round_up(work.output_values, _BRICK)

    def _host_cycles(self, work: Demand) -> Number:
        """Return the accelerator's cycles for which the host moves what a layer keeps."""
        if work.ring is None:
            return 0
        constants = read_constants()
        cycles = constants.host_call_cycles.value + (
            constants.host_cycles_per_value.value * work.ring.values
        )
        return cycles * self._around.clock.value / self.host_clock_hz

    def _streams(self, work: Demand) -> Number:
        """Return the bytes of the operands and of the result."""
        bits = work.input_values * work.activation_bits + work.output_values * work.output_bits
        return bits / 8

    def _traffic(self, work: Demand, shape: Shape, block: Block) -> Number:
        """Return the bytes of activations: inputs again for every block and sub-kernel."""
        sub_kernels = ceil_div(shape.span_height, _SUB_KERNEL) * ceil_div(
            shape.span_width, _SUB_KERNEL
        )
        area = block.input_height * block.input_width
        blocks = spatial_blocks(shape, block)
        if not shape.by_channel:
            blocks = blocks * ceil_div(shape.outputs, block.depth)
        read = area * shape.channels * sub_kernels * blocks
        least = largest(read, work.input_values)
        return (least * work.activation_bits + work.output_values * work.output_bits) / 8
