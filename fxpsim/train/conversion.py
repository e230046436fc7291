"""From a network in float to one that is quantised: where training in few bits begins."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil, log2

import torch
from torch import Tensor

from fxpsim.accumulators import Accumulator
from fxpsim.formats import QFormat
from fxpsim.kws.float_network import FloatNetwork
from fxpsim.ops import TensorSpec
from fxpsim.train.choices import Stage
from fxpsim.train.layers import EPSILON, FixedPointLayer, NormalisedLayer, QuantizedLayer
from fxpsim.train.network import Architecture, KeywordNetwork, float_network
from fxpsim.train.quantizers import LearnedStep, Squashed, WeightQuantizer

__all__ = ["fixed_point", "from_float", "normalised", "post_training"]

#: A channel whose outputs hardly ever rise above so many codes is not blown up to fill the format.
_FAINT = 4.0
#: Makes the quantizer of a layer from its weights [K, N], its position and its input's format.
Maker = Callable[[Tensor, int, QFormat], WeightQuantizer]


def normalised(
    network: KeywordNetwork,
    quantizer: Maker,
    *,
    register: Accumulator | None = None,
    activation: QFormat | None = None,
    constant_bits: int = 8,
) -> KeywordNetwork:
    """Return the network with gains and biases of its batch norms and other weights.

    Parameters
    ----------
    network
        In float.
    quantizer
        Makes the weights of each layer.
    register
        Of every layer; 32 bits by default.
    activation
        Format of hidden tensors, where it is not the network's own.
    constant_bits
        Of gains and biases.
    """
    layers: list[QuantizedLayer] = []
    source_format = network.layers[0].source_format
    for i, layer in enumerate(network.layers):
        last = i == len(network.layers) - 1
        target = layer.target if last or activation is None else activation
        made = NormalisedLayer(
            layer.windows,
            quantizer(layer.quantizer.latent.detach(), i, source_format),
            layer.source,
            source_format,
            target,
            rectified=layer.rectified,
            register=register,
            constant_bits=constant_bits,
        )
        with torch.no_grad():
            for name in ("scale", "shift", "mean", "variance"):
                getattr(made, name).copy_(getattr(layer, name))
        layers.append(made)
        source_format = target
    return KeywordNetwork(layers, network.source, scores=network.scores)


def post_training(network: KeywordNetwork, bits: int, calibration: Tensor) -> KeywordNetwork:
    """Return the network rounded, without training.

    Weights are rounded with the step of least squared error for each channel (1 bit: signs).
    The moments of every batch norm are moved as the moments of its sums on ``calibration`` codes
    [clips, rows, bands] move: bias correction (M. Nagel et al., arXiv:1906.04721, section 4.2),
    and the same for the variance.
    """
    rounded = normalised(network, lambda weights, i, source: LearnedStep(weights, bits))
    rounded.quantize(Stage.EVERYTHING)
    rounded.eval()
    network.eval()
    codes = wanted = calibration.float().reshape(len(calibration), *network.layers[0].source)
    with torch.no_grad():
        for layer, pattern in zip(rounded.layers, network.layers, strict=True):
            variance, mean = _moments(layer.sums(codes), layer.channels)
            old_variance, old_mean = _moments(pattern.sums(wanted), layer.channels)
            ratio = variance / old_variance.clamp(min=1e-12)
            layer.variance.copy_(pattern.variance * ratio)
            layer.mean.copy_(mean + (pattern.mean - old_mean) * ratio.sqrt())
            codes, wanted = layer(codes), pattern(wanted)
    return rounded


def _moments(sums: Tensor, channels: int) -> tuple[Tensor, Tensor]:
    """Return variance and mean of every channel."""
    variance, mean = torch.var_mean(sums.reshape(-1, channels).float(), dim=0, correction=0)
    return variance, mean


def fixed_point(
    network: KeywordNetwork,
    bits: int,
    register: Accumulator,
    calibration: Tensor,
    *,
    frac: int,
    pull: float = 0.0,
    percentile: float = 99.9,
) -> KeywordNetwork:
    """Return the network in one format for all weights and one for all transients.

    A rectified layer may have its outputs scaled and the next one's weights scaled back, so every
    channel gets the scale at which its outputs on ``calibration`` fill the format.

    Parameters
    ----------
    network
        In float; batch norms are folded into the weights.
    bits, frac
        Of all weights.
    register
        Of all layers.
    calibration
        Feature codes [clips, rows, bands].
    pull
        Of the absolute-cosine regularisation.
    percentile
        Share of a channel's outputs that fit, per cent.
    """
    transient = QFormat(8, 7)
    layers: list[QuantizedLayer] = []
    network.eval()
    back = torch.ones(1)  # what one unit of each input of the layer is worth in the float network
    codes = calibration.float().reshape(len(calibration), *network.layers[0].source)
    for i, layer in enumerate(network.layers):
        with torch.no_grad():
            gain, bias = layer.constants(None)
            step = 2.0**layer.target.frac
            outputs = layer(codes)
            flat = outputs.reshape(-1, layer.channels)
            if i < len(network.layers) - 1:
                fill = torch.quantile(flat[:4096], percentile / 100, dim=0).clamp(min=_FAINT)
            else:
                fill = torch.quantile(flat[:4096].abs(), percentile / 100).expand(layer.channels)
            scale = transient.hi / fill  # output codes for one code of the float network
            repeat = layer.quantizer.latent.shape[0] // len(back)
            weights = layer.quantizer.latent * back.repeat(repeat)[:, None] * gain * step * scale
            made = FixedPointLayer(
                layer.windows,
                Squashed(weights * 2.0**frac, bits, frac=frac, pull=pull),
                layer.source,
                layers[-1].target if layers else QFormat(8, 7),
                transient,
                rectified=layer.rectified,
                register=register,
            )
            made.bias.copy_(bias * step * scale * transient.resolution)
            layers.append(made)
            codes, back = outputs, 1 / scale
    return KeywordNetwork(layers, network.source, scores=network.scores)


def from_float(
    network: FloatNetwork,
    *,
    activation: QFormat | None = None,
    calibration: Tensor | None = None,
) -> KeywordNetwork:
    """Return a trained float network for further training: batch norms that do what its gains do.

    Its input codes and scores get the formats that networks here have.

    Parameters
    ----------
    network
        In float.
    activation
        Format of hidden tensors; by default the 8 bits that hold the network's cap.
    calibration
        Feature codes [clips, rows, bands]: the batch norms then have the moments of their sums on
        them, which is where training goes on from.
    """
    rows = len(network.weights[0]) // network.front_end.bands
    front_end = network.front_end
    source = TensorSpec(
        (rows, front_end.bands), QFormat(front_end.output_bits, front_end.output_frac)
    )
    if activation is None:
        activation = QFormat(8, 8 - ceil(log2(network.activation_maximum)), signed=False)
    architecture = Architecture.dense(
        *(weights.shape[1] for weights in network.weights[:-1]), activation=activation
    )
    made = float_network(architecture, source, len(network.labels))
    trained = zip(network.weights, network.gains, network.biases, strict=True)
    with torch.no_grad():
        for layer, (weights, gains, biases) in zip(made.layers, trained, strict=True):
            layer.quantizer.latent.copy_(torch.from_numpy(weights))
            layer.variance.fill_(1 - EPSILON)
            layer.scale.copy_(torch.from_numpy(gains) * layer.source_format.resolution)
            layer.shift.copy_(torch.from_numpy(biases))
    made.eval()
    if calibration is not None:
        _measure(made, calibration)
    return made


def _measure(network: KeywordNetwork, calibration: Tensor) -> None:
    """Give every batch norm the moments of its sums; what the network computes stays."""
    codes = calibration.float().reshape(len(calibration), *network.layers[0].source)
    with torch.no_grad():
        for layer in network.layers:
            gain, bias = layer.constants(None)
            variance, mean = _moments(layer.sums(codes), layer.channels)
            codes = layer(codes)
            layer.variance.copy_(variance)
            layer.mean.copy_(mean)
            layer.scale.copy_(gain * (variance + EPSILON).sqrt())
            layer.shift.copy_(bias + mean * gain)
