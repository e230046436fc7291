"""The network that is trained, and the larger convolutional one that teaches it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from fxpsim.frontend.logmel import LogMel
from fxpsim.kws.float_network import FloatNetwork
from fxpsim.kws.labels import LABELS

__all__ = ["ConvolutionalTeacher", "DenseNetwork"]


class DenseNetwork(nn.Module):  # type: ignore[misc]
    """Dense layers with batch norm and a clipped ReLU on a flattened window.

    Parameters
    ----------
    inputs, hidden
        Size of the window and of the hidden layers.
    mean, deviation
        Of the training features; the input is normalised by them.
    activation_maximum
        Cap of the clipped ReLU: a power of two, so that 8-bit activations have one scale.
    dropout
        Share of hidden units dropped in training.
    """

    def __init__(
        self,
        inputs: int,
        hidden: Sequence[int],
        *,
        mean: float = 0.0,
        deviation: float = 1.0,
        activation_maximum: float = 4.0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        sizes = [inputs, *hidden, len(LABELS)]
        self.mean, self.deviation = mean, deviation
        self.activation_maximum = activation_maximum
        self.dropout = nn.Dropout(dropout)
        self.dense = nn.ModuleList(nn.Linear(a, b, bias=False) for a, b in pairwise(sizes))
        self.norms = nn.ModuleList(nn.BatchNorm1d(size) for size in sizes[1:])

    def forward(self, windows: Tensor) -> Tensor:
        """Logits [clips, classes] of windows [clips, rows, bands]."""
        signal = ((windows - self.mean) / self.deviation).flatten(1)
        for dense, norm in zip(self.dense[:-1], self.norms[:-1], strict=True):
            signal = norm(dense(signal)).clamp(0, self.activation_maximum)
            signal = self.dropout(signal)
        logits: Tensor = self.norms[-1](self.dense[-1](signal))
        return logits

    def fold(self, name: str, front_end: LogMel) -> FloatNetwork:
        """Return the same network with batch norm and input normalisation in gains and biases.

        Weights are rounded to float16, as they are stored.
        """
        weights, gains, biases = [], [], []
        with torch.no_grad():
            for i, (dense, norm) in enumerate(zip(self.dense, self.norms, strict=True)):
                weight = dense.weight.T / (self.deviation if i == 0 else 1.0)
                weight = weight.half().float()
                gain = norm.weight / torch.sqrt(norm.running_var + norm.eps)
                bias = norm.bias - norm.running_mean * gain
                if i == 0:
                    bias = bias - self.mean * weight.sum(0) * gain
                weights.append(weight.numpy().copy())
                gains.append(gain.numpy().astype(np.float32))
                biases.append(bias.numpy().astype(np.float32))
        return FloatNetwork(
            name=name,
            weights=tuple(weights),
            gains=tuple(gains),
            biases=tuple(biases),
            activation_maximum=self.activation_maximum,
            front_end=front_end,
        )


class ConvolutionalTeacher(nn.Module):  # type: ignore[misc]
    """A small residual network on [rows, bands]; only its opinions are used, it is not shipped.

    After R. Tang, J. Lin, "Deep Residual Learning for Small-Footprint Keyword Spotting",
    arXiv:1710.10361, with strides instead of dilation.
    """

    def __init__(
        self, channels: int = 24, *, mean: float = 0.0, deviation: float = 1.0, dropout: float = 0.2
    ) -> None:
        super().__init__()
        self.mean, self.deviation = mean, deviation
        self.layers = nn.Sequential(
            nn.Conv2d(1, channels, 3, 2, 1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            _Residual(channels, channels, 1),
            _Residual(channels, 2 * channels, 2),
            _Residual(2 * channels, 3 * channels, 2),
        )
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(3 * channels, len(LABELS))

    def forward(self, windows: Tensor) -> Tensor:
        """Logits [clips, classes] of windows [clips, rows, bands]."""
        maps = self.layers(((windows - self.mean) / self.deviation)[:, None])
        logits: Tensor = self.output(self.dropout(maps.mean((2, 3))))
        return logits


class _Residual(nn.Module):  # type: ignore[misc]
    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        self.way: nn.Module = nn.Identity()
        if inputs != outputs or stride != 1:
            self.way = nn.Conv2d(inputs, outputs, 1, stride, bias=False)

    def forward(self, maps: Tensor) -> Tensor:
        return torch.relu(self.body(maps) + self.way(maps))
