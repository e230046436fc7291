"""The pictures of what networks get right: accuracy, false alarms, detection error trade-off."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from fxpsim.report import wording as say
from fxpsim.report.accuracy import FALSE_REJECTS
from fxpsim.report.drawing import COLOURS, beside, canvas, tidy
from fxpsim.report.tables import Row, column, select

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["accuracy_figure", "det_figure"]

_CURVES = ("accent", "second", "fourth", "holds")
_TICKS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 0.9)
_ACCEPTS, _REJECTS = (0.0004, 0.4), (0.008, 0.93)  # what the axes of curves span
_APART = 0.1  # normal deviates between curves that can be told apart
#: Ends of the names of columns: here, and as stored.
_SETS = (("", "accent", "this set", -1), ("real_", "second", "real speech, stored", 1))


def accuracy_figure(accuracy: pd.DataFrame) -> str:
    """Return accuracy and relative change of false alarms by network, with intervals."""
    rows = select(accuracy)
    sets = [one for one in _SETS if accuracy[f"{one[0]}accuracy"].notna().any()]
    alternative = "Accuracy and change of the false discovery rate against float, by network"
    with canvas("accuracy", (0.14 + 0.13 * len(sets)) * len(rows) + 1.0, alternative) as drawn:
        left, right = drawn.figure.subplots(1, 2, sharey=True, width_ratios=[1.1, 1])
        for prefix, colour, label, side in sets:
            place = 0.17 * side if len(sets) > 1 else 0.0
            _intervals(left, rows, f"{prefix}accuracy", place, colour, say.percent, label)
            change = f"{prefix}discoveries_change"
            _intervals(right, rows[1:], change, place, colour, say.change, first=1)
        right.axvline(0, color=COLOURS["muted"], linewidth=1, linestyle=":")
        left.set_yticks(range(len(rows)), column(rows, "network"))
        left.set_ylim(len(rows) - 0.5, -0.75)
        left.set_xlabel("accuracy in %, with 95 % interval")
        left.set_title("Accuracy")
        right.set_xlabel("change relative to float in %, with 95 % interval")
        right.set_title(f"False discovery rate where {100 * FALSE_REJECTS:.0f} % are missed")
        for axes in (left, right):
            axes.margins(x=0.12)
            axes.locator_params(axis="x", nbins=7, integer=True)
            tidy(axes, grid="x")
            axes.spines["left"].set_visible(False)
    return drawn.svg


def _intervals(
    axes: Axes,
    rows: Sequence[Row],
    name: str,
    place: float,
    colour: str,
    text: say.Writer,
    label: str = "",
    first: int = 0,
) -> None:
    """Draw a number of each row with its interval, where there is one, ``place`` off the middle.

    ``label`` says at the first row what the colour stands for.
    """
    ink = COLOURS[colour]
    for height, row in enumerate(rows, first):
        middle, low, high = (100 * row[f"{name}{end}"] for end in ("", "_low", "_high"))
        if np.isnan(middle):
            continue
        axes.hlines(height + place, low, high, color=ink, linewidth=1.6)
        axes.plot(middle, height + place, "o" if place <= 0 else "s", color=ink, markersize=4.5)
        words = text(row[name]) if height or not label else f"{text(row[name])}  {label}"
        beside(axes, words, np.nanmax((middle, high)), height + place, ink)


def det_figure(accuracy: pd.DataFrame, det: pd.DataFrame) -> str:
    """Return the trade-off of every network on normal deviates: float and what is swept stand out.

    The others are thin, and named where the rates are compared if they stand apart there.

    Martin et al.: The DET curve in assessment of detection task performance. Eurospeech 1997.
    """
    rows = select(accuracy)
    swept = [row["network"] for row in rows if row["swept"]]
    others = [row["network"] for row in rows[1:] if not row["swept"]]
    alternative = "Missed keywords against false accepts, a curve a network, on normal deviates"
    with canvas("det", 4.4, alternative) as drawn:
        axes = drawn.figure.subplots()
        crossings = [(_curve(axes, det, name, "third", 0.8), name) for name in others]
        colours = [_CURVES[number % len(_CURVES)] for number in range(len(swept))]
        taken = [
            _curve(axes, det, name, colour, width, label=name)
            for name, colour, width in (
                *zip(swept, colours, [1.6] * len(swept), strict=True),
                ("float", "ink", 2.2),
            )
        ]
        _name_crossings(axes, crossings, taken)
        for limits, set_limits, set_ticks in (
            (_ACCEPTS, axes.set_xlim, axes.set_xticks),
            (_REJECTS, axes.set_ylim, axes.set_yticks),
        ):
            shown = [tick for tick in _TICKS if limits[0] <= tick <= limits[1]]
            set_ticks(_deviates(shown), [f"{100 * tick:g} %" for tick in shown])
            set_limits(*_deviates(limits))
        axes.set_xlabel("false accepts (share of trials without the keyword)")
        axes.set_title("Keywords missed against false accepts")
        if det.empty:
            text = "no clip of a keyword: nothing to miss"
            axes.text(0.5, 0.5, text, ha="center", transform=axes.transAxes)
        else:
            (level,) = _deviates([FALSE_REJECTS])
            axes.axhline(level, color=COLOURS["muted"], linewidth=1, linestyle=":")
            axes.legend(frameon=False, fontsize=8.5, loc="upper right", labelcolor="linecolor")
        tidy(axes)
        axes.grid(axis="x", color=COLOURS["line"], linewidth=0.6)
    return drawn.svg


def _deviates(shares: Sequence[float]) -> list[float]:
    """Return the normal deviate of each share; none and all are moved just off the picture."""
    normal = NormalDist()
    return [normal.inv_cdf(min(max(share, 1e-5), 1 - 1e-5)) for share in shares]


def _curve(
    axes: Axes, det: pd.DataFrame, name: str, colour: str, width: float, label: str = ""
) -> float:
    """Draw a network's curve; return where it crosses the line of comparison (or infinity)."""
    rows = select(det, network=name)
    across, up = (_deviates(column(rows, f"false_{which}_rate")) for which in ("accept", "reject"))
    axes.step(across, up, where="post", color=COLOURS[colour], linewidth=width, label=label)
    below = (x for x, row in zip(across, rows, strict=True)
             if row["false_reject_rate"] <= FALSE_REJECTS)  # fmt: skip
    return next(below, np.inf)


def _name_crossings(
    axes: Axes, crossings: Sequence[tuple[float, str]], taken: Sequence[float]
) -> None:
    """Write names above the line of comparison, of curves that cross it away from all others."""
    (level,), (end,) = _deviates([FALSE_REJECTS]), _deviates(_ACCEPTS[1:])
    places = [*taken, *(place for place, _ in crossings)]
    for place, name in crossings:
        near = sum(abs(place - other) < _APART for other in places)
        if near == 1 and place < end:
            axes.annotate(
                name,
                (place, level),
                xytext=(4, 3),
                textcoords="offset points",
                fontsize=7.5,
                color=COLOURS["muted"],
            )
