"""Random quantised ONNX networks, and ONNX Runtime to run them.

Each network is a chain (with branches now and then) of float operators between QuantizeLinear and
DequantizeLinear, or of the quantised forms of the same operators.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 21
MICROSOFT = "com.microsoft"
ACTIVATIONS = {"uint8": np.uint8, "int8": np.int8}
TYPES = {
    "uint8": TensorProto.UINT8,
    "int8": TensorProto.INT8,
    "float32": TensorProto.FLOAT,
}


def session(model, extended=True):
    """Return a session of ONNX Runtime on one thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    level = onnxruntime.GraphOptimizationLevel
    if not extended:
        options.graph_optimization_level = level.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


class Tensor(NamedTuple):
    """Codes by name, what they mean, and their shape with a batch of one."""

    codes: str
    scale: np.float32
    zero: np.integer
    shape: tuple


@dataclass(frozen=True)
class Network:
    """A model, the type of its codes, and (scale, zero point) of input and output."""

    model: onnx.ModelProto
    kind: str
    source: tuple
    target: tuple

    def codes(self, seed, count=3):
        """Return input codes (count, ...)."""
        (given,) = self.model.graph.input
        shape = [dim.dim_value for dim in given.type.tensor_type.shape.dim][1:]
        limits = np.iinfo(ACTIVATIONS[self.kind])
        rng = np.random.default_rng(seed)
        size = (count, *shape)
        return rng.integers(limits.min, limits.max, size, endpoint=True).astype(limits.dtype)

    def run(self, codes, session):
        """Return the output codes that a session gives, sample by sample."""
        (given,) = self.model.graph.input
        reals = given.type.tensor_type.elem_type == TensorProto.FLOAT
        if reals:
            scale, zero = self.source
            codes = (codes.astype(np.float32) - np.float32(zero)) * scale
        outputs = [session.run(None, {given.name: sample[None]})[0] for sample in codes]
        result = np.concatenate(outputs)
        if reals:
            scale, zero = self.target
            result = np.rint(result.astype(np.float64) / scale) + int(zero)
        return result.astype(np.int64)


