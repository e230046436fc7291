"""docs/reference/accelerators.md is what its script prints."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

import accel_models as am

PAGE = Path(__file__).resolve().parents[2] / "docs/reference/accelerators.md"
SCRIPT = runpy.run_path(str(PAGE.with_name("accelerators.py")))


@pytest.mark.parametrize("table", SCRIPT["TABLES"], ids=lambda table: table.__name__)
def test_tables_are_those_of_the_script(table) -> None:
    rows = "\n".join(table())
    assert rows.count("\n") > 2
    assert rows in PAGE.read_text("utf-8")


def test_pictures_are_those_of_the_script(tmp_path: Path) -> None:
    shown = re.findall(r"!\[[^]]+\]\(pictures/([^)]+)\)", PAGE.read_text("utf-8"))
    SCRIPT["draw"](tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == set(shown)
    for name in shown:
        assert (PAGE.parent / "pictures" / name).is_file()
        assert (tmp_path / name).stat().st_size > 10_000


def test_the_network_of_the_page() -> None:
    assert SCRIPT["ds_cnn"](8).macs == 2_656_768
    assert SCRIPT["dense"](8).weights == 280_064


def test_energy_is_the_sum_of_its_parts() -> None:
    parts = am.create("systolic").estimate(SCRIPT["dense"](8)).energy_by_component
    assert parts is not None
    assert set(parts) == {"mac", "register", "sram", "dram"}
    assert all(value > 0 for value in parts.values())
