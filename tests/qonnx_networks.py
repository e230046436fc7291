"""Random QONNX networks.

Scales are powers of two where ``exact``, so that the executor's float32 sums are exact.
"""

from __future__ import annotations

import numpy as np
from onnx import TensorProto, helper, numpy_helper

DOMAIN = "qonnx.custom_op.general"
MODES = ("ROUND", "CEIL", "FLOOR", "UP", "DOWN", "HALF_UP", "HALF_DOWN")


class Builder:
    """A QONNX network in the making; shapes have a batch of one in front."""

    def __init__(self, rng, exact=True):
        self.rng, self.exact = rng, exact
        self.nodes, self.constants, self.count = [], {}, 0

    def keep(self, array):
        self.count += 1
        name = f"c{self.count}"
        self.constants[name] = np.asarray(array, np.float32)
        return name

    def node(self, op, inputs, domain="", **attributes):
        self.count += 1
        name = f"t{self.count}"
        self.nodes.append(
            helper.make_node(op, inputs, [name], name=f"n{self.count}", domain=domain, **attributes)
        )
        return name

    def scale(self, low, high, shape=()):
        if self.exact:
            return np.float32(2.0) ** self.rng.integers(low, high, shape).astype(np.float32)
        return (2.0 ** self.rng.uniform(low, high, shape)).astype(np.float32)

    def quant(self, name, scale, bits, signed, zero=0.0):
        mode = str(self.rng.choice(MODES))
        narrow = int(self.rng.integers(2)) if bits > 1 else 0
        inputs = [name, self.keep(scale), self.keep(zero), self.keep(np.float32(bits))]
        return self.node(
            "Quant", inputs, DOMAIN, signed=int(signed), narrow=narrow, rounding_mode=mode
        )

    def weights(self, shape, outputs_axis):
        per_channel = [1] * len(shape)
        if self.rng.random() < 0.5:
            per_channel[outputs_axis] = shape[outputs_axis]
        scale = self.scale(-5, -2, per_channel if max(per_channel) > 1 else ())
        reals = self.keep(self.rng.normal(0, 1, shape) * 4 * scale)
        kind = self.rng.random()
        if kind < 0.2:
            return self.node("BipolarQuant", [reals, self.keep(np.max(scale))], DOMAIN)
        return self.quant(reals, scale, int(self.rng.integers(2, 9)), True)

    def activation(self, name, channels, rank):
        """Return a batch norm, a ReLU, and a quantisation, each now and then."""
        if self.rng.random() < 0.5:
            gain = self.rng.choice([-2, -0.5, 0.25, 0.5, 1, 2], channels)
            inputs = [name, self.keep(gain), self.keep(self.rng.integers(-4, 5, channels) / 4),
                      self.keep(self.rng.integers(-4, 5, channels) / 2),
                      self.keep(np.ones(channels))]  # fmt: skip
            name = self.node("BatchNormalization", inputs, epsilon=0.0)
        relu = self.rng.random() < 0.6
        if relu:
            name = self.node("Relu", [name])
        kind = self.rng.random()
        if kind < 0.15:
            return self.node("BipolarQuant", [name, self.keep(self.scale(-3, 1))], DOMAIN)
        bits = int(self.rng.integers(1 if not relu else 2, 9))
        return self.quant(name, self.scale(-4, 0), bits, not relu)

    def model(self, shape, output):
        constants = [numpy_helper.from_array(v, k) for k, v in self.constants.items()]
        graph = helper.make_graph(
            self.nodes, "qonnx",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, list(shape))],
            [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)], constants,
        )  # fmt: skip
        imports = [helper.make_opsetid("", 13), helper.make_opsetid(DOMAIN, 1)]
        return helper.make_model(graph, opset_imports=imports, ir_version=8)


def random_network(seed, exact=True):
    """Return a model made from a seed, and the shape of a sample."""
    rng = np.random.default_rng(seed)
    net = Builder(rng, exact)
    c, h, w = (int(i) for i in rng.integers(2, 6, 3))
    shape = (1, c, h, w)
    x = net.quant("x", net.scale(-4, -1), int(rng.integers(2, 9)), True)
    for _ in range(int(rng.integers(1, 3))):
        kh, kw = (int(rng.integers(1, min(3, s) + 1)) for s in (h, w))
        depthwise = rng.random() < 0.4
        outputs = c if depthwise else int(rng.integers(1, 6))
        weights = net.weights((outputs, 1 if depthwise else c, kh, kw), 0)
        y = net.node("Conv", [x, weights], kernel_shape=[kh, kw], group=c if depthwise else 1)
        c, h, w = outputs, h - kh + 1, w - kw + 1
        if rng.random() < 0.3:
            bias = net.keep(rng.integers(-8, 9, (1, c, 1, 1)) / 4)
            y = net.node("Add", [y, bias])
        x = net.activation(y, c, 4)
        kind = rng.random()
        if kind < 0.2 and h > 1:
            x = net.node("MaxPool", [x], kernel_shape=[2, 1], strides=[1, 1])
            h -= 1
        elif kind < 0.4 and exact and min(h, w) > 1:
            x = net.node("AveragePool", [x], kernel_shape=[2, 2], strides=[1, 1])
            h, w = h - 1, w - 1
            x = net.quant(x, net.scale(-4, -1), 6, True)
        elif kind < 0.6:
            x = net.node("Add", [x, x])
            x = net.quant(x, net.scale(-3, 0), int(rng.integers(2, 9)), True)
    x = net.node("Flatten", [x])
    x = net.node("MatMul", [x, net.weights((c * h * w, 4), 1)])
    x = net.activation(x, 4, 2)
    return net.model(shape, x), shape[1:]
