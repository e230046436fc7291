"""Ranges of all tensors of a graph, from the input's declared format on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxpsim.accumulators import Accumulator, Chunked
from fxpsim.bounds.classic import bias_in_place, with_bias
from fxpsim.bounds.registers import reach
from fxpsim.bounds.sign_split import SumRange, sum_range
from fxpsim.bounds.stretches import stretches_fit
from fxpsim.bounds.terms import Terms
from fxpsim.errors import DataError
from fxpsim.graph import Graph
from fxpsim.ops import Interval, Layer, TensorSpec
from fxpsim.ops.op import whole_range

__all__ = [
    "LayerBounds",
    "input_interval",
    "layer_bounds",
    "machine",
    "outputs",
    "propagate",
]

IntArray = NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class LayerBounds:
    """Bounds of one layer.

    Attributes
    ----------
    terms : Terms
        What is added up, and in which range of the inputs.
    sums : SumRange
        Of the layer's own bias, rounding constant included.
    source : {"declared", "interval", "reachability"}
        Where the range of the inputs is from: the format of what is read, every code of it;
        interval arithmetic; or solved over two layers.
    """

    terms: Terms
    sums: SumRange
    source: str = "declared"

    @property
    def lowest(self) -> IntArray:
        """The least that a partial sum of each channel can be, in any order (N,)."""
        return self.sums.lowest

    @property
    def highest(self) -> IntArray:
        """The greatest."""
        return self.sums.highest

    @property
    def input_lo(self) -> int:
        """Lowest multiplicand."""
        return int(self.terms.low.min())

    @property
    def input_hi(self) -> int:
        """Highest multiplicand."""
        return int(self.terms.high.max())

    def holds(self, accumulator: Accumulator) -> bool:
        """Whether no register of an accumulator can overflow, and rounding changes nothing."""
        exact = accumulator.without_constant.exact_where_it_fits
        return exact and self.never_overflows(accumulator)

    def never_overflows(self, accumulator: Accumulator) -> bool:
        """Whether no register of an accumulator can overflow."""
        terms = self.terms.with_accumulator(accumulator)
        if accumulator.without_constant.exact_where_it_fits:
            low, high = self._any_order(terms)
            inner, *others = (word.lo <= low and high <= word.hi for word in _words(accumulator))
            if all(others) and (inner or (accumulator.spill and stretches_fit(terms))):
                return True
            if terms.zero_in_range and bias_in_place(accumulator):
                return False  # an input reaches these bounds
        return all(
            one.lowest.min() >= one.word.lo and one.highest.max() <= one.word.hi
            for one in reach(terms)
        )

    def _any_order(self, terms: Terms) -> tuple[int, int]:
        """Return the ends of every part of a sum, with or without the bias where it may lack."""
        own = self.terms.start
        low, high = (ends if own is None else ends - own for ends in (self.lowest, self.highest))
        low, high = with_bias(terms, low, high)
        return int(low.min()), int(high.max())


def _words(accumulator: Accumulator) -> list[Accumulator]:
    """Return every register, nodes of trees among them."""
    order = accumulator.order
    if isinstance(order, Chunked) and order.node_bits is not None:
        return [*accumulator.levels, Accumulator(order.node_bits, signed=accumulator.signed)]
    return [*accumulator.levels]


def machine(low: IntArray, high: IntArray) -> Interval:
    """Return bounds as machine integers where they fit."""
    if max(abs(int(end)) for array in (low, high) for end in (array.min(), array.max())) < 1 << 62:
        return low.astype(np.int64), high.astype(np.int64)
    return low, high


@lru_cache(maxsize=64)
def propagate(
    graph: Graph, *, registers: bool = True, input_range: tuple[int, int] | None = None
) -> Mapping[str, LayerBounds]:
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
    input_range : (int, int), optional
        Lowest and highest code of the input; every code of its format where not given.
    """
    intervals: dict[str, Interval] = {"input": input_interval(graph, input_range)}
    intervals |= {state.name: whole_range(state.spec) for state in graph.states}
    bounds: dict[str, LayerBounds] = {}
    for node in graph:
        sources = [graph.specs[source] for source in node.sources]
        ranges = [intervals[source] for source in node.sources]
        if not isinstance(node.op, Layer):
            intervals[node.name] = node.op.interval(ranges, sources)
            continue
        bounds[node.name] = layer_bounds(node.op, sources[0], ranges[0])
        intervals[node.name] = outputs(graph, node.name, bounds[node.name], registers)
    return MappingProxyType(bounds)


def layer_bounds(layer: Layer, source: TensorSpec, interval: Interval) -> LayerBounds:
    """Return the bounds of one layer whose input's codes are in an interval."""
    terms = Terms.of(layer, source, *layer.reach(source, *interval))
    whole = all(
        (ends == limit).all()
        for ends, limit in zip(interval, (source.format.lo, source.format.hi), strict=True)
    )
    sums = sum_range(terms.weights, terms.low, terms.high, terms.start)
    return LayerBounds(terms, sums, "declared" if whole else "interval")


def outputs(graph: Graph, name: str, bounds: LayerBounds, registers: bool) -> Interval:
    """Return the range of a layer's results."""
    spec, register = graph.specs[name], bounds.terms.accumulator
    exact = register.without_constant.exact_where_it_fits
    if registers and not bounds.holds(register):
        return whole_range(spec)
    ends = bounds.sums.final_lowest, bounds.sums.final_highest
    if not exact:
        last = reach(bounds.terms)[-1]
        ends = last.lowest, last.highest
    low, high = (np.broadcast_to(end, spec.shape) for end in machine(*ends))
    return low, high


def input_interval(graph: Graph, given: tuple[int, int] | None) -> Interval:
    """Return the range of the input's codes; DataError where it is not one of its format."""
    low, high = whole_range(graph.input)
    if given is None:
        return low, high
    fmt = graph.input.format
    if not fmt.lo <= given[0] <= given[1] <= fmt.hi:
        raise DataError(
            f"the input range must be two codes of {fmt}, the lower first ({fmt.lo} to {fmt.hi}), "
            f"not {given}"
        )
    return np.full_like(low, given[0]), np.full_like(high, given[1])
