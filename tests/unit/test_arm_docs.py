"""docs/explanation/arm-cores.md is what its script prints, and its example works."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import accel_models as am

PAGE = Path(__file__).resolve().parents[2] / "docs/explanation/arm-cores.md"
SCRIPT = runpy.run_path(str(PAGE.with_name("arm_cores.py")))


def test_tables_are_those_of_the_script() -> None:
    lines = PAGE.read_text("utf-8").splitlines()
    for table in SCRIPT["TABLES"]:
        rows = list(table())
        assert len(rows) > 5
        assert [line for line in lines if line in set(rows)] == rows, table.__name__


def test_the_picture_is_that_of_the_script(tmp_path: Path) -> None:
    (shown,) = re.findall(r"!\[[^]]+\]\(pictures/([^)]+)\)", PAGE.read_text("utf-8"))
    assert (PAGE.parent / "pictures" / shown).is_file()
    SCRIPT["draw"](tmp_path / shown)
    assert (tmp_path / shown).stat().st_size > 10_000


def test_the_example_of_a_core(tmp_path: Path) -> None:
    (text,) = re.findall(r"```toml\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    path = tmp_path / "my.toml"
    path.write_text(text, "utf-8")
    mine, a53 = (am.create("neon:weights=dram", core=core) for core in (str(path), "cortex-a53"))
    work = am.Work.dense(1, 640, 128)
    assert mine.estimate(work).compute_cycles == a53.estimate(work).compute_cycles
    assert mine.estimate(work).cycles > a53.estimate(work).cycles


def test_the_example_of_a_mix() -> None:
    (text,) = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    exec(compile(text, PAGE.name, "exec"), {})
