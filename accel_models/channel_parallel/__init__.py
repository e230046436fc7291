"""An array of convolution processors, one for each input channel: the MAX78000.

Each of 64 processors multiplies a window of one channel in a cycle, and their sums give one value
of one output channel. Layers with more channels take several passes. Weights of 1, 2, 4 or 8 bits
change what fits, never the time.

References
----------
Analog Devices, MAX78000 User Guide (UG7456); cycle counts are those of the latency model of
ai8x-synthesis (izer/latency.py at ab4f4c0).
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Annotated, Any, ClassVar

from accel_models.closed_form import ClosedForm, Price
from accel_models.constants import Constant
from accel_models.demand import Arithmetic, Demand, Kind
from accel_models.elementwise import Number, ceil_div, choose, larger
from accel_models.estimate import Statement
from accel_models.keys import Doc
from accel_models.presets import preset_settings
from accel_models.toml import read_toml
from accel_models.windows import Window
from accel_models.work import Work, Workload

__all__ = ["ChannelParallel", "Engine", "read_engine"]


@dataclass(frozen=True, slots=True)
class Engine:
    """What the formulas need to know of the machine."""

    text: str
    processors: Constant
    kernels: Constant
    kernel_taps: Constant
    read_cycles: Constant
    buffer_cycles: Constant
    window_cycles: Constant
    data_bytes: Constant


@functools.cache
def read_engine() -> Engine:
    """Return the constants of the MAX78000."""
    return read_toml(files(__name__) / "max78000.toml", Engine)


@dataclass(frozen=True, slots=True)
class ChannelParallel(ClosedForm):
    """Cycles and weight memory of a machine with a processor for each channel.

    The settings are listed by ``accel_models.describe("channel_parallel")``.
    """

    name: ClassVar[str] = "channel_parallel"
    summary: ClassVar[str] = "a convolution processor for each input channel (MAX78000)"

    processors: Annotated[
        int, Doc("processors", "channels that are multiplied at once", positive=True)
    ] = 64
    clock_hz: Annotated[float, Doc("Hz", "clock of the accelerator", positive=True)] = 50e6

    vectors: ClassVar[frozenset[str]] = frozenset({"processors"})

    @classmethod
    def presets(cls) -> Mapping[str, Mapping[str, Any]]:
        """Return the settings of each named machine."""
        return preset_settings(cls.name)

    @property
    def clock(self) -> float:
        """The clock in Hz."""
        return self.clock_hz

    def refusals(self, work: Demand) -> Iterator[tuple[Number, str]]:
        """Yield what the machine cannot do, and what would fit."""
        engine = read_engine()
        if work.kind not in (Kind.DENSE, Kind.CONV2D):
            yield True, f"is {work.kind}: every processor feeds all outputs of a convolution"
        if work.arithmetic is Arithmetic.FLOAT:
            yield True, "is floating point, but the processors multiply integers"
        yield work.groups != 1, f"has {work.groups} groups, but every output sums all channels"
        odd = work.weight_bits != 1
        for bits in (2, 4, 8):
            odd = odd & (work.weight_bits != bits)
        yield odd, f"has {work.weight_bits}-bit weights, but they are stored in 1, 2, 4 or 8 bits"
        yield work.activation_bits != 8, f"has {work.activation_bits}-bit activations, not 8"
        if work.window is not None:
            steps = (work.window.stride[0] != 1) | (work.window.stride[1] != 1)
            yield steps, "has strides, but windows move by one pixel (pooling comes before)"
            for axis in (0, 1):
                uneven = work.window.before[axis] != work.window.after[axis]
                yield uneven, "is padded on one side more than on the other"
            yield (
                work.window.taps > engine.kernel_taps.whole,
                (f"has {work.window.taps} taps, but a processor has {engine.kernel_taps.whole}"),
            )
        held = larger(work.input_values, work.output_values)
        yield (
            held > engine.data_bytes.whole,
            (f"has {held} bytes of input or output, but there are {engine.data_bytes.whole}"),
        )
        needed = self.kernel_words(work)
        yield (
            needed > engine.kernels.whole,
            (
                f"needs {needed} kernel words a processor, but there are {engine.kernels.whole}: "
                "fewer outputs, fewer channels or fewer weight bits would fit"
            ),
        )

    def method(self, work: Work) -> str:
        """Return the passes over the channels."""
        return f"{self.passes(work)} passes of {self.processors} channels"

    def passes(self, work: Demand) -> Number:
        """Return how often the processors are filled with channels."""
        channels = work.inputs if work.window is None else work.window.image[2]
        return ceil_div(channels, self.processors)

    def kernel_words(self, work: Demand) -> Number:
        """Return the 9-byte words of weights that each processor stores for a layer."""
        return ceil_div(self.passes(work) * work.outputs * work.weight_bits, 8)

    def price(self, work: Demand) -> Price:
        """Price one layer; the terms are those of the vendor's latency model."""
        engine, passes = read_engine(), self.passes(work)
        window = _window(work)
        rows, columns = window.image[:2]
        (tall, wide), (above, left) = window.kernel, window.before
        pooled = window.pool[0] * window.pool[1]
        read, buffer, wait = (
            engine.read_cycles.whole,
            engine.buffer_cycles.whole,
            engine.window_cycles.whole,
        )
        # Cycles to bring in one pixel of all passes: of padding, and of data.
        blank, pixel = passes * (read + buffer), passes * (pooled * read + buffer)
        width = window.output[1]

        def line(of: Number) -> Number:
            """Cycles of a line of the image during which outputs are made."""
            edge = left * (blank + wait) + blank * left
            return edge + (wide - 1 - left) * (of + wait) + (width - left) * of

        sides = 2 * left * (blank + wait)
        lead = tall - 1 - above
        flattened = 1 if work.kind is Kind.DENSE else 0
        single = choose((work.outputs == 1) & (passes == 1), 1, 0)
        outputs = passes * width * work.outputs + work.outputs * single
        cycles = (
            flattened
            + above * (sides + columns * (blank + wait))
            + lead * (sides + columns * (pixel + wait))
            + (line(pixel) + outputs) * (rows - lead)
            + above * (line(blank) + outputs)
        )
        read_bytes = work.input_values * pooled
        return Price(
            cycles=cycles,
            low=cycles,
            high=cycles,
            compute_cycles=cycles,
            ideal_cycles=work.macs / (self.processors * engine.kernel_taps.whole),
            memory_bytes={
                "weight": work.rows * work.weights * work.weight_bits / 8,
                "data": read_bytes + work.output_values * work.output_bits / 8,
            },
            counts={
                "passes": passes,
                "kernel_words": self.kernel_words(work),
                "weight_stored_bytes": work.weights * work.weight_bits / 8,
            },
            resource_cycles={"compute": cycles / 1},
        )

    def state(self, workload: Workload) -> Statement:
        """Say that cycles are the vendor's, and whether the network fits."""
        engine = read_engine()
        words = sum(self.kernel_words(work) for work in workload)
        fits = (
            f"its weights take {words} of {engine.kernels.whole} kernel words of each processor"
            if words <= engine.kernels.whole
            else f"it does not fit: its weights take {words} kernel words of each processor, "
            f"there are {engine.kernels.whole}; weights of "
            f"{_fitting_bits(words, engine.kernels.whole)} would fit"
        )
        return Statement(
            basis="closed form of the vendor's latency model; weights and activations on chip",
            relative_error=0.0,
            error_basis=(
                "cycles against the latency model of ai8x-synthesis ab4f4c0: exact; that model "
                "leaves out loading the input, waking up and reading the result"
            ),
            sources=(
                "Analog Devices, MAX78000 User Guide (UG7456)",
                "ai8x-synthesis at ab4f4c0, izer/latency.py",
            ),
            assumptions=(
                fits,
                "pooling is done while a layer reads its input (Window.pool) and costs those reads",
                "a dense layer is a 1x1 convolution; weight bits change what fits, never the time",
                "input is not streamed: streaming layers take half as long again by that model",
                "no sourced energy by layer exists",
            ),
        )


def _window(work: Demand) -> Window:
    """Return where a layer reads; a dense one has a pixel for each vector."""
    if work.window is not None:
        return work.window
    return Window((work.rows, 1, work.inputs), (1, 1))


def _fitting_bits(words: int, limit: int) -> str:
    share = limit / words
    fitting = [bits for bits in (1, 2, 4) if bits / 8 <= share]
    return f"{max(fitting)} bits" if fitting else "not even 1 bit"
