"""The faults of tests/mutations stand in code that exists, and name tests that exist."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FAULTS = runpy.run_path(str(ROOT / "tests/mutations/faults.py"))["FAULTS"]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.what.partition(":")[0])
def test_a_fault_can_be_planted(fault):
    assert (ROOT / fault.file).read_text().count(fault.line) == 1
    file, _, name = fault.test.partition("::")
    assert f"def {name}" in (ROOT / file).read_text()
