"""What a graph computes: one frozen dataclass an operation."""

from fxpsim.ops.activation import Relu
from fxpsim.ops.classify import Argmax, Softmax
from fxpsim.ops.dense import Dense
from fxpsim.ops.op import Interval, Op, Sums, TensorSpec
from fxpsim.ops.requantize import Requantize
from fxpsim.ops.scaling import BatchNorm, Bias, Gain

#: Every operation, by the name it has in a file.
OPS: dict[str, type[Op]] = {
    op.__name__: op for op in (Argmax, BatchNorm, Bias, Dense, Gain, Relu, Requantize, Softmax)
}

__all__ = [
    "OPS",
    "Argmax",
    "BatchNorm",
    "Bias",
    "Dense",
    "Gain",
    "Interval",
    "Op",
    "Relu",
    "Requantize",
    "Softmax",
    "Sums",
    "TensorSpec",
]
