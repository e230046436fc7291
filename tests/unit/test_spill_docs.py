"""The tables of docs/explanation/weight-aware-spills.md are what its script prints."""

from __future__ import annotations

import runpy
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "docs/explanation"


def test_tables_are_those_of_the_script(capsys):
    runpy.run_path(str(FOLDER / "measure_spills.py"), run_name="__main__")
    rows = [row for row in capsys.readouterr().out.splitlines() if row]
    page = (FOLDER / "weight-aware-spills.md").read_text().splitlines()
    assert len(rows) == 23
    assert [line for line in page if line in set(rows)] == rows
