"""Accuracy and overflow against the accumulator, point by point.

One pass with exact sums records how far every partial sum goes.  A register that all of them fit
changes nothing, so its point is known already; the others run from the first layer that changes,
and share everything before it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from glob import escape
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fxpsim.accumulators import Accumulator
from fxpsim.draws import Draws, drawing
from fxpsim.errors import ConfigError, suggest
from fxpsim.guarantees import Guarantee, guarantee
from fxpsim.ops import Layer
from fxpsim.passes import drop_needless_clamps
from fxpsim.simulation import check_inputs, node_draws, simulate
from fxpsim.stats import bits_for

if TYPE_CHECKING:
    import pandas as pd

    from accel_models import CostModel
    from fxpsim.dispatch import Planes
    from fxpsim.graph import Graph

__all__ = ["accumulator_grid", "sweep"]

IntArray = NDArray[Any]


def accumulator_grid(
    bits: Iterable[int] = range(8, 33), overflow: Iterable[str] = ("saturate", "wrap")
) -> tuple[Accumulator, ...]:
    """Return every accumulator of the given widths and overflow modes, widest first."""
    modes = tuple(overflow)
    return tuple(Accumulator(b, mode) for b in sorted(bits, reverse=True) for mode in modes)


@dataclass(frozen=True, slots=True)
class _Exact:
    """The pass without overflow: every tensor, and what each swept layer's sums did."""

    graph: Graph
    tensors: dict[str, IntArray]
    planes: dict[str, Planes]


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
        Called with (points done, points in all).

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
    draws = node_draws(graph, len(codes), seed)
    exact = _exact_pass(graph, codes, names, proof, seed)
    rows: list[dict[str, Any]] = []
    for number, point in enumerate(points):
        started = time.perf_counter()
        ready = graph.with_accumulators(_all(names, point))
        scores, touched = _run_point(ready, exact, names, draws)
        sums = sum(array.size for array in touched.values())
        row: dict[str, Any] = {
            "nodes": nodes,
            "bits": point.bits,
            "overflow": point.overflow.value,
            "order": str(point.order),
            "spill": None if point.spill is None else str(point.spill),
            **_accuracy(ready, scores, labels, groups, seed),
            "overflow_outputs": sum(int(t.sum()) for t in touched.values()) / max(1, sums),
            "overflow_layers": sum(bool(t.any()) for t in touched.values()) / len(names),
            "proven": not any(s.node in names for s in proof.shortfalls(_all(names, point))),
            "seconds": time.perf_counter() - started,
        }
        if models:
            priced = drop_needless_clamps(ready).work()
            row |= {f"cycles {m.label}": m.estimate(priced).cycles for m in models}
        rows.append(row)
        if progress:
            progress(number + 1, len(points))
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


def _exact_pass(
    graph: Graph, inputs: IntArray, names: Sequence[str], proof: Guarantee, seed: int
) -> _Exact:
    swept = [proof.layers[name] for name in names]
    enough = max(bits_for(int(one.lowest.min()), int(one.highest.max())) for one in swept)
    wide = graph.with_accumulators(_all(names, Accumulator(enough)))
    trace = simulate(wide, inputs, probes=["*"], seed=seed)
    planes = {}
    for name in names:
        node = wide[name]
        assert isinstance(node.op, Layer)
        source = wide.specs[node.source]
        codes = trace.tensors[node.source].reshape(-1, *source.shape)
        planes[name] = node.op.planes(codes, source, exact=True)
    return _Exact(wide, trace.tensors, planes)


def _run_point(
    graph: Graph, exact: _Exact, names: Sequence[str], draws: Mapping[str, Draws]
) -> tuple[IntArray, dict[str, NDArray[np.bool_]]]:
    """Return the scores, and which sums of each swept layer overflowed at least once.

    Up to its first overflow a plain register holds the exact partial sum, so a sum overflows if and
    only if its exact partial sums, on the same inputs, leave the register.
    """
    if graph.states:  # a change at one step is the input of the next
        return _run_streams(graph, exact.tensors["input"], names)
    changed: dict[str, IntArray] = {}
    touched: dict[str, NDArray[np.bool_]] = {}
    for node in graph:
        fresh = not any(name in changed for name in node.sources)
        inputs = [changed.get(name, exact.tensors[name]) for name in node.sources]
        sources = [graph.specs[name] for name in node.sources]
        if node.name in names:
            assert isinstance(node.op, Layer)
            codes, source, register = inputs[0], sources[0], node.op.accumulator
            shape = (len(codes), *graph.specs[node.name].shape)
            if not register.plain:
                with drawing(draws.get(node.name, Draws())):
                    full = node.op.planes(codes, source)
                touched[node.name] = np.logical_or.reduce([e > 0 for e in full.events.values()])
                changed[node.name] = full.register.reshape(shape)
                continue
            planes = exact.planes[node.name] if fresh else node.op.planes(codes, source, exact=True)
            touched[node.name] = (planes.lowest < register.lo) | (planes.highest > register.hi)
            if touched[node.name].any():
                changed[node.name] = node.op.registers(codes, source)
            elif not fresh:
                changed[node.name] = planes.exact.reshape(shape)
        elif not fresh:
            with drawing(draws.get(node.name, Draws())):
                changed[node.name] = node.op.run(inputs, sources)
    return changed.get(graph.scores, exact.tensors[graph.scores]), touched


def _run_streams(
    graph: Graph, inputs: IntArray, names: Sequence[str]
) -> tuple[IntArray, dict[str, NDArray[np.bool_]]]:
    """Return the same as :func:`_run_point`, from a run of its own."""
    trace = simulate(graph, inputs, probes=[graph.scores])
    touched: dict[str, NDArray[np.bool_]] = {}
    for name, layer in graph.layers:
        if name in names:
            source = graph.specs[graph[name].source]
            codes = trace.tensors[graph[name].source].reshape(-1, *source.shape)
            events = layer.planes(codes, source).events.values()
            touched[name] = np.logical_or.reduce([count > 0 for count in events])
    return trace[graph.scores], touched
