"""A network of layers in training, and the graph that it becomes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from fxpsim.formats import QFormat
from fxpsim.graph import Graph, Node
from fxpsim.ops import Op, Reinterpret, Reshape, Softmax, TensorSpec
from fxpsim.train.choices import Stage
from fxpsim.train.layers import NormalisedLayer, QuantizedLayer
from fxpsim.train.quantizers import Unquantized
from fxpsim.train.windows import Patches, Shape, Whole, Windows

__all__ = ["Architecture", "KeywordNetwork", "float_network"]


@dataclass(frozen=True, slots=True)
class Architecture:
    """Layers of a network, whatever its weights.

    Attributes
    ----------
    hidden
        What each layer but the last reads, and its channels.
    activation, scores
        Formats of hidden tensors and of the scores.
    """

    hidden: tuple[tuple[Windows, int], ...]
    activation: QFormat = field(default=QFormat(8, 6, signed=False))
    scores: QFormat = field(default=QFormat(8, 3))

    @classmethod
    def dense(cls, *hidden: int, **formats: QFormat) -> Architecture:
        """Return fully connected layers: feed-forward and without states."""
        return cls(tuple((Whole(), channels) for channels in hidden), **formats)

    @classmethod
    def convolutional(cls, *hidden: tuple[int, Patches], **formats: QFormat) -> Architecture:
        """Return convolutions, given as channels and patches, before the last layer."""
        return cls(tuple((patches, channels) for channels, patches in hidden), **formats)

    def layers(self, source: Shape, classes: int) -> Iterator[tuple[Windows, Shape, int, QFormat]]:
        """Return what each layer reads, its input's shape, its channels and its output's format."""
        for windows, channels in self.hidden:
            yield windows, source, channels, self.activation
            source = windows.shape(source, channels)
        yield Whole(), source, classes, self.scores


class KeywordNetwork(nn.Module):  # type: ignore[misc]
    """Layers one behind the other, on windows of feature codes.

    Parameters
    ----------
    layers
        Each takes the shape and format that the one before gives.
    source
        Shape and format of the input: (rows, bands).
    scores
        What the codes of the last layer mean, where that is not their format there.
    dropout
        Share of hidden outputs that are dropped in training.
    """

    def __init__(
        self,
        layers: Sequence[QuantizedLayer],
        source: TensorSpec,
        *,
        scores: QFormat | None = None,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.source, self.dropout = source, dropout
        self.scores = scores or self.layers[-1].target

    def forward(self, codes: Tensor) -> Tensor:
        """Return scores [clips, classes], in units of 1, of feature codes [clips, rows, bands]."""
        for tensor in self.tensors(codes):
            scores = tensor
        return scores * 2.0**-self.scores.frac

    def tensors(self, codes: Tensor) -> Iterator[Tensor]:
        """Return the output codes of every layer."""
        codes = codes.reshape(len(codes), *self.layers[0].source)
        for layer in self.layers:
            codes = layer(codes)
            if self.training and self.dropout and layer is not self.layers[-1]:
                # Not scaled up in return: codes have to remain codes.
                codes = codes * (torch.rand_like(codes) >= self.dropout)
            yield codes

    def quantize(self, stage: Stage) -> None:
        """Quantise so much of every layer from now on."""
        for layer in self.layers:
            layer.stage = stage

    def use_batch_moments(self, used: bool) -> None:
        """Normalise by the moments of each batch in training, or by the running ones."""
        for layer in self.layers:
            if isinstance(layer, NormalisedLayer):
                layer.batch_moments = used

    def estimate_moments(self, codes: Tensor, batch: int = 1024) -> None:
        """Set every layer's moments to those of its sums over ``codes``, batch by batch."""
        training = self.training
        self.train()
        self.use_batch_moments(True)
        with torch.no_grad():
            for done, part in enumerate(codes.split(batch)):
                for layer in self.layers:
                    layer.momentum = 1 / (done + 1)
                self(part.float())
        for layer in self.layers:
            layer.momentum = NormalisedLayer.MOMENTUM
        self.train(training)

    def penalty(self) -> Tensor:
        """Return what quantizers add to the loss."""
        return torch.stack([layer.quantizer.penalty() for layer in self.layers]).sum()

    def graph(
        self, name: str, labels: Sequence[str], metadata: Mapping[str, Any] | None = None
    ) -> Graph:
        """Return the same network for the simulator; codes of every layer are equal, bit for bit.

        Layers are ``dense0`` or ``conv0``, ``norm0``, ``relu0``, ``act0``, ..., then ``scores``
        (the last codes) and ``softmax``.
        """
        nodes: list[Node] = []

        def append(name: str, op: Op) -> None:
            nodes.append(Node(name, op, nodes[-1].name if nodes else "input"))

        first, fmt = self.layers[0].source, self.layers[0].source_format
        if fmt != self.source.format:
            append("transient", Reinterpret(fmt))
        if isinstance(self.layers[0].windows, Patches) and first != self.source.shape:
            append("image", Reshape(first))
        for i, layer in enumerate(self.layers):
            for kind, op in layer.operations():
                append(f"{kind}{i}", op)
        append("scores", Reinterpret(self.scores))
        share = QFormat(8, 8, signed=False)
        append("softmax", Softmax.for_scores(self.scores, share))
        return Graph(name, self.source, tuple(nodes), tuple(labels), dict(metadata or {}))


def float_network(
    architecture: Architecture, source: TensorSpec, classes: int, *, dropout: float = 0.0
) -> KeywordNetwork:
    """Return an untrained network of which nothing is quantised; draws from torch's generator."""
    shape, fmt = source.shape, source.format
    assert isinstance(fmt, QFormat)
    if architecture.hidden and isinstance(architecture.hidden[0][0], Patches):
        shape = (*shape, 1)
    layers = []
    for windows, read, channels, target in architecture.layers(shape, classes):
        factors = windows.factors(read)
        weights = torch.empty(factors, channels).uniform_(-1, 1) * factors**-0.5
        layer = NormalisedLayer(
            windows, Unquantized(weights), read, fmt, target,
            rectified=target is architecture.activation,
        )  # fmt: skip
        layers.append(layer)
        fmt = target
    network = KeywordNetwork(layers, source, dropout=dropout)
    network.quantize(Stage.NOTHING)
    return network
