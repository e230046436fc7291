"""Run a network bit by bit, in integers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from functools import lru_cache
from math import prod
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fxpsim.accumulators import Accumulator
from fxpsim.casts import check_codes
from fxpsim.draws import Draws, drawing
from fxpsim.engine import interpreted
from fxpsim.errors import ConfigError, DataError, GraphError, suggest
from fxpsim.graph import Graph
from fxpsim.ops import Layer
from fxpsim.ops.op import as_stored, fraction
from fxpsim.schedule import BLOCK, reset_states, schedule
from fxpsim.stats import OverflowStatistics
from fxpsim.steps import in_steps

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Trace", "check_inputs", "node_draws", "peaks", "simulate"]

IntArray = NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """What a run left behind.

    Attributes
    ----------
    graph : Graph
        As it ran, accumulators replaced.
    tensors : dict of str to integer array (n, *shape)
        The output, the probes and what was asked for since; (n, steps, *shape) where the graph has
        states.

    Notes
    -----
    ``trace[name]`` is any tensor, and ``trace.overflow`` the statistics of all registers.  What
    was not kept is found by running the network once more.
    """

    graph: Graph
    _run: _Run
    _kept: dict[str, IntArray]
    _statistics: dict[str, dict[str, OverflowStatistics]] = field(default_factory=dict)

    @property
    def tensors(self) -> dict[str, IntArray]:
        """All tensors that were kept."""
        return {name: self[name] for name in self._kept}

    @property
    def output(self) -> IntArray:
        """Codes (n, *shape) of the last tensor."""
        return self[self.graph.output]

    def __getitem__(self, name: str) -> IntArray:
        if name not in self.graph.specs:
            raise GraphError(f"no tensor {name!r}{suggest(name, self.graph.specs)}")
        self._find({name})
        return as_stored(self._kept[name], self.graph.specs[name])

    def _find(self, names: AbstractSet[str]) -> None:
        if missing := names - self._kept.keys():
            self._kept.update(self._run(frozenset(missing)))

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
            if not isinstance(found.op, Layer):
                raise GraphError(f"node {node!r} has no accumulator")
            self._find({n.source for n in self.graph if isinstance(n.op, Layer)})
            source = self.graph.specs[found.source]
            codes = self._kept[found.source].reshape(-1, *source.shape)
            with drawing(self._run.draws.get(node, Draws())):
                planes = found.op.planes(codes, source)
            additions = found.op.inputs + (found.op.sums(source).bias is not None)
            coarser = found.op.product_frac(source) - fraction(self.graph.specs[node].format)
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
        Codes of the input's format; axes of length 1 do not count, and flat rows will do.
        Where the graph has states:
        (n, steps, *graph.input.shape), n streams of so many steps, each from the reset states;
        all tensors of the trace then have these two axes.
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
    codes = check_inputs(ready, inputs)
    run = _Run(ready, codes, node_draws(ready, len(codes), seed, samples, streams), engine, proofs)
    return Trace(ready, run, run(keep))


def node_draws(
    graph: Graph,
    inputs: int,
    seed: int = 0,
    samples: ArrayLike | None = None,
    streams: Mapping[str, int] | None = None,
) -> dict[str, Draws]:
    """Return the draws of nodes that draw; parameters as for :func:`simulate`."""
    given = streams or {}
    for name in given:
        if name not in (names := [node.name for node in graph]):
            raise GraphError(f"no node {name!r} to give a stream{suggest(name, names)}")
    drawing_nodes = _drawing(graph)
    if not drawing_nodes and samples is None:
        return {}
    every = Draws(seed, 0, np.arange(inputs) if samples is None else samples)
    return {
        name: replace(every, stream=given.get(name, position)) for position, name in drawing_nodes
    }


@lru_cache(maxsize=256)
def _drawing(graph: Graph) -> tuple[tuple[int, str], ...]:
    return tuple((position, node.name) for position, node in enumerate(graph) if node.op.draws)


@dataclass(frozen=True, slots=True, eq=False)
class _Run:
    """A network and its inputs: all that is needed to find any tensor."""

    graph: Graph
    codes: IntArray
    draws: dict[str, Draws]
    engine: str
    proofs: bool

    def __call__(self, keep: frozenset[str]) -> dict[str, IntArray]:
        """Return tensors (n, *shape), with steps behind n where there are states."""
        if self.engine == "spec":
            with interpreted():
                return self._tensors(keep)
        return self._tensors(keep)

    def _tensors(self, keep: frozenset[str]) -> dict[str, IntArray]:
        if self.graph.states:
            return self._in_steps(keep)
        ready = schedule(self.graph, keep, self.proofs)
        size = max(1, BLOCK // _largest(self.graph))
        if len(self.codes) <= size:
            return ready.run({"input": self.codes}, self.draws)
        # In blocks whose tensors stay in a cache, and in memory that is used again.
        blocks = []
        for first in range(0, len(self.codes), size):
            part = slice(first, first + size)
            drawn = {
                name: replace(d, samples=np.asarray(d.samples)[part])
                for name, d in self.draws.items()
            }
            blocks.append(ready.run({"input": self.codes[part]}, drawn))
        return {name: np.concatenate([block[name] for block in blocks]) for name in keep}

    def _in_steps(self, keep: frozenset[str]) -> dict[str, IntArray]:
        """Run (n, steps, *shape), n streams side by side."""
        states = reset_states(self.graph, len(self.codes))
        tensors, _ = in_steps(self.graph, keep, self.proofs).run(self.codes, states, self.draws)
        return tensors


@lru_cache(maxsize=256)
def _largest(graph: Graph) -> int:
    return max(spec.size for spec in graph.specs.values())


@lru_cache(maxsize=256)
def _kept(graph: Graph, patterns: tuple[str, ...]) -> frozenset[str]:
    for pattern in patterns:
        if not any(_matches(name, pattern) for name in graph.specs):
            raise GraphError(f"probe {pattern!r} matches no tensor{suggest(pattern, graph.specs)}")
    probed = {n for n in graph.specs if any(_matches(n, pattern) for pattern in patterns)}
    return frozenset(probed | {graph.output})


def _matches(name: str, pattern: str) -> bool:
    return name == pattern or fnmatchcase(name, pattern)  # a name may have brackets


def check_inputs(graph: Graph, inputs: ArrayLike) -> IntArray:
    """Return inputs as codes (n, *shape), with steps behind n where there are states.

    Raises
    ------
    DataError
        They do not fit the graph.
    """
    codes = check_codes(inputs, graph.input.format, "inputs")
    shape, lead = graph.input.shape, 2 if graph.states else 1
    if codes.ndim >= lead and _fits(codes.shape[lead:], shape):
        return as_stored(codes.reshape(*codes.shape[:lead], *shape), graph.input)
    axes = "n, steps" if graph.states else "n"
    raise DataError(
        f"inputs must have shape ({axes}, {', '.join(map(str, shape))}) for graph {graph.name!r}"
        f"{', which has states' if graph.states else ''}, not {codes.shape}"
    )


def _fits(given: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    """Whether one sample can only be meant as a shape: flat, or equal but for axes of length 1."""
    if prod(given) != prod(shape):
        return False
    long, wanted = ([size for size in sizes if size != 1] for sizes in (given, shape))
    return long == wanted or len(long) <= 1 or len(wanted) <= 1


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
        spec = graph.specs[source]
        planes = op.planes(trace[source].reshape(-1, *spec.shape), spec, exact=True)
        if len(planes.lowest):
            ends = zip(planes.lowest.min(0).tolist(), planes.highest.max(0).tolist(), strict=True)
            rows += [
                {"node": name, "channel": c, "lowest": lo, "highest": hi, "bits": bits_for(lo, hi)}
                for c, (lo, hi) in enumerate(ends)
            ]
    return pd.DataFrame(rows, columns=["node", "channel", "lowest", "highest", "bits"])
