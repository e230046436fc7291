"""Costs in core files that are cited from LLVM's scheduling models are what those say."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from accel_models.constants import Constant
from accel_models.neon import Core, Instruction, Timing, list_cores, read_core

VERSION = "19.1"
SOURCE = re.compile(r"^LLVM 19\.1\.7 scheduling model of (\S+(?: \S+)?) \(llvm-mca")

AARCH64 = {
    Instruction.FLOAT_MULTIPLY_ADD: "fmla v0.4s, v1.4s, v2.4s",
    Instruction.HALF_MULTIPLY_ADD: "fmla v0.8h, v1.8h, v2.8h",
    Instruction.MULTIPLY_LONG: "smull v0.8h, v1.8b, v2.8b",
    Instruction.MULTIPLY_ADD_LONG: "smlal v0.8h, v1.8b, v2.8b",
    Instruction.MULTIPLY_ADD: "mla v0.16b, v1.16b, v2.16b",
    Instruction.ROUNDING_MULTIPLY: "sqrdmulh v0.8h, v1.8h, v2.8h",
    Instruction.DOT: "sdot v0.4s, v1.16b, v2.16b",
    Instruction.MATRIX_MULTIPLY: "smmla v0.4s, v1.16b, v2.16b",
    Instruction.PAIRWISE_ADD_LONG: "sadalp v0.4s, v1.8h",
    Instruction.WIDENING_ADD: "saddw v0.4s, v0.4s, v1.4h",
    Instruction.ADD: "add v0.16b, v1.16b, v2.16b",
    Instruction.PAIRWISE_ADD: "addp v0.4s, v1.4s, v2.4s",
    Instruction.SATURATING_ADD: "sqadd v0.8h, v0.8h, v1.8h",
    Instruction.MIN_MAX: "smax v0.16b, v1.16b, v2.16b",
    Instruction.LOGIC: "and v0.16b, v1.16b, v2.16b",
    Instruction.SHIFT: "shl v0.16b, v1.16b, #4",
    Instruction.ROUNDING_SHIFT: "srshr v0.8h, v1.8h, #3",
    Instruction.VARIABLE_SHIFT: "srshl v0.4s, v1.4s, v2.4s",
    Instruction.SHIFT_ACCUMULATE: "srsra v0.8h, v1.8h, #3",
    Instruction.NARROW: "sqxtn v0.4h, v1.4s",
    Instruction.POPULATION_COUNT: "cnt v0.16b, v1.16b",
    Instruction.TABLE: "tbl v0.16b, {v1.16b}, v2.16b",
    Instruction.CONVERT: "scvtf v0.4s, v1.4s",
    Instruction.LOAD: "ldr q0, [x0]",
    Instruction.TUNED_LOAD: "ldr q0, [x0]",
    Instruction.SMALL_LOAD: "ldr d0, [x0]",
    Instruction.STORE: "str q0, [x0]",
}
HELIUM = {
    Instruction.FLOAT_MULTIPLY_ADD: "vfma.f32 q0, q1, q2",
    Instruction.REDUCING_DOT: "vmladava.s8 r0, q0, q1",
    Instruction.ROUNDING_MULTIPLY: "vqrdmulh.s32 q0, q1, q2",
    Instruction.ADD: "vadd.i32 q0, q1, q2",
    Instruction.SATURATING_ADD: "vqadd.s16 q0, q0, q2",
    Instruction.MIN_MAX: "vmin.s32 q0, q1, q2",
    Instruction.LOGIC: "vand q0, q1, q2",
    Instruction.SHIFT: "vshl.i32 q0, q1, #3",
    Instruction.VARIABLE_SHIFT: "vrshl.s32 q0, q1, q2",
    Instruction.NARROW: "vqmovnb.s32 q0, q1",
    Instruction.CONVERT: "vcvt.f32.s32 q0, q1",
    Instruction.LOAD: "vldrb.u8 q0, [r0]",
    Instruction.TUNED_LOAD: "vldrb.u8 q0, [r0]",
    Instruction.SMALL_LOAD: "vldrb.u8 q0, [r0]",
    Instruction.STORE: "vstrb.8 q0, [r0]",
    Instruction.EXTEND_PAIR: "sxtb16 r0, r1",
    Instruction.SCALAR: "add r0, r1, r2",
    Instruction.BRANCH: "bne #-4",
}


def _analyser() -> str | None:
    """Return an llvm-mca of the version that the files cite."""
    for name in ("llvm-mca-19", "llvm-mca"):
        if path := shutil.which(name):
            said = subprocess.run([path, "--version"], capture_output=True, text=True, check=True)
            if f"version {VERSION}" in said.stdout:
                return path
    return None


ANALYSER = _analyser()
pytestmark = pytest.mark.skipif(ANALYSER is None, reason=f"needs llvm-mca {VERSION}")


def _seen(core: str, instruction: str) -> tuple[float, float, float]:
    """Return latency, cycles between issues, and cycles between issues that depend."""
    helium = core.startswith("cortex-m")
    target = "thumbv8.1m.main-none-eabi" if helium else "aarch64"
    options = [] if helium else ["-mattr=+dotprod,+i8mm,+fullfp16"]
    run = subprocess.run(
        [str(ANALYSER), f"-mtriple={target}", f"-mcpu={core}", "-iterations=1000", *options],
        input=instruction, capture_output=True, text=True, check=True,
    )  # fmt: skip
    (cycles,) = re.findall(r"Total Cycles: *(\d+)", run.stdout)
    ((latency, between),) = re.findall(r"^ \d+ +(\d+) +([\d.]+) ", run.stdout, re.MULTILINE)
    return float(latency), float(between), int(cycles) / 1000


def _cited(constant: Constant | None) -> str | None:
    """Return the core whose model a number is from, as LLVM names it."""
    found = SOURCE.match(constant.source) if constant else None
    return found[1].lower().replace(" ", "-") if found else None


def _entries() -> list[tuple[str, Instruction, Timing]]:
    found = []
    for name in list_cores():
        core: Core = read_core(name)
        for instruction, timing in core.instructions.items():
            if any(map(_cited, (timing.cycles, timing.latency, timing.forwarded))):
                found.append((name, instruction, timing))
    return found


def test_many_entries_are_cited() -> None:
    assert {name for name, *_ in _entries()} >= {
        "cortex-a55", "cortex-a510", "neoverse-n2", "cortex-m55", "cortex-m85"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "instruction", "timing"), _entries(), ids=lambda value: str(value)[:20]
)
def test_costs_are_those_of_the_model(name: str, instruction: Instruction, timing: Timing) -> None:
    text = (HELIUM if read_core(name).isa == "helium" else AARCH64)[instruction]
    if core := _cited(timing.cycles):
        _, between, _ = _seen(core, text)
        assert timing.between == pytest.approx(between, abs=0.01)
    if timing.latency and (core := _cited(timing.latency)):
        latency, _, chained = _seen(core, text)
        assert timing.latency.value == latency
        assert max(timing.accumulate, timing.between) == pytest.approx(chained, rel=0.02)
