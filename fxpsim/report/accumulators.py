"""What accumulators need, by layer, and what each of them does to accuracy and cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from fxpsim.accumulators import Accumulator
from fxpsim.graph import Graph
from fxpsim.guarantees import guarantee
from fxpsim.kws.datasets import EvaluationSet
from fxpsim.report.accuracy import network_name
from fxpsim.report.costs import point_costs
from fxpsim.report.evidence import Evidence
from fxpsim.report.progress import Progress
from fxpsim.report.tables import Row, column, only, select
from fxpsim.report.verdict import Verdict, judge, worst
from fxpsim.scoring import Score, evaluate
from fxpsim.simulation import peaks
from fxpsim.stats import bits_for
from fxpsim.sweeps import accumulator_grid, sweep

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["STORED_COLUMNS", "layer_widths", "measure_sweep", "sweep_points"]

#: What is kept of a sweep whose data are not; with ``weight_bits``, ``bits`` and ``overflow``.
STORED_COLUMNS = (
    *(f"accuracy{end}" for end in ("", "_low", "_high")),
    *(f"to_32_bits{end}" for end in ("", "_low", "_high")),
    "overflow_outputs",
)


def layer_widths(
    graphs: Mapping[int, Graph],
    evaluation: EvaluationSet,
    stored: Mapping[str, Any] | None = None,
) -> pd.DataFrame:
    """Return how many bits each layer's accumulator needs: by type, proven, by this data, stored.

    ``stored`` is that of :func:`fxpsim.report.networks.stored_metrics`.
    """
    import pandas as pd

    rows = []
    real = (stored or {}).get("needed_bits", {})
    for weight_bits, graph in graphs.items():
        proof = guarantee(graph)
        reached = peaks(graph.with_accumulators(Accumulator(32)), evaluation.features)
        for name, op in graph.layers:
            formats = graph.specs[graph[name].source].format, op.weight_format
            product = prod(max(map(abs, fmt.multiplicand_range)) for fmt in formats)
            rows.append(
                {
                    "weight_bits": weight_bits,
                    "layer": name,
                    "type_bits": bits_for(-op.inputs * product, op.inputs * product),
                    "proven_bits": proof.minimum(name),
                    "needed_bits": max(column(select(reached, node=name), "bits")),
                    "real_needed_bits": real.get(str(weight_bits), {}).get(name, np.nan),
                }
            )
    return pd.DataFrame(rows)


def measure_sweep(
    graph: Graph, evaluation: EvaluationSet, reference: Score
) -> Iterator[tuple[Row, Score]]:
    """Yield what each accumulator of the grid does to a network, and its score.

    Parameters
    ----------
    graph : Graph
        What is run.
    evaluation : EvaluationSet
        What it is scored on.
    reference : Score
        What it made of it with 32-bit accumulators.

    Yields
    ------
    row : dict
        bits, overflow, proven, overflow_outputs and overflow_layers (shares of sums and layers),
        accuracy and to_32_bits (difference to the reference, paired), each with its interval.
    score : Score
    """
    grid = accumulator_grid()
    swept = select(sweep(graph, evaluation.features, accumulators=grid))
    for point, seen in zip(grid, swept, strict=True):
        score = reference
        if seen["overflow_outputs"] > 0:
            score = _score(graph, evaluation, point, reference.seed)
        same = ("proven", "overflow_outputs", "overflow_layers")
        yield (
            {
                "bits": point.bits,
                "overflow": point.overflow.value,
                **{name: seen[name] for name in same},
                **_triple("accuracy", (score.accuracy, *score.accuracy_interval())),
                **_triple("to_32_bits", score.difference_interval(reference)),
            },
            score,
        )


def sweep_points(
    graphs: Mapping[int, Graph],
    evaluation: EvaluationSet,
    scores: Mapping[str, Score],
    widths: pd.DataFrame,
    memory: pd.DataFrame,
    tell: Progress,
    *,
    stored: Mapping[str, Any] | None = None,
    counts: bool = False,
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
    stored : mapping, optional
        The same sweep on real speech (:func:`fxpsim.report.networks.stored_metrics`).
    counts : bool
        Whether ``verdict`` is the worse of the two, not that on this set alone.
    """
    import pandas as pd

    kept = (stored or {}).get("accumulators", [])
    real = {(row["weight_bits"], row["bits"], row["overflow"]): row for row in kept}
    enough, real_enough = Evidence.of(evaluation).enough, _stored_evidence(stored).enough
    missing = dict.fromkeys(STORED_COLUMNS, np.nan)
    rows: list[Row] = []
    points = len(accumulator_grid()) * len(graphs)
    for weight_bits, graph in graphs.items():
        reference, floating = scores[network_name(weight_bits)], scores["float"]
        layers = select(widths, weight_bits=weight_bits)
        held = only(memory, variant=network_name(weight_bits), layer="total")
        for row, score in measure_sweep(graph, evaluation, reference):
            elsewhere = real.get((weight_bits, row["bits"], row["overflow"]), missing)
            verdicts = [_judged(row, row["proven"], enough)]
            if counts and elsewhere is not missing:
                verdicts.append(_judged(elsewhere, row["proven"], real_enough))
            rows.append(
                {
                    "weight_bits": weight_bits,
                    "bits": row["bits"],
                    "overflow": row["overflow"],
                    "verdict": worst(verdicts).value,
                    "verdict_here": verdicts[0].value,
                    **row,
                    **_triple("to_float", score.difference_interval(floating)),
                    **{f"real_{name}": elsewhere[name] for name in STORED_COLUMNS},
                    "proven_bits": max(column(layers, "proven_bits")),
                    "needed_bits": max(column(layers, "needed_bits")),
                    "real_needed_bits": max(column(layers, "real_needed_bits")),
                    **_priced(graph, Accumulator(row["bits"], row["overflow"])),
                    "weights_packed_bytes": held["weights_packed_bytes"],
                    "weights_container_bytes": held["weights_container_bytes"],
                }
            )
            tell("sweeping accumulators", len(rows), points)
    return pd.DataFrame(rows)


def _stored_evidence(stored: Mapping[str, Any] | None) -> Evidence:
    if stored is None or "accumulators" not in stored:
        return Evidence(0, 0, 0)
    return Evidence(stored["speakers"], stored["speech"], stored["clips"] - stored["speech"])


def _judged(row: Mapping[str, Any], proven: bool, enough: bool) -> Verdict:
    return judge(
        proven=proven,
        overflows=row["overflow_outputs"] > 0,
        difference=(row["to_32_bits"], row["to_32_bits_low"], row["to_32_bits_high"]),
        enough=enough,
    )


def _score(graph: Graph, evaluation: EvaluationSet, point: Accumulator, seed: int) -> Score:
    return evaluate(
        graph,
        evaluation.features,
        evaluation.labels,
        groups=evaluation.groups,
        seed=seed,
        accumulator=point,
    )


def _triple(name: str, values: tuple[float, float, float]) -> dict[str, float]:
    """Return a value and the ends of its interval by column."""
    return dict(zip((name, f"{name}_low", f"{name}_high"), values, strict=True))


def _priced(graph: Graph, point: Accumulator) -> dict[str, float]:
    priced: dict[str, float] = {}
    for prefix in ("neon", "neon_packed", "systolic"):
        priced |= _triple(f"{prefix}_cycles", (np.nan, np.nan, np.nan))
    for prefix, estimate in point_costs(graph, point).items():
        priced |= _triple(f"{prefix}_cycles", (estimate.cycles, estimate.low, estimate.high))
    return priced
