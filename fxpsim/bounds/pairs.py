"""Two consecutive layers, unrolled: which inputs the sums of the second are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxpsim.bounds.intervals import LayerBounds
from fxpsim.bounds.stairs import Stairs, is_stair
from fxpsim.bounds.windows import Windowed, positions
from fxpsim.graph import Graph
from fxpsim.ops import Dense, DepthwiseConv2D, Interval, Layer, Op, Reshape, TensorSpec
from fxpsim.ops.op import zero_code

__all__ = ["Chain", "Pair", "Units", "chain_before", "pair_of"]

IntArray = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Chain:
    """What is between a layer and the one that its input is made by."""

    first: str
    ops: tuple[Op, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Units:
    """The entries of a window of the second layer.

    Attributes
    ----------
    channel : int array (K,)
        Of the first layer.
    inputs : int array (K, J)
        Which inputs each reads.
    """

    channel: NDArray[np.intp]
    inputs: NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """Sums of a layer as a function of the inputs of the layer before.

    Attributes
    ----------
    weights : integer array (K, N)
        Of the second layer.
    first : integer array (J, C)
        Weights of the first.
    bias : object array (C,)
        What its sums start from.
    stairs : Stairs
        From its sums to the multiplicands of the second.
    low, high : int64 arrays (inputs,)
        Range of each input.
    sharing : tuple of Units
        What each channel of the second reads; one entry where all read the same.
    complete : bool
        Whether every sum has all its terms; padding leaves some out.
    """

    weights: IntArray
    first: IntArray
    bias: IntArray
    stairs: Stairs
    low: IntArray
    high: IntArray
    sharing: tuple[Units, ...]
    complete: bool

    @property
    def outputs(self) -> int:
        """Number of channels of the second layer."""
        return int(self.weights.shape[1])

    def units(self, channel: int) -> Units:
        """Return what one channel of the second layer reads."""
        return self.sharing[channel if len(self.sharing) > 1 else 0]


def chain_before(graph: Graph, node: str) -> Chain | None:
    """Return the layer before, if only staircases are between; None if there is none such."""
    nodes = {one.name: one for one in graph}
    ops: list[Op] = []
    name = graph[node].source
    while name in nodes:
        op = nodes[name].op
        if isinstance(op, Layer):
            return Chain(name, tuple(reversed(ops)))
        flattened = isinstance(op, Reshape) and not ops and _whole(graph[node].op)
        if not (is_stair(op) or flattened):
            return None
        if not flattened:
            ops.append(op)
        name = nodes[name].source
    return None


def _whole(op: Op) -> bool:
    return isinstance(op, Dense) and not op.by_row


def pair_of(
    graph: Graph,
    node: str,
    layers: Mapping[str, LayerBounds],
    source: Interval,
    sums: Interval,
) -> Pair | None:
    """Unroll a layer and the one before it; None where bounds would gain nothing or cannot hold.

    Parameters
    ----------
    graph, node
        The second layer.
    layers : mapping of str to LayerBounds
        Of the layers.
    source : Interval
        Codes of the first layer's input, element by element.
    sums : Interval
        Sums of its channels, arrays (C,).
    """
    chain = chain_before(graph, node)
    if chain is None:
        return None
    one, two = graph[chain.first].op, graph[node].op
    assert isinstance(one, Layer)
    assert isinstance(two, Layer)
    before = layers[chain.first]
    if not before.terms.accumulator.without_constant.exact_where_it_fits:
        return None
    spec = graph.specs[graph[node].source]
    stairs = Stairs.of(chain.ops, graph.specs[chain.first], *sums, two.zero(spec))
    shared = _shared(one, two, graph.specs[graph[chain.first].source], source)
    if stairs is None or shared is None:
        return None
    sharing, low, high = shared
    start = before.terms.start
    bias = np.zeros(one.outputs, object) if start is None else start
    weights = layers[node].terms.weights
    complete = not (isinstance(two, Windowed) and two.taps.padded)
    return Pair(weights, one.matrix(), bias, stairs, low, high, sharing, complete)


def _shared(
    one: Layer, two: Layer, source: TensorSpec, codes: Interval
) -> tuple[tuple[Units, ...], IntArray, IntArray] | None:
    """Return the units of the second layer, and the range of all inputs of the first."""
    zero = one.zero(source)
    if _whole(two):
        if isinstance(one, Windowed):
            outside = zero_code(source)
            low, high = (one.taps.pad(end[None], outside)[0] for end in codes)
            one, source = _unpadded(one), TensorSpec(low.shape, source.format)
        else:
            low, high = codes
    elif isinstance(one, Windowed) and isinstance(two, Windowed):
        if two.taps.padded and two.folded:
            return None  # padding is not a product of 0
        ends = codes
        if one.taps.padded:
            outside = zero_code(source)
            ends = np.minimum(codes[0], outside), np.maximum(codes[1], outside)
        one, two = _unpadded(one), _unpadded(two)
        hidden = _covered(two, (1, 1))
        shape = (*_covered(one, hidden), source.shape[2])
        low = np.broadcast_to(ends[0].min(axis=(0, 1)), shape)
        high = np.broadcast_to(ends[1].max(axis=(0, 1)), shape)
        source = TensorSpec(shape, source.format)
    else:
        return None
    return _units(one, two, source), (low - zero).reshape(-1), (high - zero).reshape(-1)


def _units(one: Layer, two: Layer, source: TensorSpec) -> tuple[Units, ...]:
    """Return what each channel of the second layer reads (one for all where that is the same)."""
    middle = TensorSpec(one.shape(source), source.format)
    own = isinstance(one, DepthwiseConv2D)
    reads = [positions(one, source, c) for c in range(one.outputs if own else 1)]
    found = []
    for channel in range(two.outputs if isinstance(two, DepthwiseConv2D) else 1):
        (entries,) = positions(two, middle, channel)
        place, of = np.divmod(entries, one.outputs)
        inputs = np.stack([reads[c if own else 0][p] for p, c in zip(place, of, strict=True)])
        found.append(Units(of, inputs))
    return tuple(found)


def _unpadded(layer: Any) -> Any:
    return replace(layer, top_left=(0, 0), bottom_right=(0, 0))


def _covered(layer: Any, positions: tuple[int, int]) -> tuple[int, int]:
    """Return the size of an image on which a window has so many positions, none padded."""
    sizes = [
        (count - 1) * layer.stride[axis] + (layer.taps.size[axis] - 1) * layer.dilation[axis] + 1
        for axis, count in enumerate(positions)
    ]
    return sizes[0], sizes[1]
