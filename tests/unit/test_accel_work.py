"""What a layer asks of hardware."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import accel_models as am
from accel_models.storage import container_bits, container_bytes, packed_bytes


def test_a_dense_layer_counts_its_demand() -> None:
    work = am.Work.dense(3, 5, 7, weight_bits=4)
    assert (work.macs, work.weights, work.input_values, work.output_values) == (105, 35, 15, 21)
    assert work.output_bits == work.activation_bits == 8
    assert work.accumulator == am.Accumulator(32, "wrap")


def test_a_convolution_reads_its_image_once() -> None:
    work = am.Work.conv2d((49, 10, 3), (10, 4), 64, stride=2, weight_bits=4)
    assert (work.rows, work.inputs, work.outputs) == (25 * 5, 10 * 4 * 3, 64)
    assert work.input_values == 49 * 10 * 3 < work.rows * work.inputs
    assert (work.kind, work.name, work.weight_bits) == (am.Kind.CONV2D, "conv2d", 4)
    assert am.footprint(work).activations_peak == 49 * 10 * 3 + 125 * 64


def test_a_depthwise_convolution_has_a_window_for_each_channel() -> None:
    work = am.Work.depthwise((25, 5, 64), 3, 2, name="dw")
    assert (work.rows, work.inputs, work.outputs, work.groups) == (125, 9, 128, 64)
    assert (work.macs, work.weights, work.input_values) == (125 * 9 * 128, 9 * 128, 125 * 64)
    assert (work.kind, work.name) == (am.Kind.DEPTHWISE, "dw")


@pytest.mark.parametrize(
    ("settings", "rows"),
    [
        ({"padding": "valid"}, 8 * 7),
        ({"padding": "same", "stride": (2, 3)}, 5 * 3),
        ({"padding": ((1, 0), (2, 1))}, 11 * 8),
        ({"padding": "valid", "dilation": (3, 1)}, 4 * 7),
    ],
)
def test_positions_of_a_window(settings: dict[str, object], rows: int) -> None:
    assert am.Work.conv2d((10, 9, 1), 3, 1, **settings).rows == rows  # type: ignore[arg-type]


def test_mistakes_of_a_window_are_named_at_once() -> None:
    with pytest.raises(am.WorkError) as caught:
        am.Work.conv2d((10, 0, 1), (3, 3, 3), 1, name="c", stride=0, padding="full")  # type: ignore[arg-type]
    text = str(caught.value)
    assert text.startswith("work 'c': 4 mistakes")
    assert all(word in text for word in ("padding must be 'same'", "image", "kernel", "stride"))
    with pytest.raises(am.WorkError, match=r"must fit the padded image of \(4, 4\)"):
        am.Work.conv2d((4, 4, 1), 5, 1, padding="valid")
    with pytest.raises(am.WorkError, match=r"image must be \(height, width, channels\)"):
        am.Work.depthwise((4, 4), 3)
    with pytest.raises(am.WorkError, match="groups must divide the 3 outputs, not 2"):
        replace(am.Work.dense(1, 1, 3), groups=2)


def test_numpy_integers_become_python_integers() -> None:
    work = am.Work.dense(np.int32(2**16), np.int32(2**16), np.int64(3))  # type: ignore[arg-type]
    assert work.macs == 3 * 2**32
    assert type(work.rows) is int


@pytest.mark.parametrize(
    ("weight_bits", "narrow", "products"),
    [(8, 2, 1), (7, 4, 3), (6, 8, 7), (5, 17, 15), (4, 36, 31), (3, 86, 63), (2, 258, 127)],
)
def test_worst_case_rule(weight_bits: int, narrow: int, products: int) -> None:
    """32767 / (W X): narrow signed operands (X = 127), and two's complement."""
    symmetric = am.Work.dense(
        1,
        8,
        8,
        weight_bits=weight_bits,
        weight_magnitude=2 ** (weight_bits - 1) - 1,
        activation_magnitude=127,
    )
    assert symmetric.worst_case_products(16) == narrow
    assert am.Work.dense(1, 8, 8, weight_bits=weight_bits).worst_case_products(16) == products


