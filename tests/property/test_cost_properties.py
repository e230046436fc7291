"""What every registered cost model keeps, whatever the machine."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import accel_models as am
from accel_models.constants import Provenance
from accel_models.storage import container_bits, packed_bytes

MODELS = [
    f"{name}:{preset}" if preset else name
    for name in am.list_models()
    for preset in ("", *am.describe(name).presets)
]
RATES = ("bytes/cycle", "bytes/second")
COUNTS = {"loops", "epilogues.toml"}  # of instructions: one source a file
DATA = [
    path
    for path in sorted(Path(am.__file__).parent.rglob("*.toml"))
    if not COUNTS & {path.name, path.parent.name}
]

every_model = pytest.mark.parametrize("model", [am.create(text) for text in MODELS], ids=MODELS)


@st.composite
def accumulators(draw: st.DrawFn) -> am.Accumulator:
    overflow = st.sampled_from(am.Overflow)
    bits = draw(st.integers(8, 32))
    if not draw(st.booleans()):
        return am.Accumulator(bits, draw(overflow))
    outer = draw(st.integers(max(bits, 20), 32))
    every = draw(st.none() | st.integers(1, 64))
    return am.Accumulator(bits, draw(overflow), outer, every, draw(overflow))


@st.composite
def works(
    draw: st.DrawFn, max_weight_bits: int = 16, kinds: Iterable[am.Kind] = am.Kind
) -> am.Work:
    sizes, settings = (
        st.integers(1, 300),
        {
            "weight_bits": draw(st.integers(1, max_weight_bits)),
            "activation_bits": draw(st.integers(4, 16)),
            "accumulator": draw(accumulators()),
            "bias_bits": draw(st.sampled_from([0, 8, 16, 32])),
            "gain_bits": draw(st.sampled_from([0, 40])),
        },
    )
    kind = draw(st.sampled_from(list(kinds)))
    if kind is am.Kind.DENSE:
        return am.Work.dense(draw(st.integers(1, 9)), draw(sizes), draw(sizes), **settings)
    image = draw(st.tuples(*[st.integers(1, 12)] * 2, st.integers(1, 40)))
    kernel = draw(st.tuples(*[st.integers(1, 5)] * 2))
    settings["stride"] = [draw(st.integers(1, taps)) for taps in kernel]  # every pixel is read
    if kind is am.Kind.CONV2D:
        return am.Work.conv2d(image, kernel, draw(sizes), **settings)
    return am.Work.depthwise(image, kernel, draw(st.integers(1, 3)), **settings)


def priced(model: am.CostModel, *layers: am.Work) -> list[am.Estimate]:
    """Estimate each layer; skip the example if the machine cannot do one of them."""
    assume(all(model.supports(work) for work in layers))
    return [model.estimate(work) for work in layers]


def far_bytes(est: am.Estimate) -> float:
    """Return what comes from beyond L1: how often L1 is read depends on the loop."""
    return sum(moved for level, moved in est.memory_bytes.items() if level != "l1")


@every_model
@given(work=works())
def test_no_faster_than_its_arithmetic_units(model: am.CostModel, work: am.Work) -> None:
    (est,) = priced(model, work)
    assert est.ideal_cycles <= est.low <= est.cycles <= est.high
    assert est.ideal_cycles <= est.compute_cycles <= est.cycles
    assert 0 < est.utilisation <= 1


@every_model
@given(work=works())
def test_no_fewer_bytes_than_it_must_move(model: am.CostModel, work: am.Work) -> None:
    (est,) = priced(model, work)
    compulsory = (
        packed_bytes(work.weights, work.weight_bits)
        + packed_bytes(work.input_values, work.activation_bits)
        + packed_bytes(work.output_values, work.output_bits)
    )
    assert sum(est.memory_bytes.values()) >= compulsory - 3  # parts of bytes


@every_model
@given(work=works(max_weight_bits=15), more=st.integers(1, 15))
def test_wider_weights_never_cost_less(model: am.CostModel, work: am.Work, more: int) -> None:
    """Cycles within one container: see the exception below. Bytes from beyond L1 always."""
    wider = replace(work, weight_bits=min(16, work.weight_bits + more))
    thin, wide = priced(model, work, wider)
    if container_bits(work.weight_bits) == container_bits(wider.weight_bits):
        assert thin.cycles <= wide.cycles
        assert thin.low <= wide.low
        assert thin.high <= wide.high
        assert (thin.energy_pj or 0) <= (wide.energy_pj or 0)
    assert far_bytes(thin) <= far_bytes(wide)
    small, large = am.footprint(work), am.footprint(wider)
    assert small.weights_packed <= large.weights_packed
    assert small.weights_container <= large.weights_container


def test_the_stated_exception_is_real() -> None:
    """NEON must widen every product of two's complement int8, but none of int16.

    So int16 is faster where neither loads nor the weight stream bind.
    """
    model = am.create("neon")
    layer = am.Work.dense(1, 640, 128)
    int8, int16 = (
        model.estimate(replace(layer, weight_bits=bits, activation_bits=bits)) for bits in (8, 16)
    )
    assert int8.low > int16.low
    assert int8.cycles < int16.cycles


@st.composite
def growing(draw: st.DrawFn) -> tuple[am.Work, am.Work]:
    """Draw a layer and a larger one."""
    size, more = draw(st.sampled_from(["rows", "inputs", "outputs"])), draw(st.integers(1, 99))
    if draw(st.booleans()):
        dense = draw(works(kinds=[am.Kind.DENSE]))
        return dense, replace(dense, **{size: getattr(dense, size) + more})
    image = {"height": draw(st.integers(1, 12)), "width": 5, "channels": draw(st.integers(1, 40))}
    outputs, settings = draw(st.integers(1, 99)), {"weight_bits": draw(st.integers(1, 8))}
    kernel = draw(st.tuples(*[st.integers(1, 5)] * 2))
    small = am.Work.conv2d(tuple(image.values()), kernel, outputs, **settings)
    if size == "outputs":
        outputs += more
    else:
        image["height" if size == "rows" else "channels"] += more
    return small, am.Work.conv2d(tuple(image.values()), kernel, outputs, **settings)


@every_model
@given(pair=growing())
def test_larger_layers_never_cost_less(model: am.CostModel, pair: tuple[am.Work, am.Work]) -> None:
    small, large = priced(model, *pair)
    for quantity in ("macs", "cycles", "low", "high", "compute_cycles", "ideal_cycles"):
        assert getattr(small, quantity) <= getattr(large, quantity), quantity
    for level, moved in small.memory_bytes.items():
        assert moved <= large.memory_bytes[level]


RATE_KEYS = [
    (text, key.name)
    for text in am.list_models()
    for key in am.describe(text).keys
    if key.unit in RATES
]


def test_every_model_has_a_rate_to_vary() -> None:
    assert {name for name, _ in RATE_KEYS} == set(am.list_models())


@pytest.mark.parametrize(("name", "rate"), RATE_KEYS)
@given(work=works(), slow=st.floats(0.1, 1e10), factor=st.floats(1, 100))
def test_faster_memory_never_slows(
    name: str, rate: str, work: am.Work, slow: float, factor: float
) -> None:
    slower, faster = (am.create(name, **{rate: value}) for value in (slow, slow * factor))
    (before,), (after,) = priced(slower, work), priced(faster, work)
    assert after.cycles <= before.cycles
    assert after.high <= before.high
    assert after.low <= before.low
    assert after.compute_cycles == before.compute_cycles


@every_model
@given(layers=st.lists(works(), min_size=1, max_size=4))
def test_layers_add_up(model: am.CostModel, layers: list[am.Work]) -> None:
    parts = priced(model, *layers)
    whole = model.estimate(layers)
    for quantity in ("macs", "cycles", "low", "high", "compute_cycles", "ideal_cycles"):
        total = sum(getattr(part, quantity) for part in parts)
        assert math.isclose(getattr(whole, quantity), total), quantity
    for level, moved in whole.memory_bytes.items():
        assert math.isclose(moved, sum(part.memory_bytes[level] for part in parts))
    assert whole.layers == tuple(part.layers[0] for part in parts)


@given(layers=st.lists(works(), min_size=1, max_size=4))
def test_footprints_add_up(layers: list[am.Work]) -> None:
    whole, parts = am.footprint(layers), [am.footprint(layer) for layer in layers]
    for quantity in ("constants_packed", "constants_container", "biases", "gains"):
        assert getattr(whole, quantity) == sum(getattr(part, quantity) for part in parts)
    assert whole.activations_peak == max(part.activations_peak for part in parts)
    assert whole.weights_packed <= whole.weights_container


@every_model
@given(work=works())
def test_an_estimate_says_what_it_is(model: am.CostModel, work: am.Work) -> None:
    (est,) = priced(model, work)
    assert est.basis
    assert est.sources
    assert est.assumptions
    assert est.statement.error_basis
    assert est.relative_error >= 0
    assert est.layers[0].method


def _tables(node: object) -> list[dict[str, object]]:
    if isinstance(node, dict):
        return [node, *(table for child in node.values() for table in _tables(child))]
    return []


@pytest.mark.parametrize("path", DATA, ids=lambda path: path.name)
def test_every_constant_has_a_unit_and_a_source(path: Path) -> None:
    constants = 0
    for table in _tables(tomllib.loads(path.read_text("utf-8"))):
        if "value" not in table:
            loose = [name for name, entry in table.items() if not isinstance(entry, (dict, str))]
            assert not loose, f"{path}: {loose} have no source"
            continue
        constants += 1
        assert set(table) == {"value", "unit", "source", "kind"}, table
        assert table["unit"]
        assert len(str(table["source"])) > 10
        assert table["kind"] in set(Provenance)
    assert constants