class Builder:
    """A network in the making; ``form`` is "qdq" or "qlinear"."""

    def __init__(self, rng, form, kind, shape, weight_bits=7):
        self.rng, self.form, self.kind = rng, form, kind
        self.weight_bits = weight_bits
        self.nodes, self.constants = [], {}
        self.limits = np.iinfo(ACTIVATIONS[kind])
        self.count = 0
        self.shape = tuple(shape)
        self.input = Tensor("input_codes", *self.parameters(), self.shape)

    # -- names and constants

    def name(self, stem):
        self.count += 1
        return f"{stem}_{self.count}"

    def keep(self, stem, array):
        name = self.name(stem)
        self.constants[name] = np.asarray(array)
        return name

    def node(self, op, inputs, stem=None, domain="", **attributes):
        out = self.name(stem or op.lower())
        self.nodes.append(
            helper.make_node(op, inputs, [out], name=f"n_{out}", domain=domain, **attributes)
        )
        return out

    def parameters(self, spread=0.1):
        scale = np.float32(self.rng.uniform(0.2, 1) * spread)
        if self.rng.random() < 0.3:
            scale = np.float32(2.0 ** self.rng.integers(-7, -2))
        zero = self.rng.integers(self.limits.min, self.limits.max, endpoint=True)
        if self.rng.random() < 0.3:
            zero = self.limits.min if self.rng.random() < 0.5 else 0
        return scale, ACTIVATIONS[self.kind](zero)

    def scalars(self, scale, zero):
        return self.keep("scale", scale), self.keep("zero", zero)

    # -- quantisation

    def quantize(self, real, scale, zero):
        return self.node("QuantizeLinear", [real, *self.scalars(scale, zero)], "q")

    def dequantize(self, tensor):
        inputs = [tensor.codes, *self.scalars(tensor.scale, tensor.zero)]
        return self.node("DequantizeLinear", inputs, "dq")

    def weights(self, shape, outputs_axis, symmetric=None):
        """Return codes, scales, zeros and per-channel axis or None."""
        signed = self.kind == "int8" or self.rng.random() < 0.7
        limits = np.iinfo(np.int8 if signed else np.uint8)
        half = 1 << (self.weight_bits - 1)
        low, high = (-half, half - 1) if signed else (0, 2 * half - 1)
        codes = self.rng.integers(low, high, shape, endpoint=True).astype(limits.dtype)
        per_channel = bool(self.rng.random() < 0.5)
        if per_channel:
            n = shape[outputs_axis]
            scales = self.rng.uniform(0.002, 0.02, n).astype(np.float32)
            zero = 0 if signed else int(self.rng.integers(0, 2 * half))
            zeros = np.full(n, zero, limits.dtype)
            return codes, scales, zeros, outputs_axis
        zero = 0 if signed else int(self.rng.integers(0, 2 * half))
        return codes, np.float32(self.rng.uniform(0.002, 0.02)), limits.dtype.type(zero), None

    def target_for(self, fan_in, x_scale, w_scale):
        """Return a scale that uses the range of codes."""
        spread = float(x_scale) * float(np.max(w_scale)) * 60 * 40 * np.sqrt(fan_in)
        _, zero = self.parameters()
        return np.float32(spread / 110 * self.rng.uniform(0.4, 1)), zero

    # -- layers

    def conv(self, x, depthwise=False):
        n, c, h, w = x.shape
        kh, kw = (int(self.rng.integers(1, min(4, size) + 1)) for size in (h, w))
        if depthwise:
            groups, outputs, per = c, c * int(self.rng.integers(1, 3)), 1
        else:
            groups = 2 if c % 2 == 0 and self.rng.random() < 0.2 else 1
            outputs, per = groups * int(self.rng.integers(1, 6)), c // groups
        strides = [int(s) for s in self.rng.integers(1, 3, 2)]
        pads = [int(self.rng.integers(0, k)) for k in (kh, kw, kh, kw)]
        dilations = [1, 1]
        if self.rng.random() < 0.2:
            dilations = [2 if 2 * (k - 1) < s else 1 for k, s in ((kh, h), (kw, w))]
        attributes = {"kernel_shape": [kh, kw], "strides": strides, "pads": pads,
                      "dilations": dilations, "group": groups}  # fmt: skip
        wc, ws, wz, axis = self.weights((outputs, per, kh, kw), 0)
        bias = self.rng.integers(-3000, 3000, outputs).astype(np.int32)
        y_scale, y_zero = self.target_for(per * kh * kw, x.scale, ws)
        size = [
            (s + pads[i] + pads[i + 2] - (k - 1) * d - 1) // st + 1
            for i, (s, k, d, st) in enumerate(
                zip((h, w), (kh, kw), dilations, strides, strict=True)
            )
        ]
        shape = (n, outputs, *size)
        out = self.layer("Conv", x, (wc, ws, wz, axis), bias, (y_scale, y_zero), attributes)
        return Tensor(out, y_scale, y_zero, shape)

    def dense(self, x):
        shape = x.shape
        outputs = int(self.rng.integers(1, 12))
        wc, ws, wz, axis = self.weights((shape[-1], outputs), 1)
        y_scale, y_zero = self.target_for(shape[-1], x.scale, ws)
        gemm = len(shape) == 2 and self.rng.random() < 0.5
        bias = self.rng.integers(-3000, 3000, outputs).astype(np.int32) if gemm else None
        op = "Gemm" if gemm else "MatMul"
        out = self.layer(op, x, (wc, ws, wz, axis), bias, (y_scale, y_zero), {})
        return Tensor(out, y_scale, y_zero, (*shape[:-1], outputs))

    def layer(self, op, x, weights, bias, target, attributes):
        codes, scale, zero, _ = x
        wc, ws, wz, axis = weights
        if self.form == "qlinear":
            inputs = [codes, *self.scalars(scale, zero), self.keep("w", wc), *self.scalars(ws, wz)]
            if op == "Gemm":
                inputs.append(self.keep("b", bias))
                inputs += self.scalars(*target)
                return self.node("QGemm", inputs, domain=MICROSOFT)
            inputs += self.scalars(*target)
            if bias is not None:
                inputs.append(self.keep("b", bias))
            return self.node(f"QLinear{op}", inputs, **attributes)
        real = self.dequantize(x)
        along = {} if axis is None else {"axis": axis}
        w = self.node(
            "DequantizeLinear", [self.keep("w", wc), *self.scalars(ws, wz)], "w_dq", **along
        )
        inputs = [real, w]
        if bias is not None:
            bias_scale = np.asarray(scale * ws, np.float32)
            if self.rng.random() < 0.3:
                inputs.append(self.keep("b", (bias * bias_scale).astype(np.float32)))
            else:
                inputs.append(
                    self.node(
                        "DequantizeLinear",
                        [self.keep("b", bias), self.keep("scale", bias_scale),
                         self.keep("zero", np.zeros(bias_scale.shape, np.int32))],
                        "b_dq", **({} if axis is None else {"axis": 0}),
                    )
                )  # fmt: skip
        y = self.node(op, inputs, **attributes)
        scale, zero = target
        if zero == self.limits.min and self.rng.random() < 0.7:
            y = self.node("Relu", [y])
        return self.quantize(y, scale, zero)

    # -- two tensors

    def binary(self, a, b):
        op = str(self.rng.choice(["Add", "Mul"]))
        y_scale, y_zero = self.parameters(0.2)
        shape = np.broadcast_shapes(a.shape, b.shape)
        if self.form == "qlinear":
            inputs = [
                a.codes,
                *self.scalars(a.scale, a.zero),
                b.codes,
                *self.scalars(b.scale, b.zero),
            ]
            inputs += self.scalars(y_scale, y_zero)
            return Tensor(
                self.node(f"QLinear{op}", inputs, domain=MICROSOFT), y_scale, y_zero, shape
            )
        y = self.node(op, [self.dequantize(a), self.dequantize(b)])
        if y_zero == self.limits.min and self.rng.random() < 0.5:
            y = self.node("Relu", [y])
        return Tensor(self.quantize(y, y_scale, y_zero), y_scale, y_zero, shape)

    def constant_like(self, x):
        """Return a quantised constant that stretches to a tensor's shape."""
        shape = [s if self.rng.random() < 0.5 else 1 for s in x.shape]
        shape[0] = 1
        codes = self.rng.integers(self.limits.min, self.limits.max, shape, endpoint=True)
        scale, zero = self.parameters()
        name = self.keep("c", codes.astype(ACTIVATIONS[self.kind]))
        return Tensor(name, scale, zero, tuple(shape))

    def concat(self, a, b, axis):
        y_scale, y_zero = self.parameters()
        shape = list(a.shape)
        shape[axis] += b.shape[axis]
        if self.form == "qlinear":
            inputs = [*self.scalars(y_scale, y_zero)]
            for t in (a, b):
                inputs += [t.codes, *self.scalars(t.scale, t.zero)]
            out = self.node("QLinearConcat", inputs, domain=MICROSOFT, axis=axis)
            return Tensor(out, y_scale, y_zero, tuple(shape))
        y = self.node("Concat", [self.dequantize(a), self.dequantize(b)], axis=axis)
        return Tensor(self.quantize(y, y_scale, y_zero), y_scale, y_zero, tuple(shape))

    # -- pools and functions

    def max_pool(self, x):
        codes, scale, zero, (n, c, h, w) = x
        size = [int(self.rng.integers(1, min(3, s) + 1)) for s in (h, w)]
        strides = [int(s) for s in self.rng.integers(1, 3, 2)]
        pads = [int(self.rng.integers(0, k)) for k in size * 2]
        kept = {"kernel_shape": size, "strides": strides, "pads": pads}
        out_size = [
            (s + pads[i] + pads[i + 2] - k) // st + 1
            for i, (s, k, st) in enumerate(zip((h, w), size, strides, strict=True))
        ]
        shape = (n, c, *out_size)
        if self.form == "qlinear":
            return Tensor(self.node("MaxPool", [codes], **kept), scale, zero, shape)
        y = self.node("MaxPool", [self.dequantize(x)], **kept)
        return Tensor(self.quantize(y, scale, zero), scale, zero, shape)

    def average_pool(self, x):
        n, c, h, w = x.shape
        size = [int(self.rng.integers(1, min(3, s) + 1)) for s in (h, w)]
        strides = [int(s) for s in self.rng.integers(1, 3, 2)]
        pads = [int(self.rng.integers(0, k)) for k in size * 2]
        kept = {"kernel_shape": size, "strides": strides, "pads": pads,
                "count_include_pad": int(self.rng.integers(2))}  # fmt: skip
        out_size = [
            (s + pads[i] + pads[i + 2] - k) // st + 1
            for i, (s, k, st) in enumerate(zip((h, w), size, strides, strict=True))
        ]
        return self.mean("AveragePool", x, kept, (n, c, *out_size))

    def global_average_pool(self, x):
        return self.mean("GlobalAveragePool", x, {}, (*x.shape[:2], 1, 1))

    def mean(self, op, x, attributes, shape):
        codes, scale, zero, _ = x
        y_scale, y_zero = self.parameters()
        if self.rng.random() < 0.5:
            y_scale, y_zero = scale, zero
        if self.form == "qlinear":
            inputs = [codes, *self.scalars(scale, zero), *self.scalars(y_scale, y_zero)]
            extra = {"channels_last": 0} if op[0] == "G" else {}
            out = self.node(f"QLinear{op}", inputs, domain=MICROSOFT, **attributes, **extra)
            return Tensor(out, y_scale, y_zero, shape)
        y = self.node(op, [self.dequantize(x)], **attributes)
        return Tensor(self.quantize(y, y_scale, y_zero), y_scale, y_zero, shape)

    def relu(self, x):
        """Return a clamp between two quantisations."""
        y_scale, y_zero = self.parameters()
        if self.form == "qlinear":
            return x
        y = self.dequantize(x)
        if self.rng.random() < 0.5:
            y = self.node("Relu", [y])
        else:
            low, high = self.keep("low", np.float32(-0.5)), self.keep("high", np.float32(3.0))
            y = self.node("Clip", [y, low, high])
        return Tensor(self.quantize(y, y_scale, y_zero), y_scale, y_zero, x.shape)

    def moved(self, x, op, shape, *inputs, **attributes):
        """Return a tensor that an operator only moves."""
        codes, scale, zero, _ = x
        if self.form == "qlinear":
            return Tensor(self.node(op, [codes, *inputs], **attributes), scale, zero, shape)
        y = self.node(op, [self.dequantize(x), *inputs], **attributes)
        return Tensor(self.quantize(y, scale, zero), scale, zero, shape)

    def flatten(self, x):
        shape = (x.shape[0], int(np.prod(x.shape[1:])))
        if self.rng.random() < 0.5:
            return self.moved(x, "Flatten", shape)
        wanted = self.keep("shape", np.array([0, -1] if self.rng.random() < 0.5 else [1, -1]))
        return self.moved(x, "Reshape", shape, wanted)

    def transpose(self, x):
        order = [0, *(1 + self.rng.permutation(len(x.shape) - 1))]
        shape = tuple(x.shape[i] for i in order)
        return self.moved(x, "Transpose", shape, perm=[int(i) for i in order])

    def max_pool_same(self, x):
        """Return maxima over three columns, as many as there are columns."""
        kept = {"kernel_shape": [1, 3], "strides": [1, 1], "pads": [0, 1, 0, 1]}
        return self.moved(x, "MaxPool", x.shape, **kept)

    def transpose_twice(self, x):
        """Return the same tensor by another way."""
        between = tuple(x.shape[i] for i in (0, 2, 3, 1))
        y = self.moved(x, "Transpose", between, perm=[0, 2, 3, 1])
        return self.moved(y, "Transpose", x.shape, perm=[0, 3, 1, 2])

    # -- the whole

    def model(self, result, float_edges=False):
        """Return the network; with float32 ends it has a quantisation at either."""
        first, last, kind = "input_codes", result.codes, self.kind
        if float_edges:
            first, kind = "input_reals", "float32"
            inputs = [first, *self.scalars(self.input.scale, self.input.zero)]
            self.nodes.insert(0, helper.make_node("QuantizeLinear", inputs, ["input_codes"]))
            last = self.dequantize(result)
        declared_in = helper.make_tensor_value_info(first, TYPES[kind], list(self.shape))
        declared_out = helper.make_tensor_value_info(last, TYPES[kind], None)
        constants = [numpy_helper.from_array(v, k) for k, v in self.constants.items()]
        graph = helper.make_graph(self.nodes, self.form, [declared_in], [declared_out], constants)
        imports = [helper.make_opsetid("", OPSET), helper.make_opsetid(MICROSOFT, 1)]
        return helper.make_model(graph, opset_imports=imports, ir_version=10)


