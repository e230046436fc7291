"""Somebody else's trained q7 network, bit for bit: accumulators, layers, outputs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fxpsim import presets
from fxpsim.models import load
from fxpsim.ops import Requantize
from fxpsim.simulation import simulate


@pytest.fixture(scope="module")
def network(test_data):
    return load(test_data / "models/arm_kws_q7/dnn_q7.npz")


@pytest.fixture(scope="module")
def reference(test_data):
    return np.load(test_data / "models/arm_kws_q7/dnn_q7.ref.npz", allow_pickle=False)


@pytest.mark.parametrize("proofs", [True, False])
def test_outputs_on_all_clips(network, reference, proofs):
    trace = simulate(network, reference["input_int8"], proofs=proofs)
    np.testing.assert_array_equal(trace.output, reference["output_int8"])
    assert trace.overflow["events"].sum() == 0


@pytest.mark.parametrize("engine", ["compiled", "spec"])
def test_every_accumulator_and_layer(network, reference, engine):
    clips = 64 if engine == "compiled" else 2
    trace = simulate(network, reference["input_int8"][:clips], probes=["ip*"], engine=engine)
    for layer in range(1, 5):
        acc, out = f"ip{layer}_acc", f"ip{layer}"  # stored before the ReLU
        np.testing.assert_array_equal(trace[acc], reference[acc][:clips])
        np.testing.assert_array_equal(trace[out], reference[f"ip{layer}_out"][:clips])


def test_the_rounding_constant_in_the_register(network, reference):
    """As CMSIS-NN has it: the sum starts half a step up, and the shift only drops bits."""
    accumulators, nodes = {}, []
    for node in network:
        op = node.op
        if isinstance(op, Requantize):
            shift = network.specs[node.source].format.frac - op.target.frac
            accumulators[node.source] = presets.cmsis_q7(shift)
            op = replace(op, rounding="floor")
        nodes.append(replace(node, op=op))
    rounding = replace(network, nodes=tuple(nodes)).with_accumulators(accumulators)
    trace = simulate(rounding, reference["input_int8"], probes=["ip*_acc"])
    np.testing.assert_array_equal(trace.output, reference["output_int8"])
    for name, register in accumulators.items():
        expected = reference[name] + register.rounding_constant
        np.testing.assert_array_equal(trace[name][: len(expected)], expected)
    assert trace.overflow["events"].sum() == 0
