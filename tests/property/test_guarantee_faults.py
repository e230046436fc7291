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
PLANS = "tests/property/test_spill_plans.py"
SCHEDULES = "tests/property/test_spill_schedules.py"
FACTS = "tests/property/test_facts.py"

#: What is wrong, in which file, the line as it is, the line with the fault, and who catches it.
FAULTS = [
    ("sign of a product", "bounds/terms.py",
     "return np.minimum(*ends), np.maximum(*ends)", "return ends", RANDOM),
    ("no bias first", "bounds/registers.py",
     'accumulator.bias == "first":', 'accumulator.bias == "never":', RANDOM),
    ("no bias last", "bounds/registers.py",
     'accumulator.bias == "last":', 'accumulator.bias == "never":', RANDOM),
    ("a spill one addition early", "bounds/registers.py",
     "rest == 0 and spill.due(in_each_lane)", "rest == 0 and spill.due(in_each_lane + 1)", RANDOM),
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
    ("a planned lane one value too full", "bounds/stretches.py",
     "column + min(room, ", "column + min(room + 1, ", PLANS),
    ("a planned lane never quite full", "bounds/stretches.py",
     "column + min(room, ", "column + min(max(room - 1, 0), ", PLANS),
    ("products of all lanes planned as one's", "bounds/stretches.py",
     "reshape(steps, lanes, size, outputs)", "reshape(steps, size, lanes, outputs)", PLANS),
    ("one schedule checked for all tiles", "check_certificate.py",
     'level["at"][n // level["tile"]]', 'level["at"][0]', PLANS),
    ("a register taken for one value larger", "dispatch/operands.py",
     "return self.sum_peak <= min(last.hi, -last.lo)", "return self.sum_peak <= -last.lo", FACTS),
    ("lanes flushed one addition late in the kernel", "kernels/registers.py",
     "np.minimum(np.array(ends) * lanes, additions) - 1",
     "np.minimum(np.array(ends) * lanes, additions - 1)", SCHEDULES),
    ("products packed for the stretch before", "kernels/orders.py",
     'word, "right")', 'word, "left")', SCHEDULES),
    ("an outer register that saturates symmetrically", "kernels/orders.py",
     "highest, -highest - 1 if self.signed", "highest, -highest if self.signed", SCHEDULES),
    ("saturation that stops one value early", "kernels/steps.py",
     "register.first), register.second)",
     "register.first), lanes.builder.add(register.second, lanes.constant(1)))", SCHEDULES),
]  # fmt: skip


pytestmark = pytest.mark.skipif(
    settings().max_examples < 1000, reason="takes minutes: long profile only"
)


def failures(folder, tests, file="", line="", wrong=""):
    """Return what tests say that fail in a copy of the packages, with a fault in a file."""
    for package in ("fxpsim", "accel_models"):
        shutil.copytree(ROOT / package, folder / package)
    environment = os.environ | {"PYTHONPATH": str(folder), "HYPOTHESIS_PROFILE": "default"}
    if file:
        path = folder / "fxpsim" / file
        text = path.read_text()
        assert text.count(line) == 1, f"{file} has no single {line!r} any more"
        path.write_text(text.replace(line, wrong))
        if file.startswith("kernels"):
            environment["FXPSIM_CACHE_DIR"] = str(folder / "cache")
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, "-c", ROOT / "pyproject.toml", *(ROOT / test for test in tests)],
        env=environment, cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return done.stdout if done.returncode else ""


def test_without_a_fault_nothing_fails(tmp_path):
    assert not failures(tmp_path, sorted({fault[-1] for fault in FAULTS}))


@pytest.mark.parametrize(
    ("fault", "file", "line", "wrong", "test"), FAULTS, ids=[f[0] for f in FAULTS]
)
def test_a_planted_fault_is_caught(tmp_path, fault, file, line, wrong, test):
    assert failures(tmp_path, [test], file, line, wrong), f"{fault} goes unnoticed"
