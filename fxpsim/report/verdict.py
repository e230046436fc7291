"""What a point of the accumulator sweep is worth: the rules behind every coloured word."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum

__all__ = ["BROKEN_BELOW", "MARGIN", "USABLE", "Verdict", "judge", "narrowest", "no_loss", "worst"]

#: A loss of accuracy that matters, as a share of clips: what "no loss" must exclude.
MARGIN = 0.02
#: A loss that makes a network useless, as a share of clips.
BROKEN_BELOW = 0.05


class Verdict(StrEnum):
    """From best to worst."""

    PROVEN = "proven"
    SAFE = "safe"
    HOLDS = "holds"
    UNDECIDED = "undecided"
    DEGRADED = "degraded"
    BROKEN = "broken"

    @property
    def meaning(self) -> str:
        """The rule in words."""
        return _MEANINGS[self]


_MEANINGS = {
    Verdict.PROVEN: "no input whatever can overflow it: the same bits as a 32-bit accumulator",
    Verdict.SAFE: "no sum overflowed on the data that count: the same bits there, without proof",
    Verdict.HOLDS: "some sums overflow, but the paired 95 % interval of the difference to 32 bits "
    f"reaches 0 and excludes a loss of {100 * MARGIN:.0f} points",
    Verdict.UNDECIDED: "not proven, and the data are too few to tell",
    Verdict.DEGRADED: f"a loss is measured, or one of {100 * MARGIN:.0f} points cannot be excluded",
    Verdict.BROKEN: f"a loss of more than {100 * BROKEN_BELOW:.0f} points, measured",
}
#: Verdicts with which a design can be built.
USABLE = frozenset({Verdict.PROVEN, Verdict.SAFE, Verdict.HOLDS})


def no_loss(low: float, high: float) -> bool:
    """Whether an interval of an accuracy difference reaches 0 and excludes a loss of MARGIN."""
    return high >= 0 and low > -MARGIN


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the worst of several verdicts."""
    return max(verdicts, key=list(Verdict).index)


def judge(
    *,
    proven: bool,
    overflows: bool,
    difference: tuple[float, float, float],
    enough: bool = True,
) -> Verdict:
    """Return the verdict on an accumulator.

    Parameters
    ----------
    proven : bool
        Whether no input can overflow it.
    overflows : bool
        Whether a sum of this data did.
    difference : tuple of 3 floats
        Its accuracy minus that of the 32-bit accumulator, and the paired interval of that.
    enough : bool
        Whether the data can decide (:class:`fxpsim.report.evidence.Evidence`).
    """
    if proven:
        return Verdict.PROVEN
    if not enough:
        return Verdict.UNDECIDED
    if not overflows:
        return Verdict.SAFE
    mean, low, high = difference
    if no_loss(low, high):
        return Verdict.HOLDS
    return Verdict.BROKEN if mean < -BROKEN_BELOW and high < 0 else Verdict.DEGRADED


def narrowest(verdicts: Mapping[int, Verdict]) -> int | None:
    """Return the smallest width that is usable like all wider ones; None if there is none."""
    found = None
    for bits in sorted(verdicts, reverse=True):
        if verdicts[bits] not in USABLE:
            break
        found = bits
    return found
