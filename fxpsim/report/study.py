"""Everything that a report shows, as tables: accuracy, accumulators, costs, memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from fxpsim.errors import DataError
from fxpsim.graph import Graph
from fxpsim.kws.datasets import EvaluationSet
from fxpsim.report.accumulators import layer_widths, sweep_points
from fxpsim.report.accuracy import (
    accuracy_table,
    class_table,
    deciding,
    det_table,
    lossless,
    network_name,
    score_networks,
)
from fxpsim.report.costs import cost_table, memory_table, variants
from fxpsim.report.decision import choose_rows
from fxpsim.report.evidence import Evidence, is_synthetic
from fxpsim.report.networks import Networks
from fxpsim.report.progress import Progress, silent
from fxpsim.report.tables import Row, select

if TYPE_CHECKING:
    import pandas as pd

    from accel_models.estimate import Statement

__all__ = ["Study", "run_study"]


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
    swept : mapping of int to Graph
        The networks whose accumulators are swept and which are priced, by weight bits.
    accuracy
        A row a network: float, then by weight bits, then all others; ``swept`` marks those above.
    accumulators
        A row a weight width, accumulator width and overflow mode; ``real_`` columns are stored
        numbers, which ``verdict`` heeds where ``stored_counts`` and ``verdict_here`` never does.
    decision
        The rows among them that decide, with the reason.
    accumulator_layers
        A row a weight width and layer: bits by data type, proven, needed by this data
        and by stored real speech.
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
    swept: Mapping[int, Graph]
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
    def evidence(self) -> Evidence:
        """What the set can decide."""
        return Evidence.of(self.evaluation)

    @property
    def stored_counts(self) -> bool:
        """Whether stored real speech decides too: it does beside a set that nobody spoke."""
        return self.stored is not None and is_synthetic(self.evaluation)

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
    floating = networks.floating
    if evaluation.front_end != floating.front_end:
        raise DataError(
            f"evaluation set {evaluation.name!r} must have the features of {floating.name}, "
            f"{floating.front_end}, not of {evaluation.front_end}"
        )
    tell = progress or silent
    scores = score_networks(evaluation, networks, seed, tell)
    counts = stored is not None and is_synthetic(evaluation)
    accuracy = accuracy_table(scores, networks, stored)
    graphs = _swept(networks, accuracy, counts)
    accuracy.insert(3, "swept", accuracy["network"].isin([network_name(bits) for bits in graphs]))
    widths = layer_widths(graphs, evaluation, stored)
    priced = variants(graphs)
    costs, statements = cost_table(priced)
    memory = memory_table(priced)
    points = sweep_points(
        graphs,
        evaluation,
        scores,
        widths,
        memory,
        tell,
        stored=stored,
        counts=counts,
    )
    return Study(
        evaluation=evaluation,
        networks=networks,
        seed=seed,
        stored=stored,
        statements=statements,
        swept=graphs,
        accuracy=accuracy,
        accumulators=points,
        decision=choose_rows(points),
        accumulator_layers=widths,
        classes=class_table(scores),
        det=det_table(scores),
        costs=costs,
        memory=memory,
        layers=_layers(graphs),
    )


def _swept(networks: Networks, accuracy: pd.DataFrame, stored_counts: bool) -> dict[int, Graph]:
    """Return the few networks to sweep, the one of fewest weight bits without a loss among them."""
    names = [network_name(bits) for bits in networks.integer]
    rows = [row for row in select(accuracy) if row["network"] in names]
    fine = lossless(rows, deciding(accuracy, stored_counts))
    return networks.swept(min((int(row["weight_bits"]) for row in fine), default=None))


def _layers(graphs: Mapping[int, Graph]) -> pd.DataFrame:
    """Return shapes, formats and sizes; constants behind a layer count as that layer's."""
    import pandas as pd

    rows: list[Row] = []
    for weight_bits, graph in graphs.items():
        sums = dict(graph.layers)
        for node in graph:
            held = [getattr(node.op, name, None) for name in ("weights", "gain", "bias")]
            size = sum(array.size for array in held if array is not None)
            if node.name in sums:
                op = sums[node.name]
                rows.append(
                    {
                        "weight_bits": weight_bits,
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
                row, kind = rows[-1], type(node.op).__name__.lower()
                row["parameters"] += size
                row["then"] += f", {kind}" if row["then"] else kind
                row["output_format"] = str(graph.specs[node.name].format)
    return pd.DataFrame(rows)
