"""Accuracy of trained networks of others on recorded speech, and with narrow accumulators."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest

from fxpsim import Accumulator, evaluate, simulate

EXAMPLE = "examples/narrow_accumulators_of_trained_networks.py"


@pytest.fixture(scope="module")
def example():
    return runpy.run_path(str(Path(__file__).resolve().parents[2] / EXAMPLE))


@pytest.mark.parametrize(
    ("name", "right", "clips"),
    [
        ("mlperf_tiny_kws/kws_ref_model", 651, 722),  # 90.2 %
        ("arm_kws_int8/dnn_s", 2750, 3479),  # 79.0 %
        ("arm_kws_int8/dnn_m", 2811, 3479),  # 80.8 %
        ("arm_kws_int8/cnn_s", 613, 719),  # 85.3 %
        ("arm_kws_int8/ds_cnn_s", 634, 719),  # 88.2 %
    ],
)
def test_accuracy_is_the_engines(test_data, example, name, right, clips):
    graph, codes, labels, outputs = example["read"](test_data, name)
    score = evaluate(graph, codes, labels)
    assert (int(score.correct.sum()), len(score.labels)) == (right, clips)
    assert int((outputs.argmax(axis=1) == labels).sum()) == right


def test_accuracy_with_narrow_accumulators(test_data, example):
    graph, codes, labels, outputs = example["read"](test_data, "mlperf_tiny_kws/kws_ref_model")
    found = example["losses"](graph, codes, labels)
    right = {point: round(accuracy * len(labels)) for point, accuracy in found.items()}
    assert right == {
        (20, "saturate"): 651,
        (20, "wrap"): 651,
        (18, "saturate"): 651,
        (18, "wrap"): 651,
        (16, "saturate"): 654,
        (16, "wrap"): 640,
        (14, "saturate"): 362,
        (14, "wrap"): 21,
    }
    point = Accumulator(16, "saturate", bias="last")
    assert evaluate(graph, codes, labels, accumulator=point).accuracy == found[16, "saturate"]
    np.testing.assert_array_equal(
        simulate(graph, codes, accumulator=Accumulator(22, "wrap")).output, outputs
    )
