"""When scores become a detection, in plain Python integers."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["detect"]


def detect(
    scores: Sequence[Sequence[int]],
    words: Sequence[int],
    smoothing: int,
    threshold: int,
    refractory: int,
    warm_up: int,
) -> list[tuple[int, int, int]]:
    """Return the detections (decision, column, sum) in scores, one row a decision.

    Parameters
    ----------
    scores : (decisions, columns)
        Codes less their zero point.
    words : sequence of int
        Columns that are words.
    smoothing : int
        Latest scores that are added up; those before the first count 0.
    threshold : int
        A word is detected where its sum is more than this, and no column's sum is higher (of equal
        ones the first counts).
    refractory : int
        Decisions after a detection that detect nothing.
    warm_up : int
        Decisions at the start that detect nothing.
    """
    found = []
    quiet = warm_up
    for decision in range(len(scores)):
        recent = scores[max(0, decision - smoothing + 1) : decision + 1]
        sums = [sum(column) for column in zip(*recent, strict=True)]
        best = sums.index(max(sums))
        if quiet:
            quiet -= 1
        elif best in words and sums[best] > threshold:
            found.append((decision, best, sums[best]))
            quiet = refractory
    return found
