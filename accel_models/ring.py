"""What a streaming layer keeps from one inference to the next."""

from __future__ import annotations

from dataclasses import dataclass

from accel_models.errors import WorkError, raise_all
from accel_models.fields import whole

__all__ = ["RingBuffer"]


@dataclass(frozen=True, slots=True)
class RingBuffer:
    """Activations that a streaming layer keeps from one inference to the next.

    Attributes
    ----------
    values
        Activations kept.
    fresh
        Of these, how many one inference writes; the others stay where they are.
    """

    values: int
    fresh: int

    def __post_init__(self) -> None:
        mistakes = [*whole(self, "values", 1), *whole(self, "fresh", 1)]
        if not mistakes and self.fresh > self.values:
            mistakes.append(f"fresh must be {self.values} (the values kept) or less")
        raise_all(WorkError, "ring buffer", mistakes)
