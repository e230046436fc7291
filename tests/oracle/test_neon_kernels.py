"""The kernels that the cost model describes, as real code: their bits, and what they execute."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from oracle.neon_programs import (
    LAYOUTS,
    Executed,
    build,
    code_bytes,
    execute,
    missing_tools,
    throughput,
)

import accel_models as am
import fxpsim as fx
from accel_models.neon import Code, Instruction, Layer, Loop, NeonCore, read_loops

pytestmark = pytest.mark.skipif(bool(missing_tools()), reason=f"needs {', '.join(missing_tools())}")

INPUTS, OUTPUTS = 704, 64
PAGE = Path(__file__).resolve().parents[2] / "docs/explanation/arm-cores.md"
#: Registers of the simulator that a kernel has.
REGISTERS = {
    **{
        name: fx.Accumulator(
            16, order=fx.Interleaved(8), spill=fx.Spill(every=n, into=fx.Accumulator(32))
        )
        for name, n in (("i8_n1", 1), ("i8_n2", 2), ("i8_n32", 32), ("w4_smlal_n32", 32))
    },
    "i8_acc16": fx.Accumulator(
        16, order=fx.Interleaved(8), spill=fx.Spill(None, into=fx.Accumulator(32))
    ),
    "i8_sdot": fx.Accumulator(32),
}
#: Loops without an inner one, which llvm-mca sees whole.
FLAT = ("i8_n1", "i8_n2", "i8_acc16", "f32_fmla")


def operands(kernel: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return weights (K, N) and inputs (K,); every fourth output has weights that overflow."""
    rng = np.random.default_rng(seed)
    if kernel == "f32_fmla":  # whole numbers, whose sums are exact
        weights = rng.integers(-9, 10, (INPUTS, OUTPUTS)).astype(np.float32)
        return weights, rng.integers(-9, 10, INPUTS).astype(np.float32)
    low = -8 if kernel.startswith("w4") else -128
    weights = rng.integers(low, -low, (INPUTS, OUTPUTS), dtype=np.int8)
    weights[:, ::4] = low
    inputs = rng.integers(-128, 128, INPUTS, dtype=np.int8)
    inputs[: INPUTS // 2] = -128
    return weights, inputs


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("neon"))


@pytest.fixture(scope="module")
def executed(program: Path) -> dict[str, Executed]:
    return {kernel: execute(program, kernel, *operands(kernel, 0)) for kernel in LAYOUTS}


def loop_of(kernel: str) -> Loop:
    return read_loops()[kernel.rpartition("_n")[0] or kernel]


def priced(kernel: str) -> Layer:
    loop = loop_of(kernel)
    work = am.Work.dense(
        1, INPUTS, OUTPUTS, weight_bits=loop.weight_bits, activation_bits=loop.activation_bits,
        arithmetic=loop.arithmetic,
    )  # fmt: skip
    model = NeonCore(core="cortex-a72", kernel=kernel)
    return model.layer(model.kernel_of(work), work)


def _joined(counts: Mapping[Instruction, float]) -> dict[Instruction, float]:
    found = dict(counts)
    added = found.pop(Instruction.MULTIPLY_ADD_LONG, 0)
    return found | {Instruction.MULTIPLY_LONG: found.get(Instruction.MULTIPLY_LONG, 0) + added}


@pytest.mark.parametrize("kernel", REGISTERS)
def test_bits_are_those_of_the_simulator(kernel: str, program: Path) -> None:
    """Lanes wrap here as there: a fourth of the outputs overflow on purpose."""
    weights, inputs = operands(kernel, 1)
    found = execute(program, kernel, weights, inputs).outputs
    rows = inputs[np.newaxis].astype(np.int32)
    expected = fx.matmul(rows, weights.astype(np.int32), REGISTERS[kernel])[0]
    np.testing.assert_array_equal(found, expected)
    exact = rows[0].astype(np.int64) @ weights.astype(np.int64)
    safe = kernel in ("i8_n1", "i8_sdot")
    assert (found == exact).all() == safe


def test_floats_are_exact_on_whole_numbers(program: Path) -> None:
    weights, inputs = operands("f32_fmla", 1)
    found = execute(program, "f32_fmla", weights, inputs).outputs
    np.testing.assert_array_equal(found, inputs @ weights)


@pytest.mark.parametrize("kernel", LAYOUTS)
def test_executed_instructions_are_those_priced(
    kernel: str, program: Path, executed: dict[str, Executed]
) -> None:
    """By class, and what the price leaves out: loop control, zeroing, adding lanes up.

    These kernels begin a stretch with zeroed lanes and smlal, where smull alone would do.
    """
    found, expected = executed[kernel], priced(kernel).instructions(Code.COMPILED)
    for name in {*expected, *found.classes}:
        ours, theirs = ((_joined(counts)).get(name, 0) for counts in (expected, found.classes))
        assert theirs == pytest.approx(ours, rel=0.02, abs=OUTPUTS), name
    totals = (sum(expected.values()), sum(found.classes.values()), found.others)
    counts = [total * 16 / (INPUTS * OUTPUTS) for total in totals]
    counts.append(INPUTS * OUTPUTS / found.instructions)
    print(f"| `{kernel}` | " + " | ".join(f"{count:.2f}" for count in counts) + " |")
    (row,) = re.findall(rf"^\| `{kernel}` \| (.*) \|$", PAGE.read_text("utf-8"), re.MULTILINE)
    shown = [float(cell) for cell in row.split(" | ")]
    assert shown[:4] == pytest.approx(counts, rel=0.1, abs=0.2)  # other compilers, other control
    size = loop_of(kernel).code_bytes
    assert size is None or code_bytes(program, kernel) == pytest.approx(size, rel=0.5)


@pytest.mark.skipif(shutil.which("llvm-mca") is None, reason="needs llvm-mca")
@pytest.mark.parametrize("kernel", FLAT)
def test_loops_as_llvm_mca_sees_them(kernel: str, executed: dict[str, Executed]) -> None:
    """Cortex-A72, whose model agrees with measured costs; that of A53 does not for loads."""
    found = executed[kernel]
    theirs = throughput(found.loop, "cortex-a72") * found.loop_count
    ours = priced(kernel).loop_cycles(Code.COMPILED)
    print(f"{kernel}: {ours / theirs - 1:+.1%}")
    assert ours == pytest.approx(theirs, rel=0.1)
