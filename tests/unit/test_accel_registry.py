"""Models by name, their settings as text, and plug-ins of other packages."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import pytest

import accel_models as am
from accel_models.keys import as_text
from accel_models.plugins import Plugins
from accel_models.registry import BUILT_IN, GROUP

REPOSITORY = Path(__file__).resolve().parents[2]


def test_the_package_registers_what_a_checkout_finds() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))
    assert project["project"]["entry-points"][GROUP] == BUILT_IN


def test_names_presets_keys_and_keywords() -> None:
    assert am.list_models() == sorted(BUILT_IN)
    model = am.create("systolic:16x16,dataflow=ws,dram_bytes_per_cycle=2.5", rows=4)
    assert model.label == "systolic:rows=4,columns=16,dataflow=ws,dram_bytes_per_cycle=2.5"
    assert am.create("systolic").label == "systolic"
    assert am.create("neon:packed=true").label == "neon:packed=true"
    assert am.create(model.label) == model
    assert am.create("neon:l2_rate=none") == am.create("neon")


def test_a_model_can_be_made_without_the_registry() -> None:
    from accel_models.neon import NeonCore, Place

    assert NeonCore(weights="dram").weights is Place.DRAM  # type: ignore[arg-type]
    with pytest.raises(am.ConfigError, match=r"dram_rate must be more than 0, not -1\.0"):
        NeonCore(dram_rate=-1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("systolik", "unknown cost model 'systolik'; did you mean 'systolic'?"),
        ("systolic:17x17", "unknown preset or choice '17x17'; did you mean '"),
        ("systolic:rows=8,16x16", "'16x16' must be key=value"),
        ("systolic:16x16,wss", "'wss' must be key=value; did you mean 'ws'?"),
        ("systolic:colums=3", "unknown key 'colums'; did you mean 'columns'?"),
        ("systolic:rows=8.5", "rows must be a whole number, not '8.5'"),
        ("systolic:rows=0", "rows must be more than 0, not 0"),
        ("systolic:dram_bytes_per_cycle=nan", "must be a finite number, not 'nan'"),
        ("roofline:weight_sram_kib=-1", "weight_sram_kib must be 0 or more, not -1.0"),
        ("bit_serial:lanes,dense_activation_bits=0", "must be more than 0, not 0"),
        ("fusible:narrowest_bits=3", "narrowest_bits (3) doubled so many times, not 8"),
        ("systolic:dataflow=xs", "dataflow cannot be 'xs'; known: is, os, ws"),
        ("neon:packed=yes", "packed must be true or false, not 'yes'"),
        ("neon:core=cortex-a35", "unknown core 'cortex-a35'; did you mean 'cortex-a5"),
    ],
)
def test_wrong_texts(text: str, message: str) -> None:
    with pytest.raises(am.ConfigError) as caught:
        am.create(text)
    assert message in str(caught.value)


def test_a_choice_that_one_key_has_stands_for_itself() -> None:
    assert am.create("systolic:16x16,ws") == am.create("systolic:16x16,dataflow=ws")
    assert am.create("fusible:search") == am.create("fusible:tiling=search")


class Side(StrEnum):
    LEFT = "left"


@dataclass(frozen=True, slots=True)
class Pair:
    first: Annotated[Side, am.Doc("side", "one")] = Side.LEFT
    second: Annotated[Side, am.Doc("side", "other")] = Side.LEFT

    @classmethod
    def presets(cls) -> dict[str, dict[str, object]]:
        return {}


def test_a_choice_that_two_keys_have_needs_one() -> None:
    pairs = Plugins("pair", "no.such.group", {"pair": f"{__name__}:Pair"}, Pair)
    with pytest.raises(am.ConfigError, match="'left' may be of first or second: write key=left"):
        pairs.create("pair:left", {})
    assert pairs.create("pair:second=left", {}) == Pair()


def test_all_mistakes_of_a_text_at_once() -> None:
    with pytest.raises(am.ConfigError, match="3 mistakes"):
        am.create("systolic:rows=x,nothing,kolumns=2")


def test_keywords_are_taken_literally() -> None:
    with pytest.raises(am.ConfigError, match="rows must be a whole number, not True"):
        am.create("systolic", rows=True)
    assert am.create("neon", dram_rate=None) == am.create("neon")


@pytest.mark.parametrize("name", sorted(BUILT_IN))
def test_descriptions_name_every_setting(name: str) -> None:
    description = am.describe(name)
    text = str(description)
    assert description.presets
    for key in description.keys:
        assert key.unit
        assert key.text
        assert f"  {key.name} = {as_text(key.default)} {key.unit}" in text


def test_a_description_shows_what_a_preset_changed() -> None:
    assert "  rows = 16 processing elements, default 8: rows R" in str(
        am.describe("systolic:16x16")
    )


def _register(folder: Path, package: str, value: str, name: str, code: str) -> None:
    """Write a package with one entry point, as an installer leaves it."""
    (folder / f"{package}.py").write_text(code, encoding="utf-8")
    info = folder / f"{package}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{GROUP}]\n{name} = {value}\n")


def test_broken_plugins_are_noticed_when_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    _register(tmp_path, "broken_npu", "broken_npu:Npu", "broken", "import no_such_library_at_all")
    _register(tmp_path, "empty_npu", "empty_npu:Npu", "empty", "")
    _register(tmp_path, "text_npu", "text_npu:Npu", "text", "Npu = 'not a class'")
    _register(tmp_path, "other_neon", "other_neon:Neon", "neon", "class Neon: pass")
    assert {"broken", "empty", "text"} <= set(am.list_models())
    assert am.create("systolic").estimate(am.Work.dense(1, 8, 8)).cycles > 0
    with pytest.raises(am.PluginError, match=r"'broken' \(broken_npu:Npu\) cannot be loaded"):
        am.create("broken")
    with pytest.raises(am.PluginError, match=r"'empty' \(empty_npu:Npu\) cannot be loaded"):
        am.create("empty")
    with pytest.raises(am.PluginError, match=r"must be a subclass of accel_models\.CostModel"):
        am.create("text")
    with pytest.raises(am.PluginError, match=r"'neon' is registered more than once"):
        am.create("neon")


def test_importing_is_light() -> None:
    """No heavy library, and nothing of fxpsim, comes with the package or with an estimate."""
    code = (
        "import sys, accel_models as am\n"
        "for name in am.list_models():\n"
        "    am.create(name).estimate(am.Work.dense(1, 8, 8))\n"
        "print([m for m in ('numpy', 'numba', 'pandas', 'fxpsim') if m in sys.modules])\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "[]"


FAILING = """
from dataclasses import dataclass
import accel_models as am

@dataclass(frozen=True, slots=True)
class Npu(am.CostModel):
    name = "failing"
    summary = "divides by nothing"

    def supports(self, work):
        return am.Support()

    def estimate_layer(self, work):
        return work.macs / 0

    def state(self, workload):
        return None
"""


def test_plugins_that_fail_say_which(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    made = FAILING.replace('"divides by nothing"', '"never made"') + (
        "\n    def __post_init__(self):\n        raise RuntimeError('no board')\n"
    )
    _register(tmp_path, "failing_npu", "failing_npu:Npu", "failing", FAILING)
    _register(tmp_path, "unmade_npu", "unmade_npu:Npu", "unmade", made)
    model = am.create("failing")
    with pytest.raises(am.PluginError, match="'failing' failed: ZeroDivisionError: "):
        model.estimate(am.Work.dense(1, 8, 8))
    with pytest.raises(am.PluginError, match="'unmade' cannot be made: RuntimeError: no board"):
        am.create("unmade")
