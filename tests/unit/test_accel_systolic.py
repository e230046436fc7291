"""A systolic array on paper: folds, traffic and time that one can count by hand."""

from __future__ import annotations

import math

import pytest

import accel_models as am
from accel_models.technology import horowitz_45nm

KEYS = "rows=4,columns=2,dram_bytes_per_cycle=2"
# 3 rows, 10 products a sum, 5 outputs; nothing but operands to move
LAYER = am.Work.dense(3, 10, 5, weight_bits=4, activation_bits=8, bias_bits=0)


@pytest.mark.parametrize(
    ("dataflow", "folds", "cycles", "reads", "writes"),
    [
        # ceil(3/4) ceil(5/2) folds of 4 + 2 + 10 - 2
        ("os", 3, 3 * 14, (3 * 10 * 3, 10 * 5 * 1), 15),
        # ceil(10/4) ceil(5/2) folds of 2*4 + 2 + 3 - 2
        ("ws", 9, 9 * 11, (3 * 10 * 3, 10 * 5), 15 * 3),
        # ceil(10/4) ceil(3/2) folds of 2*4 + 2 + 5 - 2
        ("is", 6, 6 * 13, (3 * 10, 10 * 5 * 2), 15 * 3),
    ],
)
def test_counts_by_hand(
    dataflow: str, folds: int, cycles: int, reads: tuple[int, int], writes: int
) -> None:
    layer = am.create(f"systolic:{KEYS},dataflow={dataflow}").estimate(LAYER).layers[0]
    assert layer.counts["folds"] == folds
    assert layer.compute_cycles == cycles
    assert (
        layer.counts["sram_input_reads_words"],
        layer.counts["sram_weight_reads_words"],
    ) == reads
    assert layer.counts["sram_output_writes_words"] == writes


def test_a_depthwise_convolution_is_a_product_for_each_channel() -> None:
    image = (6, 5, 7)
    whole, one = (
        am.create(f"systolic:{KEYS}").estimate(am.Work.depthwise(shape, 3, bias_bits=0)).layers[0]
        for shape in (image, (6, 5, 1))
    )
    assert whole.compute_cycles == 7 * one.compute_cycles
    for count in ("folds", "sram_input_reads_words", "dram_input_reads_words"):
        assert whole.counts[count] == 7 * one.counts[count]
    assert whole.counts["dram_input_reads_words"] == 6 * 5 * 7


def test_traffic_has_the_width_of_what_moves() -> None:
    """Weight stationary: inputs 8, weights 4, partial sums 20 bits out and back, outputs 8."""
    work = am.Work.dense(
        3, 10, 5, weight_bits=4, bias_bits=16, gain_bits=8, accumulator=am.Accumulator(20)
    )
    layer = am.create(f"systolic:{KEYS},dataflow=ws").estimate(work).layers[0]
    partial = 2 * 15 * 2 * 20
    parameters = 5 * (16 + 8)
    dram_bits = 30 * 8 + 50 * 4 + partial + parameters + 15 * 8
    assert layer.memory_bytes["dram"] == dram_bits / 8
    assert layer.memory_bytes["sram"] == (dram_bits + (90 - 30) * 8) / 8
    assert layer.counts["dram_partial_sum_bytes"] == partial / 8
    first_tile = 4 * 2 * 4 / 8 / 2
    assert layer.cycles == max(99, dram_bits / 8 / 2) + first_tile
    assert layer.high == 99 + dram_bits / 8 / 2 + first_tile
    assert layer.low == 99


def test_sums_spill_at_the_width_of_the_outer_register() -> None:
    spilled = am.Accumulator(16, outer_bits=24)
    layer = am.create(f"systolic:{KEYS},dataflow=ws").estimate(
        am.Work.dense(3, 10, 5, accumulator=spilled)
    )
    assert layer.table["dram_partial_sum_bytes"].iloc[0] == 2 * 15 * 2 * 24 / 8


def test_partial_sums_may_stay_on_chip() -> None:
    base = f"systolic:{KEYS},dataflow=ws,partial_sums=sram"
    kept = am.create(base).estimate(LAYER).layers[0]
    assert kept.counts["dram_partial_sum_bytes"] == 0
    assert kept.counts["dram_output_writes_words"] == 15
    too_small = am.create(base, output_sram_kib=0.05).estimate(LAYER).layers[0]
    assert too_small.counts["dram_partial_sum_bytes"] == 2 * 15 * 2 * 32 / 8


def test_an_operand_that_does_not_fit_is_fetched_for_every_pass() -> None:
    for kib, words in ((0.06, 30), (0.05, 90)):  # 30 bytes against half the buffer
        model = am.create(f"systolic:{KEYS},dataflow=ws,buffers=bound", input_sram_kib=kib)
        assert model.estimate(LAYER).layers[0].counts["dram_input_reads_words"] == words


def test_gemmini_keeps_its_sums() -> None:
    est = am.create("systolic:gemmini").estimate(am.Work.dense(16, 64, 32))
    assert est.layers[0].method == "16x16 ws"
    assert est.layers[0].counts["dram_partial_sum_bytes"] == 0


def test_float_has_float_energy_and_no_other_width() -> None:
    model = am.create("systolic")
    float32 = am.Work.dense(1, 8, 8, weight_bits=32, activation_bits=32, arithmetic="float")
    energy = model.estimate(float32).energy_by_component
    assert energy is not None
    assert math.isclose(energy["mac"], 64 * (3.7 + 0.9))
    float16 = am.Work.dense(1, 8, 8, weight_bits=16, activation_bits=16, arithmetic="float")
    assert not model.supports(float16)
    assert "no sourced energy" in model.supports(float16).reason


def test_energy_takes_the_published_points() -> None:
    """Horowitz, ISSCC 2014: 8- and 32-bit products, 32-bit sums, three memories, DRAM."""
    technology = horowitz_45nm()
    assert math.isclose(technology.multiply_pj(8, 8), 0.2, rel_tol=1e-6)
    assert math.isclose(technology.multiply_pj(32, 32), 3.1, rel_tol=1e-6)
    assert math.isclose(technology.add_pj(32), 0.1)
    for kib, picojoules in ((1, 10), (8, 10), (32, 20), (1024, 100), (4096, 100)):
        assert math.isclose(technology.sram_pj_per_bit(kib) * 64, picojoules)
    assert 10 < technology.sram_pj_per_bit(16) * 64 < 20 < technology.sram_pj_per_bit(64) * 64
    assert technology.dram_pj_per_bit() * 64 == 1300


def test_the_statement_names_its_check() -> None:
    est = am.create("systolic").estimate(LAYER)
    assert "SCALE-Sim 3.0.0" in est.statement.error_basis
    assert "closed forms" in est.basis
    assert any("Horowitz" in source for source in est.sources)
