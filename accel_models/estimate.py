"""What a cost model answers: quantities that add up over layers, and where they come from."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from accel_models.errors import CostError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Estimate", "LayerEstimate", "Statement", "row_of"]


@dataclass(frozen=True, slots=True)
class LayerEstimate:
    """What one layer costs in one inference.  Every number can be added to another layer's.

    Attributes
    ----------
    name
        The layer's name.
    method
        What runs it: the kernel of a processor, the dataflow of an array.
    macs
        Multiply-accumulate operations.
    cycles, low, high
        Clock cycles at the model's default point, and the ends of its range.
    compute_cycles
        The part of the default point that is arithmetic (memory takes no time).
    ideal_cycles
        Cycles if every arithmetic unit were busy all the time: MACs / peak rate. A lower bound.
    memory_bytes
        Bytes moved to and from each memory level.
    energy_by_component
        Picojoules by component; None where no sourced number exists.
    counts
        What else the model counts, by a name that ends in its unit.
    resource_cycles
        Cycles for which each resource is busy at the default point: arithmetic, memories, decoders.
        The busiest binds the layer.
    """

    name: str
    method: str
    macs: int
    cycles: float
    low: float
    high: float
    compute_cycles: float
    ideal_cycles: float
    memory_bytes: Mapping[str, float]
    energy_by_component: Mapping[str, float] | None = None
    counts: Mapping[str, float] = field(default_factory=dict)
    resource_cycles: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.low <= self.cycles <= self.high:
            raise CostError(
                f"layer {self.name!r}: cycles must lie in [low, high], "
                f"not {self.cycles} in [{self.low}, {self.high}]"
            )

    @property
    def energy_pj(self) -> float | None:
        """Energy in picojoules, or None where no sourced number exists."""
        if self.energy_by_component is None:
            return None
        return sum(self.energy_by_component.values())

    @property
    def binding(self) -> str:
        """The busiest resource: what to widen to make the layer faster."""
        return next(iter(self._by_load()), "compute")

    @property
    def slack(self) -> float:
        """How many times as busy the binding resource is as the next one (inf: there is none).

        So much faster, or with so many times fewer bytes, it would stop binding.
        """
        busiest = list(self._by_load().values())
        return busiest[0] / busiest[1] if len(busiest) > 1 and busiest[1] else math.inf

    @property
    def unbind(self) -> str:
        """What would make another resource bind, in words."""
        if math.isinf(self.slack):
            return f"{self.binding} alone takes time"
        _, following = list(self._by_load())[:2]
        return (
            f"{self.binding} binds until it is {self.slack:.2f} times as fast, "
            f"or has {1 - 1 / self.slack:.0%} less to do; then {following} does"
        )

    def _by_load(self) -> dict[str, float]:
        return dict(sorted(self.resource_cycles.items(), key=lambda item: -item[1]))


@dataclass(frozen=True, slots=True)
class Statement:
    """Where the numbers come from and how far they can be trusted.

    Attributes
    ----------
    basis
        What the numbers are made of, in words.
    relative_error
        Largest known deviation, as a fraction, from what `error_basis` names.
    error_basis
        What the error was measured against, and what was never checked.
    sources
        Papers, manuals, measurements.
    assumptions
        What was taken for granted, the choice of the default point included.
    """

    basis: str
    relative_error: float
    error_basis: str
    sources: tuple[str, ...]
    assumptions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Estimate:
    """An estimate, never a measurement: what a workload costs on one machine.

    Estimates of one machine add up: ``a + b`` has the layers of both. Totals are sums over
    layers; anything that is a ratio is a property.
    """

    model: str
    layers: tuple[LayerEstimate, ...]
    statement: Statement

    @property
    def macs(self) -> int:
        """Multiply-accumulate operations."""
        return sum(layer.macs for layer in self.layers)

    @property
    def cycles(self) -> float:
        """Clock cycles at the default point."""
        return self._sum(lambda layer: layer.cycles)

    @property
    def low(self) -> float:
        """Fewest clock cycles of the range."""
        return self._sum(lambda layer: layer.low)

    @property
    def high(self) -> float:
        """Most clock cycles of the range."""
        return self._sum(lambda layer: layer.high)

    @property
    def compute_cycles(self) -> float:
        """Clock cycles of the default point if memory took no time."""
        return self._sum(lambda layer: layer.compute_cycles)

    @property
    def ideal_cycles(self) -> float:
        """Clock cycles if every arithmetic unit were always busy: a lower bound."""
        return self._sum(lambda layer: layer.ideal_cycles)

    @property
    def memory_bytes(self) -> dict[str, float]:
        """Bytes moved to and from each memory level."""
        return _added(layer.memory_bytes for layer in self.layers)

    @property
    def energy_by_component(self) -> dict[str, float] | None:
        """Picojoules by component; None where one layer has no sourced number."""
        parts = [layer.energy_by_component for layer in self.layers]
        known = [part for part in parts if part is not None]
        return _added(known) if len(known) == len(parts) else None

    @property
    def energy_pj(self) -> float | None:
        """Energy in picojoules; None where one layer has no sourced number."""
        parts = self.energy_by_component
        return None if parts is None else sum(parts.values())

    @property
    def resource_cycles(self) -> dict[str, float]:
        """Cycles for which each resource is busy at the default point."""
        return _added(layer.resource_cycles for layer in self.layers)

    @property
    def binding(self) -> dict[str, float]:
        """Cycles of the layers that each resource binds."""
        return _added({layer.binding: layer.cycles} for layer in self.layers)

    @property
    def utilisation(self) -> float:
        """Share of the arithmetic units that does useful work at the default point."""
        return self.ideal_cycles / self.cycles if self.layers else 0.0

    @property
    def macs_per_cycle(self) -> float:
        """Multiply-accumulate operations per clock cycle at the default point."""
        return self.macs / self.cycles if self.layers else 0.0

    @property
    def basis(self) -> str:
        """What the numbers are made of, in words."""
        return self.statement.basis

    @property
    def relative_error(self) -> float:
        """Largest known deviation, as a fraction; `statement.error_basis` says from what."""
        return self.statement.relative_error

    @property
    def sources(self) -> tuple[str, ...]:
        """Papers, manuals and measurements behind the numbers."""
        return self.statement.sources

    @property
    def assumptions(self) -> tuple[str, ...]:
        """What was taken for granted, the choice of the default point included."""
        return self.statement.assumptions

    @property
    def table(self) -> pd.DataFrame:
        """One row a layer, with every quantity and its unit in the column's name."""
        import pandas as pd

        frame = pd.DataFrame([row_of(layer) for layer in self.layers])
        return frame.set_index("layer") if self.layers else frame

    def __add__(self, other: Estimate) -> Estimate:
        if not isinstance(other, Estimate):
            return NotImplemented
        if other.model != self.model:
            raise CostError(
                "estimates must be of one machine to be added (their clocks differ), "
                f"not of {self.model!r} and {other.model!r}"
            )
        mine, theirs = self.statement, other.statement
        return Estimate(
            self.model,
            self.layers + other.layers,
            Statement(
                basis=mine.basis,
                relative_error=max(mine.relative_error, theirs.relative_error),
                error_basis=mine.error_basis,
                sources=tuple(dict.fromkeys(mine.sources + theirs.sources)),
                assumptions=tuple(dict.fromkeys(mine.assumptions + theirs.assumptions)),
            ),
        )

    def _sum(self, quantity: Callable[[LayerEstimate], float]) -> float:
        return sum(quantity(layer) for layer in self.layers)


def row_of(layer: LayerEstimate) -> dict[str, object]:
    """Return a layer as a row of `Estimate.table`."""
    return {
        "layer": layer.name,
        "method": layer.method,
        "macs": layer.macs,
        "cycles": layer.cycles,
        "low_cycles": layer.low,
        "high_cycles": layer.high,
        "compute_cycles": layer.compute_cycles,
        "ideal_cycles": layer.ideal_cycles,
        "utilisation": layer.ideal_cycles / layer.cycles if layer.cycles else 0.0,
        "binding": layer.binding,
        **{f"{level}_bytes": moved for level, moved in layer.memory_bytes.items()},
        **({} if layer.energy_pj is None else {"energy_pj": layer.energy_pj}),
        **{f"{part}_pj": energy for part, energy in (layer.energy_by_component or {}).items()},
        **layer.counts,
        **{f"{resource}_busy_cycles": busy for resource, busy in layer.resource_cycles.items()},
    }


def _added(parts: Iterable[Mapping[str, float]]) -> dict[str, float]:
    total: dict[str, float] = {}
    for part in parts:
        for name, value in part.items():
            total[name] = total.get(name, 0) + value
    return total
