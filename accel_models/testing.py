"""What every cost model keeps, as checks that the tests of other packages run on theirs.

>>> import accel_models as am
>>> from accel_models import testing
>>> testing.check(am.create("systolic"))
[]

A check takes a model and one layer and yields a sentence for every promise that is broken.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from accel_models.demand import LAYERS, Kind
from accel_models.estimate import Estimate
from accel_models.keys import keys_of
from accel_models.model import CostModel
from accel_models.storage import container_bits
from accel_models.work import Work

__all__ = ["CHECKS", "RATES", "check", "sample_works"]

#: Units of settings that say how fast a memory is.
RATES = ("bytes/cycle", "bytes/second")
_SLACK = 1e-9  # of floating-point sums
_ROUNDED = 3  # bytes: operands that end within one
_NEAREST = "l1"  # how often it is read depends on the loop, not on the operands
_TOTALS = ("macs", "cycles", "low", "high", "compute_cycles", "ideal_cycles")


def sample_works() -> tuple[Work, ...]:
    """Return layers of keyword-spotting networks at several widths."""
    found = []
    for bits in (1, 2, 4, 5, 8):
        settings: dict[str, Any] = {"weight_bits": bits, "gain_bits": 40}
        found += [
            Work.dense(1, 640, 128, name="fc640x128", **settings),
            Work.dense(16, 128, 128, name="fc128x128", **settings),
            Work.dense(1, 64, 12, name="fc64x12", **settings),
            Work.conv2d((49, 10, 1), (10, 4), 64, stride=2, name="conv10x4", **settings),
            Work.conv2d((25, 5, 64), 1, 64, name="pointwise", **settings),
            Work.conv2d((13, 1, 48), (9, 1), 48, name="conv9x1", **settings),
            Work.conv2d((12, 10, 16), 3, 32, name="conv3x3", **settings),
            Work.depthwise((25, 5, 64), 3, name="depthwise", **settings),
        ]
    found.append(Work.pool((25, 5, 64), (25, 5), "average", name="pool"))
    found.append(Work.elementwise(12, "softmax", name="softmax"))
    return tuple(found)


def check(
    model: CostModel, layers: Iterable[Work] | None = None, *, skip: Iterable[str] = ()
) -> list[str]:
    """Run all checks on a model; return a sentence for every promise that it breaks.

    Parameters
    ----------
    layers
        Layers to try; None: `sample_works`. Those that the model refuses are left out.
    skip
        Names of `CHECKS` that the model states not to keep.
    """
    tried = sample_works() if layers is None else tuple(layers)
    priced = [work for work in tried if model.supports(work)]
    broken = [] if priced else [f"{model.label} supports none of {len(tried)} layers"]
    for work in tried:
        answer = model.supports(work)
        if bool(answer) == bool(answer.reason):
            broken.append(f"refuse: {work.name!r} is refused without a reason")
    for name, one in CHECKS.items():
        if name not in set(skip):
            broken += [f"{name}: {text}" for work in priced for text in one(model, work)]
    return broken


def _range(model: CostModel, work: Work) -> Iterator[str]:
    """Require a range above the ideal, with the default point in it."""
    est = model.estimate(work)
    chain = [est.ideal_cycles, est.low, est.cycles, est.high]
    if any(a > b * (1 + _SLACK) for a, b in itertools.pairwise(chain)):
        yield f"{work.name!r}: ideal, low, cycles, high must ascend, not {chain}"
    if est.compute_cycles < est.ideal_cycles * (1 - _SLACK):
        yield f"{work.name!r}: {est.compute_cycles} cycles of arithmetic are below the ideal"
    if est.compute_cycles > est.cycles * (1 + _SLACK):
        yield f"{work.name!r}: {est.compute_cycles} cycles of arithmetic exceed the total"


def _bytes(model: CostModel, work: Work) -> Iterator[str]:
    """Require as many bytes as the operands have (weights that are not known to compress)."""
    if work.weight_entropy is not None:
        return
    least = (
        work.weights * work.weight_bits
        + work.input_values * work.activation_bits
        + work.output_values * work.output_bits
    ) // 8
    moved = sum(model.estimate(work).memory_bytes.values())
    if moved < least - _ROUNDED:
        yield f"{work.name!r}: moves {moved} bytes, but its operands have {least}"


def _wider_weights(model: CostModel, work: Work) -> Iterator[str]:
    """Require that wider weights of one container never cost less."""
    if work.kind not in LAYERS:
        return
    thin = model.estimate(work)
    for bits in range(work.weight_bits + 1, container_bits(work.weight_bits) + 1):
        wider = dataclasses.replace(work, weight_bits=bits, weight_magnitude=None)
        if model.supports(wider):
            yield from _not_less(f"{work.name!r} with {bits}-bit weights", thin, model, wider)


def _larger_layer(model: CostModel, work: Work) -> Iterator[str]:
    """Require that more vectors, products or outputs never cost less."""
    if work.kind is not Kind.DENSE:
        return
    small = model.estimate(work)
    for size in ("rows", "inputs", "outputs"):
        for more in (1, 7, 64):
            larger = dataclasses.replace(
                work, weight_histogram=None, **{size: getattr(work, size) + more}
            )
            if model.supports(larger):
                yield from _not_less(f"{work.name!r} with {more} more {size}", small, model, larger)


def _not_less(what: str, small: Estimate, model: CostModel, larger: Work) -> Iterator[str]:
    large = model.estimate(larger)
    for quantity in ("cycles", "low", "high", "compute_cycles", "energy_pj"):
        before, after = getattr(small, quantity) or 0, getattr(large, quantity) or 0
        if after < before * (1 - _SLACK):
            yield f"{what}: {quantity} fall from {before} to {after}"
    before, after = _far_bytes(small), _far_bytes(large)
    if after < before * (1 - _SLACK):
        yield f"{what}: bytes fall from {before} to {after}"


def _far_bytes(est: Estimate) -> float:
    return sum(moved for level, moved in est.memory_bytes.items() if level != _NEAREST)


def _faster_memory(model: CostModel, work: Work) -> Iterator[str]:
    """Require that a faster memory never slows."""
    before = model.estimate(work)
    for key in keys_of(model):
        if key.unit not in RATES or not isinstance(key.value, (int, float)):
            continue
        faster: Any = dataclasses.replace(model, **{key.name: 2 * key.value})  # type: ignore[type-var]
        after = faster.estimate(work)
        for quantity in ("cycles", "low", "high"):
            if getattr(after, quantity) > getattr(before, quantity) * (1 + _SLACK):
                yield f"{work.name!r}: twice the {key.name} raises {quantity}"


def _additive(model: CostModel, work: Work) -> Iterator[str]:
    """Require that layers add up, whatever stands beside them."""
    one, two = model.estimate(work), model.estimate([work, work])
    for quantity in _TOTALS:
        if not math.isclose(getattr(two, quantity), 2 * getattr(one, quantity)):
            yield f"{work.name!r}: {quantity} of two layers are not twice those of one"
    if {level: 2 * moved for level, moved in one.memory_bytes.items()} != two.memory_bytes:
        yield f"{work.name!r}: bytes of two layers are not twice those of one"
    parts, energy = one.energy_by_component, one.energy_pj
    if parts is not None and energy is not None and not math.isclose(sum(parts.values()), energy):
        yield f"{work.name!r}: energy is not the sum of its components"


def _statement(model: CostModel, work: Work) -> Iterator[str]:
    """Require an estimate to say what it is made of, and what binds it."""
    est = model.estimate(work)
    for word in ("basis", "error_basis", "sources", "assumptions"):
        if not getattr(est.statement, word):
            yield f"{work.name!r}: the statement has no {word}"
    if est.relative_error < 0:
        yield f"{work.name!r}: the relative error is negative"
    (layer,) = est.layers
    if not layer.method:
        yield f"{work.name!r}: the method is not named"
    if any(not math.isfinite(value) or value < 0 for value in layer.counts.values()):
        yield f"{work.name!r}: counts must be finite and not negative: {dict(layer.counts)}"
    if not layer.unbind:
        yield f"{work.name!r}: nothing says what binds it"


def _table(model: CostModel, work: Work) -> Iterator[str]:
    """Require the numbers of single estimates from a table of design points."""
    from accel_models.columns import work_table
    from accel_models.many import estimate_many

    if work.weight_histogram is not None:
        return
    single, many = model.estimate(work).table, estimate_many(model, work_table([work]))
    for column in many.columns:
        if many[column].iloc[0] != single[column].iloc[0]:
            yield f"{work.name!r}: {column} is {many[column].iloc[0]} in a table of design points"


#: Checks by name.
CHECKS: dict[str, Callable[[CostModel, Work], Iterator[str]]] = {
    "range": _range,
    "bytes": _bytes,
    "wider_weights": _wider_weights,
    "larger_layer": _larger_layer,
    "faster_memory": _faster_memory,
    "additive": _additive,
    "statement": _statement,
    "table": _table,
}
