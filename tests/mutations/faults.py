"""Faults planted in bounds, planner and kernels, each with a test that must notice it.

``python tests/mutations/faults.py [NUMBER ...]`` copies the project, plants one fault at a time,
and runs the tests that are named; without faults they must pass.  Not a part of the suite: a fault
in a kernel compiles all of them.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Fault:
    """A line of code, what it becomes, and the test that fails then."""

    what: str
    file: str
    line: str
    planted: str
    test: str


FAULTS = [
    Fault(
        "sign: the sign-split bound adds the wrong products up",
        "fxpsim/bounds/sign_split.py",
        "np.maximum(greatest, 0).sum(axis=0)",
        "np.maximum(-least, 0).sum(axis=0)",
        "tests/property/test_guarantees.py",
    ),
    Fault(
        "missing bias: bounds of a register that starts from it leave it out",
        "fxpsim/bounds/classic.py",
        "return low + start, high + start",
        "return low, high",
        "tests/property/test_guarantees.py",
    ),
    Fault(
        "not reset: a spilled lane keeps what it held, in the prefix-exact bound",
        "fxpsim/bounds/registers.py",
        "self.lanes = [self.empty(part.frac) for part in parts]",
        "self.lanes = list(parts)",
        "tests/property/test_guarantees.py",
    ),
    Fault(
        "order: the bound of declared axes walks the input as it stands",
        "fxpsim/bounds/registers.py",
        "low, high = (end[place] for end in terms.products())",
        "low, high = terms.products()",
        "tests/unit/test_bounds.py",
    ),
    Fault(
        "off by one: the planner fills a lane one beyond its highest value",
        "fxpsim/bounds/stretches.py",
        'np.searchsorted(column, column + room, "right") - 1',
        'np.searchsorted(column, column + room + 1, "right") - 1',
        "tests/property/test_spill_plans.py::test_dynamic_programming_needs_as_many",
    ),
    Fault(
        "not greedy: the planner ends stretches of exactly the lane's highest value early",
        "fxpsim/bounds/stretches.py",
        'np.searchsorted(column, column + room, "right") - 1',
        'np.maximum(np.searchsorted(column, column + room, "left") - 1, 0)',
        "tests/property/test_spill_plans.py",
    ),
    Fault(
        "order: the planner takes neighbouring products into one lane",
        "fxpsim/bounds/stretches.py",
        "filled.reshape(steps, lanes, size, outputs).sum(axis=2)",
        "filled.reshape(lanes, steps, size, outputs).sum(axis=2)",
        "tests/property/test_spill_plans.py",
    ),
    Fault(
        "wrong tile: the checker of certificates verifies one schedule for all outputs",
        "fxpsim/check_certificate.py",
        'level["at"][n // level["tile"]]',
        'level["at"][0]',
        "tests/property/test_spill_plans.py::test_a_plan_never_overflows",
    ),
    Fault(
        "off by one: operands' ranges promise a register one value more than it holds",
        "fxpsim/dispatch/operands.py",
        "return self.sum_peak <= min(last.hi, -last.lo)",
        "return self.sum_peak <= -last.lo",
        "tests/property/test_facts.py",
    ),
    Fault(
        "off by one: the general kernel flushes lanes an addition late",
        "fxpsim/kernels/registers.py",
        "np.minimum(np.array(ends) * lanes, additions) - 1",
        "np.minimum(np.array(ends) * lanes, additions - 1)",
        "tests/property/test_declared_registers.py",
    ),
    Fault(
        "order: panels are packed as if stretches began an addition later",
        "fxpsim/kernels/orders.py",
        'np.searchsorted(self.ends(length), word, "right")',
        'np.searchsorted(self.ends(length), word, "left")',
        "tests/property/test_spill_schedules.py",
    ),
    Fault(
        "sign: a saturating outer register is symmetric",
        "fxpsim/kernels/orders.py",
        "highest, -highest - 1 if self.signed else 0",
        "highest, -highest if self.signed else 0",
        "tests/property/test_spill_schedules.py",
    ),
    Fault(
        "missing bias: the general kernel leaves out one that comes last",
        "fxpsim/kernels/registers.py",
        "(held << bias_word[0]) + (bias_row[start + j] << bias_word[1])",
        "(held << bias_word[0])",
        "tests/property/test_declared_registers.py",
    ),
    Fault(
        "wrong limit: saturation below stops one value early",
        "fxpsim/kernels/steps.py",
        'lanes.call("smin", value, register.first), register.second)',
        'lanes.call("smin", value, register.first), '
        "lanes.builder.add(register.second, lanes.constant(1)))",
        "tests/property/test_matmul.py",
    ),
]


def fails(tests: list[str], fault: Fault | None = None) -> bool:
    """Return whether one of the tests fails in a copy with a fault."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "project")
        for name in ("fxpsim", "accel_models", "tests"):
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", copy)
        environment = {**os.environ, "PYTHONPATH": str(copy)}
        if fault is not None:
            path = copy / fault.file
            path.write_text(path.read_text().replace(fault.line, fault.planted))
            if "kernels" in fault.file:
                environment["FXPSIM_CACHE_DIR"] = f"{folder}/cache"
        run = subprocess.run(
            [sys.executable, "-m", "pytest", "-xq", "-p", "no:cacheprovider", *tests],
            cwd=copy,
            env=environment,
            capture_output=True,
            text=True,
        )
    if run.returncode not in (0, 1):
        raise RuntimeError(f"{tests} did not run\n{run.stdout[-2000:]}{run.stderr[-2000:]}")
    return run.returncode == 1


def main() -> int:
    """Plant faults; return 1 if one gets through."""
    chosen = [FAULTS[int(number) - 1] for number in sys.argv[1:]] or FAULTS
    if fails(sorted({fault.test for fault in chosen})):
        raise SystemExit("the tests fail without any fault")
    through = 0
    for fault in chosen:
        start = time.monotonic()
        found = fails([fault.test], fault)
        through += not found
        verdict = "caught" if found else "NOT CAUGHT"
        seconds = time.monotonic() - start
        print(f"{verdict:10s} {seconds:5.0f} s  {fault.what}  [{fault.test}]", flush=True)
    return int(bool(through))


if __name__ == "__main__":
    sys.exit(main())
