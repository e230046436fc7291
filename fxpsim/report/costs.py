"""What the networks cost on each core, and what they occupy, beside their float original."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

from fxpsim.accumulators import Accumulator
from fxpsim.graph import Graph
from fxpsim.passes import drop_needless_clamps

if TYPE_CHECKING:
    import pandas as pd

    from accel_models import CostModel, Estimate, Footprint, Work, Workload
    from accel_models.estimate import LayerEstimate, Statement
    from accel_models.memory import LayerFootprint

__all__ = [
    "CORES",
    "NIBBLES",
    "Variant",
    "clock_hz",
    "cost_table",
    "memory_table",
    "point_costs",
    "variants",
]

#: The cores of the report: name for people -> model. The first two are in the decision table.
CORES: Mapping[str, str] = {
    "NEON Cortex-A53": "neon:cortex-a53",
    "systolic 16\N{MULTIPLICATION SIGN}16": "systolic:16x16",
    "systolic 8\N{MULTIPLICATION SIGN}8": "systolic:8x8",
    "systolic 32\N{MULTIPLICATION SIGN}32": "systolic:32x32",
    "NEON Cortex-A55": "neon:cortex-a55",
    "NEON Cortex-A72": "neon:cortex-a72",
    "NEON Cortex-A76": "neon:cortex-a76",
    "Cortex-M4": "neon:cortex-m4",
    "Gemmini 16\N{MULTIPLICATION SIGN}16": "systolic:gemmini",
}
_PACKED = {"NEON Cortex-A53": "neon:cortex-a53,packed=true"}
_NIBBLE = 4  # bits: two weights share a byte
#: Ends the names of variants that are stored so.
NIBBLES = ", two in a byte"


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to store and compute a network.

    Attributes
    ----------
    name : str
        As tables print it.
    work : Workload
        What it asks of hardware.
    cores : mapping of str to str
        Models that price it, by name for people.
    """

    name: str
    work: Workload
    cores: Mapping[str, str]


def variants(graphs: Mapping[int, Graph]) -> list[Variant]:
    """Return fp32, int16 and every integer network, all with 32-bit accumulators that wrap."""
    works = {
        bits: graph.with_accumulators(Accumulator(32)).work() for bits, graph in graphs.items()
    }
    widest = works[max(works)]
    found = [
        Variant("fp32", _retyped(widest, 32, "float"), CORES),
        Variant("int16", _retyped(widest, 16, "integer"), CORES),
    ]
    for bits, work in works.items():
        found.append(Variant(f"{bits}-bit", work, CORES))
        if bits <= _NIBBLE:
            found.append(Variant(f"{bits}-bit{NIBBLES}", work, _PACKED))
    return found


def _retyped(works: Iterable[Work], bits: int, arithmetic: str) -> Workload:
    """Return the same layers with other operands; batch norm folds into float weights."""
    from accel_models import Accumulator as Register
    from accel_models import Workload
    from accel_models.work import Arithmetic

    kind = Arithmetic(arithmetic)
    return Workload(
        replace(
            work,
            weight_bits=bits,
            activation_bits=bits,
            output_bits=bits,
            arithmetic=kind,
            accumulator=Register(32),
            weight_magnitude=None,
            activation_magnitude=None,
            bias_bits=32,
            gain_bits=0 if kind is Arithmetic.FLOAT else bits,
        )
        for work in works
    )


@cache
def _model(text: str) -> CostModel:
    from accel_models import create

    return create(text)


def clock_hz() -> float:
    """Return the clock of the first core, as its file has it, in Hz."""
    from accel_models.neon.core import read_core

    return float(read_core("cortex-a53").clock.value)


def point_costs(graph: Graph, accumulator: Accumulator) -> dict[str, Estimate]:
    """Return the estimates of the first two cores for one accumulator in all layers.

    Keys are ``neon`` (weights in containers), ``systolic``, and where there is such a kernel
    ``neon_packed`` (two weights in a byte).  Registers that provably never overflow have no clamps.
    """
    work = drop_needless_clamps(graph.with_accumulators(accumulator)).work()
    models = dict(zip(("neon", "systolic"), CORES.values(), strict=False))
    if max(graph.weight_bits) <= _NIBBLE:
        models["neon_packed"] = next(iter(_PACKED.values()))
    return {name: _model(text).estimate(work) for name, text in models.items()}


