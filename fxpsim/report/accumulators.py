"""What accumulators need, by layer, and what each of them does to accuracy and cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from fxpsim.accumulators import Accumulator
from fxpsim.bounds import guarantee
from fxpsim.graph import Graph
from fxpsim.kws.datasets import EvaluationSet
from fxpsim.report.accuracy import network_name
from fxpsim.report.costs import point_costs
from fxpsim.report.progress import Progress
from fxpsim.report.tables import Row, column, only, select
from fxpsim.report.verdict import judge
from fxpsim.scoring import Score, evaluate
from fxpsim.simulation import peaks
from fxpsim.stats import bits_for
from fxpsim.sweeps import accumulator_grid, sweep

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["layer_widths", "sweep_points"]


def layer_widths(graphs: Mapping[int, Graph], evaluation: EvaluationSet) -> pd.DataFrame:
    """Return how many bits each layer's accumulator needs: by type, proven, and by this data."""
    import pandas as pd

    rows = []
    for weight_bits, graph in graphs.items():
        proof = guarantee(graph)
        reached = peaks(graph.with_accumulators(Accumulator(32)), evaluation.features)
        for name, op in graph.layers:
            source, weight = graph.specs[graph[name].source].format, op.weight_format
            product = max(-source.lo, source.hi) * max(-weight.lo, weight.hi)
            rows.append(
                {
                    "weight_bits": weight_bits,
                    "layer": name,
                    "type_bits": bits_for(-op.inputs * product, op.inputs * product),
                    "proven_bits": proof.minimum(name),
                    "needed_bits": max(column(select(reached, node=name), "bits")),
                }
            )
    return pd.DataFrame(rows)


def sweep_points(
    graphs: Mapping[int, Graph],
    evaluation: EvaluationSet,
    scores: Mapping[str, Score],
    widths: pd.DataFrame,
    memory: pd.DataFrame,
    tell: Progress,
) -> pd.DataFrame:
    """Return a row for each weight width and accumulator: accuracy, verdict, overflow, costs.

    Parameters
    ----------
    graphs : mapping of int to Graph
        By weight bits.
    evaluation : EvaluationSet
        What they are scored on.
    scores : mapping of str to Score
        What they and the float network made of it with 32-bit accumulators.
    widths, memory : DataFrame
        Of :func:`layer_widths` and :func:`fxpsim.report.costs.memory_table`.
    tell : Progress
        Told of every point.
    """
    import pandas as pd

    grid = accumulator_grid()
    rows: list[Row] = []
    for weight_bits, graph in graphs.items():
        reference, floating = scores[network_name(weight_bits)], scores["float"]
        layers = select(widths, weight_bits=weight_bits)
        stored = only(memory, variant=network_name(weight_bits), layer="total")
        exact = _compared(reference, reference, floating)
        swept = select(sweep(graph, evaluation.features, accumulators=grid))
        for point, seen in zip(grid, swept, strict=True):
            overflows = seen["overflow_outputs"] > 0
            accuracy = exact
            if overflows:
                score = _score(graph, evaluation, point, reference.seed)
                accuracy = _compared(score, reference, floating)
            verdict = judge(
                proven=seen["proven"],
                overflows=overflows,
                difference=(
                    accuracy["to_32_bits"],
                    accuracy["to_32_bits_low"],
                    accuracy["to_32_bits_high"],
                ),
            )
            rows.append(
                {
                    "weight_bits": weight_bits,
                    "bits": point.bits,
                    "overflow": point.overflow.value,
                    "verdict": verdict.value,
                    **accuracy,
                    "proven": seen["proven"],
                    "proven_bits": max(column(layers, "proven_bits")),
                    "needed_bits": max(column(layers, "needed_bits")),
                    "overflow_outputs": seen["overflow_outputs"],
                    "overflow_layers": seen["overflow_layers"],
                    **_priced(graph, point),
                    "weights_packed_bytes": stored["weights_packed_bytes"],
                    "weights_container_bytes": stored["weights_container_bytes"],
                }
            )
            tell("sweeping accumulators", len(rows), len(grid) * len(graphs))
    return pd.DataFrame(rows)


def _score(graph: Graph, evaluation: EvaluationSet, point: Accumulator, seed: int) -> Score:
    return evaluate(
        graph,
        evaluation.features,
        evaluation.labels,
        groups=evaluation.groups,
        seed=seed,
        accumulator=point,
    )


def _compared(score: Score, reference: Score, floating: Score) -> dict[str, float]:
    """Return an accuracy and its differences, each with its interval."""
    triples = {
        "accuracy": (score.accuracy, *score.accuracy_interval()),
        "to_float": score.difference_interval(floating),
        "to_32_bits": score.difference_interval(reference),
    }
    return {
        f"{name}{end}": value
        for name, triple in triples.items()
        for end, value in zip(("", "_low", "_high"), triple, strict=True)
    }


def _priced(graph: Graph, point: Accumulator) -> dict[str, float]:
    found = {}
    estimates = point_costs(graph, point).values()
    for prefix, estimate in zip(("neon", "systolic"), estimates, strict=True):
        found[f"{prefix}_cycles"] = estimate.cycles
        found[f"{prefix}_cycles_low"] = estimate.low
        found[f"{prefix}_cycles_high"] = estimate.high
    return found
