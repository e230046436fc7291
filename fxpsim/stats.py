"""What overflowed: statistics of accumulators by output channel, which add up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fxpsim.dispatch import Planes, summarise

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

    An event is an addition whose true result lies outside the register.  Extremes and required
    bits are of the exact sums of the same products, whatever the registers did to them.

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
    product_lowest, product_highest : integer array (channels,)
        Extremes of the exact products.
    required : int64 array (channels, bits)
        Entry w: how many sums needed a signed register of w bits to hold all their partial sums.
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
    product_lowest: IntArray
    product_highest: IntArray
    required: IntArray

    @classmethod
    def of(
        cls, planes: Planes, accumulator: Accumulator, additions: int, frac: int = 0
    ) -> dict[str, OverflowStatistics]:
        """Summarise planes (M, N) over the M sums, by level, ``final`` last.

        ``additions`` were made for each sum; the result is ``frac`` bits coarser than products.
        """
        last, finer = accumulator.outermost, max(frac, 0)
        limits = last.lo << finer, ((last.hi + 1) << finer) - 1
        by_level = {}
        for level in planes.events:
            found = summarise(planes, level, *limits)
            by_level[level] = cls(
                additions=additions * len(planes.exact),
                sums=len(planes.exact),
                events=found.events,
                outputs=found.outputs,
                first_step=found.first_step,
                transient=found.fitting,
                persistent=found.outputs - found.fitting,
                lowest=found.lowest,
                highest=found.highest,
                product_lowest=planes.product_lowest,
                product_highest=planes.product_highest,
                required=found.histogram,
            )
        return by_level

    def __add__(self, other: OverflowStatistics) -> OverflowStatistics:
        if not self.sums or not other.sums:
            return self if self.sums else other
        unset = np.iinfo(np.int64).max
        firsts = [np.where(s.first_step < 0, unset, s.first_step) for s in (self, other)]
        first = np.minimum(*firsts)
        required = np.zeros(np.maximum(self.required.shape, other.required.shape), np.int64)
        for part in (self.required, other.required):
            required[:, : part.shape[1]] += part
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
            product_lowest=np.minimum(self.product_lowest, other.product_lowest),
            product_highest=np.maximum(self.product_highest, other.product_highest),
            required=required,
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
        columns["required_bits"] = self.bits
        columns |= {name: getattr(self, name) for name in ("product_lowest", "product_highest")}
        return pd.DataFrame({"channel": np.arange(len(self.events)), **columns})

    def histogram(self) -> pd.DataFrame:
        """Return how many sums of each channel (rows) needed how many bits (columns)."""
        import pandas as pd

        used = np.flatnonzero(self.required.any(axis=0))
        bits = range(int(used[0]), int(used[-1]) + 1) if used.size else range(0)
        table = pd.DataFrame(self.required[:, list(bits)], columns=list(bits))
        return table.rename_axis(index="channel", columns="bits")
