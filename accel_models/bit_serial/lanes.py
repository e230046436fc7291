"""A grid of lanes: vectors x outputs x products, some bits of each operand in a cycle."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from accel_models.bit_serial.count import Count
from accel_models.demand import Demand, Kind
from accel_models.elementwise import Number, ceil_div

if TYPE_CHECKING:
    from accel_models.bit_serial import BitSerial
    from accel_models.work import Work

__all__ = ["count", "mode", "refusals"]

_WIDEST = 16  # bits that these engines take of either operand


def refusals(work: Demand) -> Iterator[tuple[Number, str]]:
    """Yield operands that are too wide."""
    yield work.weight_bits > _WIDEST, f"has {work.weight_bits}-bit weights, at most {_WIDEST} fit"
    yield (
        work.activation_bits > _WIDEST,
        (f"has {work.activation_bits}-bit activations, at most {_WIDEST} fit"),
    )


def mode(engine: BitSerial, work: Work) -> str:
    """Return the cycles that a product takes."""
    return f"{steps(engine, work)} cycles a product"


def steps(engine: BitSerial, work: Demand) -> Number:
    """Return the cycles that a lane takes for a product."""
    weights = ceil_div(work.weight_bits, engine.weight_bits_per_cycle)
    if engine.dense_activation_bits is not None and work.kind is Kind.DENSE:
        return weights * engine.dense_activation_bits
    return weights * ceil_div(work.activation_bits, engine.activation_bits_per_cycle)


def count(engine: BitSerial, work: Demand) -> Count:
    """Count one layer: the grid takes a tile of vectors, outputs and products at once."""
    vectors, outputs = engine.vectors_at_once, engine.outputs_at_once
    if engine.dense_activation_bits is not None and work.kind is Kind.DENSE:
        vectors, outputs = 1, vectors * outputs
    products = engine.products_at_once
    parts = work.groups
    deep = ceil_div(work.inputs, products)
    tiles = parts * ceil_div(work.rows, vectors) * ceil_div(work.outputs // parts, outputs) * deep
    lanes = engine.vectors_at_once * engine.outputs_at_once * products
    rate = engine.weight_bits_per_cycle * engine.activation_bits_per_cycle
    taken = tiles * steps(engine, work)
    buffer_bits = (
        work.weights * ceil_div(work.rows, vectors) * work.weight_bits
        + work.rows
        * work.inputs
        * parts
        * ceil_div(work.outputs // parts, outputs)
        * work.activation_bits
        + work.output_values * work.output_bits
    )
    least = work.macs * work.weight_bits * work.activation_bits / (lanes * rate)
    return Count(taken, least, buffer_bits, {"tiles": tiles})
