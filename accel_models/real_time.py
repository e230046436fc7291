"""What a stream of inferences asks of a processor."""

from __future__ import annotations

from dataclasses import dataclass

from accel_models.errors import ConfigError, raise_all
from accel_models.estimate import Estimate

__all__ = ["RealTime", "real_time"]


@dataclass(frozen=True, slots=True)
class RealTime:
    """One inference every period on one clock.

    Attributes
    ----------
    cycles
        Cycles of one inference.
    energy_pj
        Energy of one inference in pJ; None: no source.
    period_s
        Time from one inference to the next, in seconds.
    clock_hz
        Clock in Hz.
    """

    cycles: float
    energy_pj: float | None
    period_s: float
    clock_hz: float

    @property
    def seconds(self) -> float:
        """Time of one inference."""
        return self.cycles / self.clock_hz

    @property
    def megahertz(self) -> float:
        """Clock that would just do, in MHz."""
        return self.cycles / self.period_s / 1e6

    @property
    def real_time_factor(self) -> float:
        """Time of one inference over the period: beyond 1 the processor falls behind."""
        return self.seconds / self.period_s

    @property
    def duty(self) -> float:
        """Share of time that the processor works; the rest it may sleep."""
        return min(1.0, self.real_time_factor)

    @property
    def milliwatts(self) -> float | None:
        """Mean power of the inferences in mW, sleep not counted; None: no source."""
        return None if self.energy_pj is None else self.energy_pj * 1e-9 / self.period_s


def real_time(estimate: Estimate, period_s: float, clock_hz: float) -> RealTime:
    """Return what one inference every `period_s` asks of a processor at `clock_hz`.

    Raises
    ------
    ConfigError
        If period or clock are not positive.
    """
    mistakes = [
        f"{noun} must be more than 0, not {value}"
        for noun, value in (("period_s", period_s), ("clock_hz", clock_hz))
        if not value > 0
    ]
    raise_all(ConfigError, "real time", mistakes)
    return RealTime(estimate.cycles, estimate.energy_pj, period_s, clock_hz)
