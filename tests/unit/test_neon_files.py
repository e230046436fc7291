"""Cores and loops of one's own, as files, and mixes of instructions that are in no file."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

import accel_models as am
from accel_models.neon import Code, NeonCore, mix_cycles, read_loop

MINE = """
base = "cortex-a53"
text = "half the clock"
clock = { value = 700000000, unit = "Hz", source = "a wish, not a measurement", kind = "assumed" }
"""
CLASS = """
[instructions.shifts]
pipes = "V"
cycles = { value = 1, unit = "cycles", source = "a wish, not a measurement", kind = "assumed" }
"""


def test_a_core_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(MINE, "utf-8")
    work = am.Work.dense(1, 640, 128)
    mine, a53 = (am.create("neon:weights=dram", core=c) for c in (str(path), "cortex-a53"))
    stream = a53.estimate(work).cycles - a53.estimate(work).compute_cycles
    assert math.isclose(mine.estimate(work).cycles, a53.estimate(work).cycles - stream / 2)

    path.write_text(MINE + CLASS, "utf-8")
    with pytest.raises(am.ConfigError, match=r"cannot be 'shifts'; did you mean 'shift'"):
        am.create("neon", core=str(path))
    path.write_text(MINE.replace("a53", "a35"), "utf-8")
    with pytest.raises(am.ConfigError, match="unknown core 'cortex-a35'"):
        am.create("neon", core=str(path))
    path.write_text("text = 'nothing'", "utf-8")
    with pytest.raises(am.ConfigError, match="memory is missing"):
        am.create("neon", core=str(path))


def test_any_mix_of_instructions_on_any_core(tmp_path: Path) -> None:
    work = am.Work.dense(1, 704, 64)
    for core in ("cortex-a53", "cortex-a72", "cortex-m7", "cortex-m55"):
        model = NeonCore(core=core)
        layer = model.layer(model.kernel_of(work), work)
        for code in Code:
            counts = {str(k): v for k, v in layer.instructions(code).items()}
            assert mix_cycles(core, counts, code) == layer.loop_cycles(code)
    path = tmp_path / "mine.toml"
    path.write_text(MINE, "utf-8")
    assert mix_cycles(str(path), {"pairwise_add_long": 3, "narrow": 1}) == 6.5
    with pytest.raises(am.ConfigError) as caught:
        mix_cycles("cortex-a53", {"sdot": 1, "dot": 1, "add": -1}, "best")
    said = str(caught.value)
    assert "no instruction 'sdot'; did you mean 'dot'?" in said
    assert "it has no dot instruction" in said
    assert "add must be 0 or more, not -1" in said
    assert "code must be compiled or tuned, not 'best'" in said


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("issue = { value = 0, unit = 'instructions/cycle'", "issue must be more than 0, not 0"),
        ("clock = { value = 1200, unit = 'MHz'", "clock must be in Hz, not in MHz"),
        ("register_bits = { value = 100, unit = 'bits'", "register_bits must be whole bytes"),
        ("memory.l2.rate = { value = -3, unit = 'bytes/cycle'", "rate must be more than 0, not -3"),
        ("memory.l2.size = { value = 512, unit = 'KB'", "size must be in bytes, not in KB"),
        ("instructions.add.cycles = { value = -1, unit = 'ns'", "cycles must be 0 or more, not -1"),
    ],
)
def test_a_core_that_cannot_be(line: str, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    rest = ", source = 'a mistake', kind = 'assumed' }"
    path.write_text(f"base = 'cortex-a53'\n{line}{rest}\n", "utf-8")
    with pytest.raises(am.ConfigError, match=reason):
        am.create("neon", core=str(path))


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("outputs = 8", "outputs = 0", "outputs must be 1 or more, not 0"),
        ("lane_bits = 16", "lane_bits = 24", "lane_bits must divide the 128 bits"),
        ("multiply_add = 2", "multiply_add = -2", "each: multiply_add must be 0 or more, not -2"),
        ("outputs = 8", "outputs = 8\nframe_multiple = 2", "frames must be a multiple of"),
        ("long = 1", "long = 1\nmultiply_add = -3", "multiply_add must be 0 or more, not -1"),
    ],
)
def test_a_loop_that_cannot_be(old: str, new: str, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(OWN.replace(old, new), "utf-8")
    with pytest.raises(am.ConfigError, match=reason):
        am.create("neon", kernel=str(path))


OWN = """
text = "8-bit operands by mla into 16-bit lanes after a widening of both"
source = "a loop of one's own"
isa = "neon"
arithmetic = "integer"
sums = "lanes"
weight_bits = 8
activation_bits = 8
stored_weight_bits = 8
stored_activation_bits = 8
lane_bits = 16
reduce = "reduce_32"
outputs = 8
[each]
multiply_add = 2
shift = 2
[spill]
pairwise_add_long = 1
"""


def test_a_loop_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(OWN, "utf-8")
    work = am.Work.dense(1, 8192, 64, weight_bits=6)
    model = am.create("neon", kernel=f"{path}_n8")
    (layer,) = model.estimate(work).layers
    assert layer.method == "own_n8"
    assert am.create("neon", kernel=str(path)).estimate(work).layers[0].method == "own_n6"
    tuned = NeonCore(kernel=f"{path}_n8")
    steps = 8192 * 64 / 16
    mix = {"multiply_add": 2, "shift": 2, "pairwise_add_long": 2 / 8, "load": 1 + 1 / 8}
    found = tuned.layer(tuned.kernel_of(work), work).loop_cycles(Code.TUNED)
    assert math.isclose(found, steps * mix_cycles("cortex-a53", mix, Code.TUNED))
    path.write_text(OWN.replace("multiply_add", "multiply_ad"), "utf-8")
    with pytest.raises(am.ConfigError, match=r"cannot be 'multiply_ad'; did you mean"):
        am.create("neon", kernel=str(path))
    with pytest.raises(am.ConfigError, match="cannot be read"):
        am.create("neon", kernel=str(tmp_path / "none.toml"))
    with pytest.raises(am.ConfigError, match="unknown loop 'i8_sdott'"):
        read_loop("i8_sdott")
