"""Engines on paper: cycles, bytes and resources that one can count by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import accel_models as am
from accel_models.dataflow_fpga import DataflowFpga, accumulator_bits, fold


def layer(text: str, work: am.Work) -> am.LayerEstimate:
    return am.create(text).estimate(work).layers[0]


def test_ne16_pointwise_layers_do_not_get_faster() -> None:
    """A tile of 32 outputs, 16 inputs: load 19, offset 6, product 38, step 2; scale, write."""
    one = am.Work.conv2d((3, 3, 16), 1, 32, weight_bits=8, bias_bits=0)
    tile = 19 + 6 + 38 + 2 + (9 + 32) + (4 + 9)
    assert layer("bit_serial:ne16", one).compute_cycles == tile
    assert layer("bit_serial:ne16", replace(one, weight_bits=2)).compute_cycles == tile


def test_ne16_windows_take_a_cycle_for_each_bit() -> None:
    wide = am.Work.conv2d((3, 3, 16), 3, 32, weight_bits=8)
    thin = replace(wide, weight_bits=3)
    cycles = [layer("bit_serial:ne16", work).compute_cycles for work in (wide, thin)]
    assert cycles[0] - cycles[1] == 32 * 5


@pytest.mark.parametrize(
    ("preset", "weight_bits", "activation_bits", "share"),
    [
        ("stripes", 16, 8, 8 / 16),  # activations serial
        ("stripes", 4, 16, 1),  # weights parallel
        ("unpu", 5, 16, 5 / 16),  # weights serial
        ("unpu", 16, 8, 1),  # activations parallel
        ("loom", 4, 8, 4 * 8 / 256),  # both
        ("bismo", 2, 3, 2 * 3 / 256),  # a product of bit planes for each pair of bits
    ],
)
def test_serial_engines_scale_with_bits(
    preset: str, weight_bits: int, activation_bits: int, share: float
) -> None:
    wide = am.Work.conv2d((16, 16, 64), 3, 256, weight_bits=16, activation_bits=16)
    thin = replace(wide, weight_bits=weight_bits, activation_bits=activation_bits)
    before, after = (layer(f"bit_serial:{preset}", w).compute_cycles for w in (wide, thin))
    assert after == share * before


def test_loom_gains_from_weights_alone_in_dense_layers() -> None:
    wide = am.Work.dense(1, 1024, 4096, weight_bits=16, activation_bits=16)
    thin = replace(wide, weight_bits=4, activation_bits=4)
    before, after = (layer("bit_serial:loom", w).compute_cycles for w in (wide, thin))
    assert after == before * 4 / 16


@pytest.mark.parametrize(
    ("bits", "parts"), [(8, 1), (7, 1), (5, 1), (4, 2), (3, 2), (2, 4), (1, 4)]
)
def test_elements_split_in_steps(bits: int, parts: int) -> None:
    work = am.Work.dense(1, 512, 512, weight_bits=bits)
    found = layer("fusible:bit-fusion", work)
    assert found.counts["products_per_element"] == parts
    assert found.compute_cycles == 16 * 32 // parts


def test_fusible_searches_no_worse_tiles_than_one_pass() -> None:
    work = am.Work.dense(1, 128, 128, weight_bits=5, bias_bits=0)
    searched = layer("fusible:bit-fusion,tiling=search", work)
    assert searched.cycles == 508  # 32 of arithmetic, 454 to fill, 22 to drain
    assert layer("fusible:bit-fusion", work).cycles == 508


def test_channels_take_passes_and_bits_take_none() -> None:
    work = am.Work.conv2d((10, 1, 100), (1, 1), 7)
    found = layer("channel_parallel:max78000", work)
    assert found.counts["passes"] == 2
    # Two passes read (1 + 1) and write 7 outputs each, for every pixel.
    assert found.cycles == 10 * (2 * 2 + 2 * 7)
    assert layer("channel_parallel", replace(work, weight_bits=1)).cycles == found.cycles


def test_units_hold_weights_and_pay_for_bits_in_tables() -> None:
    work = am.Work.dense(3, 64, 32, weight_bits=4, activation_bits=4)
    found = layer("dataflow_fpga:pe=8,simd=16", work)
    assert found.cycles == 3 * (32 // 8) * (64 // 16)
    # 16 multipliers of 3 tables, an adder tree of 31, sums of 14 bits; 1.1 times, on top of 300.
    sums = accumulator_bits(work)
    assert sums == 1 + (64 << 6).bit_length() == 14
    assert found.counts["lut"] == int(300 + 1.1 * 8 * (16 * 3 * 8 + 31 * 8 + sums))
    assert found.counts["dsp"] == 0
    assert layer("dataflow_fpga:pe=8,simd=16,multipliers=dsp", work).counts["dsp"] == 128
    narrow = replace(work, accumulator=am.Accumulator(10))
    assert found.counts["lut"] - layer("dataflow_fpga:pe=8,simd=16", narrow).counts["lut"] == 35
    unsigned = replace(work, activation_magnitude=15)
    assert accumulator_bits(unsigned) == sums + 1


def test_folding_reaches_its_target() -> None:
    work = am.Work.dense(1, 490, 256, weight_bits=3)
    pe, simd = fold(work, 400)
    assert 490 % simd == 0
    assert 256 % pe == 0
    assert 3 * simd <= 36
    assert DataflowFpga(pe=pe, simd=simd).estimate(work).cycles < 400
    depthwise = am.Work.depthwise((8, 8, 16), 3)
    pe, simd = fold(depthwise, 600)
    assert (pe, simd) == (16, 1)


def test_the_pipeline_is_as_fast_as_its_slowest_unit() -> None:
    works = am.Workload([am.Work.dense(1, 64, 64), am.Work.dense(1, 64, 12)])
    model = DataflowFpga(pe=4, simd=4)
    assert model.interval(works) == 256
    assert model.estimate(works).cycles == 256 + 48


def test_fully_connected_layers_wait_for_the_decoder() -> None:
    """8 weights a cycle, whatever the multipliers."""
    work = am.Work.dense(1, 512, 512)
    for size in ("u55-64", "u55-128", "u55-256"):
        cycles = layer(f"decoder_npu:{size},weights=sram", work).compute_cycles
        assert 512 * 512 / 8 < cycles < 1.07 * 512 * 512 / 8


def test_narrow_weights_pay_where_they_stream() -> None:
    wide = am.Work.dense(1, 512, 512, weight_entropy=7.4)
    thin = am.Work.dense(1, 512, 512, weight_bits=2, weight_entropy=0.7)
    outside, inside = (
        [layer(f"decoder_npu:u55-128,weights={place}", work) for work in (wide, thin)]
        for place in ("outside", "sram")
    )
    assert outside[0].binding == "flash"
    assert outside[0].cycles > 5 * outside[1].cycles
    assert inside[0].compute_cycles == inside[1].compute_cycles
    assert inside[0].cycles == inside[0].compute_cycles


def test_what_would_unbind_a_layer() -> None:
    work = am.Work.dense(1, 512, 512, bias_bits=0)
    model = am.create("decoder_npu:u55-128,weight_bytes_per_cycle=4")
    found = model.estimate_layer(work)
    assert found.binding == "flash"
    assert found.slack == pytest.approx(found.resource_cycles["flash"] / found.compute_cycles)
    assert found.unbind.startswith("flash binds until it is 1.9")
    assert found.unbind.endswith("then npu does")
    bits = model.unbinding_weight_bits(work)
    assert bits == 4
    assert model.estimate_layer(replace(work, weight_bits=bits)).binding == "npu"
    assert am.create("systolic").unbinding_weight_bits(am.Work.dense(99, 99, 99)) is None


def test_roofs() -> None:
    work = am.Work.dense(1, 64, 32, bias_bits=0)
    model = "roofline:macs_per_cycle=16,memory_bytes_per_cycle=4"
    found = layer(model, work)
    assert found.resource_cycles == {"compute": 128, "memory": 512}
    assert (found.low, found.cycles, found.high) == (128, 512, 640)
    kept = layer(f"{model},weight_sram_kib=2", work)
    assert kept.cycles == 128
    narrow = layer(f"{model},narrow_gain=true", replace(work, weight_bits=2))
    assert narrow.compute_cycles == 32
    pool = layer("roofline:values_per_cycle=2", am.Work.pool((4, 4, 8), 2))
    assert pool.compute_cycles == 4 * 8 * 4 / 2


def test_a_crossbar_takes_columns_for_weight_bits() -> None:
    work = am.Work.dense(2, 256, 64, weight_bits=4)
    found = layer("in_memory:sram-256", work)
    assert found.counts["tiles"] == 1
    assert found.compute_cycles == 2 * 8 * 8
    assert layer("in_memory", replace(work, weight_bits=8)).counts["tiles"] == 2


def test_a_users_machine_is_a_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        'text = "mine"\n[settings.rows]\nvalue = 12\nunit = "processing elements"\n'
        'source = "our data sheet"\nkind = "manual"\n'
    )
    assert am.create(f"systolic:{path},dataflow=ws").label == "systolic:rows=12,dataflow=ws"
    path.write_text('text = "mine"\n[settings.rows]\nvalue = 12\n')
    with pytest.raises(am.ConfigError, match=r"settings\.rows\.unit is missing"):
        am.create(f"systolic:{path}")


def test_accelerators_are_files_too(tmp_path: Path) -> None:
    shipped = Path(am.__file__).parent / "decoder_npu/accelerators/ethos-u55-128.toml"
    mine = tmp_path / "mine.toml"
    mine.write_text(shipped.read_text("utf-8"), "utf-8")
    work = am.Work.conv2d((25, 5, 64), 1, 64)
    ours, theirs = (am.create("decoder_npu", accelerator=a) for a in (str(mine), "ethos-u55-128"))
    assert ours.estimate(work).cycles == theirs.estimate(work).cycles
    with pytest.raises(am.ConfigError, match="did you mean 'ethos-u55-128'"):
        am.create("decoder_npu", accelerator="ethos-u55-129")
