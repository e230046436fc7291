"""Random networks of one operator: the bytes of TensorFlow Lite Micro and of LiteRT."""

from __future__ import annotations

import numpy as np
import pytest
from tflite_files import Network

from fxpsim import load, simulate

schema = pytest.importorskip("ai_edge_litert.schema_py_generated", reason="LiteRT is not installed")
flatbuffers = pytest.importorskip("flatbuffers")

RANGES = {"int8": (-128, 128), "int16": (-32768, 32768), "uint8": (0, 256)}


class Problem:
    """Random numbers for one network of a kind of activations."""

    def __init__(self, seed, kind):
        self.rng, self.kind = np.random.default_rng(seed), kind
        self.net = Network(schema, flatbuffers.Builder)
        self.scale, self.zero = self.any_scale(), self.any_zero()

    def any_scale(self, low=-3.0, high=0.0):
        return np.float32(10 ** self.rng.uniform(low, high))

    def any_zero(self):
        return int(self.rng.integers(-128, 128)) if self.kind == "int8" else 0

    def one_of(self, *choices):
        return choices[self.rng.integers(len(choices))]

    def codes(self, shape):
        return self.rng.integers(*RANGES[self.kind], shape)

    def source(self, shape):
        self.shape = list(shape)
        return self.net.tensor(shape, self.kind, self.scale, self.zero)

    def image(self):
        rng = self.rng
        channels = self.one_of(1, 3, 4, 8, 12, 17, 24)
        return int(rng.integers(1, 9)), int(rng.integers(1, 9)), channels

    def window(self, height, width):
        """Return size, stride and padding, and the positions they give."""
        size = (
            int(self.rng.integers(1, min(4, height) + 1)),
            int(self.rng.integers(1, min(4, width) + 1)),
        )
        stride, same = self.one_of(1, 2), self.one_of(True, False)
        rows, columns = (
            -(-pixels // stride) if same else (pixels - taps) // stride + 1
            for pixels, taps in zip((height, width), size, strict=True)
        )
        return size, stride, 0 if same else 1, (rows, columns)

    def sums(self, shape, axis, products):
        """Return weights, bias and an output scale that most sums fit."""
        outputs = shape[axis]
        scales = np.float32(10 ** self.rng.uniform(-3, -1, self.one_of(1, outputs)))
        weights = self.net.tensor(
            shape, "int8", scales, 0, self.rng.integers(-127, 128, shape), axis
        )
        wide = "int32" if self.kind == "int8" else "int64"
        bias = self.net.tensor(
            [outputs], wide, self.scale * scales, 0, self.rng.integers(-2000, 2000, outputs)
        )
        amplitude, steps = (80, 100) if self.kind == "int8" else (12000, 25000)
        size = float(np.median(self.scale * scales)) * np.sqrt(products) * 70 * amplitude
        return weights, bias, np.float32(size / steps * 10 ** self.rng.uniform(-0.7, 0.5))


def conv_2d(p):
    height, width, channels = p.image()
    size, stride, padding, positions = p.window(height, width)
    outputs = p.one_of(1, 2, 5, 8, 16, 19)
    x = p.source([1, height, width, channels])
    shape = [outputs, *size, channels]
    weights, bias, scale = p.sums(shape, 0, size[0] * size[1] * channels)
    y = p.net.tensor([1, *positions, outputs], p.kind, scale, p.any_zero())
    p.net.operator(
        "CONV_2D", [x, weights, bias], [y], "Conv2DOptions", 3,
        padding=padding, strideH=stride, strideW=stride, fusedActivationFunction=p.one_of(0, 1, 3),
        dilationHFactor=1, dilationWFactor=1,
    )  # fmt: skip
    return x, y


def depthwise_conv_2d(p):
    height, width, channels = p.image()
    size, stride, padding, positions = p.window(height, width)
    multiplier = p.one_of(1, 1, 2, 3)
    x = p.source([1, height, width, channels])
    shape = [1, *size, channels * multiplier]
    weights, bias, scale = p.sums(shape, 3, size[0] * size[1])
    y = p.net.tensor([1, *positions, channels * multiplier], p.kind, scale, p.any_zero())
    p.net.operator(
        "DEPTHWISE_CONV_2D", [x, weights, bias], [y], "DepthwiseConv2DOptions", 3,
        padding=padding, strideH=stride, strideW=stride, fusedActivationFunction=p.one_of(0, 1, 3),
        depthMultiplier=multiplier, dilationHFactor=1, dilationWFactor=1,
    )  # fmt: skip
    return x, y


def fully_connected(p):
    inputs, outputs = int(p.rng.integers(1, 80)), int(p.rng.integers(1, 40))
    x = p.source([1, inputs])
    weights, bias, scale = p.sums([outputs, inputs], 0, inputs)
    y = p.net.tensor([1, outputs], p.kind, scale, p.any_zero())
    p.net.operator(
        "FULLY_CONNECTED", [x, weights, bias], [y], "FullyConnectedOptions", 4,
        fusedActivationFunction=p.one_of(0, 1, 3),
    )  # fmt: skip
    return x, y


def two_operands(p, kind, options, factor):
    shape = p.one_of([1, int(p.rng.integers(1, 70))], [1, *p.image()])
    x = p.source(shape)
    second = np.float32(p.scale * 10 ** p.rng.uniform(-0.8, 0.8))
    constant = p.net.tensor(shape, p.kind, second, p.any_zero(), p.codes(shape))
    y = p.net.tensor(shape, p.kind, np.float32(factor(p.scale, second)), p.any_zero())
    p.net.operator(kind, [x, constant], [y], options, 2, fusedActivationFunction=p.one_of(0, 1, 3))
    if kind == "ADD":
        p.net.graph.operators[-1].builtinOptions.potScaleInt16 = False
    return x, y


def add(p):
    return two_operands(p, "ADD", "AddOptions", lambda a, b: 2 * max(a, b))


def mul(p):
    steps = 100 if p.kind == "int8" else 20000
    return two_operands(p, "MUL", "MulOptions", lambda a, b: a * b * steps)


def pool(p, kind):
    height, width, channels = p.image()
    size, stride, padding, positions = p.window(height, width)
    x = p.source([1, height, width, channels])
    y = p.net.tensor([1, *positions, channels], p.kind, p.scale, p.zero)
    p.net.operator(
        kind, [x], [y], "Pool2DOptions", 2, padding=padding, strideH=stride, strideW=stride,
        filterHeight=size[0], filterWidth=size[1], fusedActivationFunction=p.one_of(0, 1, 3),
    )  # fmt: skip
    return x, y


def average_pool_2d(p):
    return pool(p, "AVERAGE_POOL_2D")


def max_pool_2d(p):
    return pool(p, "MAX_POOL_2D")


def softmax(p):
    if p.kind == "int16":
        p.scale = p.any_scale(-4, -2.5)
    shape = [1, int(p.rng.integers(2, 30))]
    x = p.source(shape)
    target = (1 / 256, -128) if p.kind == "int8" else (1 / 32768, 0)
    y = p.net.tensor(shape, p.kind, *target)
    p.net.operator("SOFTMAX", [x], [y], "SoftmaxOptions", 2, beta=1.0)
    return x, y


def logistic(p, kind="LOGISTIC", target=(1 / 256, -128)):
    p.scale = p.any_scale(-3, -0.3) if p.kind == "int8" else p.any_scale(-4.5, -3.2)
    shape = [1, int(p.rng.integers(1, 70))]
    x = p.source(shape)
    y = p.net.tensor(shape, p.kind, *(target if p.kind == "int8" else (1 / 32768, 0)))
    p.net.operator(kind, [x], [y], version=3)
    return x, y


def tanh(p):
    return logistic(p, "TANH", (1 / 128, 0))


def quantize(p):
    to = p.one_of("int8", "uint8") if p.kind == "int8" else "int16"
    shape = [1, int(p.rng.integers(1, 70))]
    x = p.source(shape)
    zero = int(p.rng.integers(*RANGES[to])) if to != "int16" else 0
    y = p.net.tensor(shape, to, p.scale * 10 ** p.rng.uniform(-0.4, 0.4), zero)
    p.net.operator("QUANTIZE", [x], [y], "QuantizeOptions", 2)
    return x, y


def relu(p):
    shape = [1, int(p.rng.integers(1, 70))]
    x = p.source(shape)
    y = p.net.tensor(shape, p.kind, p.scale * 10 ** p.rng.uniform(-0.4, 0.4), p.any_zero())
    p.net.operator(p.one_of("RELU", "RELU6"), [x], [y], version=2)
    return x, y


def mean(p):
    height, width, channels = p.image()
    x = p.source([1, height, width, channels])
    axes = p.net.tensor([2], "int32", data=[1, 2])
    keep = p.one_of(True, False)
    scale = p.scale * 10 ** p.rng.uniform(-0.5, 0.3)
    shape = [1, 1, 1, channels] if keep else [1, channels]
    y = p.net.tensor(shape, p.kind, scale, p.any_zero())
    p.net.operator("MEAN", [x, axes], [y], "ReducerOptions", 2, keepDims=keep)
    return x, y


MAKERS = [
    add, average_pool_2d, conv_2d, depthwise_conv_2d, fully_connected, logistic, max_pool_2d,
    mean, mul, quantize, relu, softmax, tanh,
]  # fmt: skip


def micro(data, inputs):
    runtime = pytest.importorskip("tflite_micro.python.tflite_micro.runtime")
    interpreter = runtime.Interpreter.from_bytes(data, arena_size=1 << 20)
    outputs = []
    for codes in inputs:
        interpreter.set_input(codes, 0)
        interpreter.invoke()
        outputs.append(interpreter.get_output(0).copy())
    return np.array(outputs)


def litert(path, inputs, kernel_set):
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    resolver = {
        "builtin": OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        "reference": OpResolverType.BUILTIN_REF,
        "xnnpack": OpResolverType.AUTO,
    }[kernel_set]
    interpreter = Interpreter(
        model_path=str(path), experimental_op_resolver_type=resolver, num_threads=1
    )
    interpreter.allocate_tensors()
    source, target = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    outputs = []
    for codes in inputs:
        interpreter.set_tensor(source["index"], codes)
        interpreter.invoke()
        outputs.append(interpreter.get_tensor(target["index"]).copy())
    return np.array(outputs)


#: LiteRT's kernels for 16 bits are known as far as stored networks need them; those of its
#: optimised sets for an 8-bit MEAN are not, and are refused.
CASES = [("tflm", kind, make) for kind in ("int8", "int16") for make in MAKERS] + [
    (kernel_set, "int8", make)
    for kernel_set in ("reference", "builtin", "xnnpack")
    for make in MAKERS
    if make is not mean or kernel_set == "reference"
]


@pytest.mark.parametrize(
    ("kernel_set", "kind", "make"), CASES, ids=lambda value: getattr(value, "__name__", value)
)
def test_every_byte(kernel_set, kind, make, tmp_path):
    for seed in range(6):
        problem = Problem(seed, kind)
        data = problem.net.file(*make(problem))
        path = tmp_path / f"{seed}.tflite"
        path.write_bytes(data)
        inputs = problem.codes((8, *problem.shape)).astype(kind)
        wanted = micro(data, inputs) if kernel_set == "tflm" else litert(path, inputs, kernel_set)
        graph = load(path, kernel_set=kernel_set)
        outputs = simulate(graph, inputs).output
        np.testing.assert_array_equal(outputs, wanted.reshape(outputs.shape), err_msg=str(seed))
