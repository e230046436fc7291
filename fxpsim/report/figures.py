"""The pictures of the accumulators: which widths work, and what each layer needs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from fxpsim.report.drawing import COLOURS, canvas, tidy
from fxpsim.report.tables import Row, column, select, values
from fxpsim.report.verdict import Verdict

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["layer_figure", "sweep_figure"]

_MODES = {"saturate": "saturating", "wrap": "wrapping"}
_LINES = {"saturate": COLOURS["accent"], "wrap": COLOURS["second"]}
_LETTERS = 5  # that a strip has room for at each width
_ON_DARK, _ON_LIGHT = "#ffffff", "#222222"
_DARK = frozenset({Verdict.PROVEN, Verdict.BROKEN})


def sweep_figure(points: pd.DataFrame) -> str:
    """Return accuracy against accumulator width, a panel a weight width, verdicts below."""
    widths, bits = values(points, "weight_bits"), values(points, "bits")
    alternative = "Accuracy against accumulator bits, saturating and wrapping, by weight bits"
    with canvas("sweep", 2.3 * len(widths) + 0.5, alternative) as drawn:
        panels = drawn.figure.add_gridspec(len(widths), 1, hspace=0.08)
        for number, weight_bits in enumerate(widths):
            rows = sorted(select(points, weight_bits=weight_bits), key=lambda row: int(row["bits"]))
            halves = panels[number].subgridspec(2, 1, height_ratios=[5, 1], hspace=0)
            upper, lower = (drawn.figure.add_subplot(half) for half in (halves[0], halves[1]))
            _curves(upper, rows)
            _verdicts(lower, rows)
            upper.set_title(f"{weight_bits}-bit weights")
            for axes in (upper, lower):
                axes.set_xlim(min(bits) - 0.5, max(bits) + 0.5)
                axes.set_xticks(range(min(bits), max(bits) + 1, 2))
            upper.tick_params(labelbottom=False)
        lower.set_xlabel("accumulator bits")
        _legend(drawn.figure, values(points, "verdict"))
    return drawn.svg


def _legend(figure: Figure, found: Sequence[str]) -> None:
    from matplotlib.patches import Patch

    chips = [Patch(color=COLOURS[v], label=v.value) for v in Verdict if v in found]
    figure.legend(
        handles=chips,
        loc="outside upper right",
        ncols=len(chips),
        frameon=False,
        handlelength=1.2,
        handleheight=1.0,
    )


def _curves(axes: Axes, points: Sequence[Row]) -> None:
    proven, needed = points[0]["proven_bits"], points[0]["needed_bits"]
    right = points[-1]["bits"] + 0.5
    axes.axvspan(proven - 0.5, right, color=COLOURS[Verdict.PROVEN], alpha=0.16, linewidth=0)
    axes.axvspan(needed - 0.5, proven - 0.5, color=COLOURS[Verdict.SAFE], alpha=0.32, linewidth=0)
    for mode, colour in _LINES.items():
        rows = [row for row in points if row["overflow"] == mode]
        bits = column(rows, "bits")
        low, high = (column(rows, f"accuracy_{end}", 100) for end in ("low", "high"))
        axes.fill_between(bits, low, high, color=colour, alpha=0.14, linewidth=0)
        axes.plot(
            bits,
            column(rows, "accuracy", 100),
            "-" if mode == "saturate" else "--",
            color=colour,
            linewidth=1.8,
            marker="o",
            markersize=3,
        )
        _name_curve(axes, rows, mode)
        axes.plot(
            bits,
            column(rows, "real_accuracy", 100),
            "-" if mode == "saturate" else "--",
            color=colour,
            linewidth=0.9,
        )
    if not math.isnan(points[-1]["real_accuracy"]):
        axes.annotate(
            "real speech, stored (thin)",
            (points[-1]["bits"], 100 * points[-1]["real_accuracy"]),
            xytext=(0, 2),
            textcoords="offset points",
            ha="right",
            va="bottom",
            fontsize=8,
        )
    axes.text(proven - 0.35, 5, f"proven from {proven} bits", fontsize=8)
    if needed < proven:
        axes.text(needed - 0.35, 17, f"no overflow on this data from {needed} bits", fontsize=8)
    axes.set_ylim(0, 103)
    axes.set_yticks([0, 25, 50, 75, 100], ["0", "25", "50", "75", "100 %"])
    tidy(axes)


def _name_curve(axes: Axes, rows: Sequence[Row], mode: str) -> None:
    """Write a mode's name beside the steepest part of its curve, on the side that is free."""
    saturates = mode == "saturate"
    low, high = (f(column(rows, "accuracy")) for f in (min, max))
    aim = low + (0.8 if saturates else 0.45) * (high - low)
    above = next(row for row in rows if row["accuracy"] >= aim)
    axes.text(
        above["bits"] + (-0.7 if saturates else 0.5),
        100 * aim,
        _MODES[mode],
        color=_LINES[mode],
        ha="right" if saturates else "left",
        va="center",
        fontsize=9,
        fontweight="bold",
    )


