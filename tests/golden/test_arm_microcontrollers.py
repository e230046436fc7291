"""Cortex-M against measured MLPerf Tiny submissions: one factor a library, from one board."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from statistics import median

import pytest
from arm_networks import ds_cnn

import accel_models as am
from accel_models.neon import NeonCore

#: Library of a submission: round, then what its system or framework contains.
LIBRARIES = {
    ("v0.5", "TensorFlow Lite"): "tflm-2.3.1",
    ("v0.7", "STMicroelectronics"): "x-cube-ai-mlperf-0.7",
    ("v1.0", "STMicroelectronics"): "x-cube-ai-mlperf-1.0",
    ("v1.1", "X-CUBE-AI-7.3"): "x-cube-ai-7.3",
    ("v1.1", "X-CUBE-AI-8.0"): "x-cube-ai-8.0",
    ("v1.1", "X-CUBE-AI v8.1"): "x-cube-ai-8.1",
    ("v1.0", "plumerai"): "plumerai-mlperf-1.0",
    ("v1.1", "2023.05"): "plumerai-2023.05",
    ("v1.0", "microtvm_cmsis_nn"): "microtvm-cmsis-nn",
    ("v1.1", "MICROTVM_CMSIS_NN"): "microtvm-cmsis-nn",
    ("v1.0", "microtvm_native"): "microtvm-native",
    ("v1.1", "MICROTVM_NATIVE"): "microtvm-native",
    ("v1.1", "HALE"): "hale-1.0",
    ("v1.1", "ONNC"): "onnc",
}
CALIBRATED_ON = "L4R5"


def _library(row: dict[str, str]) -> str | None:
    said = " ".join(row[key] for key in ("submitter", "system", "framework")).replace("-", "_")
    for (when, part), name in LIBRARIES.items():
        if row["round"] == when and part.replace("-", "_").lower() in said.lower():
            return name
    return None


@pytest.fixture(scope="module")
def rows(test_data: Path) -> list[dict[str, str]]:
    path = test_data / "peers/mlperf_tiny_kws_results.csv"
    if not path.is_file():
        pytest.skip("no MLPerf Tiny results in the reference data")
    with path.open(encoding="utf-8", newline="") as file:
        found = [row for row in csv.DictReader(file) if "DS-CNN" in row["model"]]
    return [row for row in found if not row["accelerator"]]


def _errors(rows: list[dict[str, str]]) -> tuple[dict[str, float], dict[str, float]]:
    """Return the errors on the boards of the factors, and on all others."""
    fitted, predicted = {}, {}
    for row in rows:
        core = re.search(r"Cortex.*?-M(\d+)", row["processor"])
        library = _library(row)
        if (
            core is None
            or library is None
            or f"cortex-m{core[1]}" not in am.describe("neon").presets
        ):
            continue
        model = am.create(f"neon:cortex-m{core[1]}", library=library)
        error = model.estimate(ds_cnn()).cycles / float(row["cycles_per_inference"]) - 1
        name = f"{library}: {row['submitter']} {row['system']} ({row['round']}, M{core[1]})"
        same = CALIBRATED_ON in row["system"].upper() and "zephyr" not in row["system"]
        (fitted if same else predicted)[name] = error
    return fitted, predicted


def test_factors_fit_the_board_that_they_come_from(rows: list[dict[str, str]]) -> None:
    fitted, _ = _errors(rows)
    assert len(fitted) >= 12
    assert max(map(abs, fitted.values())) < 0.001


def test_other_cores_of_the_same_library(rows: list[dict[str, str]]) -> None:
    _, predicted = _errors(rows)
    print()
    for name, error in predicted.items():
        print(f"  {name:75} {error:+6.1%}")
    sizes = [abs(error) for error in predicted.values()]
    print(f"  median {median(sizes):.1%}, worst {max(sizes):.1%}, {len(sizes)} rows")
    assert len(sizes) >= 15
    assert median(sizes) < 0.12
    assert max(sizes) < 0.45


def test_a_library_of_ones_own() -> None:
    """A measured network gives the factor with which the same core repeats the measurement."""
    model = NeonCore(core="cortex-m4").calibrated(ds_cnn(), 5_184_000)
    assert model.estimate(ds_cnn()).cycles == pytest.approx(5_184_000)
    with pytest.raises(am.ConfigError, match="more than the"):
        NeonCore(core="cortex-m4").calibrated(ds_cnn(), 100)


def test_the_page_has_every_error(rows: list[dict[str, str]]) -> None:
    page = Path(__file__).resolve().parents[2] / "docs/explanation/arm-cores.md"
    text = page.read_text("utf-8")
    _, predicted = _errors(rows)
    for name, error in predicted.items():
        library, system, when, core = re.fullmatch(r"(.*?): (.*) \((.*), (M\d+)\)", name).groups()  # type: ignore[union-attr]
        assert f"| {library} | {system} | {when} | {core} | {error:+.1%} |" in text