def cost_table(every: Iterable[Variant]) -> tuple[pd.DataFrame, dict[str, Statement]]:
    """Return a row for each variant, core and layer (``total``: their sum).

    The second value has what each core's model says of itself, the notes of all variants together.
    """
    import pandas as pd

    from accel_models import footprint

    rows: list[dict[str, Any]] = []
    spoken: dict[str, dict[str, Statement]] = {}
    base: dict[tuple[str, str], float] = {}  # fp32 comes first
    for variant in every:
        packed = {layer.name: layer.weights_packed for layer in footprint(variant.work).layers}
        for core, text in variant.cores.items():
            estimate = _model(text).estimate(variant.work)
            if text == CORES[core]:
                spoken.setdefault(core, {})[variant.name] = estimate.statement
            kernels = sorted({layer.method for layer in estimate.layers})
            # A processor reads weights as its kernel wants them, an array at their own width.
            stored = {
                layer.name: int(layer.counts.get("stored_weight_bytes", packed[layer.name]))
                for layer in estimate.layers
            }
            stored["total"] = sum(stored.values())
            parts: list[tuple[str, str, Estimate | LayerEstimate]] = [
                *((layer.name, layer.method, layer) for layer in estimate.layers),
                ("total", "; ".join(kernels), estimate),
            ]
            for name, method, part in parts:
                base.setdefault((core, name), part.cycles)
                rows.append(
                    {
                        "variant": variant.name,
                        "core": core,
                        "layer": name,
                        "cycles": part.cycles,
                        "cycles_low": part.low,
                        "cycles_high": part.high,
                        "times_float": part.cycles / base[core, name],
                        "compute_cycles": part.compute_cycles,
                        "utilisation": part.ideal_cycles / part.cycles,
                        "weight_bytes": stored[name],
                        "energy_nj": None if part.energy_pj is None else part.energy_pj / 1e3,
                        "kernel": method,
                    }
                )
    table = pd.DataFrame(rows).astype({"energy_nj": float})
    return table, {core: _merged(said) for core, said in spoken.items()}


def _merged(said: Mapping[str, Statement]) -> Statement:
    """Return one statement for all variants; what is assumed for some alone names them."""
    holders: dict[str, list[str]] = {}
    for variant, statement in said.items():
        for assumption in statement.assumptions:
            holders.setdefault(assumption, []).append(variant)
    return replace(
        next(iter(said.values())),
        assumptions=tuple(
            text if len(names) == len(said) else f"{', '.join(names)}: {text}"
            for text, names in holders.items()
        ),
    )


def memory_table(every: Iterable[Variant]) -> pd.DataFrame:
    """Return a row for each variant and layer (``total``: stored sums, peak of activations)."""
    import pandas as pd

    from accel_models import footprint

    rows: list[dict[str, Any]] = []
    base: dict[str, int] = {}  # fp32 comes first
    for variant in every:
        if variant.cores is _PACKED:
            continue  # the same weights, packed: a column of the plain variant
        held = footprint(variant.work)
        parts: list[tuple[str, Footprint | LayerFootprint, int]] = [
            *((layer.name, layer, layer.activations) for layer in held.layers),
            ("total", held, held.activations_peak),
        ]
        for name, part, activations in parts:
            base.setdefault(name, part.weights_packed)
            rows.append(
                {
                    "variant": variant.name,
                    "layer": name,
                    "packed_times_float": part.weights_packed / base[name],
                    "container_times_float": part.weights_container / base[name],
                    "weights_packed_bytes": part.weights_packed,
                    "weights_container_bytes": part.weights_container,
                    "bias_bytes": part.biases,
                    "gain_bytes": part.gains,
                    "activation_bytes": activations,
                }
            )
    return pd.DataFrame(rows)
