"""MLPerf Tiny's keyword network with fewer weight bits, beside GreenWaves' logs for GAP9.

Theirs: NNTool's bit-accurate execution of 1,000 clips, starting from the same int8 file. Ours: the
codes of every layer but the first on a grid of 2^(b - 1) - 1 levels to either side, the rest of the
arithmetic as it was, on the clips that are at hand.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from peer_rows import rows_of

from fxpsim import load, simulate
from fxpsim.graph import Graph


def coarser(graph: Graph, bits: int) -> Graph:
    """Return a network whose layers, but for the first, have weights of fewer bits."""
    most = 2 ** (bits - 1) - 1
    first, nodes = graph.layers[0][0], []
    for node in graph.nodes:
        weights = getattr(node.op, "weights", None)
        if weights is not None and node.name != first:
            codes = np.round(np.round(weights * (most / 127)) * (127 / most)).astype(np.int8)
            node = replace(node, op=replace(node.op, weights=codes))
        nodes.append(node)
    return replace(graph, nodes=tuple(nodes))


@pytest.fixture(scope="module")
def accuracy(test_data: Path) -> dict[int, float]:
    """Per cent of clips that are right, by weight bits."""
    graph = load(test_data / "models" / "mlperf_tiny_kws" / "kws_ref_model.tflite")
    samples = np.load(test_data / "mlperf_tiny_kws" / "mlperf_kws_dev.npz", allow_pickle=False)
    found = {}
    for bits in range(8, 1, -1):
        outputs = simulate(coarser(graph, bits), samples["mfcc_int8"]).output
        right = outputs.reshape(len(outputs), -1).argmax(axis=1) == samples["label"]
        found[bits] = 100 * float(right.mean())
    return found


def test_accuracy_by_weight_bits(test_data: Path, accuracy: dict[int, float]) -> None:
    rows = [
        row
        for row in rows_of(test_data, "gap9_dscnn_weight_bits_accuracy.csv")
        if row["scheme"] == "ne16" and row["clip"] == "none"
    ]
    assert rows
    for row in sorted(rows, key=lambda row: -int(row["weight_bits"])):
        bits, theirs = int(row["weight_bits"]), float(row["accuracy_pct"])
        print(f"{bits} bits, {row['start_from']:45} {theirs:5.1f} %, here {accuracy[bits]:5.1f} %")
        # Other clips, other rounding: a point where it is flat, more where it falls off.
        assert abs(accuracy[bits] - theirs) <= (2.0 if bits > 4 else 8.0), row


def test_five_bits_are_enough_and_three_are_not(accuracy: dict[int, float]) -> None:
    assert min(accuracy[bits] for bits in (5, 6, 7, 8)) > 89
    assert 80 < accuracy[4] < 89
    assert 50 < accuracy[3] < 70
    assert accuracy[2] < 15
