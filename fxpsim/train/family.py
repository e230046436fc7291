"""Makes the networks that the package ships, and scores them once on the test speakers.

``python -m fxpsim.train.family --data FOLDER --out fxpsim/kws/data [--only kws250k-4bit]``

Dense networks begin with the shipped float one; convolutional ones are trained from the start.
Of test speakers only numbers are kept: accuracy, and what every accumulator of the report does.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from math import isnan
from pathlib import Path
from typing import Any

import numpy as np

from fxpsim.graph import Graph
from fxpsim.kws.datasets import EvaluationSet
from fxpsim.kws.float_network import FloatNetwork
from fxpsim.kws.labels import LABELS
from fxpsim.models import load, save
from fxpsim.report.accumulators import STORED_COLUMNS, layer_widths, measure_sweep
from fxpsim.report.accuracy import FALSE_ACCEPTS, discoveries
from fxpsim.report.evidence import Evidence
from fxpsim.report.tables import select
from fxpsim.scoring import Score, evaluate
from fxpsim.train.augmentation import SoundAugmentation
from fxpsim.train.corpora import Corpus, speech_commands
from fxpsim.train.material import augmented, coloured_noises, synthetic_words
from fxpsim.train.recipe import read_recipe
from fxpsim.train.runs import run

__all__ = ["FAMILY", "main"]

#: Shipped name and the recipe that makes it.
FAMILY = {
    **{f"kws250k-{bits}bit": f"two-stage-{bits}bit" for bits in (8, 6, 5, 4, 3, 2, 1)},
    "kws250k-8bit-in-11": "fixed-point-8bit-in-11",
    "kws250k-5bit-in-12": "fixed-point-5bit-in-12",
    "kws250k-4bit-in-11": "fixed-point-4bit-in-11",
    "kws250k-8bit-a2q": "a2q-plus-8bit-in-16",
    "kws250k-4bit-a2q": "a2q-plus-4bit-in-16-activations-4bit",
    "kws_cnn-8bit": "cnn-fixed-point-8bit-in-16",
    "kws_cnn-4bit": "cnn-fixed-point-4bit-in-12",
}
#: Whose accumulators the report sweeps.
SWEPT = {8: "kws250k-8bit", 5: "kws250k-5bit", 4: "kws250k-4bit"}
SEED = 0
#: Augmented copies of recordings and of synthetic words, and how many of these a class.
COPIES, SYNTHETIC_COPIES, SYNTHETIC_PER_CLASS = 20, 6, 230


def family_corpus(data: Path, cache: Path) -> Corpus:
    """Return recordings with copies, and copies of synthetic words, that train the family."""
    corpus = speech_commands(data, copies=COPIES, cache=cache, progress=_progress)
    kept = cache / "synthetic.npz"
    if not kept.exists():
        words = synthetic_words(SYNTHETIC_PER_CLASS)
        front_end = FloatNetwork.shipped().front_end
        made = augmented(
            words, SYNTHETIC_COPIES, coloured_noises(300, SEED), SoundAugmentation(), [front_end],
            seed=SEED,
        )  # fmt: skip
        np.savez(kept, features=made.views[0], labels=made.labels)
    with np.load(kept) as arrays:
        features, labels = arrays["features"], arrays["labels"]
    count = len(labels)
    return replace(
        corpus,
        name="speech-commands-and-synthetic-words",
        features=np.concatenate([corpus.features, features]),
        labels=np.concatenate([corpus.labels, labels]),
        groups=np.concatenate([corpus.groups, np.full(count, "training voices")]),
        splits=np.concatenate([corpus.splits, np.full(count, "train")]),
    )


def make(name: str, corpus: Corpus, out: Path, cache: Path) -> Graph:
    """Train one network, and write it to ``out``."""
    recipe_name = FAMILY[name]
    _, recipe = read_recipe(recipe_name)
    begin = FloatNetwork.shipped() if name.startswith("kws250k") else None
    done = run(recipe_name, recipe, corpus, SEED, cache, begin=begin, progress=_progress)
    graph = replace(load(cache / f"{done.name}.fxp"), name=name)
    metadata = {**graph.metadata, "title": recipe.title, "trained_on": corpus.name}
    graph = replace(graph, metadata=metadata)
    save(graph, out / f"{name}.fxp")
    return graph


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


def _progress(stage: str, done: int, total: int) -> None:
    if done % 50 == 0 or done == total:
        print(f"\r{stage}: {done} of {total}   ", end="", file=sys.stderr)


def write_json(path: Path, document: Mapping[str, Any]) -> None:
    """Write indented, a row of numbers a line."""
    text = json.dumps(document, indent=1) + "\n"
    path.write_text(re.sub(r"\{[^{}]*\}", lambda row: " ".join(row[0].split()), text))


def measure(graphs: Mapping[str, Graph], data: Path, out: Path) -> None:
    """Score the family on the test speakers, and write ``real-speech.json`` and ``family.json``."""
    network = FloatNetwork.shipped()
    test = EvaluationSet.read(data, front_end=network.front_end, split="test")
    floats = Score(network.logits(test.features), test.labels, test.groups, LABELS)
    results = {
        name: evaluate(graph, test.features, test.labels, groups=test.groups)
        for name, graph in graphs.items()
    }
    swept = {bits: graphs[name] for bits, name in SWEPT.items()}
    evidence = Evidence.of(test)
    rows = {"float": _row(floats, floats)}
    rows |= {name: _row(result, floats) for name, result in results.items()}
    points = [
        point
        for bits, graph in swept.items()
        for point in _points(bits, graph, test, results[SWEPT[bits]])
    ]
    document = {
        "title": "Google Speech Commands v0.02, 12 classes, speakers apart",
        "description": test.description,
        "clips": len(test),
        "speech": evidence.speech,
        "speakers": evidence.voices,
        "networks": rows,
        "needed_bits": _needed_bits(swept, test),
        "accumulators": points,
    }
    write_json(out / "real-speech.json", document)
    write_json(
        out / "family.json",
        {
            name: {
                "recipe": FAMILY[name],
                "seed": SEED,
                "sha256": sha256((out / f"{name}.fxp").read_bytes()).hexdigest(),
            }
            for name in graphs
        },
    )
    for name, result in results.items():
        print(f"{name}: {result.accuracy:.1%} of {len(test)} clips (float {floats.accuracy:.1%})")


def main() -> None:
    """Run the command above."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m fxpsim.train.family")
    parser.add_argument("--data", type=Path, required=True, help="recordings of Speech Commands")
    parser.add_argument("--out", type=Path, required=True, help="folder for the networks")
    parser.add_argument("--cache", type=Path, help="folder of unfinished work; default OUT/cache")
    parser.add_argument("--only", choices=FAMILY, help="make one network, measure nothing")
    options = parser.parse_args()
    cache = options.cache or options.out / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    corpus = family_corpus(options.data, cache)
    names = [options.only] if options.only else list(FAMILY)
    graphs = {name: make(name, corpus, options.out, cache) for name in names}
    if not options.only:
        measure(graphs, options.data, options.out)


if __name__ == "__main__":
    main()