def random_network(seed):
    """Return a network made from a seed."""
    rng = np.random.default_rng(seed)
    kind = str(rng.choice(list(ACTIVATIONS)))
    form = "qdq" if seed % 2 else "qlinear"
    shape = (1, int(rng.integers(1, 5)), int(rng.integers(3, 10)), int(rng.integers(3, 10)))
    net = Builder(rng, form, kind, shape)
    x = net.input
    for _ in range(int(rng.integers(1, 5))):
        step = str(rng.choice(
            ["conv", "depthwise", "max", "average", "relu", "residual", "constant", "concat",
             "transpose"]
        ))  # fmt: skip
        if step == "conv":
            x = net.conv(x)
        elif step == "depthwise":
            x = net.conv(x, depthwise=True)
        elif step == "max":
            x = net.max_pool(x)
        elif step == "average":
            x = net.average_pool(x)
        elif step == "relu":
            x = net.relu(x)
        elif step == "residual":
            x = net.binary(x, net.relu(x) if form == "qdq" else net.transpose_twice(x))
        elif step == "constant":
            pair = [x, net.constant_like(x)]
            if rng.random() < 0.5:
                pair.reverse()
            x = net.binary(*pair)
        elif step == "concat":
            x = net.concat(x, net.max_pool_same(x), 1)
        elif step == "transpose":
            x = net.transpose(x)
    end = rng.random()
    if end < 0.3:
        x = net.global_average_pool(x)
    x = net.flatten(x)
    if end < 0.9:
        x = net.dense(x)
        if rng.random() < 0.4:
            x = net.binary(x, net.constant_like(x))
    float_edges = form == "qdq" and bool(rng.random() < 0.7)
    return Network(net.model(x, float_edges), kind, net.input[1:3], x[1:3])
