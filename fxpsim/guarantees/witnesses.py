"""Inputs on which a register that is too narrow overflows."""

from __future__ import annotations

import json
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxpsim.accumulators import Accumulator
from fxpsim.bounds import LayerBounds
from fxpsim.bounds.windows import fullest
from fxpsim.bounds.witness import Extreme, overflowing_input
from fxpsim.graph import Graph
from fxpsim.guarantees.search import direct_input, search_input
from fxpsim.ops import Layer, TensorSpec
from fxpsim.ops.op import zero_code

__all__ = ["Witness", "find_witness"]

IntArray = NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Witness:
    """An input of a layer on which a narrow register overflows.

    Attributes
    ----------
    node, channel : str, int
        Whose sum.
    accumulator : Accumulator
        The registers, narrowed.
    level, register : str
        What overflows first.
    step : int
        When, first: products count from 1, a bias that comes first is 0.
    value : int
        What it would have to hold then.
    position : int
        Which of the channel's sums, in the order of the layer's output.
    multiplicands : object array (K,)
        What the weights are multiplied with.
    codes : integer array (*shape)
        The layer's input.
    inputs : integer array (*graph.input.shape) or None
        An input of the whole network on which the layer overflows; None: none was found.
    """

    node: str
    channel: int
    accumulator: Accumulator
    level: str
    register: str
    step: int
    value: int
    position: int
    multiplicands: IntArray
    codes: IntArray
    inputs: IntArray | None

    @property
    def bits(self) -> int:
        """Width of the registers that are as wide as the accumulator is declared."""
        return self.accumulator.bits

    def as_dict(self) -> dict[str, Any]:
        """Return what is said of it, without arrays, for JSON."""
        names = ("node", "channel", "bits", "level", "register", "step", "value", "position")
        said = {name: getattr(self, name) for name in names}
        return {**said, "accumulator": repr(self.accumulator), "network": self.inputs is not None}

    def save(self, path: str | PathLike[str]) -> None:
        """Write an ``.npz`` with ``codes``, ``inputs`` where found, and ``description`` (JSON)."""
        arrays: dict[str, Any] = {"codes": self.codes}
        if self.inputs is not None:
            arrays["inputs"] = self.inputs
        description = np.array(json.dumps(self.as_dict()))
        np.savez_compressed(Path(path), description=description, **arrays)


def find_witness(
    graph: Graph,
    node: str,
    bounds: LayerBounds,
    channel: int,
    accumulator: Accumulator,
    register: str = "",
    rounds: int = 0,
) -> Witness | None:
    """Return an input that overflows a register, or None where none of one sum does.

    Parameters
    ----------
    graph : Graph
        What the layer is in.
    node, bounds
        The layer, and what is known of its inputs.
    channel : int
        Of its output.
    accumulator : Accumulator
        Registers that are too narrow.
    register : str
        Which is meant: a name, or ``""`` for those as wide as the accumulator is declared.
    rounds : int
        How long to search for an input of the whole network, where the layer is not the first.
    """
    layer = graph[node].op
    assert isinstance(layer, Layer)
    terms = bounds.terms.with_accumulator(accumulator).channels(slice(channel, channel + 1))
    found = overflowing_input(terms, register)
    if found is None:
        return None
    source = graph.specs[graph[node].source]
    position, index = fullest(layer, source, channel)
    codes = _placed(layer, source, index, found)
    inputs = direct_input(graph, node, codes)
    if inputs is None and rounds:
        inputs = search_input(graph, node, channel, accumulator, found, rounds)
    return Witness(
        node, channel, accumulator, found.level, found.register, found.step, found.value, position,
        found.multiplicands, codes, inputs,
    )  # fmt: skip


def _placed(layer: Layer, source: TensorSpec, index: NDArray[np.intp], found: Extreme) -> IntArray:
    """Return a layer's input that has multiplicands where one sum reads them, and 0 elsewhere."""
    zero = zero_code(source)
    codes = np.full(source.size, zero, np.int64)
    inside = index >= 0
    codes[index[inside]] = (found.multiplicands[inside] + layer.zero(source)).astype(np.int64)
    return codes.reshape(source.shape)
