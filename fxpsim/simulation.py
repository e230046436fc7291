"""Run a network bit by bit, in integers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fxpsim.accumulators import Accumulator
from fxpsim.bounds.intervals import propagate
from fxpsim.casts import check_codes
from fxpsim.draws import Draws, drawing
from fxpsim.engine import code_dtype, interpreted
from fxpsim.errors import ConfigError, DataError, GraphError, suggest
from fxpsim.graph import Graph
from fxpsim.ops import Dense, TensorSpec
from fxpsim.stats import OverflowStatistics

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Trace", "check_inputs", "node_draws", "peaks", "proven_layers", "simulate"]

IntArray = NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """What a run left behind.

    Attributes
    ----------
    graph : Graph
        As it ran, accumulators replaced.
    tensors : dict of str to integer array (n, *shape)
        The output, the probes, and what the accumulating layers read.
    """

    graph: Graph
    tensors: dict[str, IntArray]
    _draws: Mapping[str, Draws] = field(default_factory=dict)
    _statistics: dict[str, dict[str, OverflowStatistics]] = field(default_factory=dict)

    @property
    def output(self) -> IntArray:
        """Codes (n, *shape) of the last tensor."""
        return self.tensors[self.graph.output]

    def __getitem__(self, name: str) -> IntArray:
        if name in self.tensors:
            return self.tensors[name]
        if name in self.graph.specs:
            raise GraphError(f"tensor {name!r} was not kept; pass probes=[{name!r}]")
        raise GraphError(f"no tensor {name!r}{suggest(name, self.graph.specs)}")

    def statistics(self, node: str, level: str = "final") -> OverflowStatistics:
        """Return the overflow statistics of one layer at one level; made when first asked for."""
        levels = self.levels(node)
        if level not in levels:
            raise GraphError(f"node {node!r} has no level {level!r}{suggest(level, levels)}")
        return levels[level]

    def levels(self, node: str) -> dict[str, OverflowStatistics]:
        """Return the overflow statistics of one layer by level of its registers."""
        if node not in self._statistics:
            found = self.graph[node]
            if not isinstance(found.op, Dense):
                raise GraphError(f"node {node!r} has no accumulator")
            source = self.graph.specs[found.source]
            with drawing(self._draws.get(node, Draws())):
                planes = found.op.planes(self.tensors[found.source], source)
            additions = found.op.inputs + (found.op.sums(source).bias is not None)
            coarser = found.op.product_frac(source) - self.graph.specs[node].format.frac
            self._statistics[node] = OverflowStatistics.of(
                planes, found.op.accumulator, additions, coarser
            )
        return self._statistics[node]

    @property
    def overflow(self) -> pd.DataFrame:
        """One row for each layer, level and channel: what its registers did."""
        import pandas as pd

        tables = []
        for name, _ in self.graph.layers:
            for level, statistics in self.levels(name).items():
                table = statistics.table()
                table.insert(0, "node", name)
                table.insert(2, "level", level)
                tables.append(table)
        return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def simulate(
    graph: Graph,
    inputs: ArrayLike,
    *,
    accumulator: Accumulator | Mapping[str, Accumulator] | None = None,
    probes: Iterable[str] | None = None,
    engine: Literal["compiled", "spec"] = "compiled",
    proofs: bool = True,
    seed: int = 0,
    samples: ArrayLike | None = None,
    streams: Mapping[str, int] | None = None,
) -> Trace:
    """Run a network.

    Parameters
    ----------
    graph : Graph
        What to run.
    inputs : array_like of int (n, *graph.input.shape)
        Codes of the input's format; flattened rows will do.
    accumulator : Accumulator or mapping of str to Accumulator, optional
        Other registers than the graph's: one for all layers, or by ``fnmatch`` pattern.
    probes : iterable of str, optional
        Patterns of tensors to keep, besides the output and what accumulating layers read.
    engine : {"compiled", "spec"}
        Compiled kernels, or the plain Python rules (slow, the authority).
    proofs : bool
        Use faster kernels where a proof shows that no sum overflows; the bits are the same.
    seed : int
        Of stochastic rounding.  A draw depends on the seed, the node's stream, the sample, the
        element and the step, so batching, slicing, threads and engines cannot change it.
    samples : array_like of int (n,), optional
        The id of every input; 0, 1, 2... where not given.
    streams : mapping of str to int, optional
        Streams of nodes by name; a node's position in the graph (from 0) where not given.

    Returns
    -------
    Trace

    Raises
    ------
    DataError
        The inputs do not fit the graph.
    GraphError
        A pattern matches nothing.
    """
    if engine not in ("compiled", "spec"):
        raise ConfigError(f"engine must be 'compiled' or 'spec', not {engine!r}")
    ready = graph.with_accumulators(accumulator)
    keep = _kept(ready, () if probes is None else tuple(probes))
    tensors = {"input": check_inputs(ready, inputs)}
    draws = node_draws(ready, len(tensors["input"]), seed, samples, streams)
    with interpreted() if engine == "spec" else nullcontext():
        proven = proven_layers(ready) if proofs else frozenset()
        last_reader = {node.source: position for position, node in enumerate(ready)}
        for position, node in enumerate(ready):
            source, codes = ready.specs[node.source], tensors[node.source]
            with drawing(draws[node.name]):
                if isinstance(node.op, Dense):
                    result = node.op.registers(codes, source, proven=node.name in proven)
                else:
                    result = node.op.run(codes, source)
            tensors[node.name] = as_stored(result, ready.specs[node.name])
            if last_reader[node.source] == position and node.source not in keep:
                del tensors[node.source]
    return Trace(ready, {name: codes for name, codes in tensors.items() if name in keep}, draws)


def node_draws(
    graph: Graph,
    inputs: int,
    seed: int = 0,
    samples: ArrayLike | None = None,
    streams: Mapping[str, int] | None = None,
) -> dict[str, Draws]:
    """Return the draws of every node; parameters as for :func:`simulate`."""
    given = streams or {}
    names = [node.name for node in graph]
    for name in given:
        if name not in names:
            raise GraphError(f"no node {name!r} to give a stream{suggest(name, names)}")
    ids = np.arange(inputs) if samples is None else samples
    return {
        name: Draws(seed, given.get(name, position), ids) for position, name in enumerate(names)
    }


def _kept(graph: Graph, patterns: tuple[str, ...]) -> set[str]:
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in graph.specs):
            raise GraphError(f"probe {pattern!r} matches no tensor{suggest(pattern, graph.specs)}")
    probed = {n for n in graph.specs if any(fnmatchcase(n, pattern) for pattern in patterns)}
    read = {node.source for node in graph if isinstance(node.op, Dense)}
    return probed | read | {graph.output}


def proven_layers(graph: Graph) -> frozenset[str]:
    """Return the layers whose registers never overflow, whatever the input."""
    bounds = propagate(graph)
    return frozenset(name for name, op in graph.layers if bounds[name].holds(op.accumulator))


def as_stored(codes: IntArray, spec: TensorSpec) -> IntArray:
    """Return codes in the type of their format, whatever their values are."""
    return codes.astype(code_dtype(spec.format.lo, spec.format.hi), copy=False)


def check_inputs(graph: Graph, inputs: ArrayLike) -> IntArray:
    """Return inputs as codes (n, *shape); DataError where they do not fit the graph."""
    codes = check_codes(inputs, graph.input.format, "inputs")
    shape = graph.input.shape
    if codes.ndim >= 1 and codes.shape[1:] in (shape, (graph.input.size,)):
        return as_stored(codes.reshape(len(codes), *shape), graph.input)
    raise DataError(
        f"inputs must have shape (n, {', '.join(map(str, shape))}) for graph {graph.name!r}, "
        f"not {codes.shape}"
    )


def peaks(graph: Graph, inputs: ArrayLike) -> pd.DataFrame:
    """Return the extremes that the exact partial sums of every layer and channel reach.

    Parameters
    ----------
    graph : Graph
        Run with its own accumulators; the sums of each layer are taken without overflow.
    inputs : array_like of int
        As for :func:`simulate`.

    Returns
    -------
    DataFrame
        Columns node, channel, lowest, highest, bits (of a signed register that holds both).
    """
    import pandas as pd

    from fxpsim.stats import bits_for

    trace = simulate(graph, inputs)
    rows = []
    for name, op in graph.layers:
        source = graph[name].source
        planes = op.planes(trace.tensors[source], graph.specs[source], exact=True)
        if len(planes.lowest):
            ends = zip(planes.lowest.min(0).tolist(), planes.highest.max(0).tolist(), strict=True)
            rows += [
                {"node": name, "channel": c, "lowest": lo, "highest": hi, "bits": bits_for(lo, hi)}
                for c, (lo, hi) in enumerate(ends)
            ]
    return pd.DataFrame(rows, columns=["node", "channel", "lowest", "highest", "bits"])
