"""What decisions in a stream ask of a processor, and what lies where in its memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fxpsim.accumulators import Accumulator
from fxpsim.buffers import live_buffers

if TYPE_CHECKING:
    from accel_models.neon import NeonCore
    from fxpsim.graph import Graph

__all__ = ["PERIOD_S", "memory_drawing", "processor_facts"]

#: Time from one decision to the next, in seconds.
PERIOD_S = 0.01
#: Processors of the table: name for people -> core.
_PROCESSORS: Mapping[str, str] = {
    "Cortex-A53": "cortex-a53",
    "Cortex-A55": "cortex-a55",
    "Cortex-A72": "cortex-a72",
    "Cortex-A76": "cortex-a76",
    "Cortex-M4": "cortex-m4",
    "Cortex-M33": "cortex-m33",
    "Cortex-M7": "cortex-m7",
    "Cortex-M55": "cortex-m55",
}


def _core(name: str) -> NeonCore:
    from accel_models.neon import NeonCore

    return NeonCore(core=name)


def processor_facts(graphs: Mapping[int, Graph]) -> list[dict[str, Any]]:
    """Return a row for each processor and weight width, with sums of 32 bits.

    Parameters
    ----------
    graphs : mapping of int to Graph
        Networks by weight bits.
    """
    from accel_models import real_time

    found = []
    for label, name in _PROCESSORS.items():
        model = _core(name)
        for bits, graph in graphs.items():
            work = graph.with_accumulators(Accumulator(32)).work()
            if not all(map(model.supports, work)):
                continue
            estimate = model.estimate(work)
            load = real_time(estimate, PERIOD_S, model.clock)
            memory = model.memory(work, live_buffers(graph))
            found.append(
                {
                    "processor": label,
                    "clock_mhz": model.clock / 1e6,
                    "weight_bits": bits,
                    "kernels": ", ".join(dict.fromkeys(e.method for e in estimate.layers)),
                    "cycles": estimate.cycles,
                    "low": estimate.low,
                    "high": estimate.high,
                    "milliseconds": load.seconds * 1e3,
                    "megahertz": load.megahertz,
                    "load": load.real_time_factor,
                    "microjoules": None if estimate.energy_pj is None else estimate.energy_pj / 1e6,
                    "milliwatts": load.milliwatts,
                    "flash": memory.flash_bytes,
                    "ram": memory.ram_bytes,
                }
            )
    return found


def memory_drawing(graph: Graph) -> str:
    """Return the memory of one network on Cortex-A53 as text: flash by section, RAM by step."""
    work = graph.with_accumulators(Accumulator(32)).work()
    return _core("cortex-a53").memory(work, live_buffers(graph)).draw()
