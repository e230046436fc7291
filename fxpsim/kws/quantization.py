"""Post-training quantisation of the reference networks: 2- to 8-bit weights, 8 bits elsewhere.

A layer becomes dense -> batch norm -> ReLU -> requantise.  The gain of the batch norm, 8 bits, is
the scale of a channel; its bias makes the mean of the layer's outputs, on calibration data, that
of the float network's.  Every layer is fitted to what the quantised layers before it produce.
"""

from __future__ import annotations

from dataclasses import asdict
from math import ceil, floor, log2
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxpsim.casts import quantize
from fxpsim.errors import ConfigError
from fxpsim.formats import QFormat
from fxpsim.graph import Graph, Node
from fxpsim.kws.error_feedback import round_with_feedback
from fxpsim.kws.float_network import FloatNetwork
from fxpsim.ops import BatchNorm, Dense, Op, Relu, Requantize, Softmax, TensorSpec
from fxpsim.ops.op import binary_point

__all__ = ["quantize_network"]

FloatArray = NDArray[np.float64]
_PERCENTILE = 99.9
#: Gains tried, relative to the one with which nearest rounding does best.
_SHRINKS = (1.0, 0.9, 0.8, 0.7)


def quantize_network(
    network: FloatNetwork, weight_bits: int, calibration: NDArray[np.int8]
) -> Graph:
    """Return the integer network of a float one.

    Parameters
    ----------
    network : FloatNetwork
        Trained.
    weight_bits : int
        2 to 8; the range is symmetric.
    calibration : int8 array (n, frames, bands)
        Feature codes of training clips.

    Returns
    -------
    Graph
        Layers ``dense0``, ``norm0``, ``relu0``, ``act0``, ..., then ``scores`` (8 bits) and
        ``softmax``.  Accumulators have 32 bits.
    """
    if not 2 <= weight_bits <= 8:
        raise ConfigError(f"weight bits must be 2 to 8, not {weight_bits}")
    weight_format = QFormat(weight_bits, weight_bits - 1, narrow=True)
    input_format = QFormat.parse(network.input_format)
    activation = QFormat(8, 8 - ceil(log2(network.activation_maximum)), signed=False)
    scores = QFormat(8, _frac_for(_high_score(network, calibration), 8))
    nodes: list[Node] = []
    spec = TensorSpec((network.weights[0].shape[0],), input_format)
    codes: NDArray[Any] = calibration.reshape(len(calibration), -1)
    signal = codes * input_format.resolution
    last = len(network.weights) - 1
    for i, (weights, gains, biases) in enumerate(
        zip(network.weights, network.gains, network.biases, strict=True)
    ):
        scaled = (weights * gains).astype(np.float64)
        wanted = signal @ scaled + biases
        fmt = binary_point(spec)
        seen = codes * fmt.resolution
        dense, norm = _layer(scaled, seen, wanted, weight_format, fmt.frac)
        chain: list[tuple[str, Op]] = [(f"dense{i}", dense), (f"norm{i}", norm)]
        if i < last:
            chain += [(f"relu{i}", Relu()), (f"act{i}", Requantize(activation))]
        else:
            share = QFormat(8, 8, signed=False)
            chain += [
                ("scores", Requantize(scores)),
                ("softmax", Softmax.for_scores(scores, share)),
            ]
        for name, op in chain:
            nodes.append(Node(name, op, nodes[-1].name if nodes else "input"))
            codes, spec = op.run([codes], [spec]), op.infer(spec)
        signal = np.clip(wanted, 0, network.activation_maximum)
    bands = network.front_end.bands
    shape = (network.weights[0].shape[0] // bands, bands)
    return Graph(
        f"{network.name}-{weight_bits}bit",
        TensorSpec(shape, input_format),
        tuple(nodes),
        tuple(network.labels),
        {
            "front_end": asdict(network.front_end),
            "quantisation": "post-training, weights rounded with error feedback",
        },
    )


def _frac_for(peak: float, bits: int) -> int:
    """Return the fraction bits with which a signed word of ``bits`` just holds ``peak``."""
    return bits - 1 - (floor(log2(peak)) + 1) if peak > 0 else bits - 1


def _high_score(network: FloatNetwork, calibration: NDArray[np.int8]) -> float:
    """Return the highest score of nearly all clips: rarer ones saturate, which ranks them right."""
    return float(np.percentile(network.logits(calibration).max(axis=1), _PERCENTILE))


def _layer(
    weights: FloatArray, inputs: FloatArray, wanted: FloatArray, fmt: QFormat, input_frac: int
) -> tuple[Dense, BatchNorm]:
    """Return the integer layer whose outputs on ``inputs`` (n, K) come nearest to ``wanted``."""
    # Where nothing is clipped, this is the largest gain that any channel can want.
    most = max(float(np.abs(weights).max()) / (fmt.hi * fmt.resolution), 2.0**-40)
    gain_format = QFormat(8, _frac_for(most, 8))
    step = gain_format.resolution * fmt.resolution
    codes, gains = _round(weights, inputs, step, fmt.hi, gain_format.hi)
    bias = (wanted - inputs @ (codes * gains * step)).mean(axis=0)
    product_frac = input_frac + fmt.frac + gain_format.frac
    bias_format = QFormat(8, min(_frac_for(float(np.abs(bias).max()), 8), product_frac))
    norm = BatchNorm(gains, gain_format, quantize(bias, bias_format), bias_format)
    return Dense(codes, fmt), norm


def _round(
    weights: FloatArray, inputs: FloatArray, step: float, limit: int, most: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return weight codes (K, N) and gain codes (N,), 1 to ``most``.

    Of a few gains below the one that suits the weights best, each channel gets that with which
    its outputs on ``inputs`` (n, K) change least.
    """
    nearest = _nearest_gains(weights, step, limit, most)
    lowest = np.full(weights.shape[1], np.inf)
    codes, gains = np.zeros(weights.shape, np.int64), nearest
    for shrink in _SHRINKS:
        tried = np.maximum(1, np.rint(nearest * shrink)).astype(np.int64)
        rounded = round_with_feedback(weights, tried * step, limit, inputs)
        loss = ((inputs @ (weights - rounded * (tried * step))) ** 2).sum(axis=0)
        better = loss < lowest
        lowest = np.where(better, loss, lowest)
        codes, gains = np.where(better, rounded, codes), np.where(better, tried, gains)
    return codes, gains


def _nearest_gains(weights: FloatArray, step: float, limit: int, most: int) -> NDArray[np.int64]:
    """Return the gain of each column that leaves the least squared error in its weights."""
    lowest = np.full(weights.shape[1], np.inf)
    gains = np.ones(weights.shape[1], np.int64)
    for gain in range(1, most + 1):
        scale = gain * step
        error = np.clip(np.rint(weights / scale), -limit, limit) * scale - weights
        loss = (error**2).sum(axis=0)
        better = loss < lowest
        lowest[better], gains[better] = loss[better], gain
    return gains
