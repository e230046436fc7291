"""Quantising a float network: formats, closeness, limits."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from fxpsim import QFormat, simulate
from fxpsim.errors import ConfigError
from fxpsim.frontend.logmel import LogMel
from fxpsim.kws.float_network import FloatNetwork
from fxpsim.kws.quantization import quantize_network


@pytest.fixture(scope="module")
def network():
    rng = np.random.default_rng(0)
    sizes = (6, 16, 12)
    pairs = list(pairwise(sizes))
    return FloatNetwork(
        name="tiny",
        weights=tuple(rng.normal(0, k**-0.5, (k, n)).astype(np.float32) for k, n in pairs),
        gains=tuple(rng.uniform(0.3, 1.5, n).astype(np.float32) for _, n in pairs),
        biases=tuple(rng.normal(0, 0.5, n).astype(np.float32) for _, n in pairs),
        activation_maximum=4.0,
        front_end=LogMel(bands=3),
    )


@pytest.fixture(scope="module")
def clips():
    rng = np.random.default_rng(1)
    mixing = rng.normal(size=(6, 6))
    codes = np.clip(np.rint(rng.normal(0, 10, (400, 6)) @ mixing), -128, 127)
    return codes.astype(np.int8).reshape(400, 2, 3)


def test_formats_are_eight_bits_but_for_weights_and_sums(network, clips):
    graph = quantize_network(network, 5, clips)
    assert graph.name == "tiny-5bit"
    assert graph.weight_bits == (5, 5)
    assert graph.input.shape == (2, 3)
    assert graph.specs["act0"].format == QFormat(8, 6, signed=False)
    for node in graph:
        for field in ("gain_format", "bias_format"):
            assert getattr(getattr(node.op, field, QFormat(8, 0)), "bits", 8) == 8
    assert all(op.weights.min() > -16 for _, op in graph.layers)


def test_scores_follow_the_float_ones(network, clips):
    wanted = network.logits(clips)
    errors = []
    for bits in (8, 6, 4, 3):
        graph = quantize_network(network, bits, clips)
        trace = simulate(graph, clips, probes=["scores"])
        got = trace["scores"] * graph.specs["scores"].format.resolution
        errors.append(float(np.abs(got - wanted).mean() / wanted.std()))
    assert errors == sorted(errors)
    assert errors[0] < 0.05


@pytest.mark.parametrize("bits", [1, 9])
def test_widths_have_limits(network, clips, bits):
    with pytest.raises(ConfigError, match=f"weight bits must be 2 to 8, not {bits}"):
        quantize_network(network, bits, clips)
