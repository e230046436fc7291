"""What a graph computes: one frozen dataclass an operation."""

from fxpsim.ops.activation import Relu
from fxpsim.ops.classify import Argmax, Softmax
from fxpsim.ops.convolution import Conv2D
from fxpsim.ops.dense import Dense
from fxpsim.ops.depthwise import DepthwiseConv2D
from fxpsim.ops.elementwise import Add, Multiply, Table
from fxpsim.ops.integers import Arithmetic, IntegerArithmetic
from fxpsim.ops.layer import Layer, Sums
from fxpsim.ops.mean import FloatAveragePool2D, SumPool2D
from fxpsim.ops.movement import (
    Concatenate,
    Constant,
    Pad,
    Reinterpret,
    Reshape,
    Slice,
    Stack,
    Transpose,
)
from fxpsim.ops.op import Interval, Op, TensorFormat, TensorSpec
from fxpsim.ops.pair_table import PairTable
from fxpsim.ops.pooling import AveragePool2D, MaxPool2D
from fxpsim.ops.reduction import ReduceSum
from fxpsim.ops.requantize import Requantize
from fxpsim.ops.rescaling import Rescale, RescaleFloat64
from fxpsim.ops.scaling import BatchNorm, Bias, Gain
from fxpsim.ops.signal import (
    FftScaleBits,
    FilterBank,
    NoiseEstimate,
    PcanGain,
    Rfft,
    ScaledLog,
    ScaleUp,
    SpectralSubtraction,
    SpectrumEnergy,
    SquareRoot,
    Window,
)
from fxpsim.ops.softmax import FloatTableSoftmax, GemmlowpSoftmax, LookupSoftmax
from fxpsim.ops.softmax_onnx import QLinearSoftmax
from fxpsim.ops.thresholds import Thresholds

_ALL: tuple[type[Op], ...] = (
    Add,
    Argmax,
    AveragePool2D,
    BatchNorm,
    Bias,
    Concatenate,
    Constant,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    FftScaleBits,
    FilterBank,
    FloatAveragePool2D,
    FloatTableSoftmax,
    Gain,
    GemmlowpSoftmax,
    IntegerArithmetic,
    LookupSoftmax,
    MaxPool2D,
    Multiply,
    NoiseEstimate,
    Pad,
    PairTable,
    PcanGain,
    QLinearSoftmax,
    ReduceSum,
    Reinterpret,
    Relu,
    Requantize,
    Rescale,
    RescaleFloat64,
    Reshape,
    Rfft,
    ScaleUp,
    ScaledLog,
    Slice,
    Softmax,
    SpectralSubtraction,
    SpectrumEnergy,
    SquareRoot,
    Stack,
    SumPool2D,
    Table,
    Thresholds,
    Transpose,
    Window,
)
#: Every operation, by the name it has in a file.
OPS: dict[str, type[Op]] = {op.__name__: op for op in _ALL}

__all__ = [
    "OPS",
    "Add",
    "Argmax",
    "Arithmetic",
    "AveragePool2D",
    "BatchNorm",
    "Bias",
    "Concatenate",
    "Constant",
    "Conv2D",
    "Dense",
    "DepthwiseConv2D",
    "FftScaleBits",
    "FilterBank",
    "FloatAveragePool2D",
    "FloatTableSoftmax",
    "Gain",
    "GemmlowpSoftmax",
    "IntegerArithmetic",
    "Interval",
    "Layer",
    "LookupSoftmax",
    "MaxPool2D",
    "Multiply",
    "NoiseEstimate",
    "Op",
    "Pad",
    "PairTable",
    "PcanGain",
    "QLinearSoftmax",
    "ReduceSum",
    "Reinterpret",
    "Relu",
    "Requantize",
    "Rescale",
    "RescaleFloat64",
    "Reshape",
    "Rfft",
    "ScaleUp",
    "ScaledLog",
    "Slice",
    "Softmax",
    "SpectralSubtraction",
    "SpectrumEnergy",
    "SquareRoot",
    "Stack",
    "SumPool2D",
    "Sums",
    "Table",
    "TensorFormat",
    "TensorSpec",
    "Thresholds",
    "Transpose",
    "Window",
]
