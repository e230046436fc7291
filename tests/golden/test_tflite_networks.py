"""Trained networks of others: no byte differs from what the engines made of them."""

from __future__ import annotations

import numpy as np
import pytest

from fxpsim import dequantize, load, save, simulate, stream

ARM = ("dnn_s", "dnn_m", "cnn_s", "ds_cnn_s")
WAKE_WORDS = ("v1_okay_nabu", "v2_alexa", "v2_okay_nabu", "v2_vad", "v2x_hey_home_assistant")


def opened(test_data, name, kernel_set):
    path = test_data / "models" / f"{name}.tflite"
    reference = np.load(path.with_suffix(".ref.npz"), allow_pickle=False)
    return load(path, kernel_set=kernel_set), reference


def assert_intermediates(trace, reference, prefix):
    """Compare every stored tensor that the graph has."""
    names = trace.graph.metadata["tensors"]
    compared = 0
    for key in reference.files:
        number = key.removeprefix(f"{prefix}t")
        stored = reference[key]
        if number.isdigit() and str(int(number)) in names and stored.dtype != np.float32:
            codes = trace[names[str(int(number))]][: len(stored)]
            wanted = stored[: len(codes)].reshape(codes.shape)
            np.testing.assert_array_equal(codes, wanted, err_msg=key)
            compared += 1
    assert compared


@pytest.mark.parametrize(
    ("kernel_set", "outputs", "prefix"),
    [
        ("tflm", "output_int8_tflm", "tflm_"),
        ("builtin", "output_int8", ""),
        ("reference", "output_int8_builtin_ref", None),
        ("xnnpack", "output_int8_xnnpack", None),
    ],
)
def test_mlperf_tiny_keyword_spotting(test_data, kernel_set, outputs, prefix):
    graph, reference = opened(test_data, "mlperf_tiny_kws/kws_ref_model", kernel_set)
    samples = np.load(test_data / "mlperf_tiny_kws" / "mlperf_kws_dev.npz", allow_pickle=False)
    trace = simulate(graph, samples["mfcc_int8"])
    np.testing.assert_array_equal(trace.output, reference[outputs])
    if prefix is not None:
        few = simulate(graph, samples["mfcc_int8"][:8], probes=["*"])
        assert_intermediates(few, reference, prefix)


@pytest.mark.parametrize("name", ARM)
@pytest.mark.parametrize("kernel_set", ["tflm", "builtin"])
def test_arm_keyword_spotting(test_data, name, kernel_set):
    graph, reference = opened(test_data, f"arm_kws_int8/{name}", kernel_set)
    trace = simulate(graph, reference["input_int8"])
    prefix = "tflm_" if kernel_set == "tflm" else ""
    if kernel_set == "tflm":
        floats = reference["output_float_tflm64"]
        values = dequantize(trace.output[: len(floats)], graph.specs[graph.output].format)
        np.testing.assert_array_equal(values.astype(np.float32), floats)
    else:
        np.testing.assert_array_equal(trace.output, reference["output_int8"])
    few = simulate(graph, reference["input_int8"][:8], probes=["*"])
    assert_intermediates(few, reference, prefix)


@pytest.mark.parametrize(
    ("name", "inputs", "outputs"),
    [
        ("tflm_micro_speech/micro_speech_quantized", "features_int8", "output_int8"),
        ("mlperf_sww/str_ww_ref_model", "input_int8", "output_int8"),
        ("arm_mlzoo/ds_cnn_s_int16", "input_int16", "output_int16"),
    ],
)
@pytest.mark.parametrize("kernel_set", ["tflm", "builtin"])
def test_other_networks(test_data, name, inputs, outputs, kernel_set):
    graph, reference = opened(test_data, name, kernel_set)
    suffix, prefix = ("_tflm", "tflm_") if kernel_set == "tflm" else ("", "")
    trace = simulate(graph, reference[inputs])
    np.testing.assert_array_equal(trace.output, reference[outputs + suffix])
    assert_intermediates(simulate(graph, reference[inputs][:8], probes=["*"]), reference, prefix)


def test_lstm(test_data):
    graph, reference = opened(test_data, "arm_kws_int8/basic_lstm_small", "builtin")
    inputs = reference["input_int8"]
    np.testing.assert_array_equal(simulate(graph, inputs).output, reference["output_int8"])
    assert_intermediates(simulate(graph, inputs[:2], probes=["*"]), reference, "")


def test_the_specification_gives_the_same_bits(test_data):
    for name in ("tflm_micro_speech/micro_speech_quantized", "mlperf_sww/str_ww_ref_model"):
        graph, reference = opened(test_data, name, "tflm")
        key = next(k for k in reference.files if k.startswith(("features_", "input_")))
        slow = simulate(graph, reference[key][:1], probes=["*"], engine="spec")
        assert_intermediates(slow, reference, "tflm_")


def clips(graph, reference):
    """Return the features of all clips as (clip, step, rows, bands), and the steps of each."""
    features, offsets = reference["features_int8"], reference["feature_offset"]
    steps = np.diff(reference["output_offset"])
    inputs = np.zeros((len(steps), steps.max(), *graph.input.shape), np.int8)
    rows = graph.input.size // features.shape[1]
    for clip, count in enumerate(steps):
        first = offsets[clip]
        inputs[clip, :count] = features[first : first + count * rows].reshape(
            count, *graph.input.shape
        )
    return inputs, steps


@pytest.mark.parametrize("name", WAKE_WORDS)
@pytest.mark.parametrize("kernel_set", ["tflm", "builtin"])
def test_wake_words_step_by_step(test_data, name, kernel_set):
    graph, reference = opened(test_data, f"micro_wake_word/{name}", kernel_set)
    inputs, steps = clips(graph, reference)
    outputs = simulate(graph, inputs).output
    mine = np.concatenate(
        [row[:count].reshape(count) for row, count in zip(outputs, steps, strict=True)]
    )
    suffix = "_tflm" if kernel_set == "tflm" else ""
    np.testing.assert_array_equal(mine, reference[f"output_uint8{suffix}"])
    if kernel_set == "builtin":
        names = graph.metadata["tensors"]
        trace = simulate(graph, inputs[:1, :64], probes=["*"])
        for key in reference.files:
            if key[0] == "t" and (name := names.get(str(int(key[1:])))):
                codes = trace[name][0]
                np.testing.assert_array_equal(codes, reference[key].reshape(codes.shape), key)


def test_a_stream_is_a_simulation(test_data):
    graph, reference = opened(test_data, "micro_wake_word/v2_alexa", "tflm")
    features = reference["features_int8"][: 3 * 100]
    running = stream(graph)
    outputs = [running.step(features[i : i + 3]) for i in range(0, 300, 3)]
    np.testing.assert_array_equal(np.ravel(outputs), reference["output_uint8_tflm"][:100])


def test_a_saved_network_keeps_every_bit(test_data, tmp_path):
    for name in ("micro_wake_word/v2_vad", "mlperf_sww/str_ww_ref_model"):
        graph, _ = opened(test_data, name, "builtin")
        path = tmp_path / "saved.fxp"
        save(graph, path)
        again = load(path)
        assert again.specs == graph.specs
        assert again.metadata == graph.metadata
        shape = (2, 3, *graph.input.shape) if graph.states else (6, *graph.input.shape)
        codes = np.random.default_rng(0).integers(-128, 128, shape)
        before, after = (simulate(g, codes, probes=["*"]) for g in (graph, again))
        for tensor, values in before.tensors.items():
            np.testing.assert_array_equal(after[tensor], values, err_msg=tensor)
