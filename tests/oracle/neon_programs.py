"""Own NEON kernels: compiled for AArch64, run and counted under qemu, analysed by llvm-mca."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from accel_models.neon import Instruction

SOURCES = Path(__file__).parent / "neon"
COMPILER, EMULATOR = "aarch64-linux-gnu-gcc", "qemu-aarch64"
TOOLS = (COMPILER, EMULATOR, "aarch64-linux-gnu-objdump")
ROWS = 8  # outputs, or registers of four outputs, of a block

#: Class of the instructions of the kernels, by mnemonic.
CLASSES = {
    "smull": Instruction.MULTIPLY_LONG,
    "smull2": Instruction.MULTIPLY_LONG,
    "smlal": Instruction.MULTIPLY_ADD_LONG,
    "smlal2": Instruction.MULTIPLY_ADD_LONG,
    "sadalp": Instruction.PAIRWISE_ADD_LONG,
    "fmla": Instruction.FLOAT_MULTIPLY_ADD,
    "sdot": Instruction.DOT,
    "shl": Instruction.SHIFT,
    "sshr": Instruction.SHIFT,
}

Packer = Callable[[np.ndarray], np.ndarray]


def missing_tools() -> list[str]:
    """Return what is not installed."""
    return [tool for tool in TOOLS if shutil.which(tool) is None]


def by_sums(weights: np.ndarray) -> np.ndarray:
    """Lay (K, N) bytes out for sums along lanes: 16 weights of each of eight outputs in turn."""
    inputs, outputs = weights.shape
    return weights.T.reshape(outputs // ROWS, ROWS, inputs // 16, 16).swapaxes(1, 2)


def nibbles(weights: np.ndarray) -> np.ndarray:
    """Lay (K, N) 4-bit codes out as `by_sums`, an even step in low nibbles, an odd one in high."""
    steps = by_sums(weights)
    return (steps[:, ::2] & 15 | steps[:, 1::2] << 4).astype(np.int8)


def by_outputs(weights: np.ndarray, products: int) -> np.ndarray:
    """Lay (K, N) weights out with outputs along lanes, `products` of each in a row."""
    inputs, outputs = weights.shape
    parts = weights.T.reshape(outputs // 32, ROWS, 4, inputs // products, products)
    return parts.transpose(0, 3, 1, 2, 4)


#: How each kernel wants its weights.
LAYOUTS: Mapping[str, Packer] = {
    "i8_n1": by_sums,
    "i8_n2": by_sums,
    "i8_n32": by_sums,
    "i8_acc16": by_sums,
    "w4_smlal_n32": nibbles,
    "i8_sdot": lambda weights: by_outputs(weights, 4),
    "f32_fmla": lambda weights: by_outputs(weights, 1),
}


@dataclass(frozen=True, slots=True)
class Executed:
    """What one kernel executed.

    Attributes
    ----------
    outputs
        Its results.
    classes
        Operations by class; an instruction that loads two registers is two.
    instructions, others
        All instructions, and those of no class.
    loop, loop_count
        The instructions that ran most often, and how often.
    """

    outputs: np.ndarray
    classes: Mapping[Instruction, float]
    instructions: int
    others: int
    loop: tuple[str, ...]
    loop_count: int


def build(folder: Path) -> Path:
    """Compile the kernels into a static program."""
    program = folder / "kernels"
    flags = ["-O3", "-Wall", "-Wextra", "-Werror", "-march=armv8.2-a+dotprod", "-mtune=cortex-a53"]
    files = [SOURCES / name for name in ("kernels.c", "main.c")]
    subprocess.run([COMPILER, *flags, "-static", *files, "-o", program], check=True)
    return program


def execute(program: Path, kernel: str, weights: np.ndarray, inputs: np.ndarray) -> Executed:
    """Run a kernel on weights (K, N) and inputs (K,), one instruction at a time, and count."""
    code = _code(program, kernel)
    log = program.with_suffix(".log")
    command = [EMULATOR, "-cpu", "max", *_single_step(), "-d", "exec,nochain", "-D", log]
    command += ["-dfilter", f"{min(code):#x}..{max(code):#x}", program]
    command += [kernel, str(weights.shape[1]), str(len(inputs) // 16)]
    packed = np.ascontiguousarray(LAYOUTS[kernel](weights))
    given = packed.tobytes() + inputs.tobytes()
    run = subprocess.run(list(map(str, command)), input=given, capture_output=True, check=True)
    counts = Counter(int(pc, 16) for pc in re.findall(r"/0*([0-9a-f]+)/", log.read_text()))
    most = max(counts[address] for address in code)
    hot = [code[address] for address in sorted(code) if counts[address] == most]
    classes: Counter[Instruction] = Counter()
    for address, text in code.items():
        for name, number in _classes(text).items():
            classes[name] += number * counts[address]
    total = sum(counts[address] for address in code)
    others = sum(counts[address] for address, text in code.items() if not _classes(text))
    kind = np.float32 if inputs.dtype == np.float32 else np.int32
    return Executed(np.frombuffer(run.stdout, kind), classes, total, others, tuple(hot), most)


def code_bytes(program: Path, kernel: str) -> int:
    """Return the size of a kernel's code."""
    code = _code(program, kernel)
    return max(code) - min(code) + 4


def throughput(loop: tuple[str, ...], core: str) -> float:
    """Return the cycles of a loop that llvm-mca gives as a bound."""
    text = "\n".join(line for line in loop if not line.startswith("b."))
    run = subprocess.run(
        ["llvm-mca", "-mtriple=aarch64", f"-mcpu={core}", "-mattr=+dotprod"],
        input=text, capture_output=True, text=True, check=True,
    )  # fmt: skip
    (bound,) = re.findall(r"Block RThroughput: *([\d.]+)", run.stdout)
    return float(bound)


def _single_step() -> list[str]:
    """Return the option for one instruction in each translated block, which newer qemu renamed."""
    said = subprocess.run([EMULATOR, "-help"], capture_output=True, text=True, check=False).stdout
    return ["-one-insn-per-tb" if "-one-insn-per-tb" in said else "-singlestep"]


def _code(program: Path, kernel: str) -> dict[int, str]:
    """Return the instructions of a function by address."""
    listing = subprocess.run(
        [TOOLS[2], "-d", "--no-show-raw-insn", f"--disassemble={kernel}", program],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    found = re.findall(r"^ *([0-9a-f]+):\t([^\n]*)$", listing, re.MULTILINE)
    return {int(pc, 16): text.split("//")[0].split("<")[0].strip() for pc, text in found}


def _classes(text: str) -> dict[Instruction, int]:
    mnemonic, _, operands = text.partition("\t")
    if mnemonic in CLASSES:
        return {CLASSES[mnemonic]: 1}
    if mnemonic in ("ldr", "ldp", "ldur") and operands[0] in "qd":
        name = Instruction.LOAD if operands[0] == "q" else Instruction.SMALL_LOAD
        return {name: 2 if mnemonic == "ldp" else 1}
    return {}
