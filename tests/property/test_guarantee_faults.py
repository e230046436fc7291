"""Faults planted in bounds and kernels: each is caught by a test (long profile)."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parents[2]
RANDOM = "tests/property/test_guarantees.py"
BY_HAND = "tests/unit/test_guarantees.py"

#: What is wrong, in which file, the line as it is, the line with the fault, and who catches it.
FAULTS = [
    ("sign of a product", "bounds/terms.py",
     "return np.minimum(*ends), np.maximum(*ends)", "return ends", RANDOM),
    ("no bias first", "bounds/registers.py",
     'accumulator.bias == "first":', 'accumulator.bias == "never":', RANDOM),
    ("no bias last", "bounds/registers.py",
     'accumulator.bias == "last":', 'accumulator.bias == "never":', RANDOM),
    ("a spill one addition early", "bounds/registers.py",
     "spill.due(in_each_lane)", "spill.due(in_each_lane + 1)", RANDOM),
    ("an outer spill one arrival late", "bounds/registers.py",
     "spill.every == self.arrived[index + 1]", "spill.every + 1 == self.arrived[index + 1]",
     RANDOM),
    ("what is left is not flushed", "bounds/registers.py",
     "if self.outer and self.arrived[0]:", "if self.outer and not self.arrived[0]:", RANDOM),
    ("a lane too far", "bounds/registers.py",
     "(step - 1) % len(self.lanes)", "(step - 1) // 2 % len(self.lanes)", RANDOM),
    ("the order of the axes", "bounds/terms.py",
     "box.transpose(order.axes)", "box.transpose(order.axes[::-1])", BY_HAND),
    ("one bit too few at the lower end", "stats.py",
     "max(highest, -lowest - 1)", "max(highest, -lowest - 2)", RANDOM),
    ("the lighter sign", "bounds/classic.py",
     "spread * np.maximum(*signs)", "spread * np.minimum(*signs)", RANDOM),
    ("the witness's sign", "bounds/witness.py", "positive == up", "positive != up", RANDOM),
    ("an order of lanes in the kernel", "kernels/registers.py",
     "which = addition % lanes", "which = addition // 2 % lanes", RANDOM),
    ("a bias counted twice in the kernel", "kernels/registers.py",
     "aligned = bias_row[start + j] << bias_word[1]",
     "aligned = bias_row[start + j] << (bias_word[1] + 1)", RANDOM),
]  # fmt: skip


@pytest.mark.skipif(settings().max_examples < 1000, reason="takes minutes: long profile only")
@pytest.mark.parametrize(
    ("fault", "file", "line", "wrong", "test"), FAULTS, ids=[f[0] for f in FAULTS]
)
def test_a_planted_fault_is_caught(tmp_path, fault, file, line, wrong, test):
    for package in ("fxpsim", "accel_models"):
        shutil.copytree(ROOT / package, tmp_path / package)
    path = tmp_path / "fxpsim" / file
    text = path.read_text()
    assert text.count(line) == 1, f"{file} has no single {line!r} any more"
    path.write_text(text.replace(line, wrong))
    environment = os.environ | {"PYTHONPATH": str(tmp_path), "HYPOTHESIS_PROFILE": "default"}
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, "-c", ROOT / "pyproject.toml", ROOT / test],
        env=environment, cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1, f"{fault} goes unnoticed:\n{done.stdout[-2000:]}"
