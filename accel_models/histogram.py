"""How often each weight value occurs: what decides how far weights can be compressed."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from accel_models.errors import WorkError

__all__ = ["Histogram"]


@dataclass(frozen=True, slots=True)
class Histogram:
    """Occurrences of integer values.

    Attributes
    ----------
    counts
        (value, occurrences), by ascending value.
    """

    counts: tuple[tuple[int, int], ...]

    def __post_init__(self) -> None:
        pairs = tuple(sorted((int(value), int(count)) for value, count in self.counts))
        wrong = [value for value, count in pairs if count < 1]
        if wrong or not pairs or len({value for value, _ in pairs}) < len(pairs):
            raise WorkError(
                "histogram: every value must be there once, with 1 occurrence or more, "
                f"not {self.counts!r}"
            )
        object.__setattr__(self, "counts", pairs)

    @classmethod
    def of(cls, values: Iterable[int]) -> Histogram:
        """Count values (of a flat sequence, or of an array's ``.ravel().tolist()``)."""
        return cls(tuple(Counter(values).items()))

    @property
    def total(self) -> int:
        """Values counted."""
        return sum(count for _, count in self.counts)

    @property
    def entropy(self) -> float:
        """Shannon entropy in bits a value: no code that treats values alone takes fewer."""
        total = self.total
        return math.fsum(n / total * math.log2(total / n) for _, n in self.counts)

    def mapped(self, code: Mapping[int, int]) -> Histogram:
        """Return the occurrences of ``code[value]``; values with the same code are added."""
        found: Counter[int] = Counter()
        for value, count in self.counts:
            found[code[value]] += count
        return Histogram(tuple(found.items()))
