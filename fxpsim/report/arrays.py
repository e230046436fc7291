"""Why arrays take the cycles that they take: their settings, how busy they are, what holds them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from accel_models import create
from accel_models.systolic import Dataflow, SystolicArray
from fxpsim.report.costs import CORES
from fxpsim.report.tables import select

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ArrayFacts", "array_facts"]

_FLOWS = {
    Dataflow.OUTPUT_STATIONARY: "sums stay (output stationary)",
    Dataflow.WEIGHT_STATIONARY: "weights stay (weight stationary)",
    Dataflow.INPUT_STATIONARY: "inputs stay (input stationary)",
}


@dataclass(frozen=True, slots=True)
class ArrayFacts:
    """One array.

    Attributes
    ----------
    core : str
        Its name on the page.
    dataflow : str
        What stays in it, in words.
    buffers : str
        KiB for inputs, weights and outputs.
    dram : float
        Bytes a cycle.
    busy : str
        Share of its elements that multiply something, by variant.
    filling, waiting : str
        Variants whose cycles are those of filling and draining, and of waiting for DRAM.
    """

    core: str
    dataflow: str
    buffers: str
    dram: float
    busy: str
    filling: str
    waiting: str


def array_facts(costs: pd.DataFrame) -> list[ArrayFacts]:
    """Return the facts of every systolic array of the report, given its table of costs."""
    found = []
    for core, text in CORES.items():
        model = create(text)
        if not isinstance(model, SystolicArray):
            continue
        rows = select(costs, core=core, layer="total")
        # The first tile always waits: a few bytes.
        waits = {row["variant"]: row["cycles"] > 1.05 * row["compute_cycles"] for row in rows}
        sizes = (model.input_sram_kib, model.weight_sram_kib, model.output_sram_kib)
        shares = [row["utilisation"] for row in rows]
        found.append(
            ArrayFacts(
                core=core,
                dataflow=_FLOWS[model.dataflow],
                buffers=" / ".join(f"{size:g}" for size in sizes),
                dram=model.dram_bytes_per_cycle,
                busy=f"{100 * min(shares):.1f} to {100 * max(shares):.1f} %",
                filling=", ".join(name for name, waiting in waits.items() if not waiting),
                waiting=", ".join(name for name, waiting in waits.items() if waiting),
            )
        )
    return found
