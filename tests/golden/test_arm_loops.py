"""Loops against in-order simulation with measured costs, and against llvm-mca.

Each test prints every row with its error, the median and the worst (``pytest -s``).
"""

from __future__ import annotations

import csv
from pathlib import Path
from statistics import median

import pytest
from arm_loops import macs_per_cycle

import accel_models as am
from accel_models.neon import Code, Epilogue, read_core
from accel_models.neon.layer import epilogue_cycles

Row = dict[str, str]
#: Reference epilogues that are one of ours.
EPILOGUES = {
    "ep_reduce_addp": Epilogue.REDUCE_32,
    "ep_reduce16_addp": Epilogue.REDUCE_16,
    "ep_q31_layer": Epilogue.LAYER_MULTIPLIER,
    "ep_shift16": Epilogue.SHIFT_16,
    "ep_f32_bias_relu": Epilogue.FLOAT_BIAS,
    "ep_f32scale": Epilogue.FLOAT_SCALE,
}


def _rows(test_data: Path, name: str) -> list[Row]:
    path = test_data / "peers" / name
    if not path.is_file():
        pytest.skip(f"no {name} in the reference data")
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _report(title: str, errors: dict[str, float]) -> tuple[float, float]:
    """Print every error; return their median and the largest, of absolute values."""
    print(f"\n{title}")
    for name, error in errors.items():
        print(f"  {name:40} {error:+7.1%}")
    sizes = [abs(error) for error in errors.values()]
    print(f"  median {median(sizes):.1%}, worst {max(sizes):.1%}, {len(sizes)} rows")
    return median(sizes), max(sizes)


@pytest.mark.parametrize(
    ("column", "code"), [("per_cycle_naive", Code.COMPILED), ("per_cycle_tuned", Code.TUNED)]
)
def test_in_order_bounds(test_data: Path, column: str, code: Code) -> None:
    errors = {
        f"{row['core']} {row['kernel']}": macs_per_cycle(row["core"], row["kernel"], code)
        / float(row[column])
        - 1
        for row in _rows(test_data, "inorder_a53_a55.csv")
        if row["unit"] == "MAC"
    }
    assert len(errors) > 20
    middle, worst = _report(f"in order, {column}", errors)
    assert middle < 0.01
    assert worst < 0.05


def test_in_order_simulation(test_data: Path) -> None:
    """What compiled code takes: latencies and the first loads are not in the bounds."""
    errors = {
        f"{row['core']} {row['kernel']}": macs_per_cycle(row["core"], row["kernel"], Code.COMPILED)
        / read_core(row["core"]).loop_factor.value
        / float(row["per_cycle_sim"])
        - 1
        for row in _rows(test_data, "inorder_a53_a55.csv")
        if row["unit"] == "MAC"
    }
    middle, worst = _report("in order, simulated", errors)
    assert middle < 0.03
    assert worst < 0.2
    for core in ("cortex-a53", "cortex-a55"):
        stated = am.create(f"neon:{core}").estimate(am.Work.dense(1, 8, 8)).relative_error
        assert max(abs(e) for name, e in errors.items() if core in name) <= stated


def test_in_order_epilogues(test_data: Path) -> None:
    errors = {}
    for row in _rows(test_data, "inorder_a53_a55.csv"):
        if row["kernel"] in EPILOGUES:
            ours = epilogue_cycles(read_core(row["core"]), EPILOGUES[row["kernel"]], Code.COMPILED)
            theirs = 1 / float(row["per_cycle_naive"])
            errors[f"{row['core']} {row['kernel']}"] = ours / theirs - 1
    assert len(errors) == 6
    assert _report("epilogues, per_cycle_naive", errors)[1] < 0.05


def test_out_of_order_bounds(test_data: Path) -> None:
    """Cortex-A72 as llvm-mca has it: the bound of its pipes and of dispatch."""
    errors = {
        f"{row['kernel']} (LLVM {row['llvm_version']})": macs_per_cycle(
            "cortex-a72", row["kernel"], Code.COMPILED
        )
        / float(row["macs_per_cycle_bound"])
        - 1
        for row in _rows(test_data, "llvm_mca.csv")
        if row["core"] == "cortex-a72"
    }
    assert len(errors) > 30
    middle, worst = _report("cortex-a72, llvm-mca throughput bound", errors)
    assert middle < 0.02
    assert worst < 0.1
