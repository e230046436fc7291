"""Ranges of all tensors of a graph, from the input's declared format on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxpsim.bounds.sign_split import final_range, sign_split
from fxpsim.graph import Graph
from fxpsim.ops import Dense, Interval, TensorSpec

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
        Extremes of the inputs they hold for.
    """

    lowest: IntArray
    highest: IntArray
    input_lo: int
    input_hi: int

    def fits(self, lo: int, hi: int) -> bool:
        """Whether no partial sum can leave [lo, hi]."""
        return bool(self.lowest.min() >= lo and self.highest.max() <= hi)


def _declared(spec: TensorSpec) -> Interval:
    shape = spec.shape
    return np.full(shape, spec.format.lo, np.int64), np.full(shape, spec.format.hi, np.int64)


def propagate(graph: Graph) -> dict[str, LayerBounds]:
    """Return the bounds of every layer that has an accumulator.

    The input may be any code of its format.  Element by element, each operation's range follows
    from its input's; a layer whose register may overflow has the register's whole range.
    """
    intervals: dict[str, Interval] = {"input": _declared(graph.input)}
    bounds: dict[str, LayerBounds] = {}
    for node in graph:
        source = graph.specs[node.source]
        low, high = intervals[node.source]
        intervals[node.name] = node.op.interval(source, low, high)
        if isinstance(node.op, Dense):
            sums = node.op.sums(source)
            low, high = low.reshape(-1), high.reshape(-1)
            lowest, highest = sign_split(sums.weights, low, high, sums.bias)
            layer = LayerBounds(lowest, highest, int(low.min()), int(high.max()))
            bounds[node.name] = layer
            if layer.fits(sums.accumulator.lo, sums.accumulator.hi):
                intervals[node.name] = final_range(sums.weights, low, high, sums.bias)
    return bounds
