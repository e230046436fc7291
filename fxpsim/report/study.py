"""Everything that a report shows, as tables: accuracy, accumulators, costs, memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from fxpsim.accumulators import Accumulator
from fxpsim.bounds import guarantee
from fxpsim.errors import DataError
from fxpsim.graph import Graph
from fxpsim.kws.datasets import EvaluationSet
from fxpsim.report.costs import cost_table, memory_table, point_costs, variants
from fxpsim.report.decision import choose_rows
from fxpsim.report.networks import Networks
from fxpsim.report.tables import column, only, select
from fxpsim.report.verdict import judge
from fxpsim.scoring import Score, evaluate
from fxpsim.simulation import peaks
from fxpsim.stats import bits_for
from fxpsim.sweeps import accumulator_grid, sweep

if TYPE_CHECKING:
    import pandas as pd

    from accel_models.estimate import Statement

__all__ = ["FALSE_ACCEPTS", "Progress", "Study", "run_study"]

#: Called with a stage's name, what is done of it, and how much it is.
Progress = Callable[[str, int, int], None]
#: False accept rate at which false rejects are compared.
FALSE_ACCEPTS = 0.01
_DET_LIMITS = 1e-4, 0.5  # false accept rates that a detector works at, with room
_WIDEST = Accumulator(32)


@dataclass(frozen=True, slots=True, eq=False)
class Study:
    """The tables of a report, each a DataFrame with units in the names of its columns.

    Attributes
    ----------
    evaluation, networks, seed
        What was studied; the seed is that of the bootstrap.
    stored : mapping or None
        Metrics on real speech (:func:`fxpsim.report.networks.stored_metrics`).
    statements : mapping of str to Statement
        What each core's model says of its basis, error, sources and assumptions.
    accuracy
        A row a network: float, then by weight bits.
    accumulators
        A row a weight width, accumulator width and overflow mode.
    decision
        The rows among them that decide, with the reason.
    accumulator_layers
        A row a weight width and layer: bits by data type, proven, and needed by this data.
    classes, det
        Recall and precision by class; false rejects against false accepts.
    costs, memory
        By variant (fp32, int16, weight bits), core and layer.
    layers
        A row a weight width and layer: shapes, formats, parameters.
    """

    evaluation: EvaluationSet
    networks: Networks
    seed: int
    stored: Mapping[str, Any] | None
    statements: Mapping[str, Statement]
    accuracy: pd.DataFrame
    accumulators: pd.DataFrame
    decision: pd.DataFrame
    accumulator_layers: pd.DataFrame
    classes: pd.DataFrame
    det: pd.DataFrame
    costs: pd.DataFrame
    memory: pd.DataFrame
    layers: pd.DataFrame

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """All tables by name."""
        import pandas as pd

        found = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: table for name, table in found.items() if isinstance(table, pd.DataFrame)}


def run_study(
    evaluation: EvaluationSet,
    networks: Networks,
    *,
    seed: int = 0,
    stored: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> Study:
    """Score, sweep and price networks.

    Raises
    ------
    DataError
        The features are not of the networks' front end.
    """
    import pandas as pd

    floating, graphs = networks.floating, networks.integer
    if evaluation.front_end != floating.front_end:
        raise DataError(
            f"evaluation set {evaluation.name!r} must have the features of {floating.name}, "
            f"{floating.front_end}, not of {evaluation.front_end}"
        )
    tell = progress or (lambda stage, done, total: None)
    scores = _scores(evaluation, networks, seed, tell)
    layers = pd.concat([_layers(bits, g) for bits, g in graphs.items()], ignore_index=True)
    widths = pd.concat(
        [_widths(bits, g, evaluation) for bits, g in graphs.items()], ignore_index=True
    )
    priced = variants(graphs)
    costs, statements = cost_table(priced)
    memory = memory_table(priced)
    points = _points(evaluation, graphs, scores, widths, memory, seed, tell)
    return Study(
        evaluation=evaluation,
        networks=networks,
        seed=seed,
        stored=stored,
        statements=statements,
        accuracy=_accuracy(scores, stored),
        accumulators=points,
        decision=choose_rows(points),
        accumulator_layers=widths,
        classes=_classes(scores),
        det=_det(scores),
        costs=costs,
        memory=memory,
        layers=layers,
    )


def _scores(
    evaluation: EvaluationSet, networks: Networks, seed: int, tell: Progress
) -> dict[str, Score]:
    """Return the scores in float and by weight bits, with 32-bit accumulators."""
    floating, graphs = networks.floating, networks.integer
    labels, groups = evaluation.labels, evaluation.groups
    logits = floating.logits(evaluation.features)
    found = {"float": Score(logits, labels, groups, floating.labels, seed)}
    for done, (bits, graph) in enumerate(graphs.items()):
        tell("evaluating networks", done, len(graphs))
        found[_name(bits)] = evaluate(
            graph, evaluation.features, labels, groups=groups, seed=seed, accumulator=_WIDEST
        )
    tell("evaluating networks", len(graphs), len(graphs))
    return found


def _name(bits: int) -> str:
    return f"{bits}-bit"


def _accuracy(scores: Mapping[str, Score], stored: Mapping[str, Any] | None) -> pd.DataFrame:
    import pandas as pd

    rows = []
    for name, score in scores.items():
        low, high = score.accuracy_interval()
        gain, gain_low, gain_high = score.difference_interval(scores["float"])
        bits = name.removesuffix("-bit")
        real = {} if stored is None else stored["networks"].get(bits, {})
        rows.append(
            {
                "network": name,
                "weight_bits": 32 if name == "float" else int(bits),
                "accuracy": score.accuracy,
                "accuracy_low": low,
                "accuracy_high": high,
                "to_float": gain,
                "to_float_low": gain_low,
                "to_float_high": gain_high,
                "false_rejects_at_1pct": score.det().false_rejects_at(FALSE_ACCEPTS),
                "real_accuracy": real.get("accuracy", np.nan),
                "real_accuracy_low": real.get("low", np.nan),
                "real_accuracy_high": real.get("high", np.nan),
                "real_false_rejects_at_1pct": real.get("false_rejects_at_1pct", np.nan),
            }
        )
    return pd.DataFrame(rows)


def _classes(scores: Mapping[str, Score]) -> pd.DataFrame:
    import pandas as pd

    tables = []
    for name, score in scores.items():
        table = score.per_class()
        table.insert(0, "network", name)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def _det(scores: Mapping[str, Score]) -> pd.DataFrame:
    """Return the corners of each curve: fewest false rejects, where they get fewer."""
    import pandas as pd

    tables = []
    for name, score in scores.items():
        curve = score.det()
        table = pd.DataFrame(
            {
                "network": name,
                "false_accept_rate": curve.false_accept_rate,
                "false_reject_rate": curve.false_reject_rate,
            }
        )
        table = table.sort_values(["false_accept_rate", "false_reject_rate"], ignore_index=True)
        fewest = table["false_reject_rate"].cummin()
        corners = table[fewest.diff().fillna(-1) < 0]
        tables.append(corners[corners["false_accept_rate"].between(*_DET_LIMITS)])
    return pd.concat(tables, ignore_index=True)


def _widths(bits: int, graph: Graph, evaluation: EvaluationSet) -> pd.DataFrame:
    """Return how many accumulator bits each layer needs: by type, proven, and by this data."""
    import pandas as pd

    proof = guarantee(graph)
    wide = graph.with_accumulators(_WIDEST)
    reached = peaks(wide, evaluation.features)
    rows = []
    for name, op in graph.layers:
        source = graph.specs[graph[name].source].format
        product = max(-source.lo, source.hi) * max(-op.weight_format.lo, op.weight_format.hi)
        rows.append(
            {
                "weight_bits": bits,
                "layer": name,
                "type_bits": bits_for(-op.inputs * product, op.inputs * product),
                "proven_bits": proof.minimum(name),
                "needed_bits": max(column(select(reached, node=name), "bits")),
            }
        )
    return pd.DataFrame(rows)


def _points(
    evaluation: EvaluationSet,
    graphs: Mapping[int, Graph],
    scores: Mapping[str, Score],
    widths: pd.DataFrame,
    memory: pd.DataFrame,
    seed: int,
    tell: Progress,
) -> pd.DataFrame:
    import pandas as pd

    grid = accumulator_grid()
    rows: list[dict[str, Any]] = []
    stage, total = "sweeping accumulators", len(grid) * len(graphs)
    for bits, graph in graphs.items():
        tell(stage, len(rows), total)
        swept = select(sweep(graph, evaluation.features, accumulators=grid))
        reference = scores[_name(bits)]
        layers = select(widths, weight_bits=bits)
        stored = only(memory, variant=_name(bits), layer="total")
        for point, seen in zip(grid, swept, strict=True):
            overflows = seen["overflow_outputs"] > 0
            score = reference
            if overflows:
                score = evaluate(
                    graph,
                    evaluation.features,
                    evaluation.labels,
                    groups=evaluation.groups,
                    seed=seed,
                    accumulator=point,
                )
            rows.append(
                {
                    "weight_bits": bits,
                    "bits": point.bits,
                    "overflow": point.overflow.value,
                    **_judged(score, reference, scores["float"], seen["proven"], overflows),
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
            tell(stage, len(rows), total)
    return pd.DataFrame(rows)


def _judged(
    score: Score, reference: Score, floating: Score, proven: bool, overflows: bool
) -> dict[str, Any]:
    low, high = score.accuracy_interval()
    loss, loss_low, loss_high = lost = score.difference_interval(reference)
    gain, gain_low, gain_high = score.difference_interval(floating)
    verdict = judge(proven=proven, overflows=overflows, difference=lost)
    return {
        "verdict": verdict.value,
        "accuracy": score.accuracy,
        "accuracy_low": low,
        "accuracy_high": high,
        "to_float": gain,
        "to_float_low": gain_low,
        "to_float_high": gain_high,
        "to_32_bits": loss,
        "to_32_bits_low": loss_low,
        "to_32_bits_high": loss_high,
    }


def _priced(graph: Graph, point: Accumulator) -> dict[str, float]:
    found = {}
    for prefix, estimate in zip(
        ("neon", "systolic"), point_costs(graph, point).values(), strict=True
    ):
        found[f"{prefix}_cycles"] = estimate.cycles
        found[f"{prefix}_cycles_low"] = estimate.low
        found[f"{prefix}_cycles_high"] = estimate.high
    return found


def _layers(bits: int, graph: Graph) -> pd.DataFrame:
    """Return shapes, formats and sizes; constants behind a layer count as that layer's."""
    import pandas as pd

    rows: list[dict[str, Any]] = []
    for node in graph:
        held = [getattr(node.op, name, None) for name in ("weights", "gain", "bias")]
        size = sum(array.size for array in held if array is not None)
        if node.name in dict(graph.layers):
            op = dict(graph.layers)[node.name]
            rows.append(
                {
                    "weight_bits": bits,
                    "layer": node.name,
                    "inputs": op.inputs,
                    "outputs": op.outputs,
                    "input_format": str(graph.specs[node.source].format),
                    "weight_format": str(op.weight_format),
                    "then": "",
                    "output_format": "",
                    "parameters": size,
                    "macs": op.inputs * op.outputs,
                }
            )
        elif rows:
            row = rows[-1]
            row["parameters"] += size
            row["then"] = ", ".join(filter(None, [row["then"], type(node.op).__name__.lower()]))
            row["output_format"] = str(graph.specs[node.name].format)
    return pd.DataFrame(rows)
