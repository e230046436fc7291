"""The 21-class keyword network of the MAX78000 accelerator, as an npz of its constants.

A layer computes ``clip(floor(0.5 + sum * 2**output_shift / 128), -128, 127)`` and then a ReLU;
pooling and padding come before it.  Only weights and shifts are in the file: pools and paddings are
those of ``networks/kws20-v3-hwc.yaml`` of Analog Devices' ai8x-synthesis.  Weights are stored
scaled up by ``2**output_shift``, so activations have 7 fraction bits throughout.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxpsim.accumulators import Accumulator
from fxpsim.errors import DataError, naming
from fxpsim.formats import QFormat, Rounding
from fxpsim.graph import Graph, Node
from fxpsim.npz import read_npz
from fxpsim.ops import (
    AveragePool2D,
    Conv2D,
    Dense,
    MaxPool2D,
    Op,
    Relu,
    Requantize,
    Reshape,
    TensorSpec,
    Transpose,
)

__all__ = ["FIRST", "read"]

#: An array that such a file has and no other.
FIRST = "voice_conv1_weight"
_ACTIVATION = QFormat(8, 7)
#: Time steps of the input: 16384 samples of sound, 128 to a step.
_STEPS = 128


@dataclass(frozen=True, slots=True)
class _Block:
    """A convolution along time, and what comes before it."""

    name: str
    padding: int = 0
    pool: type[MaxPool2D] | type[AveragePool2D] | None = None


_BLOCKS = (
    _Block("voice_conv1"),
    _Block("voice_conv2"),
    _Block("voice_conv3", 1, MaxPool2D),
    _Block("voice_conv4"),
    _Block("kws_conv1", 1, MaxPool2D),
    _Block("kws_conv2"),
    _Block("kws_conv3", 1, AveragePool2D),
    _Block("kws_conv4", 1, MaxPool2D),
)


def read(path: Path) -> Graph:
    """Return the network in a file.

    Parameters
    ----------
    path : Path
        An npz with ``<layer>_weight`` int8, (outputs, inputs, taps) or (outputs, inputs), and
        ``<layer>_output_shift`` for the layers of the network, and ``labels``.

    Returns
    -------
    Graph
        Input (128, 128): channels and time steps.  Tensors ``voice_conv1_acc`` (int32, before
        rounding), ``voice_conv1`` (int8), ``voice_conv1_relu``, ..., ``fc`` (int32).

    Raises
    ------
    DataError
        The file is not such a network.
    """
    arrays = read_npz(path)
    layers = [*(block.name for block in _BLOCKS), "fc"]
    wanted = [f"{name}_{part}" for name in layers for part in ("weight", "output_shift")]
    if missing := [name for name in wanted if name not in arrays]:
        raise DataError(f"{path}: it must have arrays {', '.join(missing)}")
    with naming(path):
        return _graph(path, arrays)


def _graph(path: Path, arrays: dict[str, NDArray[Any]]) -> Graph:
    channels = _weights(arrays, "voice_conv1", 3).shape[1]
    nodes: list[Node] = []

    def append(name: str, op: Op) -> None:
        nodes.append(Node(name, op, nodes[-1].name if nodes else "input"))

    append("time_first", Transpose((1, 0)))
    append("image", Reshape((_STEPS, 1, channels)))
    for block in _BLOCKS:
        weights, shift = _weights(arrays, block.name, 3), _shift(arrays, block.name)
        if block.pool is MaxPool2D:
            append(f"{block.name}_pool", MaxPool2D((2, 1), (2, 1)))
        elif block.pool:
            append(f"{block.name}_pool", AveragePool2D((2, 1), (2, 1), rounding=Rounding.FLOOR))
        edge = (block.padding, 0)
        layer = Conv2D(
            weights.transpose(2, 1, 0)[:, None],
            QFormat(8, 7 - shift),
            Accumulator(32),
            top_left=edge,
            bottom_right=edge,
        )
        append(f"{block.name}_acc", layer)
        append(block.name, Requantize(_ACTIVATION, Rounding.NEAREST_UP))
        append(f"{block.name}_relu", Relu())
    append("channels_first", Transpose((2, 0, 1)))
    weights = _weights(arrays, "fc", 2)
    append("fc", Dense(weights.T, QFormat(8, 7 - _shift(arrays, "fc")), Accumulator(32)))
    labels = tuple(str(name) for name in arrays.get("labels", ()))
    return Graph(path.stem, TensorSpec((channels, _STEPS), _ACTIVATION), tuple(nodes), labels)


def _weights(arrays: dict[str, NDArray[Any]], name: str, axes: int) -> NDArray[Any]:
    weights = arrays[f"{name}_weight"]
    if weights.ndim != axes:
        raise DataError(f"{name}_weight must have {axes} axes, not shape {weights.shape}")
    return weights


def _shift(arrays: dict[str, NDArray[Any]], name: str) -> int:
    shift = np.asarray(arrays[f"{name}_output_shift"])
    if shift.shape != () or not np.issubdtype(shift.dtype, np.integer) or abs(int(shift)) > 15:
        raise DataError(f"{name}_output_shift must be a number of -15 to 15, not {shift}")
    return int(shift)
