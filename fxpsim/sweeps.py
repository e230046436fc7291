"""Accuracy and overflow against the accumulator, point by point.

One pass with exact sums records how far every partial sum goes.  A register that all of them fit
changes nothing, so its point is known already; the others run from the first layer that changes,
and share everything before it.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from glob import escape
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fxpsim.accumulators import Accumulator
from fxpsim.dispatch import Planes, count_outside
from fxpsim.draws import Draws, drawing
from fxpsim.errors import ConfigError, suggest
from fxpsim.guarantees import guarantee
from fxpsim.ops import Layer
from fxpsim.ops.op import TensorSpec, as_stored
from fxpsim.passes import drop_needless_clamps
from fxpsim.simulation import check_inputs, node_draws, simulate
from fxpsim.stats import bits_for

if TYPE_CHECKING:
    import pandas as pd

    from accel_models import CostModel
    from fxpsim.graph import Graph, Node

__all__ = ["accumulator_grid", "sweep"]

IntArray = NDArray[Any]

#: Inputs that go through all points at a time: what they share stays in memory that is used again.
_BLOCK = 32


def accumulator_grid(
    bits: Iterable[int] = range(8, 33),
    overflow: Iterable[str] = ("saturate", "wrap"),
    bias: str = "first",
) -> tuple[Accumulator, ...]:
    """Return every accumulator of the given widths and overflow modes, widest first."""
    modes = tuple(overflow)
    return tuple(
        Accumulator(b, mode, bias=bias) for b in sorted(bits, reverse=True) for mode in modes
    )


@dataclass(frozen=True, slots=True)
class _Exact:
    """The pass without overflow: all tensors, and what sums did, by layer and place of the bias."""

    tensors: dict[str, IntArray]
    peaks: dict[tuple[str, str], tuple[IntArray, IntArray, IntArray]] = field(default_factory=dict)

    def sums(self, node: Node, source: TensorSpec) -> tuple[IntArray, IntArray, IntArray]:
        """Return exact sums, their lowest and highest partial sums."""
        assert isinstance(node.op, Layer)
        key = node.name, node.op.accumulator.bias
        if key not in self.peaks:
            self.peaks[key] = node.op.peaks(self.tensors[node.source], source)
        return self.peaks[key]


@dataclass(slots=True)
class _Run:
    """What one point has done so far: scores by block, sums that overflowed by layer."""

    graph: Graph
    scores: list[IntArray] = field(default_factory=list)
    touched: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    def add(self, scores: IntArray, touched: Mapping[str, int]) -> None:
        """Add a block of inputs."""
        self.scores.append(scores)
        self.touched.update(touched)


def sweep(
    graph: Graph,
    inputs: ArrayLike,
    labels: ArrayLike | None = None,
    *,
    accumulators: Sequence[Accumulator] | None = None,
    nodes: str = "*",
    cost: Sequence[str | CostModel] = (),
    groups: ArrayLike | None = None,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """Run a network with one accumulator after another.

    Parameters
    ----------
    graph : Graph
        What to run.
    inputs : array_like of int (n, *shape)
        As for :func:`fxpsim.simulation.simulate`.
    labels : array_like of int (n,), optional
        True classes; without them there is no accuracy.
    accumulators : sequence of Accumulator, optional
        The points; :func:`accumulator_grid` where not given.
    nodes : str
        ``fnmatch`` pattern of the layers that get them; the others keep their own.
    cost : sequence of str or CostModel
        Models of :mod:`accel_models`; each adds a column with its cycles.
    groups : array_like of str (n,), optional
        Whom each clip is of, for the interval of the accuracy.
    seed : int
        Of the bootstrap, and of stochastic rounding.
    progress : callable, optional
        Called with how many points are done and are to do, counted for each block of inputs.

    Returns
    -------
    DataFrame
        A row a point: nodes, bits, overflow, order, spill, accuracy with its 95 % interval,
        overflow_outputs (share of sums with an overflow in the swept layers), overflow_layers
        (share of those layers), proven (of those layers), seconds, and cycles by cost model (a
        register that provably never overflows is priced without clamps).
    """
    import pandas as pd

    import accel_models

    points = accumulator_grid() if accumulators is None else _listed(accumulators)
    wrong = [point for point in points if not isinstance(point, Accumulator)]
    if wrong or not points:
        raise ConfigError(f"accumulators must be Accumulator objects, not {wrong or 'none'}")
    names = [name for name, _ in graph.layers if fnmatchcase(name, nodes)]
    if not names:
        known = [name for name, _ in graph.layers]
        raise ConfigError(f"nodes {nodes!r} matches no layer{suggest(nodes, known)}")
    models = [accel_models.create(c) if isinstance(c, str) else c for c in cost]
    proof = guarantee(graph, bounds="sign-split")
    codes = check_inputs(graph, inputs)
    swept = [proof.layers[name] for name in names]
    enough = max(bits_for(int(one.lowest.min()), int(one.highest.max())) for one in swept)
    wide = graph.with_accumulators(_all(names, Accumulator(enough)))
    runs = [_Run(graph.with_accumulators(_all(names, point))) for point in points]
    blocks = range(0, max(1, len(codes)), _BLOCK)
    for block, first in enumerate(blocks):
        part = codes[first : first + _BLOCK]
        samples = np.arange(first, first + len(part))
        exact = _exact_pass(wide, part, seed, samples)
        draws = node_draws(graph, len(part), seed, samples)
        for number, run in enumerate(runs):
            started = time.perf_counter()
            run.add(*_run_point(run.graph, exact, names, draws))
            run.seconds += time.perf_counter() - started
            if progress:
                progress(block * len(runs) + number + 1, len(blocks) * len(runs))
    sums = codes.size // graph.input.size * sum(graph.specs[name].size for name in names)
    rows: list[dict[str, Any]] = []
    for point, run in zip(points, runs, strict=True):
        ready, scores = run.graph, np.concatenate(run.scores)
        row: dict[str, Any] = {
            "nodes": nodes,
            "bits": point.bits,
            "overflow": point.overflow.value,
            "order": str(point.order),
            "spill": None if point.spill is None else str(point.spill),
            **_accuracy(ready, scores, labels, groups, seed),
            "overflow_outputs": sum(run.touched.values()) / max(1, sums),
            "overflow_layers": sum(count > 0 for count in run.touched.values()) / len(names),
            "proven": not any(s.node in names for s in proof.shortfalls(_all(names, point))),
            "seconds": run.seconds,
        }
        if models:
            priced = drop_needless_clamps(ready).work()
            row |= {f"cycles {m.label}": m.estimate(priced).cycles for m in models}
        rows.append(row)
    return pd.DataFrame(rows)


def _listed(points: object) -> tuple[Any, ...]:
    return tuple(points) if isinstance(points, Iterable) else (points,)


def _accuracy(
    graph: Graph, scores: IntArray, labels: ArrayLike | None, groups: ArrayLike | None, seed: int
) -> dict[str, float]:
    from fxpsim.scoring import score

    if labels is None:
        return {"accuracy": np.nan, "accuracy_low": np.nan, "accuracy_high": np.nan}
    result = score(graph, scores, labels, groups, seed)
    low, high = result.accuracy_interval()
    return {"accuracy": result.accuracy, "accuracy_low": low, "accuracy_high": high}


def _all(names: Sequence[str], register: Accumulator) -> dict[str, Accumulator]:
    """Give one register to layers by name, whatever characters their names have."""
    return {escape(name): register for name in names}


def _exact_pass(wide: Graph, inputs: IntArray, seed: int, samples: IntArray) -> _Exact:
    trace = simulate(wide, inputs, probes=["*"], seed=seed, samples=samples)
    return _Exact(trace.tensors)


def _run_point(
    graph: Graph, exact: _Exact, names: Sequence[str], draws: Mapping[str, Draws]
) -> tuple[IntArray, dict[str, int]]:
    """Return the scores, and how many sums of each swept layer overflowed at least once.

    Up to its first overflow a plain register holds the exact partial sum, so a sum overflows if and
    only if its exact partial sums, on the same inputs, leave the register.
    """
    if graph.states:  # a change at one step is the input of the next
        return _run_streams(graph, exact.tensors["input"], names)
    changed: dict[str, IntArray] = {}
    touched: dict[str, int] = {}
    for node in graph:
        fresh = not any(name in changed for name in node.sources)
        inputs = [changed.get(name, exact.tensors[name]) for name in node.sources]
        sources = [graph.specs[name] for name in node.sources]
        if node.name in names:
            assert isinstance(node.op, Layer)
            codes, source, register = inputs[0], sources[0], node.op.accumulator
            shape = (len(codes), *graph.specs[node.name].shape)
            if not register.plain_but_for_bias:
                with drawing(draws.get(node.name, Draws())):
                    full = node.op.planes(codes, source)
                touched[node.name] = _count(full)
                changed[node.name] = full.register.reshape(shape)
                continue
            sums, lowest, highest = (
                exact.sums(node, source) if fresh else node.op.peaks(codes, source)
            )
            touched[node.name] = count_outside(lowest, highest, register.lo, register.hi)
            if touched[node.name]:
                changed[node.name] = node.op.registers(codes, source)
            elif not fresh:
                changed[node.name] = sums.reshape(shape)
        elif not fresh:
            with drawing(draws.get(node.name, Draws())):
                changed[node.name] = node.op.run_narrow(inputs, sources)
    scores = changed.get(graph.scores, exact.tensors[graph.scores])
    return as_stored(scores, graph.specs[graph.scores]), touched


def _count(planes: Planes) -> int:
    """Return how many sums had an event at any level."""
    return int(np.count_nonzero(sum(events > 0 for events in planes.events.values())))


def _run_streams(
    graph: Graph, inputs: IntArray, names: Sequence[str]
) -> tuple[IntArray, dict[str, int]]:
    """Return the same as :func:`_run_point`, from a run of its own."""
    trace = simulate(graph, inputs, probes=[graph.scores])
    touched: dict[str, int] = {}
    for name, layer in graph.layers:
        if name in names:
            source = graph.specs[graph[name].source]
            codes = trace[graph[name].source].reshape(-1, *source.shape)
            touched[name] = _count(layer.planes(codes, source))
    return trace[graph.scores], touched
