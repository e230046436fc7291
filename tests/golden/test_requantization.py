"""Requantisation schemes against gemmlowp's and ruy's own vectors and four runtimes' networks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from stored_networks import CONVOLUTIONS, LAYERS, StoredNetwork

from fxpsim import (
    FloatScale,
    Gemmlowp,
    HalfUpTwice,
    Int16x8,
    QFormat,
    SingleRound,
    requantize,
    spec,
)


@pytest.mark.parametrize(
    ("scheme", "column"),
    [
        (Gemmlowp, "gemmlowp_double"),
        (HalfUpTwice, "half_up_twice"),
        (SingleRound, "single_half_up"),
    ],
)
def test_vectors(test_data, scheme, column):
    file = np.load(test_data / "golden/requant_int32.npz", allow_pickle=False)
    acc, multiplier, shift, expected = (
        file[name] for name in ("acc", "multiplier", "shift", column)
    )
    result = requantize(acc, scheme(multiplier, shift), QFormat(32, 0))
    np.testing.assert_array_equal(result, expected)
    rows = zip(acc.tolist(), multiplier.tolist(), shift.tolist(), strict=True)
    assert [scheme.rule(*row) for row in rows] == expected.tolist()
    assert len(expected) == 2000


@pytest.fixture(scope="module")
def keywords(test_data):
    """A depthwise-separable network, and the samples that every runtime was given."""
    samples = np.load(test_data / "mlperf_tiny_kws/mlperf_kws_dev.npz", allow_pickle=False)
    network = StoredNetwork(test_data / "models/mlperf_tiny_kws/kws_ref_model")
    return network, samples["mfcc_int8"][..., None]


@pytest.fixture(scope="module")
def dense(test_data):
    return StoredNetwork(test_data / "models/arm_kws_int8/dnn_s")


def scheme_of(kind, network, operator):
    if kind is FloatScale:
        source, weight = (network.scale(index) for index in operator["inputs"][:2])
        target = network.scale(operator["outputs"][0])
        return kind.from_scales(source[0], weight, target[0], **network.clamp(operator))
    return kind.from_scale(network.real_scales(operator), **network.clamp(operator))


def stored_layers(network, kinds, prefix):
    """Yield each layer with its sums and what the runtime made of them."""
    layers = network.layers(*kinds)
    for operator in layers:
        source, output = operator["inputs"][0], operator["outputs"][0]
        known = f"{prefix}t{source:03d}" in network.reference  # else it is the common input
        codes = network.stored(source, prefix if known else "")
        yield operator, network.sums(operator, codes), network.stored(output, prefix)
    assert layers


@pytest.mark.parametrize("prefix", ["tflm_", ""], ids=["TensorFlow Lite Micro", "LiteRT"])
def test_convolutions_round_twice(keywords, prefix):
    network, _ = keywords
    others = 0
    for operator, sums, expected in stored_layers(network, CONVOLUTIONS, prefix):
        result = requantize(sums, scheme_of(Gemmlowp, network, operator))
        np.testing.assert_array_equal(result, expected)
        others += (requantize(sums, scheme_of(SingleRound, network, operator)) != expected).sum()
    assert others > 1000  # so the data tell the schemes apart


@pytest.mark.parametrize(
    ("prefix", "kind"),
    [("tflm_", Gemmlowp), ("", HalfUpTwice)],
    ids=["TensorFlow Lite Micro", "LiteRT"],
)
def test_fully_connected_layers(keywords, dense, prefix, kind):
    for network in (keywords[0], dense):
        for operator, sums, expected in stored_layers(network, ["FULLY_CONNECTED"], prefix):
            result = requantize(sums, scheme_of(kind, network, operator))
            np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize(
    ("output", "convolution", "connected"),
    [
        ("output_int8_tflm", Gemmlowp, Gemmlowp),
        ("output_int8", Gemmlowp, HalfUpTwice),
        ("output_int8_builtin_ref", Gemmlowp, SingleRound),
        ("output_int8_xnnpack", FloatScale, FloatScale),
    ],
    ids=["TensorFlow Lite Micro", "LiteRT", "LiteRT BUILTIN_REF", "XNNPACK"],
)
def test_a_whole_network_as_each_runtime_has_it(keywords, output, convolution, connected):
    network, samples = keywords

    def layer(operator, sums):
        kind = convolution if operator["op"] in CONVOLUTIONS else connected
        return requantize(sums, scheme_of(kind, network, operator))

    result = network.run(samples, layer)
    np.testing.assert_array_equal(result, network.reference[output])
    rest = {"output_int8_tflm", "output_int8", "output_int8_builtin_ref", "output_int8_xnnpack"}
    for other in rest - {output}:
        assert (result != network.reference[other]).any(), other


def test_a_whole_dense_network(dense):
    """3479 clips; with gemmlowp's second rounding 3 of them would differ."""
    inputs = dense.reference["input_int8"]
    result = dense.run(
        inputs, lambda operator, sums: requantize(sums, scheme_of(HalfUpTwice, dense, operator))
    )
    np.testing.assert_array_equal(result, dense.reference["output_int8"])


@pytest.mark.parametrize("prefix", ["tflm_", ""], ids=["TensorFlow Lite Micro", "LiteRT"])
def test_int16_activations(test_data, prefix):
    network = StoredNetwork(test_data / "models/arm_mlzoo/ds_cnn_s_int16")
    word = QFormat(16, 0)
    others = 0
    for operator, sums, expected in stored_layers(network, LAYERS, prefix):
        result = requantize(sums, scheme_of(Int16x8, network, operator), word)
        np.testing.assert_array_equal(result, expected)
        single = scheme_of(SingleRound, network, operator)
        others += (requantize(sums, single, word) != expected).sum()
    assert others > 400


def test_the_specification_agrees_on_a_layer(keywords):
    """The compiled schemes stand for the rules: a slice of every layer, element by element."""
    network, _ = keywords
    for operator, sums, expected in stored_layers(network, LAYERS, "tflm_"):
        scheme = scheme_of(Gemmlowp, network, operator)
        constants = scheme.constants()
        low, high = scheme.limits(QFormat(8, 0))
        for channel in range(sums.shape[-1]):
            value = int(sums[..., channel].flat[0])
            code = scheme.rule(value, *constants[channel % len(constants)])
            fitted = spec.offset_clamp(code, scheme.zero_point, low, high)
            assert fitted == expected[..., channel].flat[0]


def test_the_page_counts_the_rows_that_differ(keywords):
    page = Path(__file__).resolve().parents[2] / "docs/explanation/requantisation.md"
    stored = keywords[0].reference
    rows = {
        name: int((stored[f"output_int8{name}"] != stored["output_int8_tflm"]).any(1).sum())
        for name in ("", "_builtin_ref", "_xnnpack")
    }
    assert (
        f"LiteRT optimised {rows['']}, LiteRT's reference kernels {rows['_builtin_ref']}, "
        f"XNNPACK **{rows['_xnnpack']}**"
    ) in page.read_text()
