"""What overflowed: statistics of accumulators by output channel, which add up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fxpsim.dispatch import Planes

if TYPE_CHECKING:
    import pandas as pd

    from fxpsim.accumulators import Accumulator

__all__ = ["OverflowStatistics", "bits_for"]

IntArray = NDArray[Any]


def bits_for(lowest: int, highest: int) -> int:
    """Return the width of the smallest signed register (2 bits or more) that holds a range."""
    return max(2, (max(highest, -lowest - 1)).bit_length() + 1)


@dataclass(frozen=True, slots=True)
class OverflowStatistics:
    """Events of one level of accumulators, an entry of every array for each channel.

    An event is an addition whose true result lies outside the register.

    Attributes
    ----------
    additions : int
        Additions made for each channel.
    sums : int
        Sums (outputs) made for each channel.
    events : int64 array (channels,)
        How many additions overflowed.
    outputs : int64 array (channels,)
        In how many sums.
    first_step : int64 array (channels,)
        Earliest of them in any sum: products count from 1, a bias is step 0, -1 is never.
    transient, persistent : int64 array (channels,)
        Sums that overflowed although their exact value fits, and those whose value does not.
    lowest, highest : integer array (channels,)
        Extremes of the exact partial sums.
    """

    additions: int
    sums: int
    events: IntArray
    outputs: IntArray
    first_step: IntArray
    transient: IntArray
    persistent: IntArray
    lowest: IntArray
    highest: IntArray

    @classmethod
    def of(
        cls, planes: Planes, accumulator: Accumulator, additions: int, frac: int = 0
    ) -> dict[str, OverflowStatistics]:
        """Summarise planes (M, N) over the M sums, by level, ``final`` last.

        ``additions`` were made for each sum; the result is ``frac`` bits coarser than products.
        """
        last = accumulator.outermost
        inside = (planes.exact >= last.lo << max(frac, 0)) & (
            planes.exact <= (last.hi << max(frac, 0)) + (1 << max(frac, 0)) - 1
        )
        return {level: cls._of_level(planes, level, inside, additions) for level in planes.events}

    @classmethod
    def _of_level(
        cls, planes: Planes, level: str, inside: NDArray[np.bool_], additions: int
    ) -> OverflowStatistics:
        events, first_step = planes.events[level], planes.first_step[level]
        touched = events > 0
        rows = len(events)
        never = np.iinfo(np.int64).max
        first = np.where(touched, first_step.astype(np.int64), never).min(axis=0, initial=never)
        return cls(
            additions=additions * rows,
            sums=rows,
            events=events.sum(axis=0, dtype=np.int64),
            outputs=touched.sum(axis=0, dtype=np.int64),
            first_step=np.where(first == never, -1, first),
            transient=(touched & inside).sum(axis=0, dtype=np.int64),
            persistent=(touched & ~inside).sum(axis=0, dtype=np.int64),
            lowest=planes.lowest.min(axis=0) if rows else planes.lowest.sum(axis=0),
            highest=planes.highest.max(axis=0) if rows else planes.highest.sum(axis=0),
        )

    def __add__(self, other: OverflowStatistics) -> OverflowStatistics:
        if not self.sums or not other.sums:
            return self if self.sums else other
        unset = np.iinfo(np.int64).max
        firsts = [np.where(s.first_step < 0, unset, s.first_step) for s in (self, other)]
        first = np.minimum(*firsts)
        return OverflowStatistics(
            additions=self.additions + other.additions,
            sums=self.sums + other.sums,
            events=self.events + other.events,
            outputs=self.outputs + other.outputs,
            first_step=np.where(first == unset, -1, first),
            transient=self.transient + other.transient,
            persistent=self.persistent + other.persistent,
            lowest=np.minimum(self.lowest, other.lowest),
            highest=np.maximum(self.highest, other.highest),
        )

    @property
    def bits(self) -> IntArray:
        """Width that the exact partial sums of each channel needed."""
        pairs = zip(self.lowest.tolist(), self.highest.tolist(), strict=True)
        return np.array([bits_for(low, high) for low, high in pairs], np.int64)

    def table(self) -> pd.DataFrame:
        """Return one row for each channel."""
        import pandas as pd

        names = ["events", "outputs", "first_step", "transient", "persistent"]
        names += ["lowest", "highest"]
        columns = {name: getattr(self, name) for name in names}
        return pd.DataFrame({"channel": np.arange(len(self.events)), **columns})
