"""The MAX78000's keyword network: sums and activations as stored."""

from __future__ import annotations

import numpy as np

from fxpsim import load, simulate


def test_the_stored_sums_and_activations(test_data):
    path = test_data / "models" / "ai8x_kws20" / "kws20_v3.npz"
    reference = np.load(path.with_suffix(".ref.npz"), allow_pickle=False)
    graph = load(path)
    assert graph.parameters == 169_472
    assert graph.work().macs == 8_345_344  # Analog Devices' own count
    assert len(graph.labels) == 21
    trace = simulate(graph, reference["input_int8"], probes=["*_relu"])
    np.testing.assert_array_equal(trace.output, reference["output_int32"])
    layers = [key.removeprefix("act_") for key in reference.files if key.startswith("act_")]
    assert len(layers) == 8
    for name in layers:
        codes = trace[f"{name}_relu"][:4, :, 0].transpose(0, 2, 1)
        np.testing.assert_array_equal(codes, reference[f"act_{name}"], err_msg=name)


def test_the_sample_of_the_development_kit(test_data):
    path = test_data / "models" / "ai8x_kws20" / "kws20_v3.npz"
    sample = np.load(path, allow_pickle=False)["sdk_sample_input"]
    wanted = np.load(path.with_suffix(".ref.npz"), allow_pickle=False)["sdk_sample_output"]
    np.testing.assert_array_equal(simulate(load(path), sample[None]).output, wanted)
