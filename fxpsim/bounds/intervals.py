"""Ranges of all tensors of a graph, from the input's declared format on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxpsim.accumulators import Accumulator, Chunked
from fxpsim.bounds.sign_split import sum_range
from fxpsim.graph import Graph
from fxpsim.ops import Interval, Layer
from fxpsim.ops.op import whole_range

__all__ = ["LayerBounds", "propagate"]

IntArray = NDArray[Any]


@dataclass(frozen=True, slots=True)
class LayerBounds:
    """Bounds of one layer.

    Attributes
    ----------
    lowest, highest : integer arrays (N,)
        Bounds on every partial sum of each channel.
    input_lo, input_hi : int
        Extremes of the multiplicands they hold for.
    bias_lowest, bias_highest : int
        Extremes of the biases, rounding constant included.
    rounding_constant : int
        Of the layer's own accumulator; the bounds have it in them.
    """

    lowest: IntArray
    highest: IntArray
    input_lo: int
    input_hi: int
    bias_lowest: int = 0
    bias_highest: int = 0
    rounding_constant: int = 0

    def holds(self, accumulator: Accumulator) -> bool:
        """Whether no register of an accumulator can overflow, and rounding changes nothing.

        Lanes, chunks and inner registers hold parts of the sum, with or without the bias; any
        such part lies in the hull of the bounds with it and without.
        """
        if moved := accumulator.rounding_constant - self.rounding_constant:
            return self._moved(moved).holds(accumulator)
        accumulator = accumulator.without_constant
        if accumulator.plain:
            return self.fits(accumulator.lo, accumulator.hi)
        if not accumulator.exact_where_it_fits:
            return False
        low = min(0, int(self.lowest.min()) - max(0, self.bias_highest), int(self.lowest.min()))
        high = max(0, int(self.highest.max()) - min(0, self.bias_lowest), int(self.highest.max()))
        order = accumulator.order
        words = [(register.lo, register.hi) for register in accumulator.levels]
        if isinstance(order, Chunked) and order.node_bits is not None:
            node = Accumulator(order.node_bits, signed=accumulator.signed)
            words.append((node.lo, node.hi))
        return all(lo <= low and high <= hi for lo, hi in words)

    def _moved(self, by: int) -> LayerBounds:
        """Return the bounds of the same sums with another rounding constant."""
        return replace(
            self,
            lowest=self.lowest + by,
            highest=self.highest + by,
            bias_lowest=self.bias_lowest + by,
            bias_highest=self.bias_highest + by,
            rounding_constant=self.rounding_constant + by,
        )

    def fits(self, lo: int, hi: int) -> bool:
        """Whether no partial sum can leave [lo, hi]."""
        return bool(self.lowest.min() >= lo and self.highest.max() <= hi)


def _machine(low: IntArray, high: IntArray) -> Interval:
    """Return bounds as machine integers where they fit."""
    if max(abs(int(end)) for array in (low, high) for end in (array.min(), array.max())) < 1 << 62:
        return low.astype(np.int64), high.astype(np.int64)
    return low, high


@lru_cache(maxsize=64)
def propagate(graph: Graph, *, registers: bool = True) -> Mapping[str, LayerBounds]:
    """Return the bounds of every layer that has an accumulator.

    The input, and every state, may be any code of its format.  Element by element, each
    operation's range follows from its inputs'.

    Parameters
    ----------
    graph : Graph
        Any.
    registers : bool
        A layer whose register may overflow gives the register's whole range to what follows.
        False: as if registers had no limits; then all bounds hold once every register is as wide
        as they say.
    """
    intervals: dict[str, Interval] = {"input": whole_range(graph.input)}
    intervals |= {state.name: whole_range(state.spec) for state in graph.states}
    bounds: dict[str, LayerBounds] = {}
    for node in graph:
        sources = [graph.specs[source] for source in node.sources]
        ranges = [intervals[source] for source in node.sources]
        if not isinstance(node.op, Layer):
            intervals[node.name] = node.op.interval(ranges, sources)
            continue
        sums = node.op.sums(sources[0])
        low, high = node.op.reach(sources[0], *ranges[0])
        reach = sum_range(sums.weights, low, high, sums.bias)
        bias = (0,) if sums.bias is None else (int(sums.bias.min()), int(sums.bias.max()))
        register = node.op.accumulator
        layer = LayerBounds(
            lowest=reach.lowest,
            highest=reach.highest,
            input_lo=int(low.min()),
            input_hi=int(high.max()),
            bias_lowest=bias[0],
            bias_highest=bias[-1],
            rounding_constant=register.rounding_constant,
        )
        bounds[node.name] = layer
        spec = graph.specs[node.name]
        if registers and not layer.holds(register):
            intervals[node.name] = whole_range(spec)
        else:
            ends = _machine(reach.final_lowest, reach.final_highest)
            low, high = (np.broadcast_to(end, spec.shape) for end in ends)
            intervals[node.name] = low, high
    return MappingProxyType(bounds)
