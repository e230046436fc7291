"""What the networks get right: accuracy, classes, detection errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from fxpsim.accumulators import Accumulator
from fxpsim.kws.datasets import EvaluationSet
from fxpsim.kws.labels import KEYWORDS
from fxpsim.report.networks import Networks
from fxpsim.report.progress import Progress
from fxpsim.scoring import DetCurve, Score, evaluate

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["accuracy_table", "class_table", "det_table", "network_name", "score_networks"]

_FALSE_ACCEPTS = 0.01  # rate at which false rejects are compared
_DET_LIMITS = 1e-4, 0.5  # false accept rates that a detector works at, with room


def score_networks(
    evaluation: EvaluationSet, networks: Networks, seed: int, tell: Progress
) -> dict[str, Score]:
    """Return the scores in float and by weight bits, with 32-bit accumulators."""
    floating, graphs = networks.floating, networks.integer
    labels, groups = evaluation.labels, evaluation.groups
    logits = floating.logits(evaluation.features)
    found = {"float": Score(logits, labels, groups, floating.labels, seed)}
    for done, (bits, graph) in enumerate(graphs.items()):
        tell("evaluating networks", done, len(graphs))
        found[network_name(bits)] = evaluate(
            graph,
            evaluation.features,
            labels,
            groups=groups,
            seed=seed,
            accumulator=Accumulator(32),
        )
    tell("evaluating networks", len(graphs), len(graphs))
    return found


def network_name(bits: int) -> str:
    """Return what tables call the network of so many weight bits."""
    return f"{bits}-bit"


def accuracy_table(scores: Mapping[str, Score], stored: Mapping[str, Any] | None) -> pd.DataFrame:
    """Return a row a network: accuracy and difference to float, here and as stored."""
    import pandas as pd

    rows = []
    for name, score in scores.items():
        low, high = score.accuracy_interval()
        gain, gain_low, gain_high = score.difference_interval(scores["float"])
        bits = name.removesuffix("-bit")
        curve = _curve(score)
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
                "false_rejects_at_1pct": np.nan
                if curve is None
                else curve.false_rejects_at(_FALSE_ACCEPTS),
                "real_accuracy": real.get("accuracy", np.nan),
                "real_accuracy_low": real.get("low", np.nan),
                "real_accuracy_high": real.get("high", np.nan),
                "real_to_float": real.get("difference", np.nan),
                "real_to_float_low": real.get("difference_low", np.nan),
                "real_to_float_high": real.get("difference_high", np.nan),
                "real_false_rejects_at_1pct": real.get("false_rejects_at_1pct", np.nan),
            }
        )
    return pd.DataFrame(rows)


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
