"""Which loop runs a layer on NEON, and what each accumulator costs there."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

import accel_models as am
from accel_models.neon import Code, NeonCore, Overlap, Place, Scenario

A53 = NeonCore(core="cortex-a53")
Sum = am.Accumulator


def instructions(**settings: object) -> float:
    """Vector instructions per 16 products inside sums, from the slope of tuned L1 cycles."""
    corner = Scenario(Place.L1, Overlap.ADDITIVE, Code.TUNED)
    short, long = (
        am.Work.dense(1, inputs, 64, **settings)  # type: ignore[arg-type]
        for inputs in (8192, 16384)
    )
    slope = (A53.scenarios(long)[corner] - A53.scenarios(short)[corner]) / (8192 * 64 / 16)
    kernel = A53.kernel(long)
    return slope - kernel.weight_bits / 8 - 1 / 8  # less one cycle for each load


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"arithmetic": "float", "weight_bits": 32, "activation_bits": 32}, 4),
        ({"weight_bits": 16, "activation_bits": 16}, 4),
        # sums in 16 bits, emptied by `sadalp` (2 cycles for 8 lanes) after n products
        ({"accumulator": Sum(16, outer_bits=32, products_per_spill=1)}, 2 + 4 / 1),
        ({"accumulator": Sum(16, outer_bits=32, products_per_spill=2)}, 2 + 4 / 2),
        ({"accumulator": Sum(16, outer_bits=32, products_per_spill=16)}, 2 + 4 / 16),
        # worst case: 5-bit two's complement allows 15 products, the loop takes 14
        ({"weight_bits": 4, "accumulator": Sum(16, outer_bits=32)}, 2 + 4 / 30),
        # never widened
        ({"accumulator": Sum(16)}, 2),
        ({"accumulator": Sum(12)}, 2),
        # saturating: no such multiplication, so multiply, then add
        ({"accumulator": Sum(16, "saturate")}, 4),
        ({"accumulator": Sum(12, "saturate")}, 4 + 4),
        ({"accumulator": Sum(24, "saturate")}, 2 + 4 + 8),
        # wider registers that wrap, or surely never overflow, are filled through 16-bit lanes
        ({"accumulator": Sum(24)}, 2 + 4 / 1),
        ({"accumulator": Sum(32, "saturate")}, 2 + 4 / 1),
        ({"weight_magnitude": 127, "activation_magnitude": 127}, 2 + 4 / 2),
    ],
)
def test_instructions_by_accumulator(settings: dict[str, object], expected: float) -> None:
    assert math.isclose(instructions(**settings), expected, rel_tol=0.004)


def test_a_register_that_cannot_overflow_needs_no_saturation() -> None:
    fits, may = (
        am.Work.dense(1, n, 8, weight_bits=2, accumulator=Sum(16, "saturate")) for n in (127, 128)
    )
    assert A53.kernel(fits).name == "int8, 16-bit wrapping, never widened"
    assert A53.kernel(may).name == "int8, 16-bit saturating, never widened"


def test_what_wraps_below_the_lane_is_cut_at_each_spill() -> None:
    narrow = Sum(12, outer_bits=32, products_per_spill=8)
    plain = Sum(16, outer_bits=32, products_per_spill=8)
    cut, free = (
        A53.kernel(am.Work.dense(1, 64, 8, weight_bits=6, accumulator=a)) for a in (narrow, plain)
    )
    assert sum(cut.spill.values()) == sum(free.spill.values()) + 2
    assert cut.operations == free.operations


def test_an_outer_register_that_may_saturate_is_clamped_at_each_spill() -> None:
    clamped = Sum(16, outer_bits=18, outer_overflow="saturate")  # type: ignore[arg-type]
    kernel = A53.kernel(am.Work.dense(1, 640, 8, weight_bits=6, accumulator=clamped))
    assert sum(kernel.spill.values()) == 3


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"weight_bits": 17}, "has 17-bit operands"),
        ({"arithmetic": "float"}, "floating point of other than 32 bits"),
        (
            {"weight_bits": 16, "activation_bits": 16, "accumulator": Sum(40)},
            "needs 40-bit sums",
        ),
        (
            {"accumulator": Sum(12, outer_bits=32)},
            "not even one product of 16384 is sure to fit",
        ),
        (
            {"accumulator": Sum(20, outer_bits=32, products_per_spill=500)},
            "spills a 20-bit register that may overflow",
        ),
    ],
)
def test_what_no_loop_does(settings: dict[str, object], reason: str) -> None:
    answer = A53.supports(am.Work.dense(1, 1 << 12, 8, **settings))  # type: ignore[arg-type]
    assert not answer
    assert reason in answer.reason


def test_wide_sums_that_surely_fit_32_bits_are_fine() -> None:
    assert A53.supports(am.Work.dense(1, 640, 8, accumulator=Sum(40)))


def test_a_wide_inner_register_that_never_overflows_is_no_register_of_its_own() -> None:
    spilled = am.Work.dense(1, 64, 8, accumulator=Sum(20, outer_bits=32))
    assert A53.kernel(spilled) == A53.kernel(am.Work.dense(1, 64, 8))


def test_products_of_more_than_16_bits_take_the_16_bit_loop() -> None:
    shifted = am.Work.dense(1, 64, 8, weight_magnitude=255, activation_magnitude=255)
    assert A53.kernel(shifted).name == "int16, 32-bit sums"


def test_nibbles_halve_the_stream_and_cost_shifts() -> None:
    work = am.Work.dense(1, 640, 128, weight_bits=4)
    whole = am.create("neon:weights=dram").estimate(work)
    packed = am.create("neon:weights=dram,packed=true").estimate(work)
    assert packed.memory_bytes["dram"] == whole.memory_bytes["dram"] / 2
    assert packed.compute_cycles > whole.compute_cycles
    assert packed.cycles < whole.cycles
    assert packed.layers[0].method.endswith(", nibbles")
    assert not am.create("neon:packed=true").supports(am.Work.dense(1, 8, 8, weight_bits=5))


def test_a_convolution_is_priced_as_the_product_of_its_windows() -> None:
    conv = am.Work.conv2d((25, 5, 64), 1, 64)
    dense = am.Work.dense(125, 64, 64)
    assert A53.estimate(conv).compute_cycles == A53.estimate(dense).compute_cycles


def test_a_depthwise_convolution_has_a_channel_in_every_lane() -> None:
    work = am.Work.depthwise((25, 5, 40), 3, weight_bits=4)
    kernel, steps = A53.kernel(work), 125 * 9 * 3  # 40 channels take three steps of 16
    assert kernel.name.endswith("by channel")
    assert kernel.reduce is None
    (layer,) = am.create("neon:weights=l1").estimate(work).layers
    assert layer.counts["spills"] == 125 * 40  # nine products of 4 bits fit 16-bit lanes
    assert layer.memory_bytes["l1"] == 2 * steps * 16 + 125 * 40
    loops = steps * 2 + 125 * 40 / 8 * 2 + 2 * steps * 2  # smlal, saddw, loads
    shift = layer.compute_cycles - loops
    assert 0 < shift < 125 * 40 * 8  # what is left rescales the outputs


def test_a_planner_replaces_the_worst_case() -> None:
    spilled = Sum(16, outer_bits=32)
    rule = am.Work.dense(1, 640, 64, weight_bits=6, accumulator=spilled)
    planned = am.Work.dense(1, 640, 64, weight_bits=6, accumulator=spilled, spills=64 * 8)
    by_rule, by_plan = (A53.estimate(work).layers[0] for work in (rule, planned))
    assert by_rule.counts["spills"] == 64 * 8 * math.ceil(640 / 8 / 6)
    assert by_plan.counts["spills"] == 64 * 8
    saved = (by_rule.counts["spills"] - by_plan.counts["spills"]) / 8 * 2
    assert math.isclose(by_rule.cycles - by_plan.cycles, saved)


def test_the_range_is_over_all_corners_and_the_default_is_stated() -> None:
    work = am.Work.dense(1, 640, 128)
    corners = A53.scenarios(work)
    est = A53.estimate(work)
    assert len(corners) == 12
    assert (est.low, est.high) == (min(corners.values()), max(corners.values()))
    assert est.low == corners[Scenario(Place.L1, Overlap.OVERLAPPED, Code.TUNED)]
    assert est.high == corners[Scenario(Place.DRAM, Overlap.ADDITIVE, Code.COMPILED)]
    assert est.cycles == corners[Scenario(Place.L2, Overlap.ADDITIVE, Code.COMPILED)]
    assert any(text.startswith("default point") for text in est.assumptions)


def test_weights_that_exceed_their_place_are_said_to() -> None:
    def warned(model: str, outputs: int) -> bool:
        notes = am.create(model).estimate(am.Work.dense(1, 1024, outputs)).assumptions
        return any("bytes) exceed" in note for note in notes)

    assert [warned("neon", n) for n in (512, 513)] == [False, True]
    assert [warned("neon:weights=l1", n) for n in (32, 33)] == [False, True]
    assert not warned("neon:weights=dram", 4096)


def test_frames_share_weights() -> None:
    """Four vectors load each weight once from memory, and less often from L1."""
    one, four = (
        am.create("neon:weights=dram").estimate(am.Work.dense(n, 640, 128)) for n in (1, 4)
    )
    assert four.memory_bytes["dram"] == one.memory_bytes["dram"]
    assert four.compute_cycles < 4 * one.compute_cycles


def test_a_core_of_ones_own(tmp_path: Path) -> None:
    shipped = Path(__file__).resolve().parents[2] / "accel_models/neon/cores/cortex-a53.toml"
    text = shipped.read_text("utf-8")
    path = tmp_path / "mine.toml"
    path.write_text(text.replace("value = 1400000000.0", "value = 700000000.0"), "utf-8")
    work = am.Work.dense(1, 640, 128)
    mine, a53 = (am.create("neon:weights=dram", core=c) for c in (str(path), "cortex-a53"))
    stream = a53.estimate(work).cycles - a53.estimate(work).compute_cycles
    assert math.isclose(mine.estimate(work).cycles, a53.estimate(work).cycles - stream / 2)

    path.write_text(text.replace("[instructions.shift]", "[instructions.shifts]"), "utf-8")
    with pytest.raises(am.ConfigError, match=r"cannot be 'shifts'; did you mean 'shift'"):
        am.create("neon", core=str(path))
    path.write_text(text.split("[memory.l1_size]")[0], "utf-8")
    with pytest.raises(am.ConfigError, match="memory is missing"):
        am.create("neon", core=str(path))
