"""What is left between proof and data, and what narrows it."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from fxpsim import Accumulator, Graph, QFormat, guarantee, guarantee_layer, load, peaks, simulate
from fxpsim.errors import GraphError
from fxpsim.graph import Node
from fxpsim.guarantees.gap import gap, peak_lowering_order
from fxpsim.guarantees.repair import project, repairs
from fxpsim.kws.datasets import EvaluationSet
from fxpsim.ops import Conv2D, Dense, TensorSpec

U4 = QFormat(4, 0, signed=False)


def test_the_gap_of_a_shipped_network():
    graph = load("kws250k-4bit")
    inputs = EvaluationSet.shipped().features[:40]
    proof, reached = guarantee(graph), peaks(graph, inputs)
    found = gap(proof, inputs)
    assert found.channels["needed_bits"].tolist() == reached["bits"].tolist()
    for row in found.layers.itertuples():
        assert row.proven_bits == proof.minimum(row.node)
        assert row.needed_bits == reached[reached.node == row.node].bits.max()
        assert row.proven_bits >= row.needed_bits >= row.clipped_bits
        assert row.reordered_bits <= row.proven_bits
        assert 0 < row.clipped_share < 1


def test_the_gap_by_hand():
    """Channel 0 goes to 30 and back, channel 1 to 7; clipped to 4 bits, 1 of 4 sums changes."""
    weights = np.array([[2, 1], [2, 0], [-2, 0], [-2, 0]])
    graph = Graph(
        "g", TensorSpec((4,), U4), (Node("layer", Dense(weights, QFormat(3, 0)), "input"),)
    )
    found = gap(guarantee(graph), [[7, 8, 7, 8], [1, 1, 0, 0]])
    row = found.layers.iloc[0]
    assert (row.proven_bits, row.needed_bits, row.clipped_bits) == (7, 6, 4)
    assert (row.needed_channel, row.needed_channels, row.clipped_share) == (0, 1, 0.25)
    assert row.reordered_bits == 6  # 14, 0, 16, 0: one product alone needs as much
    assert found.channels["highest"].tolist() == [30, 7]


def test_the_order_alternates():
    means = np.array([4.0, 4.0, -4.0, -4.0])
    assert np.cumsum(means[peak_lowering_order(means)]).tolist() == [4, 0, 4, 0]


def test_parts_are_safe_and_as_few_as_can_be():
    rng = np.random.default_rng(3)
    for _ in range(12):
        weights = rng.integers(-8, 8, (int(rng.integers(2, 7)), 1))
        proof = guarantee_layer(weights, U4)
        for bits in (6, 8, 10):
            parts = int(repairs(proof, "layer", bits)["parts"].iloc[0])
            fewest = min(
                (
                    len(cuts) + 1
                    for count in range(len(weights))
                    for cuts in itertools.combinations(range(1, len(weights)), count)
                    if all(
                        guarantee_layer(part, U4).minimum() <= bits
                        for part in np.split(weights, cuts)
                    )
                ),
                default=0,
            )
            assert parts == fewest


@pytest.mark.parametrize("bits", [16, 15])
def test_projected_weights_fit(bits):
    graph = load("kws250k-4bit")
    proof = guarantee(graph, bounds="sign-split")
    found = project(proof, bits, ("dense1",))
    again = guarantee(found.graph, bounds="sign-split")
    assert again.minimum("dense1") == bits
    assert (found.errors["kept_norm"] < found.errors["norm"]).all()
    assert found.errors["error"].between(0, 1).all()
    table = repairs(proof, "dense1", bits)
    assert (table["kept_norm"] <= table["weight_norm"]).all()
    assert len(found.errors) == (table["bits"] > bits).sum()
    inputs = EvaluationSet.shipped().features[:8]
    trace = simulate(found.graph, inputs, accumulator={"dense1": Accumulator(bits)})
    assert trace.statistics("dense1").events.sum() == 0


def test_no_weight_can_be_larger():
    """Adding 1 to any weight that was shrunk makes its channel too wide again."""
    weights = np.random.default_rng(4).integers(-8, 8, (12, 3))
    found = project(guarantee_layer(weights, U4), 9)
    kept = found.graph["layer"].op.weights.astype(int)
    assert guarantee(found.graph).minimum() == 9
    for k, channel in np.argwhere(kept != weights):
        more = kept.copy()
        more[k, channel] += np.sign(weights[k, channel])
        assert guarantee_layer(more[:, [channel]], U4).minimum() == 10


def test_convolutions_keep_their_shape():
    weights = np.random.default_rng(5).integers(-8, 8, (2, 2, 3, 4))
    graph = Graph(
        "g", TensorSpec((3, 3, 3), U4), (Node("c", Conv2D(weights, QFormat(4, 0)), "input"),)
    )
    after = project(guarantee(graph), 9).graph
    assert after["c"].op.weights.shape == weights.shape
    assert guarantee(after).minimum() == 9


def test_what_cannot_be_repaired():
    proof = guarantee_layer([[1]], U4, bias=[500])
    with pytest.raises(GraphError, match="bias of channel 0 alone does not fit 8 bits"):
        project(proof, 8)
    with pytest.raises(GraphError, match="did you mean 'layer'"):
        repairs(proof, "layr", 8)
