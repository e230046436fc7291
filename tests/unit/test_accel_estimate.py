"""Estimates add up, and say what they are made of."""

from __future__ import annotations

import math

import pytest

import accel_models as am

NET = am.Workload(
    [
        am.Work.dense(1, 64, 32, name="a"),
        am.Work.dense(1, 32, 12, name="b", weight_bits=5),
    ]
)


def layer(**changes: object) -> am.LayerEstimate:
    values: dict[str, object] = {
        "name": "a",
        "method": "by hand",
        "macs": 8,
        "cycles": 4.0,
        "low": 2.0,
        "high": 9.0,
        "compute_cycles": 3.0,
        "ideal_cycles": 1.0,
        "memory_bytes": {"sram": 5.0},
    }
    return am.LayerEstimate(**(values | changes))  # type: ignore[arg-type]


STATEMENT = am.Statement("by hand", 0.5, "a guess", ("a book",), ("that it rains",))


def test_totals_are_sums_and_ratios_are_properties() -> None:
    est = am.Estimate("m", (layer(), layer(name="b", memory_bytes={"dram": 1.0})), STATEMENT)
    assert (est.macs, est.cycles, est.low, est.high, est.compute_cycles) == (16, 8, 4, 18, 6)
    assert est.memory_bytes == {"sram": 5.0, "dram": 1.0}
    assert (est.macs_per_cycle, est.utilisation) == (2.0, 0.25)
    assert (est.basis, est.relative_error) == ("by hand", 0.5)
    assert (est.sources, est.assumptions) == (("a book",), ("that it rains",))


def test_energy_is_absent_if_one_layer_has_none() -> None:
    known = layer(energy_by_component={"mac": 1.0, "dram": 2.0})
    assert am.Estimate("m", (known, known), STATEMENT).energy_pj == 6.0
    assert am.Estimate("m", (known, layer()), STATEMENT).energy_pj is None
    assert layer().energy_pj is None


def test_the_default_point_lies_in_the_range() -> None:
    with pytest.raises(am.CostError, match=r"must lie in \[low, high\], not 4.0 in \[5.0, 9.0\]"):
        layer(low=5.0)


def test_estimates_of_one_machine_add_up() -> None:
    model = am.create("systolic")
    whole, parts = model.estimate(NET), model.estimate(NET[0]) + model.estimate(NET[1])
    assert parts == whole
    assert math.isclose(sum(whole.table["cycles"]), whole.cycles)
    assert math.isclose(sum(whole.table["energy_pj"]), whole.energy_pj or 0)


def test_estimates_of_two_machines_do_not() -> None:
    with pytest.raises(am.CostError, match="must be of one machine"):
        am.create("neon").estimate(NET) + am.create("systolic").estimate(NET)


def test_a_table_has_a_row_a_layer() -> None:
    table = am.create("neon").estimate(NET).table
    assert list(table.index) == ["a", "b"]
    assert list(table["macs"]) == [2048, 384]
    assert (table["low_cycles"] <= table["cycles"]).all()
    assert "energy_pj" not in table.columns  # nobody measured it
    assert am.create("neon").estimate([]).table.empty


def test_an_empty_network_costs_nothing() -> None:
    nothing = am.create("systolic").estimate([])
    assert (nothing.cycles, nothing.utilisation, nothing.macs_per_cycle) == (0, 0, 0)
    assert (nothing.energy_pj, nothing.memory_bytes) == (0, {})


def test_every_layer_that_cannot_be_priced_is_named() -> None:
    odd = [am.Work.dense(1, 8, 8, name=n, weight_bits=17) for n in ("x", "y")]
    with pytest.raises(am.UnsupportedWorkError) as caught:
        am.create("neon").estimate([NET[0], *odd])
    text = str(caught.value)
    assert "'x' has 17-bit operands" in text
    assert "'y' has 17-bit operands" in text
    assert "'a'" not in text
