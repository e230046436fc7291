"""Makes the shipped integer networks from the shipped float one, and scores all on real speech.

``python -m fxpsim.train.quantize --data FOLDER --out fxpsim/kws/data``

Training speakers set the range of the scores; test speakers are scored once, and only numbers of
them are kept: accuracy, and what every accumulator of the report does to it.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Mapping
from math import isnan
from pathlib import Path
from typing import Any

from fxpsim.graph import Graph
from fxpsim.kws.datasets import EvaluationSet
from fxpsim.kws.float_network import FloatNetwork
from fxpsim.kws.labels import LABELS
from fxpsim.kws.quantization import quantize_network
from fxpsim.models import save
from fxpsim.report.accumulators import STORED_COLUMNS, layer_widths, measure_sweep
from fxpsim.report.accuracy import FALSE_ACCEPTS, discoveries
from fxpsim.report.evidence import Evidence
from fxpsim.report.tables import select
from fxpsim.scoring import Score, evaluate

__all__ = ["main"]

WEIGHT_BITS = (8, 5, 4)


def _row(result: Score, reference: Score) -> dict[str, float | None]:
    low, high = result.accuracy_interval()
    difference, *interval = result.difference_interval(reference)
    return {
        "accuracy": result.accuracy,
        "low": low,
        "high": high,
        "difference": difference,
        "difference_low": interval[0],
        "difference_high": interval[1],
        "false_rejects_at_1pct": result.det().false_rejects_at(FALSE_ACCEPTS),
        **{
            name: None if isnan(value) else value
            for name, value in discoveries(result, reference).items()
        },
    }


def _networks(network: FloatNetwork, calibration: EvaluationSet) -> dict[int, Graph]:
    return {bits: quantize_network(network, bits, calibration.features) for bits in WEIGHT_BITS}


def _points(bits: int, graph: Graph, test: EvaluationSet, exact: Score) -> list[dict[str, Any]]:
    """Return what every accumulator does, as the report measures it; shares to 6 digits."""
    return [
        {
            "weight_bits": bits,
            "bits": row["bits"],
            "overflow": row["overflow"],
            **{name: round(row[name], 6) for name in STORED_COLUMNS},
        }
        for row, _ in measure_sweep(graph, test, exact)
    ]


def _needed_bits(graphs: Mapping[int, Graph], test: EvaluationSet) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {str(bits): {} for bits in graphs}
    for row in select(layer_widths(graphs, test)):
        found[str(row["weight_bits"])][row["layer"]] = row["needed_bits"]
    return found


def main() -> None:
    """Run the command above."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m fxpsim.train.quantize")
    parser.add_argument("--data", type=Path, required=True, help="recordings of Speech Commands")
    parser.add_argument("--out", type=Path, required=True, help="folder for the networks")
    options = parser.parse_args()
    network = FloatNetwork.shipped()
    front_end = network.front_end
    train = EvaluationSet.read(options.data, front_end=front_end, split="train")
    test = EvaluationSet.read(options.data, front_end=front_end, split="test")
    floats = Score(network.logits(test.features), test.labels, test.groups, LABELS)
    rows: dict[str, Any] = {"float": _row(floats, floats)}
    points: list[dict[str, Any]] = []
    graphs = _networks(network, train)
    for bits, graph in graphs.items():
        save(graph, options.out / f"{graph.name}.fxp")
        result = evaluate(graph, test.features, test.labels, groups=test.groups)
        rows[str(bits)] = _row(result, floats)
        points += _points(bits, graph, test, result)
        print(f"{graph.name}: {result.accuracy:.1%} of {len(test)} clips")
    evidence = Evidence.of(test)
    document = {
        "title": "Google Speech Commands v0.02, 12 classes, speakers apart",
        "description": test.description,
        "clips": len(test),
        "speech": evidence.speech,
        "speakers": evidence.voices,
        "networks": rows,
        "needed_bits": _needed_bits(graphs, test),
        "accumulators": points,
    }
    text = json.dumps(document, indent=1) + "\n"
    # A row of numbers is a line.
    text = re.sub(r"\{[^{}]*\}", lambda row: " ".join(row[0].split()), text)
    (options.out / "real-speech.json").write_text(text)


if __name__ == "__main__":
    main()
