"""Every example runs; what the README shows is what runs."""

from __future__ import annotations

import doctest
import importlib
import json
import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("path", sorted(ROOT.glob("examples/*.py")), ids=lambda path: path.stem)
def test_example(path, capsys):
    runpy.run_path(str(path), run_name="__main__")
    assert capsys.readouterr().out.strip()


def blocks(path, language):
    return re.findall(rf"```{language}\n(.*?)```", path.read_text(), re.DOTALL)


SOURCES = sorted([*ROOT.glob("fxpsim/**/*.py"), *ROOT.glob("accel_models/**/*.py")])
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_python_in_pages_runs(page):
    if page.stem == "add-a-cost-model":
        pytest.skip("its code is run as a plug-in in test_accel_docs")
    names: dict[str, object] = {}
    for block in blocks(page, "python"):
        exec(compile(block, str(page), "exec"), names)
    for block in blocks(page, "pycon"):
        test = doctest.DocTestParser().get_doctest(block, names, page.name, str(page), 0)
        assert doctest.DocTestRunner().run(test).failed == 0


@pytest.mark.parametrize(
    "path", [path for path in SOURCES if ">>> " in path.read_text()], ids=lambda path: path.stem
)
def test_examples_in_docstrings(path):
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    results = doctest.testmod(importlib.import_module(name))
    assert results.attempted
    assert not results.failed


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_in_pages_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target


def test_readme_shows_the_stored_figures():
    text = (ROOT / "README.md").read_text()
    stored = json.loads((ROOT / "fxpsim/kws/data/real-speech.json").read_text())
    assert f"{stored['clips']} clips of {stored['speakers']} speakers" in text
    for name, row in stored["networks"].items():
        cells = [
            f"{100 * row['accuracy']:.1f} %",
            f"{100 * row['low']:.1f} to {100 * row['high']:.1f}",
        ]
        assert f"| {name} | {cells[0]} | {cells[1]} |" in text
