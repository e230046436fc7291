"""The few points of the sweep that decide, and why each is among them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fxpsim.report.verdict import Verdict, narrowest

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["choose_rows", "narrowest_by_mode"]

_MODES = ("saturate", "wrap")
_LANE_BITS = 16


def narrowest_by_mode(points: pd.DataFrame, weight_bits: int) -> dict[str, int | None]:
    """Return the smallest usable width of each overflow mode for one weight width."""
    of_width = points[points["weight_bits"] == weight_bits]
    found = {}
    for mode in _MODES:
        rows = of_width[of_width["overflow"] == mode]
        verdicts = {
            int(bits): Verdict(text)
            for bits, text in zip(rows["bits"], rows["verdict"], strict=True)
        }
        found[mode] = narrowest(verdicts)
    return found


def choose_rows(points: pd.DataFrame) -> pd.DataFrame:
    """Return the deciding rows of a sweep, by weight bits, widest accumulator first.

    Columns are those of ``points`` after ``why``; a proven accumulator stands once, its overflow
    mode ``either``, because it never comes to that.
    """
    import pandas as pd

    chosen: list[pd.Series[object]] = []
    for weight_bits in points["weight_bits"].unique():
        of_width = points[points["weight_bits"] == weight_bits]
        reasons = _reasons(of_width, int(weight_bits))
        for _, row in of_width.iterrows():
            why = reasons.get((int(row["bits"]), str(row["overflow"])))
            if why is None:
                continue
            proven = bool(row["proven"])
            if proven and row["overflow"] != _MODES[0]:
                continue
            mode = "either" if proven else row["overflow"]
            chosen.append(pd.Series({"why": "; ".join(why), **row.to_dict(), "overflow": mode}))
    return pd.DataFrame(chosen).reset_index(drop=True).astype(points.dtypes.to_dict())


def _reasons(points: pd.DataFrame, weight_bits: int) -> dict[tuple[int, str], list[str]]:
    known = set(zip(points["bits"].astype(int), points["overflow"], strict=True))
    reasons: dict[tuple[int, str], list[str]] = {}

    def note(bits: int, mode: str, why: str) -> None:
        if (bits, mode) in known:
            reasons.setdefault((bits, mode), []).append(why)

    proven, needed = int(points["proven_bits"].iloc[0]), int(points["needed_bits"].iloc[0])
    smallest = narrowest_by_mode(points, weight_bits)
    for mode in _MODES:
        note(32, mode, "reference")
        note(proven, mode, "narrowest proven")
        note(needed, mode, "needed by this data")
        note(_LANE_BITS, mode, "16-bit lanes")
        if (bits := smallest[mode]) is not None:
            note(bits, mode, "narrowest usable")
            note(bits - 1, mode, "one bit too few")
    return reasons
