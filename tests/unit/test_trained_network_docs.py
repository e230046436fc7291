"""docs/reference/trained-networks.md is what its script prints, and the README agrees with it."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/reference/trained-networks.md"
SCRIPT = runpy.run_path(str(PAGE.with_name("trained_networks.py")))


@pytest.mark.parametrize("table", SCRIPT["TABLES"], ids=lambda table: table.__name__)
def test_tables_are_those_of_the_script(table) -> None:
    rows = "\n".join(table())
    assert rows.count("\n") > 2
    assert rows in PAGE.read_text("utf-8")


def test_every_recipe_that_was_run_ships() -> None:
    pytest.importorskip("torch", reason="recipes are read with the extra train")
    from fxpsim.train.recipe import list_recipes

    for corpus in SCRIPT["CORPORA"]:
        assert set(SCRIPT["results"](corpus)) <= set(list_recipes())


def test_the_readme_has_the_first_table() -> None:
    assert "\n".join(SCRIPT["arabic_by_bits"]()) in (ROOT / "README.md").read_text("utf-8")


def test_the_picture_is_that_of_the_script(tmp_path: Path) -> None:
    SCRIPT["draw"](tmp_path)
    assert (tmp_path / "trained-networks.png").stat().st_size > 10_000
    assert (PAGE.parent / "pictures/trained-networks.png").is_file()
