"""Post-training quantisation of the reference networks: 2- to 8-bit weights, 8 bits elsewhere.

A layer becomes dense -> batch norm -> ReLU -> requantise.  Its per-channel scale is the 8-bit
gain of the batch norm; for every channel that gain is chosen for which the rounded weights come
nearest to the float ones, so rounding the gain itself costs nothing.
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
from fxpsim.kws.float_network import FloatNetwork
from fxpsim.ops import BatchNorm, Dense, Relu, Requantize, Softmax, TensorSpec

__all__ = ["quantize_network"]

FloatArray = NDArray[np.float64]
_GAIN_CODES = 127
_PERCENTILE = 99.9


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
        Feature codes of training clips; they set the range of the scores.

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
    source, frac = "input", input_format.frac
    last = len(network.weights) - 1
    for i, (weights, gains, biases) in enumerate(
        zip(network.weights, network.gains, network.biases, strict=True)
    ):
        codes, gain, gain_format = _channels(weights * gains, weight_format)
        product_frac = frac + weight_format.frac + gain_format.frac
        bias_format = QFormat(8, min(_frac_for(float(np.abs(biases).max()), 8), product_frac))
        bias = quantize(biases.astype(np.float64), bias_format)
        chain = [
            (f"dense{i}", Dense(codes, weight_format)),
            (f"norm{i}", BatchNorm(gain, gain_format, bias, bias_format)),
        ]
        if i < last:
            chain += [(f"relu{i}", Relu()), (f"act{i}", Requantize(activation))]
        else:
            chain += [("scores", Requantize(scores))]
            share = QFormat(8, 8, signed=False)
            chain += [("softmax", Softmax.for_scores(scores, share))]
        for name, op in chain:
            nodes.append(Node(name, op, source))
            source = name
        frac = activation.frac
    bands = network.front_end.bands
    shape = (network.weights[0].shape[0] // bands, bands)
    return Graph(
        f"{network.name}-{weight_bits}bit",
        TensorSpec(shape, input_format),
        tuple(nodes),
        tuple(network.labels),
        {
            "front_end": asdict(network.front_end),
            "quantisation": "post-training, least squares per channel, 8-bit gains",
        },
    )


def _frac_for(peak: float, bits: int) -> int:
    """Return the fraction bits with which a signed word of ``bits`` just holds ``peak``."""
    return bits - 1 - (floor(log2(peak)) + 1) if peak > 0 else bits - 1


def _high_score(network: FloatNetwork, calibration: NDArray[np.int8]) -> float:
    """Return the highest score of nearly all clips: rarer ones saturate, which ranks them right."""
    return float(np.percentile(network.logits(calibration).max(axis=1), _PERCENTILE))


def _channels(
    weights: NDArray[np.floating[Any]], fmt: QFormat
) -> tuple[NDArray[np.int64], NDArray[np.int64], QFormat]:
    """Return weight codes (K, N), gain codes (N,) and the gains' format.

    ``weights`` are those with the gain multiplied in: code * 2**-frac * gain approximates them.
    """
    wide = weights.astype(np.float64)
    top = fmt.hi * fmt.resolution
    # Where nothing is clipped, the largest gain that any channel can want.
    most = max(float(np.abs(wide).max()) / top, 2.0**-40)
    gain_format = QFormat(8, _frac_for(most, 8))
    best = np.full(wide.shape[1], np.inf)
    codes = np.zeros(wide.shape, np.int64)
    gains = np.ones(wide.shape[1], np.int64)
    for gain in range(1, _GAIN_CODES + 1):
        step = gain * gain_format.resolution * fmt.resolution
        rounded = np.clip(np.rint(wide / step), fmt.lo, fmt.hi)
        error = ((rounded * step - wide) ** 2).sum(axis=0)
        better = error < best
        best[better] = error[better]
        gains[better] = gain
        codes[:, better] = rounded[:, better].astype(np.int64)
    return codes, gains, gain_format
