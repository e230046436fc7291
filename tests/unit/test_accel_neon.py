"""Which loop runs a layer on NEON, and what each accumulator costs there."""

from __future__ import annotations

import math

import pytest

import accel_models as am
from accel_models.neon import (
    Code,
    Kernel,
    NeonCore,
    Overlap,
    Place,
    Scenario,
)

A53 = NeonCore(core="cortex-a53")
Sum = am.Accumulator


def kernel(**settings: object) -> Kernel:
    """Return the loop of a long dense layer on Cortex-A53."""
    return A53.kernel_of(am.Work.dense(1, 8192, 64, **settings))  # type: ignore[arg-type]


def instructions(**settings: object) -> float:
    """Cycles of arithmetic for 16 products on Cortex-A53, without loads."""
    work = am.Work.dense(1, 8192, 64, **settings)  # type: ignore[arg-type]
    layer = A53.layer(A53.kernel_of(work), work)
    small = layer.kernel.loop.activation_load_bits is not None
    loads = layer.weight_loads + layer.activation_loads * (0.5 if small else 1)
    return (layer.loop_cycles(Code.TUNED) - loads) / (8192 * 64 / 16)


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
        ({"weight_bits": 7, "accumulator": Sum(24)}, 2 + 4 / 2),
        ({"weight_bits": 7, "accumulator": Sum(32, "saturate")}, 2 + 4 / 2),
        # two's complement bytes fill a lane with one product: widening the operands is as good
        ({"accumulator": Sum(32)}, 4 + 2),
        ({"weight_magnitude": 127, "activation_magnitude": 127}, 2 + 4 / 2),
    ],
)
def test_instructions_by_accumulator(settings: dict[str, object], expected: float) -> None:
    assert math.isclose(instructions(**settings), expected, rel_tol=0.004)


def test_a_register_that_cannot_overflow_needs_no_saturation() -> None:
    fits, may = (
        am.Work.dense(1, n, 8, weight_bits=2, accumulator=Sum(16, "saturate")) for n in (127, 128)
    )
    assert A53.kernel_of(fits).name == "i8_acc16"
    assert A53.kernel_of(may).name == "i8_smull_sqadd"


def test_what_wraps_below_the_lane_is_cut_at_each_spill() -> None:
    narrow = Sum(12, outer_bits=32, products_per_spill=8)
    plain = Sum(16, outer_bits=32, products_per_spill=8)
    cut, free = (kernel(weight_bits=6, accumulator=a) for a in (narrow, plain))
    assert sum(cut.spill.values()) == sum(free.spill.values()) + 2
    assert cut.each == free.each


def test_an_outer_register_that_may_saturate_is_clamped_at_each_spill() -> None:
    free, clamped = (
        Sum(16, outer_bits=18, products_per_spill=6, outer_overflow=mode)  # type: ignore[arg-type]
        for mode in ("wrap", "saturate")
    )
    before, after = (kernel(weight_bits=6, accumulator=a) for a in (free, clamped))
    assert sum(after.spill.values()) == sum(before.spill.values()) + 2


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"weight_bits": 17}, "has 17-bit operands"),
        ({"arithmetic": "float"}, "floating point of other than 32 or 16 bits"),
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
    assert A53.kernel_of(spilled) == A53.kernel_of(am.Work.dense(1, 64, 8))


def test_products_of_more_than_16_bits_take_the_16_bit_loop() -> None:
    shifted = am.Work.dense(1, 64, 8, weight_magnitude=255, activation_magnitude=255)
    assert A53.kernel_of(shifted).loop.stored_activation_bits == 16


def test_nibbles_halve_the_stream_and_cost_shifts() -> None:
    work = am.Work.dense(1, 640, 128, weight_bits=4)
    whole = am.create("neon:weights=dram").estimate(work)
    packed = am.create("neon:weights=dram,packed=true").estimate(work)
    assert packed.memory_bytes["dram"] == whole.memory_bytes["dram"] / 2
    assert packed.compute_cycles > whole.compute_cycles
    assert packed.cycles < whole.cycles
    assert packed.layers[0].method.startswith("w4")
    floats = am.Work.dense(1, 8, 8, arithmetic="float", weight_bits=32, activation_bits=32)
    assert "never packed" in am.create("neon:packed=true").supports(floats).reason
    refused = am.create("neon:packed=true").supports(am.Work.dense(1, 8, 8, weight_bits=6))
    assert "packed weights here are 1, 2, 4, 5 bits" in refused.reason


