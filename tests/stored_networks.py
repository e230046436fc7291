"""Networks of the reference data, layer by layer: exact sums, real scales, stored tensors."""

from __future__ import annotations

import json

import numpy as np

CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D")
LAYERS = (*CONVOLUTIONS, "FULLY_CONNECTED")


def average_pool(codes):
    """Return the mean over height and width, ties away from zero."""
    total = codes.astype(np.int64).sum((1, 2))
    count = codes.shape[1] * codes.shape[2]
    return np.sign(total) * ((np.abs(total) + count // 2) // count)


class StoredNetwork:
    """One TensorFlow Lite network with its constants and what runtimes made of it."""

    def __init__(self, path):
        graph = json.loads(path.with_suffix(".graph.json").read_text())["subgraphs"][0]
        self.tensors = {tensor["index"]: tensor for tensor in graph["tensors"]}
        self.operators = graph["operators"]
        self.constants = np.load(path.with_suffix(".consts.npz"), allow_pickle=False)
        self.reference = np.load(path.with_suffix(".ref.npz"), allow_pickle=False)

    def layers(self, *kinds):
        return [operator for operator in self.operators if operator["op"] in kinds]

    def stored(self, index, prefix=""):
        """Return an intermediate tensor without the axis of the runtime's own batch."""
        values = self.reference[f"{prefix}t{index:03d}"]
        return values.reshape(len(values), *values.shape[2:])

    def scale(self, index):
        return np.array(self.tensors[index]["scale"], np.float32)

    def zero_point(self, index):
        return self.tensors[index]["zero_point"][0]

    def real_scales(self, operator):
        """Return input scale * weight scales / output scale in float64."""
        source, weight = (self.scale(index).astype(np.float64) for index in operator["inputs"][:2])
        return source * weight / self.scale(operator["outputs"][0]).astype(np.float64)

    def clamp(self, operator):
        """Return the zero point and the lower end of the activation, for a scheme."""
        zero = self.zero_point(operator["outputs"][0])
        relu = operator["options"]["FusedActivationFunction"] == "RELU"
        return {"zero_point": zero, "act_min": zero if relu else None}

    def sums(self, operator, codes):
        """Return the exact sums of a layer, bias included, channels last."""
        source, weight, bias = operator["inputs"]
        weights, biases = (self.constants[self.tensors[i]["const"]] for i in (weight, bias))
        inputs = codes.astype(np.float64) - self.zero_point(source)
        kernel = weights.astype(np.float64)
        if operator["op"] == "FULLY_CONNECTED":
            products = inputs.reshape(len(inputs), -1) @ kernel.T
        else:
            windows = self._windows(operator, inputs, kernel.shape[1:3])
            if operator["op"] == "DEPTHWISE_CONV_2D":
                products = np.einsum("bhwcij,ijc->bhwc", windows, kernel[0])
            else:
                flat = windows.transpose(0, 1, 2, 4, 5, 3).reshape(*windows.shape[:3], -1)
                products = flat @ kernel.reshape(len(kernel), -1).T
        assert np.abs(products).max() < 2**52  # exact in float64, in any order
        return products.astype(np.int64) + biases

    def run(self, codes, layer):
        """Return the output; ``layer(operator, sums)`` requantises."""
        for operator in self.operators:
            if operator["op"] in LAYERS:
                codes = layer(operator, self.sums(operator, codes))
            elif operator["op"] == "AVERAGE_POOL_2D":
                codes = average_pool(codes)
            elif operator["op"] == "SOFTMAX":
                codes = self.softmax(operator, codes)
        return codes

    def softmax(self, operator, codes):
        """Return int8 probabilities as TensorFlow Lite has them: a float32 table of exp."""
        (source,), (target,) = operator["inputs"], operator["outputs"]
        steps = np.arange(256, dtype=np.float32)
        table = np.exp(-self.scale(source)[0] * steps)
        powers = table[codes.max(1, keepdims=True) - codes]
        total = np.float32(0)
        for column in powers.T:
            total = total + column
        shares = powers * (np.float32(1) / (total * self.scale(target)[0]))[:, None]
        rounded = np.floor(shares + np.float32(0.5)).astype(np.int64)
        return np.clip(rounded + self.zero_point(target), -128, 127)

    @staticmethod
    def _windows(operator, inputs, size):
        """Return (batch, height, width, channel, i, j), padded with zeros."""
        options = operator["options"]
        strides = options["StrideH"], options["StrideW"]
        padding = [(0, 0)]
        for length, extent, stride in zip(inputs.shape[1:3], size, strides, strict=True):
            total = max((-(-length // stride) - 1) * stride + extent - length, 0)
            total = total if options["Padding"] == "SAME" else 0
            padding.append((total // 2, total - total // 2))
        padded = np.pad(inputs, [*padding, (0, 0)])
        windows = np.lib.stride_tricks.sliding_window_view(padded, size, axis=(1, 2))
        return windows[:, :: strides[0], :: strides[1]]
