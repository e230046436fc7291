"""What every registered cost model keeps, whatever the machine."""

from __future__ import annotations

import math
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from layers import works_for

import accel_models as am
from accel_models import testing
from accel_models.constants import Provenance

MODELS = [
    f"{name}:{preset}" if preset else name
    for name in am.list_models()
    for preset in ("", *am.describe(name).presets)
]
COUNTS = {"loops", "epilogues.toml", "between.toml"}  # of instructions: one source a file
DATA = [
    path
    for path in sorted(Path(am.__file__).parent.rglob("*.toml"))
    if not COUNTS & {path.name, path.parent.name}
]

#: Promises that a model states not to keep; a test below shows that each is real.
EXCEPTIONS = {
    "decoder_npu": ("larger_layer",),
    "fusible": ("wider_weights",),
}


#: Layers that each model takes.
LAYERS = {name: works_for(am.create(name)) for name in am.list_models()}


@pytest.mark.parametrize("text", MODELS)
def test_machines_keep_what_models_promise(text: str) -> None:
    """On layers of keyword-spotting networks."""
    skip = EXCEPTIONS.get(text, EXCEPTIONS.get(text.partition(":")[0], ()))
    assert testing.check(am.create(text), skip=skip) == []


@pytest.mark.parametrize("name", am.list_models())
@given(data=st.data())
def test_models_keep_what_they_promise(name: str, data: st.DataObject) -> None:
    """On any layer."""
    model = am.create(name)
    work = data.draw(LAYERS[name])
    assert testing.check(model, [work], skip=EXCEPTIONS.get(name, ())) == []


@given(core=st.sampled_from(sorted(am.describe("neon").presets)), data=st.data())
def test_arm_cores_keep_what_they_promise(core: str, data: st.DataObject) -> None:
    """On any layer, as compiled and tuned, weights here and there."""
    places = st.sampled_from(["", ",weights=l1", ",code=tuned", ",overlap=overlapped"])
    model = am.create(f"neon:{core}{data.draw(places)}")
    work = data.draw(LAYERS["neon"])
    assert not model.supports(work) or testing.check(model, [work]) == []


@pytest.mark.parametrize("name", EXCEPTIONS)
def test_exceptions_are_real(name: str) -> None:
    """Blocks are chosen for traffic, not for time; elements that split fill sums up with zeros."""
    broken = testing.check(am.create(name))
    assert {text.partition(":")[0] for text in broken} == set(EXCEPTIONS[name])


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


RATE_KEYS = [
    (text, key.name)
    for text in am.list_models()
    for key in am.describe(text).keys
    if key.unit in testing.RATES
]


@pytest.mark.parametrize(("name", "rate"), RATE_KEYS)
@given(data=st.data(), slow=st.floats(0.1, 1e10), factor=st.floats(1, 100))
def test_faster_memory_never_slows(
    name: str, rate: str, data: st.DataObject, slow: float, factor: float
) -> None:
    slower, faster = (am.create(name, **{rate: value}) for value in (slow, slow * factor))
    work = data.draw(LAYERS[name])
    before, after = slower.estimate(work), faster.estimate(work)
    assert after.cycles <= before.cycles
    assert after.high <= before.high
    assert after.low <= before.low
    assert after.compute_cycles == before.compute_cycles


@pytest.mark.parametrize("name", am.list_models())
@given(data=st.data())
def test_layers_add_up(name: str, data: st.DataObject) -> None:
    model = am.create(name)
    layers = data.draw(st.lists(LAYERS[name], min_size=1, max_size=4))
    parts = [model.estimate(work) for work in layers]
    whole = model.estimate(layers)
    for quantity in ("macs", "cycles", "low", "high", "compute_cycles", "ideal_cycles"):
        total = sum(getattr(part, quantity) for part in parts)
        assert math.isclose(getattr(whole, quantity), total), quantity
    for level, moved in whole.memory_bytes.items():
        assert math.isclose(moved, sum(part.memory_bytes.get(level, 0) for part in parts))
    assert whole.layers == tuple(part.layers[0] for part in parts)


@given(layers=st.lists(works_for(), min_size=1, max_size=4))
def test_footprints_add_up(layers: list[am.Work]) -> None:
    whole, parts = am.footprint(layers), [am.footprint(layer) for layer in layers]
    for quantity in ("constants_packed", "constants_container", "biases", "gains"):
        assert getattr(whole, quantity) == sum(getattr(part, quantity) for part in parts)
    assert whole.activations_peak == max(part.activations_peak for part in parts)
    assert whole.weights_packed <= whole.weights_container


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