def test_a_convolution_is_priced_as_the_product_of_its_windows() -> None:
    conv = am.Work.conv2d((25, 5, 64), 1, 64)
    dense = am.Work.dense(125, 64, 64)
    assert A53.estimate(conv).compute_cycles == A53.estimate(dense).compute_cycles


def test_a_depthwise_convolution_has_a_channel_in_every_lane() -> None:
    work = am.Work.depthwise((25, 5, 40), 3, weight_bits=4)
    kernel = A53.kernel_of(work)
    layer = A53.layer(kernel, work)
    assert kernel.reduce is None
    assert layer.weight_steps == 9 * 3  # 40 channels take three steps of 16
    assert layer.loaded_bytes == 2 * 125 * 9 * 3 * 16
    widened = "widening_add" in kernel.spill
    assert kernel.name == "i8_acc16" or widened  # nine products of 4 bits fit 16-bit lanes


def test_a_planner_replaces_the_worst_case() -> None:
    spilled = Sum(16, outer_bits=32, products_per_spill=6)
    rule = am.Work.dense(1, 640, 64, weight_bits=6, accumulator=spilled)
    planned = am.Work.dense(1, 640, 64, weight_bits=6, accumulator=spilled, spills=64 * 8)
    by_rule, by_plan = (A53.estimate(work).layers[0] for work in (rule, planned))
    assert by_rule.counts["spills"] == 64 * 8 * math.ceil(640 / 8 / 6)
    assert by_plan.counts["spills"] == 64 * 8
    saved = (by_rule.counts["spills"] - by_plan.counts["spills"]) / 8 * 2
    factor = A53.spec.loop_factor.value
    assert math.isclose(by_rule.cycles - by_plan.cycles, factor * saved)


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


def test_the_choice_of_a_kernel_is_listed_and_can_be_overridden() -> None:
    work = am.Work.dense(1, 640, 128, weight_bits=5)
    listed = A53.candidates(work)
    names = [kernel.name for kernel, _ in listed]
    assert [cycles for _, cycles in listed] == sorted(cycles for _, cycles in listed)
    assert A53.estimate(work).layers[0].method == names[0] == "i8_n14"
    assert {"i8_n2", "w8a16_sxtl_smlal"} < set(names)
    forced = am.create("neon:core=cortex-a53,kernel=i8_n2").estimate(work)
    assert forced.layers[0].method == "i8_n2"
    assert forced.cycles == dict(zip(names, [c for _, c in listed], strict=True))["i8_n2"]
    assert any("whether or not its sums may overflow" in text for text in forced.assumptions)


@pytest.mark.parametrize(
    ("kernel", "work", "reason"),
    [
        ("i8_sdot", {}, "is to run i8_sdot, for which cortex-a53 has no instructions"),
        ("w4_smlal", {"weight_bits": 5}, "takes integer ones of at most 4 and 8 bits"),
        ("f32_fmla", {}, "takes float ones"),
    ],
)
def test_a_kernel_that_cannot_do_the_work(
    kernel: str, work: dict[str, object], reason: str
) -> None:
    model = am.create("neon", kernel=kernel)
    assert reason in model.supports(am.Work.dense(1, 64, 8, **work)).reason  # type: ignore[arg-type]


def test_what_a_core_cannot_rescale_with() -> None:
    for core, epilogue in (("cortex-m33", "shift_16"), ("cortex-a53", "reduce_32")):
        with pytest.raises(am.ConfigError, match=f"rescale cannot be {epilogue} on {core}, only"):
            am.create(f"neon:{core}", rescale=epilogue)


def test_a_library_that_is_faster_than_these_loops_is_no_slower_than_ideal() -> None:
    est = am.create("neon:cortex-m4,factor=0.01").estimate(am.Work.dense(4, 640, 64))
    assert est.ideal_cycles <= est.low


def test_a_kernel_of_another_name() -> None:
    with pytest.raises(
        am.ConfigError, match=r"kernel cannot be 'i8_sdott'; did you mean 'i8_sdot'"
    ):
        am.create("neon", kernel="i8_sdott")


