"""What follows from the shapes and widths of a layer, or of many design points at once."""

from __future__ import annotations

from enum import StrEnum

from accel_models.accumulator import Accumulator
from accel_models.histogram import Histogram
from accel_models.ring import RingBuffer
from accel_models.windows import Window

__all__ = ["LAYERS", "Arithmetic", "Demand", "Kind", "Operation"]


class Kind(StrEnum):
    """What is computed."""

    DENSE = "dense"
    CONV2D = "conv2d"
    DEPTHWISE = "depthwise"
    POOL = "pool"
    ELEMENTWISE = "elementwise"


#: Kinds that multiply activations by weights.
LAYERS = frozenset({Kind.DENSE, Kind.CONV2D, Kind.DEPTHWISE})


class Operation(StrEnum):
    """What is done to operands: the last ones are for pooling and elementwise work."""

    MULTIPLY_ADD = "multiply_add"
    MAXIMUM = "maximum"
    AVERAGE = "average"
    ADD = "add"
    MULTIPLY = "multiply"
    LOOK_UP = "look_up"
    COPY = "copy"
    SOFTMAX = "softmax"


class Arithmetic(StrEnum):
    """Whether codes are integers or floating-point numbers."""

    INTEGER = "integer"
    FLOAT = "float"


class Demand:
    """Counts that follow from the fields of a `Work`, or of columns of them.

    The types are those of one layer; columns have integer arrays in their place, and everything
    here works on both.
    """

    __slots__ = ()

    kind: Kind
    rows: int
    inputs: int
    outputs: int
    groups: int
    weight_bits: int
    activation_bits: int
    output_bits: int
    bias_bits: int
    gain_bits: int
    weight_magnitude: int | None
    activation_magnitude: int | None
    arithmetic: Arithmetic
    operation: Operation
    accumulator: Accumulator
    weight_histogram: Histogram | None
    weight_entropy: float | None
    window: Window | None
    ring: RingBuffer | None

    @property
    def weights(self) -> int:
        """Number of stored weights."""
        return self.inputs * self.outputs if self.kind in LAYERS else 0 * self.outputs

    @property
    def macs(self) -> int:
        """Multiply-accumulate operations in one inference."""
        return self.rows * self.weights

    @property
    def input_values(self) -> int:
        """Activations read in one inference, each counted once."""
        if self.window is not None:
            return self.window.pixels
        return self.rows * self.inputs * self.groups

    @property
    def output_values(self) -> int:
        """Activations written in one inference."""
        return self.rows * self.outputs

    @property
    def parameter_bits(self) -> int:
        """Stored bits of biases and gains."""
        return self.outputs * (self.bias_bits + self.gain_bits)