def test_worst_case_rule_is_tight() -> None:
    work = am.Work.dense(1, 15, 1, weight_bits=5)
    assert work.never_overflows(16)
    assert 15 * 16 * 128 <= 32767 < 16 * 16 * 128
    assert not am.Work.dense(1, 16, 1, weight_bits=5).never_overflows(16)


def test_every_mistake_is_named_at_once() -> None:
    with pytest.raises(am.WorkError) as caught:
        am.Work.dense(
            0,
            2.5,  # type: ignore[arg-type]
            True,
            name="fc1",
            weight_bits=65,
            arithmetic="flaot",
            accumulator=32,  # type: ignore[arg-type]
        )
    assert str(caught.value).splitlines() == [
        "work 'fc1': 6 mistakes",
        "  arithmetic cannot be 'flaot'; did you mean 'float'?",
        "  rows must be 1 or more, not 0",
        "  inputs must be a whole number, not 2.5",
        "  outputs must be a whole number, not True",
        "  weight bits must be 64 or less, not 65",
        "  accumulator must be an accel_models.Accumulator, not 32",
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"bits": 1}, "accumulator: bits must be 2 or more, not 1"),
        ({"overflow": "satur"}, "overflow cannot be 'satur'; did you mean 'saturate'?"),
        ({"bits": 16, "outer_bits": 8}, "outer bits must be 16 (the inner bits) or more, not 8"),
        ({"products_per_spill": 4}, "products per spill need an outer accumulator"),
    ],
)
def test_impossible_accumulators(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(am.WorkError) as caught:
        am.Accumulator(**arguments)  # type: ignore[arg-type]
    assert message in str(caught.value)


def test_spills_need_somewhere_to_go() -> None:
    with pytest.raises(am.WorkError, match="spills need an outer accumulator"):
        am.Work.dense(1, 8, 8, spills=3)


def test_accumulators_print_as_one_reads_them() -> None:
    assert str(am.Accumulator(16, "saturate")) == "16-bit saturate"
    spilled = am.Accumulator(16, outer_bits=32)
    assert str(spilled) == "16-bit wrap, spill worst case into 32-bit wrap"


def test_a_workload_is_a_tuple_of_work() -> None:
    one = am.Work.dense(1, 4, 2)
    assert am.Workload(one) == (one,) == am.Workload([one])
    assert am.Workload([one, one]).macs == 16
    assert am.Workload().weights == 0
    with pytest.raises(am.WorkError, match="item 1 must be a Work, not 3"):
        am.Workload([one, 3])  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("bits", "container"), [(1, 8), (8, 8), (9, 16), (16, 16), (17, 32), (33, 64), (64, 64)]
)
def test_containers(bits: int, container: int) -> None:
    assert container_bits(bits) == container
    assert container_bytes(3, bits) == 3 * container // 8


def test_packed_bytes_fill_the_last_byte() -> None:
    assert [packed_bytes(3, bits) for bits in (1, 2, 3, 5, 8)] == [1, 1, 2, 2, 3]
    assert packed_bytes(0, 5) == 0


def test_footprint_by_layer() -> None:
    net = am.Workload(
        [
            am.Work.dense(1, 100, 10, name="a", weight_bits=5, gain_bits=40),
            am.Work.dense(1, 10, 3, name="b", weight_bits=5, output_bits=16, bias_bits=8),
        ]
    )
    whole = am.footprint(net)
    assert whole.weights_packed == 625 + 19
    assert whole.weights_container == 1000 + 30
    assert (whole.biases, whole.gains) == (40 + 3, 50)
    assert whole.constants_packed == 644 + 93
    assert whole.constants_container == 1030 + 93
    assert whole.activations_peak == 110  # 10 + 6 bytes live in the second layer
    assert whole == am.footprint(net[0]) + am.footprint(net[1])
    table = whole.table
    assert list(table.index) == ["a", "b"]
    assert list(table["weights_packed_bytes"]) == [625, 19]
    assert list(table["activation_bytes"]) == [110, 16]


def test_an_empty_footprint() -> None:
    empty = am.footprint([])
    assert empty.activations_peak == empty.constants_packed == 0
    assert empty.table.empty
