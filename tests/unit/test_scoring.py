"""Scores by hand: accuracy, intervals, DET."""

from __future__ import annotations

import numpy as np
import pytest

from fxpsim import Accumulator, Graph, QFormat, accumulator_grid, evaluate, sweep
from fxpsim.errors import ConfigError, DataError
from fxpsim.graph import Node
from fxpsim.ops import Dense, TensorSpec
from fxpsim.scoring import Score


def score(rows, labels, groups=None, classes=("a", "b", "_silence_")):
    groups = np.arange(len(labels)).astype(str) if groups is None else np.array(groups)
    return Score(np.array(rows), np.array(labels), groups, classes)


def test_accuracy_and_classes():
    result = score([[3, 1, 0], [0, 2, 2], [1, 5, 0], [0, 0, 9]], [0, 1, 0, 2])
    assert result.accuracy == 0.75
    table = result.per_class().set_index("class")
    assert table.loc["a", "recall"] == 0.5
    assert table.loc["b", "precision"] == 0.5
    assert table.loc["_silence_", "clips"] == 1


def test_det_by_hand():
    # Margins of keyword a: 2, -2, -4, -9; of b: -2, 0, 4, -9.  Targets: 2 and -4 (a), 0 (b).
    result = score([[3, 1, 0], [0, 2, 2], [1, 5, 0], [0, 0, 9]], [0, 1, 0, 2])
    curve = result.det()
    assert curve.false_rejects_at(0.0) == 1.0  # 4, a wrong b, is above every target
    assert curve.false_rejects_at(0.2) == pytest.approx(1 / 3)
    assert curve.false_rejects_at(0.6) == 0.0
    assert curve.false_accept_rate[0] == 1.0
    assert (np.diff(curve.false_reject_rate) >= 0).all()


def test_no_keyword_no_det():
    with pytest.raises(DataError, match="needs clips of keywords"):
        score([[0, 0, 1]], [2]).det()


def test_intervals_resample_groups_not_clips():
    rng = np.random.default_rng(0)
    right = rng.random(400) < 0.8
    rows = np.where(right[:, None], [1, 0, 0], [0, 1, 0])
    labels = np.zeros(400, int)
    alone = score(rows, labels).accuracy_interval()
    by_speaker = np.repeat(rng.random(20) < 0.8, 20)
    together = score(
        np.where(by_speaker[:, None], [1, 0, 0], [0, 1, 0]), labels, np.repeat(np.arange(20), 20)
    ).accuracy_interval()
    binomial = 1.96 * np.sqrt(0.8 * 0.2 / 400)
    assert alone[1] - alone[0] == pytest.approx(2 * binomial, rel=0.2)
    assert together[1] - together[0] > 3 * (alone[1] - alone[0])


def test_paired_difference_of_a_network_with_itself_is_nothing():
    one = score([[1, 0, 0], [1, 0, 0]], [0, 1])
    assert one.difference_interval(one) == (0.0, 0.0, 0.0)
    with pytest.raises(DataError, match="same clips"):
        one.difference_interval(score([[1, 0, 0], [1, 0, 0]], [1, 1]))


@pytest.fixture
def graph():
    layer = Dense(np.eye(3, dtype=int), QFormat(2, 0))
    return Graph("copy", TensorSpec((3,), QFormat(8, 0)), (Node("fc", layer, "input"),))


def test_evaluate_and_its_mistakes(graph):
    inputs = np.eye(3, dtype=int)
    assert evaluate(graph, inputs, [0, 1, 2]).accuracy == 1.0
    for labels, options, sentence in [
        ([0, 1], {}, "labels must be 3 integers"),
        ([0, 1, 5], {}, "labels must be 0 to 2"),
        ([0.0, 1.0, 2.0], {}, "labels must be 3 integers"),
        ([0, 1, 2], {"groups": ["x"]}, "groups must be one a clip"),
    ]:
        with pytest.raises(DataError, match=sentence):
            evaluate(graph, inputs, labels, **options)
    with pytest.raises(ConfigError, match="seed must be"):
        evaluate(graph, inputs, [0, 1, 2], seed=-1)


def test_blocks_of_a_sweep_change_nothing(graph, monkeypatch):
    inputs = np.random.default_rng(1).integers(-128, 128, (7, 3))
    labels = inputs.argmax(axis=1)
    points = [Accumulator(8, "wrap"), Accumulator(4, "wrap"), Accumulator(5, bias="last")]
    tables = []
    for block in (32, 2):
        monkeypatch.setattr("fxpsim.sweeps._BLOCK", block)
        tables.append(sweep(graph, inputs, labels, accumulators=points).drop(columns="seconds"))
    assert tables[0].equals(tables[1])
    assert tables[0]["overflow_outputs"][1] > 0


def test_sweep_and_its_mistakes(graph):
    inputs = np.array([[100, 0, 0], [0, 100, 0], [0, 0, 100]])
    seen = []
    table = sweep(
        graph, inputs, [0, 1, 2],
        accumulators=accumulator_grid(bits=[2, 8], overflow=["saturate"]),
        cost=["neon"], progress=lambda done, total: seen.append((done, total)),
    )  # fmt: skip
    assert table["bits"].tolist() == [8, 2]
    assert table["proven"].tolist() == [True, False]
    assert table["overflow_outputs"].tolist() == [0.0, pytest.approx(1 / 3)]
    assert table["accuracy"].tolist() == [1.0, 1.0]  # 100 saturates to 1, still the highest
    assert seen == [(1, 2), (2, 2)]
    assert any(name.startswith("cycles neon") for name in table.columns)
    with pytest.raises(ConfigError, match="nodes 'x' matches no layer; known: fc"):
        sweep(graph, inputs, nodes="x")
    with pytest.raises(ConfigError, match="accumulators must be"):
        sweep(graph, inputs, accumulators=[16])
