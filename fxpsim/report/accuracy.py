"""What the networks get right: accuracy, classes, detection errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fxpsim.accumulators import Accumulator
from fxpsim.det import DetCurve
from fxpsim.graph import Graph
from fxpsim.kws.datasets import EvaluationSet
from fxpsim.kws.labels import KEYWORDS
from fxpsim.listing import registers
from fxpsim.report.networks import Networks
from fxpsim.report.progress import Progress
from fxpsim.report.tables import Row
from fxpsim.report.verdict import no_loss
from fxpsim.scoring import Score, evaluate

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "FALSE_ACCEPTS",
    "FALSE_REJECTS",
    "accuracy_table",
    "class_table",
    "deciding",
    "det_table",
    "discoveries",
    "lossless",
    "network_name",
    "score_networks",
]

#: Rate at which false rejects are compared, and the one at which false discoveries are.
FALSE_ACCEPTS, FALSE_REJECTS = 0.01, 0.1
_DET_LIMITS = 1e-4, 0.5  # false accept rates that a detector works at, with room


def score_networks(
    evaluation: EvaluationSet, networks: Networks, seed: int, tell: Progress
) -> dict[str, Score]:
    """Return the scores in float, by weight bits with 32-bit accumulators, and of all others."""
    floating, graphs = networks.floating, _graphs(networks)
    labels, groups = evaluation.labels, evaluation.groups
    logits = floating.logits(evaluation.features)
    found = {"float": Score(logits, labels, groups, floating.labels, seed)}
    for done, (name, graph) in enumerate(graphs.items()):
        tell("evaluating networks", done, len(graphs))
        features = evaluation.features.reshape(len(evaluation), *graph.input.shape)
        found[name] = evaluate(graph, features, labels, groups=groups, seed=seed)
    tell("evaluating networks", len(graphs), len(graphs))
    return found


def _graphs(networks: Networks) -> dict[str, Graph]:
    """Return what is scored, by what tables call it."""
    return {
        **{
            network_name(bits): graph.with_accumulators(Accumulator(32))
            for bits, graph in networks.integer.items()
        },
        **{networks.label(graph): graph for graph in networks.others},
    }


def network_name(bits: int) -> str:
    """Return what tables call the network of so many weight bits."""
    return f"{bits}-bit"


def accuracy_table(
    scores: Mapping[str, Score], networks: Networks, stored: Mapping[str, Any] | None
) -> pd.DataFrame:
    """Return a row a network: accuracy, false alarms, differences to float, here and as stored."""
    import pandas as pd

    graphs, kept = _graphs(networks), {} if stored is None else stored["networks"]
    rows = []
    for name, score in scores.items():
        low, high = score.accuracy_interval()
        gain, gain_low, gain_high = score.difference_interval(scores["float"])
        graph, curve = graphs.get(name), _curve(score)
        real = kept.get(name.removesuffix("-bit"), {})
        if graph is not None:
            real = real or kept.get(graph.name, {})
        rows.append(
            {
                "network": name,
                "weight_bits": 32 if graph is None else max(graph.weight_bits),
                "accumulator": "" if graph is None else registers(graph),
                "accuracy": score.accuracy,
                "accuracy_low": low,
                "accuracy_high": high,
                "to_float": gain,
                "to_float_low": gain_low,
                "to_float_high": gain_high,
                "false_rejects_at_1pct": np.nan
                if curve is None
                else curve.false_rejects_at(FALSE_ACCEPTS),
                **discoveries(score, scores["float"]),
                "real_accuracy": real.get("accuracy", np.nan),
                "real_accuracy_low": real.get("low", np.nan),
                "real_accuracy_high": real.get("high", np.nan),
                "real_to_float": real.get("difference", np.nan),
                "real_to_float_low": real.get("difference_low", np.nan),
                "real_to_float_high": real.get("difference_high", np.nan),
                "real_false_rejects_at_1pct": real.get("false_rejects_at_1pct", np.nan),
                **{f"real_{key}": real.get(key) for key in _DISCOVERIES},
            }
        )
    return pd.DataFrame(rows).astype({f"real_{key}": float for key in _DISCOVERIES})


_DISCOVERIES = (
    "false_discoveries_at_10pct",
    "discoveries_change",
    "discoveries_change_low",
    "discoveries_change_high",
)


def discoveries(score: Score, floating: Score) -> dict[str, float]:
    """Return the false discovery rate where 10 % of keywords are missed, and what it is to float's.

    Not numbers where there is none: no keyword, or no false discovery of float's.
    """
    if _curve(score) is None:
        return dict.fromkeys(_DISCOVERIES, np.nan)
    found = score.relative_change(floating, FALSE_REJECTS)
    return dict(zip(_DISCOVERIES, (found.value, found.change, found.low, found.high), strict=True))


def deciding(table: pd.DataFrame, stored_counts: bool) -> list[str]:
    """Return prefixes of the columns of the sets that decide: this one, and perhaps the stored."""
    heeded = stored_counts and table["real_to_float"].notna().any()
    return ["", "real_"] if heeded else [""]


def lossless(rows: Sequence[Row], kinds: Sequence[str]) -> list[Row]:
    """Return the networks of which a loss against float is excluded on all sets that decide."""
    return [
        row
        for row in rows
        if all(no_loss(row[f"{kind}to_float_low"], row[f"{kind}to_float_high"]) for kind in kinds)
    ]


def _curve(score: Score) -> DetCurve | None:
    """Return the detection error trade-off; None where no clip has a keyword to miss."""
    keywords = [score.classes.index(name) for name in KEYWORDS]
    return score.det() if np.isin(score.labels, keywords).any() else None


def class_table(scores: Mapping[str, Score]) -> pd.DataFrame:
    """Return clips, recall and precision by network and class."""
    import pandas as pd

    tables = []
    for name, score in scores.items():
        table = score.per_class()
        table.insert(0, "network", name)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def det_table(scores: Mapping[str, Score]) -> pd.DataFrame:
    """Return the corners of each curve: fewest false rejects, where they get fewer.

    There are none where no clip has a keyword.
    """
    import pandas as pd

    tables = []
    for name, score in scores.items():
        curve = _curve(score)
        if curve is None:
            continue
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
    if not tables:
        return pd.DataFrame(columns=["network", "false_accept_rate", "false_reject_rate"])
    return pd.concat(tables, ignore_index=True)
