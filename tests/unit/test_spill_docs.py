"""The tables of docs/explanation/weight-aware-spills.md are what its script measures."""

from __future__ import annotations

import runpy
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "docs/explanation"


def test_tables_are_those_of_the_script():
    script = runpy.run_path(str(FOLDER / "measure_spills.py"))
    measured = script["page"]()
    assert script["PAGE"].read_text() == measured, "run docs/explanation/measure_spills.py"