def _verdicts(axes: Axes, points: Sequence[Row]) -> None:
    for height, mode in enumerate(reversed(_MODES)):
        rows = [row for row in points if row["overflow"] == mode]
        for verdict, run in groupby(rows, key=lambda row: Verdict(row["verdict"])):
            bits = column(list(run), "bits")
            axes.barh(
                height,
                len(bits),
                left=bits[0] - 0.5,
                height=0.86,
                color=COLOURS[verdict],
                edgecolor=COLOURS["paper"],
                linewidth=0.8,
            )
            if len(verdict.value) <= _LETTERS * len(bits):
                axes.text(
                    (bits[0] + bits[-1]) / 2,
                    height,
                    verdict.value,
                    ha="center",
                    va="center_baseline",
                    fontsize=7,
                    color=_ON_DARK if verdict in _DARK else _ON_LIGHT,
                )
    axes.set_yticks(range(len(_MODES)), list(reversed(_MODES.values())))
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)
    axes.tick_params(length=0)
    axes.set_ylim(-0.5, 1.5)


def layer_figure(widths: pd.DataFrame) -> str:
    """Return the bits that each layer needs: by this data, stored, proven, by its data type."""
    groups, layers = values(widths, "weight_bits"), values(widths, "layer")
    alternative = "Accumulator bits that each layer needs: by this data, proven, by data type"
    with canvas("layers", 0.3 * len(layers) + 1.0, alternative) as drawn:
        axes = drawn.figure.subplots(1, len(groups), sharex=True, sharey=True, squeeze=False)[0]
        for panel, weight_bits in zip(axes, groups, strict=True):
            rows = select(widths, weight_bits=weight_bits)
            _ladders(panel, rows, [layers.index(row["layer"]) for row in rows])
            panel.set_title(f"{weight_bits}-bit weights")
            panel.set_xlabel("accumulator bits")
            tidy(panel, grid="x")
            panel.spines["left"].set_visible(False)
        low, high = int(widths["needed_bits"].min()), int(widths["type_bits"].max())
        axes[0].set_xlim(low - 1, high + 1)
        axes[0].set_xticks(range(low + low % 2, high + 1, 2))
        axes[0].set_yticks(range(len(layers)), layers)
        axes[0].set_ylim(len(layers) - 0.5, -0.5)
    return drawn.svg


def _ladders(axes: Axes, rows: Sequence[Row], heights: Sequence[int]) -> None:
    needed, proven = column(rows, "needed_bits"), column(rows, "proven_bits")
    axes.hlines(heights, needed, proven, color=COLOURS[Verdict.SAFE], linewidth=5)
    axes.plot(column(rows, "type_bits"), heights, "|", color=COLOURS["muted"], markersize=11)
    marks = (
        (proven, "s", Verdict.PROVEN, _ON_DARK),
        (needed, "o", Verdict.HOLDS, _ON_LIGHT),
    )
    axes.plot(
        column(rows, "real_needed_bits"),
        heights,
        "o",
        color="none",
        markeredgecolor=COLOURS["second"],
        markeredgewidth=1.5,
        markersize=17,
    )
    for widths, marker, colour, ink in marks:
        axes.plot(widths, heights, marker, color=COLOURS[colour], markersize=13)
        for bits, height in zip(widths, heights, strict=True):
            axes.text(
                bits, height, str(bits), ha="center", va="center_baseline", fontsize=7.5, color=ink
            )
