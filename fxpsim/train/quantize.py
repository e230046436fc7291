"""Makes the shipped integer networks from the shipped float one, and scores all on real speech.

``python -m fxpsim.train.quantize --data FOLDER --out fxpsim/kws/data``

Training speakers set the range of the scores; test speakers are scored once, and only numbers of
them are kept.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from fxpsim.graph import Graph
from fxpsim.kws.datasets import EvaluationSet
from fxpsim.kws.float_network import FloatNetwork
from fxpsim.kws.labels import LABELS, SILENCE
from fxpsim.kws.quantization import quantize_network
from fxpsim.models import save
from fxpsim.scoring import Score, evaluate

__all__ = ["main"]

WEIGHT_BITS = (8, 5, 4)
FALSE_ACCEPT_RATE = 0.01


def _row(result: Score, reference: Score) -> dict[str, float]:
    low, high = result.accuracy_interval()
    difference, *interval = result.difference_interval(reference)
    return {
        "accuracy": result.accuracy,
        "low": low,
        "high": high,
        "difference": difference,
        "difference_low": interval[0],
        "difference_high": interval[1],
        "false_rejects_at_1pct": result.det().false_rejects_at(FALSE_ACCEPT_RATE),
    }


def _networks(network: FloatNetwork, calibration: EvaluationSet) -> dict[int, Graph]:
    return {bits: quantize_network(network, bits, calibration.features) for bits in WEIGHT_BITS}


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
    for bits, graph in _networks(network, train).items():
        save(graph, options.out / f"{graph.name}.fxp")
        result = evaluate(graph, test.features, test.labels, groups=test.groups)
        rows[str(bits)] = _row(result, floats)
        print(f"{graph.name}: {result.accuracy:.1%} of {len(test)} clips")
    document = {
        "title": "Google Speech Commands v0.02, 12 classes, speakers apart",
        "description": test.description,
        "clips": len(test),
        "speakers": len(set(test.groups[test.labels != LABELS.index(SILENCE)].tolist())),
        "networks": rows,
    }
    text = json.dumps(document, indent=1) + "\n"
    (options.out / "real-speech.json").write_text(text)


if __name__ == "__main__":
    main()
