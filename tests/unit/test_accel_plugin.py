"""The example package: found by its entry points, and its own tests pass."""

from __future__ import annotations

import runpy
import tomllib
from pathlib import Path

import pytest

import accel_models as am

PACKAGE = Path(__file__).resolve().parents[2] / "examples/cost-model-plugin"


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the package where an editable installation would, with its entry points."""
    project = tomllib.loads((PACKAGE / "pyproject.toml").read_text("utf-8"))["project"]
    info = tmp_path / "ternary_npu-1.0.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: ternary-npu\nVersion: 1.0.0\n")
    lines = [
        f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in points.items())
        for group, points in project["entry-points"].items()
    ]
    (info / "entry_points.txt").write_text("\n".join(lines))
    monkeypatch.syspath_prepend(PACKAGE / "src")
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.usefixtures("installed")
def test_its_tests_pass() -> None:
    assert "ternary_npu" in am.list_models()
    assert "trits" in am.list_storages()
    tests = runpy.run_path(str(PACKAGE / "tests/test_ternary_npu.py"))
    names = [name for name in tests if name.startswith("test_")]
    assert len(names) == 2
    for name in names:
        tests[name]()
