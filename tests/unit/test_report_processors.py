"""The real-time view and the memory map of the report are those of the cost models."""

from __future__ import annotations

import pytest

import accel_models as am
import fxpsim as fx
from fxpsim.report.processors import PERIOD_S, memory_drawing, processor_facts


@pytest.fixture(scope="module")
def graphs() -> dict[int, fx.Graph]:
    return {bits: fx.load(f"kws250k-{bits}bit") for bits in (8, 4)}


def test_load_is_cycles_over_the_period(graphs: dict[int, fx.Graph]) -> None:
    rows = {(row["processor"], row["weight_bits"]): row for row in processor_facts(graphs)}
    assert len(rows) == 16
    for row in rows.values():
        assert row["low"] <= row["cycles"] <= row["high"]
        assert row["megahertz"] == pytest.approx(row["cycles"] / PERIOD_S / 1e6)
        assert row["load"] == pytest.approx(row["megahertz"] / row["clock_mhz"])
        assert (row["microjoules"] is None) == (row["milliwatts"] is None)
    slow = rows["Cortex-M4", 8]
    expected = am.create("neon:cortex-m4").estimate(
        graphs[8].with_accumulators(fx.Accumulator(32)).work()
    )
    assert slow["cycles"] == expected.cycles
    assert slow["milliwatts"] == pytest.approx(slow["microjoules"] / PERIOD_S / 1e3)
    assert rows["Cortex-A53", 4]["cycles"] < rows["Cortex-A53", 8]["cycles"]


def test_the_drawing_has_every_layer_and_step(graphs: dict[int, fx.Graph]) -> None:
    text = memory_drawing(graphs[8])
    for word in ("flash", "dense0 weights", "dense3 biases", "code", "RAM", "step 3"):
        assert word in text
