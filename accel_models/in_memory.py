"""A memory whose rows multiply and whose columns add: one simple model.

Inputs arrive bit by bit; a weight takes as many columns as its bits need cells; converters read the
columns one after the other and set the pace.

References
----------
Andrulis et al., CiMLoop, ISPASS 2024 (what sets time and energy in such machines).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from accel_models.closed_form import ClosedForm, Price
from accel_models.demand import LAYERS, Arithmetic, Demand, Kind
from accel_models.elementwise import Number, ceil_div, larger
from accel_models.estimate import Statement
from accel_models.keys import Doc
from accel_models.presets import preset_settings
from accel_models.work import Work, Workload

__all__ = ["InMemory"]


@dataclass(frozen=True, slots=True)
class InMemory(ClosedForm):
    """Cycles of a crossbar that is written with the weights of each tile.

    The settings are listed by ``accel_models.describe("in_memory")``.
    """

    name: ClassVar[str] = "in_memory"
    summary: ClassVar[str] = "a crossbar of cells, inputs bit by bit, shared converters"

    rows: Annotated[int, Doc("cells", "products of a sum at once", positive=True)] = 256
    columns: Annotated[int, Doc("cells", "columns of weight bits", positive=True)] = 256
    cell_bits: Annotated[int, Doc("bits", "of a weight in a cell", positive=True)] = 1
    input_bits: Annotated[int, Doc("bits/cycle", "of an activation", positive=True)] = 1
    columns_per_converter: Annotated[
        int, Doc("columns", "that a converter reads one after the other", positive=True)
    ] = 8
    write_bytes_per_cycle: Annotated[
        float, Doc("bytes/cycle", "rate at which cells are written", positive=True)
    ] = 32.0

    vectors: ClassVar[frozenset[str]] = frozenset({"rows", "columns", "write_bytes_per_cycle"})

    @classmethod
    def presets(cls) -> Mapping[str, Mapping[str, Any]]:
        """Return the settings of each named crossbar."""
        return preset_settings(cls.name)

    def refusals(self, work: Demand) -> Iterator[tuple[Number, str]]:
        """Yield what a crossbar cannot do."""
        if work.kind not in LAYERS:
            yield True, f"is {work.kind}, but cells hold weights"
        if work.arithmetic is Arithmetic.FLOAT:
            yield True, "is floating point, but cells hold bits of integers"
        if work.kind is not Kind.DEPTHWISE:
            yield work.groups != 1, f"has {work.groups} groups, but a column sums all rows"

    def method(self, work: Work) -> str:
        """Return the crossbar."""
        return f"{self.rows}x{self.columns} cells of {self.cell_bits} bit"

    def price(self, work: Demand) -> Price:
        """Price one layer: write a tile, then send all vectors through it."""
        outputs = work.outputs // work.groups
        cells = ceil_div(work.weight_bits, self.cell_bits)
        tiles = work.groups * ceil_div(work.inputs, self.rows)
        tiles = tiles * ceil_div(outputs * cells, self.columns)
        steps = ceil_div(work.activation_bits, self.input_bits)
        compute = tiles * work.rows * steps * self.columns_per_converter
        weights = work.weights * cells * self.cell_bits / 8
        write = weights / self.write_bytes_per_cycle
        activations = (
            work.rows * work.inputs * work.groups * work.activation_bits
            + work.output_values * work.output_bits
        ) / 8
        lanes = self.rows * self.columns / (cells * steps * self.columns_per_converter)
        return Price(
            cycles=compute + write,
            low=larger(compute, write),
            high=compute + write,
            compute_cycles=compute,
            ideal_cycles=work.macs / lanes,
            memory_bytes={"cells": weights, "data": activations},
            counts={"tiles": tiles, "conversions": tiles * work.rows * steps * self.columns},
            resource_cycles={"compute": compute / 1, "write": write},
        )

    def state(self, workload: Workload) -> Statement:
        """Say how little this is."""
        return Statement(
            basis="write every tile, then bits of all vectors through it; low: both at once",
            relative_error=1.0,
            error_basis="never compared with a machine; for orders of magnitude",
            sources=("Andrulis et al., CiMLoop, ISPASS 2024",),
            assumptions=(
                "weights are written for every inference, once; a crossbar that holds the whole "
                "network writes nothing (low)",
                "converters resolve every sum; their energy, which dominates such machines, is "
                "not priced for want of a sourced number",
            ),
        )