@pytest.mark.parametrize(
    ("core", "kernel"),
    [
        ("cortex-a53", "i8_n14"),
        ("cortex-a55", "i8_sdot"),
        ("neoverse-v1", "i8_sdot"),
        ("cortex-m4", "m_i8_smlad"),
        ("cortex-m85", "mve_i8_vmladava"),
    ],
)
def test_every_core_takes_the_loops_that_it_has_instructions_for(core: str, kernel: str) -> None:
    work = am.Work.dense(1, 640, 128, weight_bits=5)
    assert am.create(f"neon:{core}").estimate(work).layers[0].method == kernel


def test_products_that_are_cut_take_a_shift_each() -> None:
    """Widening every product too is what makes per-product normalisation dear."""
    narrow, wide = (
        am.Work.dense(1, 640, 128, accumulator=am.Accumulator(bits, product_bits=12))
        for bits in (16, 32)
    )
    assert A53.kernel_of(narrow).name == "i8_norm_acc16"
    assert A53.kernel_of(wide).name == "i8_norm_acc32"
    assert A53.kernel_of(am.Work.dense(1, 64, 8, accumulator=am.Accumulator(32, product_bits=16)))
    clamped = am.Accumulator(16, "saturate", product_bits=12)  # type: ignore[arg-type]
    assert not A53.supports(am.Work.dense(1, 640, 128, accumulator=clamped))


@pytest.mark.parametrize("core", ["cortex-a53", "cortex-m4", "cortex-m55"])
def test_what_is_between_layers(core: str) -> None:
    model = am.create(f"neon:{core}")
    pool = am.Work.pool((25, 5, 64), (25, 5), "average")
    add, both = (am.Work.elementwise(8000, "add", operands=n) for n in (1, 2))
    estimate = model.estimate([pool, add, both, am.Work.elementwise(12, "softmax")])
    found = {layer.name: layer for layer in estimate.layers}
    assert [layer.method for layer in estimate.layers] == ["average", "add", "add", "softmax"]
    assert found["pool"].cycles > 25 * 5 * 64 / 16  # a load for 16 values
    assert estimate.layers[1].cycles < estimate.layers[2].cycles
    assert model.memory([pool, am.Work.dense(1, 64, 12)]).ram_bytes >= 8000
    wide = am.Work.elementwise(8, "add", activation_bits=16)
    assert "more than 8-bit activations" in model.supports(wide).reason


def test_vectors_in_pairs_for_matrix_instructions() -> None:
    pair = am.Work.dense(2, 640, 128)
    n2 = NeonCore(core="neoverse-n2", kernel="i8_smmla")
    assert n2.estimate(am.Work.dense(1, 640, 128)).compute_cycles <= n2.estimate(pair).cycles
    assert am.create("neon:neoverse-n2").estimate(pair).layers[0].method == "i8_smmla"


def test_copied_windows_cost_loads_and_stores() -> None:
    conv, pointwise = (am.Work.conv2d((25, 5, 64), taps, 64, weight_bits=7) for taps in (3, 1))
    direct, copied = (am.create(f"neon:convolution={how}") for how in ("direct", "im2col"))
    words = 125 * 9 * 64 / 16
    added = copied.estimate(conv).cycles - direct.estimate(conv).cycles
    assert math.isclose(added, words * 2)  # a load waits 2 cycles, a store beside it
    assert copied.estimate(pointwise).cycles == direct.estimate(pointwise).cycles


def test_the_default_point_is_that_of_the_core() -> None:
    points = [am.create(f"neon:{core}").default_point for core in ("cortex-a53", "cortex-a72")]
    assert [point.overlap for point in points] == [Overlap.ADDITIVE, Overlap.OVERLAPPED]
    assert am.create("neon:cortex-m4").default_point.weights is Place.FLASH
    with pytest.raises(
        am.ConfigError, match="weights cannot be in l2 on cortex-m4, only l1, flash"
    ):
        am.create("neon:cortex-m4,weights=l2")


def test_a_sum_waits_for_its_own_additions() -> None:
    """One output: on Cortex-A53 the next fmla of a register waits 4 cycles, in the pipe or not."""
    float32 = {"arithmetic": "float", "weight_bits": 32, "activation_bits": 32}
    few, many = (
        A53.layer(A53.kernel_of(work), work)
        for work in (am.Work.dense(1, 1600, n, **float32) for n in (1, 128))  # type: ignore[arg-type]
    )
    assert few.loop_cycles(Code.TUNED) == few.waiting_cycles == 1600 * 4
    assert many.waiting_cycles == 4 * 1600 * 4 < many.loop_cycles(Code.TUNED)
