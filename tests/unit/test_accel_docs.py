"""What the pages say about cost models is what happens."""

from __future__ import annotations

import doctest
import re
import tomllib
from pathlib import Path

import pytest

import accel_models as am
from accel_models.registry import GROUP

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_adding_a_cost_model_as_described(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (DOCS / "how-to/add-a-cost-model.md").read_text("utf-8")
    module, use = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (table,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    points = tomllib.loads(table)["project"]["entry-points"][GROUP]
    ((name, value),) = points.items()

    (tmp_path / f"{value.split(':')[0]}.py").write_text(module, encoding="utf-8")
    info = tmp_path / "lane_machine-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: lane_machine\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{GROUP}]\n{name} = {value}\n")
    monkeypatch.syspath_prepend(tmp_path)

    exec(compile(use, "add-a-cost-model.md", "exec"), {})
    assert name in am.list_models()


def test_the_reference_names_every_setting_and_preset() -> None:
    pages = ("reference/accel-models.md", "reference/accelerators.md")
    page = "".join((DOCS / name).read_text("utf-8") for name in pages)
    for name in am.list_models():
        description = am.describe(name)
        for word in (name, *(key.name for key in description.keys), *description.presets):
            assert f"`{word}`" in page, f"{name}: {word}"


def test_the_reference_names_what_is_exported() -> None:
    page = (DOCS / "reference/accel-models.md").read_text("utf-8")
    assert [name for name in am.__all__ if name not in page] == []


def test_the_example_of_the_package() -> None:
    assert doctest.testmod(am).failed == 0
    assert am.__doc__ is not None
    assert ">>>" in am.__doc__


def test_choosing_an_accelerator_as_described(tmp_path: Path) -> None:
    page = (DOCS / "how-to/choose-an-accelerator.md").read_text("utf-8")
    (preset,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    (tmp_path / "ours.toml").write_text(preset, encoding="utf-8")
    model = am.create(f"systolic:{tmp_path}/ours.toml,rows=24")
    assert model.label == "systolic:rows=24,columns=4,dataflow=ws"
    names: dict[str, object] = {}
    for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        exec(compile(block, "choose-an-accelerator.md", "exec"), names)
    for text in re.findall(r"--(?:on|host) (\S+)", page):
        if "./" not in text:
            am.create(text)
