"""Random networks in ONNX Runtime and here: every output byte.

ONNX Runtime runs with its default settings (all optimisations, so that QDQ becomes kernels of
codes), on one thread.  Weights have 7 bits: on x86 without VNNI its kernels for uint8 activations
add pairs of products in 16 bits that saturate.
"""

from __future__ import annotations

import os

import numpy as np
import pytest

import fxpsim as fx

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
from onnx_networks import random_network, session

MORE = 20 if os.environ.get("HYPOTHESIS_PROFILE") == "long" else 1
BATCHES = 6
EACH = 25 * MORE


@pytest.mark.parametrize("batch", range(BATCHES))
def test_random_networks_equal_onnx_runtime(batch, tmp_path):
    path = tmp_path / "net.onnx"
    kinds = set()
    for seed in range(batch * EACH, (batch + 1) * EACH):
        network = random_network(seed)
        path.write_bytes(network.model.SerializeToString())
        codes = network.codes(seed)
        theirs = network.run(codes, session(network.model))
        ours = fx.simulate(fx.load(path), codes.astype(int)).output
        np.testing.assert_array_equal(ours, theirs, err_msg=f"seed {seed}")
        kinds |= {node.op_type for node in network.model.graph.node}
    assert len(kinds) > 15


def test_narrow_accumulators_of_an_imported_network(tmp_path):
    """What nobody else can do: the same network with other registers."""
    path = tmp_path / "net.onnx"
    network = random_network(3)
    path.write_bytes(network.model.SerializeToString())
    graph = fx.load(path)
    codes = network.codes(0, count=20).astype(int)
    wide, narrow = (
        fx.simulate(graph, codes, accumulator=fx.Accumulator(bits, "saturate")).output
        for bits in (32, 10)
    )
    np.testing.assert_array_equal(wide, fx.simulate(graph, codes).output)
    assert (wide != narrow).any()


def test_a_network_is_converted_once(tmp_path):
    path = tmp_path / "net.onnx"
    for seed in range(20):
        network = random_network(seed)
        path.write_bytes(network.model.SerializeToString())
        graph = fx.load(path)
        fx.save(graph, tmp_path / "net.fxp")
        again = fx.load(tmp_path / "net.fxp")
        assert again.specs == graph.specs
        codes = network.codes(seed).astype(int)
        slow = fx.simulate(again, codes, engine="spec").output
        np.testing.assert_array_equal(slow, fx.simulate(graph, codes).output)
