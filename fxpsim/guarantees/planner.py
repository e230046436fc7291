"""The flush planner: how seldom narrow lanes must be emptied, from a network's actual weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from glob import escape
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fxpsim.accumulators import Accumulator, Chunked, Spill
from fxpsim.bounds.stretches import Additions, greedy
from fxpsim.bounds.terms import Terms
from fxpsim.errors import GraphError
from fxpsim.formats.qformat import check_int, refuse
from fxpsim.graph import Graph
from fxpsim.guarantees.proofs import Guarantee, Registers, guarantee
from fxpsim.ops import DepthwiseConv2D
from fxpsim.presets import neon_smlal

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["LayerSpills", "SpillPlan", "plan_spills"]


@dataclass(frozen=True, slots=True, eq=False)
class LayerSpills:
    """How often the lanes of one layer are emptied in one sum, the end of the sum included.

    Attributes
    ----------
    accumulator : Accumulator
        The registers, with their schedule.
    additions : int
        Into each lane.
    planned : int array (tiles,)
        Spills, as planned.
    norm : int array (tiles,) or None
        As planned by the L1 norms of the weights alone; None: they allow no schedule.
    worst_case : int or None
        By the rule that knows no weights but the largest: 2^(P - 1) - 1 over the largest product;
        None: not one product is sure to fit.
    """

    accumulator: Accumulator
    additions: int
    planned: NDArray[np.int64]
    norm: NDArray[np.int64] | None
    worst_case: int | None


@dataclass(frozen=True, slots=True, eq=False)
class SpillPlan:
    """Schedules of spills that no input can overflow.

    Attributes
    ----------
    graph : Graph
        The network, its registers emptied as planned: simulate it, price it, certify it.
    layers : mapping of str to LayerSpills
        By node.
    """

    graph: Graph
    layers: Mapping[str, LayerSpills]

    @property
    def table(self) -> pd.DataFrame:
        """One row for each layer: spills of one sum, on average over the tiles."""
        import pandas as pd

        rows = [
            {
                "node": name,
                "additions": one.additions,
                "tiles": len(one.planned),
                "planned": float(one.planned.mean()),
                "norm": None if one.norm is None else float(one.norm.mean()),
                "worst_case": one.worst_case,
            }
            for name, one in self.layers.items()
        ]
        return pd.DataFrame(rows).astype({"worst_case": "Int64", "norm": "Float64"})


def plan_spills(
    source: Graph | Guarantee,
    accumulators: Registers = None,
    *,
    tile: int | None = 8,
    unit: int = 1,
) -> SpillPlan:
    """Plan after which products narrow lanes are emptied, so that no input overflows them.

    Every stretch between two spills is as long as the sign-split bound of its actual weights
    allows, for all lanes of all outputs of a tile.  No safe schedule of the same tiles and order
    has fewer spills (:mod:`fxpsim.bounds.stretches` has the proof).

    Parameters
    ----------
    source : Graph or Guarantee
        A network; or what is proven of it, whose ranges of inputs are taken
        (:func:`guarantee_layer` for bare weights).
    accumulators : Accumulator or mapping of str to Accumulator, optional
        Registers as for :meth:`fxpsim.graph.Graph.with_accumulators`.  Those that spill are
        planned: what they say of when is replaced.  None: :func:`fxpsim.presets.neon_smlal`, eight
        16-bit lanes; for depthwise layers, whose channels lie in lanes, one of 16 bits.
    tile : int or None
        Outputs that share a schedule, as a kernel that computes them together needs; None: all of
        a layer.
    unit : int
        A loop that adds so many products to a lane in each of its turns spills between turns only.

    Returns
    -------
    SpillPlan

    Raises
    ------
    GraphError
        A register that is spilled into, or of a layer that is not planned, may overflow; not even
        a unit fits the lanes; or registers round, which the bound does not cover.

    Examples
    --------
    Small weights leave room; the largest of them, 100, allows 2 products:

    >>> from fxpsim import Accumulator, QFormat, Spill, guarantee_layer
    >>> proof = guarantee_layer([[100], [10], [-20], [5], [100], [100]], QFormat(8, 0))
    >>> plan = plan_spills(proof, Accumulator(16, spill=Spill()))
    >>> plan.layers["layer"].accumulator.spill
    Spill(at=(5,), into=Accumulator(bits=32))
    >>> plan.layers["layer"].worst_case
    3
    """
    refuse(
        None if tile is None else check_int("outputs in a tile", tile, 1, 1 << 31),
        check_int("additions in a unit", unit, 1, 1 << 31),
    )
    proof = source if isinstance(source, Guarantee) else guarantee(source, bounds="sign-split")
    graph = proof.graph.with_accumulators(
        _usual(proof.graph) if accumulators is None else accumulators
    )
    layers = {
        name: _plan(name, proof.layers[name].terms.with_accumulator(op.accumulator), tile, unit)
        for name, op in graph.layers
        if op.accumulator.spill is not None
    }
    if not layers:
        raise GraphError(f"no layer of graph {graph.name!r} has an accumulator that spills")
    planned = {name: op.accumulator for name, op in graph.layers}
    planned |= {name: one.accumulator for name, one in layers.items()}
    by_name = {escape(name): register for name, register in planned.items()}
    if short := proof.shortfalls(by_name):
        raise GraphError("; ".join(map(str, short)))
    return SpillPlan(graph.with_accumulators(by_name), layers)


def _usual(graph: Graph) -> dict[str, Accumulator]:
    by_channel = Accumulator(16, spill=Spill(into=Accumulator(32)))
    return {
        escape(name): by_channel if isinstance(op, DepthwiseConv2D) else neon_smlal()
        for name, op in graph.layers
    }


def _plan(name: str, terms: Terms, tile: int | None, unit: int) -> LayerSpills:
    register, outputs = terms.accumulator, terms.weights.shape[1]
    if not register.without_constant.exact_where_it_fits:
        raise GraphError(f"layer {name!r} rounds in its registers: its spills cannot be planned")
    assert register.spill is not None
    into, size = register.spill.into, tile or outputs
    bare = terms.with_accumulator(replace(register, spill=Spill(into=into)))
    parts = [bare.channels(slice(first, first + size)) for first in range(0, outputs, size)]
    additions = [Additions.of(part) for part in parts]
    schedules = []
    for number, part in enumerate(additions):
        ends = greedy(part, register, unit)
        if isinstance(ends, int):
            members = range(outputs)[number * size :][:size]
            raise GraphError(_unplannable(name, members, part, range(ends, ends + unit), register))
        schedules.append(ends)
    norms = [greedy(Additions.by_norm(part), register, unit) for part in parts]
    at = [ends[:-1] for ends in schedules]
    spill = Spill(into=into, at=at, tile=size) if len({*at}) > 1 else Spill(into=into, at=at[0])
    return LayerSpills(
        replace(register, spill=spill),
        additions[0].count,
        np.array([len(ends) for ends in schedules]),
        _counts(norms),
        _worst_case(terms, additions[0].count, unit),
    )


def _counts(schedules: list[tuple[int, ...] | int]) -> NDArray[np.int64] | None:
    """Return how many spills schedules have; None where one cannot be."""
    counts = [len(ends) for ends in schedules if not isinstance(ends, int)]
    return np.array(counts) if len(counts) == len(schedules) else None


def _worst_case(terms: Terms, additions: int, unit: int) -> int | None:
    """Return the spills of a register emptied after as many products as can never overflow it."""
    order = terms.accumulator.order
    largest = max(abs(int(end)) for ends in terms.products() for end in (ends.min(), ends.max()))
    products = terms.accumulator.hi // largest if largest else len(terms.weights)
    every = products // (order.size if isinstance(order, Chunked) else 1) // unit * unit
    return -(-additions // every) if every else None


def _unplannable(
    name: str, outputs: range, part: Additions, stretch: range, register: Accumulator
) -> str:
    """Return the sentence on a stretch of a tile that does not fit."""
    end = min(stretch.stop, part.count)
    low, high = (sums[end] - sums[stretch.start] for sums in (part.down, part.up))
    column = int(np.maximum(high - register.hi, register.lo - low).argmax())
    ends = int(low[column]), int(high[column])
    return (
        f"layer {name!r}: additions {stretch.start + 1} to {end} of output "
        f"{outputs[column % len(outputs)]} may be {ends[0]} to {ends[1]}, but a register of "
        f"{register.bits} bits holds {register.lo} to {register.hi}"
    )
