"""The few points of the sweep that decide, and why each is among them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from fxpsim.report.tables import Row, select, values
from fxpsim.report.verdict import Verdict, narrowest

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["choose_rows", "narrowest_by_mode"]

_MODES = ("saturate", "wrap")
_LANE_BITS = 16
_REFERENCE_BITS = 32


def narrowest_by_mode(points: Sequence[Row], verdict: str = "verdict") -> dict[str, int | None]:
    """Return the smallest usable width of each overflow mode, given one weight width's points.

    ``verdict`` names the column to go by.
    """
    return {
        mode: narrowest(
            {row["bits"]: Verdict(row[verdict]) for row in points if row["overflow"] == mode}
        )
        for mode in _MODES
    }


def choose_rows(points: pd.DataFrame) -> pd.DataFrame:
    """Return the deciding rows of a sweep, by weight bits, widest accumulator first.

    Columns are those of ``points`` after ``why``; a proven accumulator stands once, its overflow
    mode ``either``, because it never comes to that.
    """
    import pandas as pd

    chosen: list[Row] = []
    for weight_bits in values(points, "weight_bits"):
        of_width = select(points, weight_bits=weight_bits)
        reasons = _reasons(of_width)
        for row in of_width:
            why = reasons.get((row["bits"], row["overflow"]))
            if why is None or (row["proven"] and row["overflow"] != _MODES[0]):
                continue
            mode = "either" if row["proven"] else row["overflow"]
            chosen.append({"why": "; ".join(why), **row, "overflow": mode})
    return pd.DataFrame(chosen)


def _reasons(points: Sequence[Row]) -> dict[tuple[int, str], list[str]]:
    reasons: dict[tuple[int, str], list[str]] = {}
    smallest = narrowest_by_mode(points)
    for mode in _MODES:
        needed, real = points[0]["needed_bits"], points[0]["real_needed_bits"]
        notes = [
            (_REFERENCE_BITS, "reference"),
            (points[0]["proven_bits"], "narrowest proven"),
            (needed, "needed by both sets" if real == needed else "needed by this data"),
            (_LANE_BITS, "16-bit lanes"),
        ]
        if real != needed and not math.isnan(real):
            notes.append((real, "needed by real speech"))
        if (bits := smallest[mode]) is not None:
            notes += [(bits, "narrowest usable"), (bits - 1, "one bit fewer")]
        for bits, why in notes:
            reasons.setdefault((bits, mode), []).append(why)
    return reasons
