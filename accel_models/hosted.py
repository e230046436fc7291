"""A machine with a processor beside it, which does what the machine cannot."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from accel_models.errors import ConfigError
from accel_models.estimate import LayerEstimate, Statement
from accel_models.keys import as_text
from accel_models.model import CostModel, Description, Support
from accel_models.work import Work, Workload

__all__ = ["Hosted", "with_host"]


@dataclass(frozen=True, slots=True)
class Hosted(CostModel):
    """A machine and its host; made by `with_host`.

    Attributes
    ----------
    machine, host
        What runs a layer, and what runs it if the machine refuses.
    clock_ratio
        Cycles of the machine for each of the host.
    clock_hz
        Of the machine; None: not known.
    """

    name: ClassVar[str] = "hosted"
    summary: ClassVar[str] = "a machine, and a processor for what it cannot do"

    machine: CostModel
    host: CostModel
    clock_ratio: float
    clock_hz: float | None = None

    def __post_init__(self) -> None:
        if not self.clock_ratio > 0:
            raise ConfigError(f"the ratio of clocks must be more than 0, not {self.clock_ratio}")

    @property
    def label(self) -> str:
        """Both machines and the ratio of their clocks."""
        return f"{self.machine.label} + {self.host.label} x {as_text(self.clock_ratio)}"

    @property
    def clock(self) -> float | None:
        """The machine's clock in Hz, or the host's where they tick together."""
        return self.clock_hz

    def describe(self) -> Description:
        """Return what the machine is."""
        return self.machine.describe()

    def supports(self, work: Work) -> Support:
        """Return whether either can do `work`."""
        answer = self.machine.supports(work)
        if answer or self.host.supports(work):
            return Support()
        return Support(f"{answer.reason}; its host: {self.host.supports(work).reason}")

    def estimate_layer(self, work: Work) -> LayerEstimate:
        """Price one layer where it runs, in cycles of the machine."""
        if self.machine.supports(work):
            return self.machine.estimate_layer(work)
        layer, ratio = self.host.estimate_layer(work), self.clock_ratio
        return replace(
            layer,
            method=f"host: {layer.method}",
            cycles=layer.cycles * ratio,
            low=layer.low * ratio,
            high=layer.high * ratio,
            compute_cycles=layer.compute_cycles * ratio,
            ideal_cycles=layer.ideal_cycles * ratio,
            resource_cycles={"host": layer.cycles * ratio},
            counts={"host_cycles": layer.cycles},
            memory_bytes={f"host_{level}": n for level, n in layer.memory_bytes.items()},
            energy_by_component=None,
        )

    def state(self, workload: Workload) -> Statement:
        """Say what both say, each of its own layers."""
        offloaded = [work for work in workload if not self.machine.supports(work)]
        own = self.machine.state(Workload(w for w in workload if w not in offloaded))
        if not offloaded:
            return own
        other = self.host.state(Workload(offloaded))
        names = ", ".join(work.name for work in offloaded)
        return Statement(
            basis=f"{own.basis}; on the host: {names}",
            relative_error=max(own.relative_error, other.relative_error),
            error_basis=f"{own.error_basis}; host: {other.error_basis}",
            sources=tuple(dict.fromkeys(own.sources + other.sources)),
            assumptions=(
                *own.assumptions,
                *(f"host: {text}" for text in other.assumptions),
                "machine and host take turns; handing over is free; a host's energy is not priced",
            ),
        )


def with_host(
    machine: CostModel,
    host: CostModel,
    *,
    machine_clock_hz: float | None = None,
    host_clock_hz: float | None = None,
) -> Hosted:
    """Return a machine whose host does what it cannot; cycles are those of the machine.

    Parameters
    ----------
    machine_clock_hz, host_clock_hz
        None: their own; one that has none ticks with the other.

    Raises
    ------
    ConfigError
        If a clock does not tick.
    """
    own = machine.clock if machine_clock_hz is None else machine_clock_hz
    beside = host.clock if host_clock_hz is None else host_clock_hz
    clocks = [clock for clock in (own, beside) if clock is not None]
    if any(not clock > 0 for clock in clocks):
        named = " and ".join(f"{clock:g}" for clock in clocks)
        raise ConfigError(f"clocks must be more than 0 Hz, not {named}")
    ratio = 1.0 if own is None or beside is None else own / beside
    return Hosted(machine, host, ratio, beside if own is None else own)
