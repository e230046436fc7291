"""The pictures of the accumulators: which widths work, and what each layer needs."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from fxpsim.report.drawing import COLOURS, canvas, tidy
from fxpsim.report.verdict import Verdict

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["layer_figure", "sweep_figure"]

_MODES = ("saturate", "wrap")
_LINES = {"saturate": COLOURS["accent"], "wrap": COLOURS["second"]}
_LETTERS = 5  # that a width has room for
_DARK = frozenset({Verdict.PROVEN, Verdict.BROKEN})


def sweep_figure(points: pd.DataFrame) -> str:
    """Return accuracy against accumulator width, a panel a weight width, verdicts below."""
    widths = points["weight_bits"].unique()
    alternative = "Accuracy against accumulator bits, saturating and wrapping, by weight bits"
    low, high = int(points["bits"].min()), int(points["bits"].max())
    with canvas("sweep", 2.3 * len(widths) + 0.5, alternative) as drawn:
        panels = drawn.figure.add_gridspec(len(widths), 1, hspace=0.08)
        for number, weight_bits in enumerate(widths):
            of_width = points[points["weight_bits"] == weight_bits]
            inner = panels[number].subgridspec(2, 1, height_ratios=[5, 1], hspace=0.0)
            upper, lower = inner.subplots()
            _curves(upper, of_width)
            _verdicts(lower, of_width)
            upper.set_title(f"{weight_bits}-bit weights")
            for axes in (upper, lower):
                axes.set_xlim(low - 0.5, high + 0.5)
                axes.set_xticks(range(low, high + 1, 2))
            upper.tick_params(labelbottom=False)
        lower.set_xlabel("accumulator bits")
        _legend(drawn.figure)
    return drawn.svg


def _legend(figure: Figure) -> None:
    from matplotlib.patches import Patch

    chips = [Patch(color=COLOURS[verdict.value], label=verdict.value) for verdict in Verdict]
    figure.legend(
        handles=chips,
        loc="outside upper right",
        ncols=len(chips),
        frameon=False,
        fontsize=8.5,
        handlelength=1.2,
        handleheight=1.0,
    )


def _curves(axes: Axes, points: pd.DataFrame) -> None:
    proven, needed = int(points["proven_bits"].iloc[0]), int(points["needed_bits"].iloc[0])
    right = points["bits"].max() + 0.5
    axes.axvspan(proven - 0.5, right, color=COLOURS["proven"], alpha=0.16, linewidth=0)
    axes.axvspan(needed - 0.5, proven - 0.5, color=COLOURS["safe"], alpha=0.32, linewidth=0)
    for mode in _MODES:
        rows = points[points["overflow"] == mode].sort_values("bits")
        colour = _LINES[mode]
        axes.fill_between(
            rows["bits"],
            100 * rows["accuracy_low"],
            100 * rows["accuracy_high"],
            color=colour,
            alpha=0.14,
            linewidth=0,
        )
        style = "-" if mode == "saturate" else "--"
        axes.plot(
            rows["bits"],
            100 * rows["accuracy"],
            style,
            color=colour,
            linewidth=1.8,
            marker="o",
            markersize=3,
        )
    _name_curves(axes, points)
    axes.text(proven - 0.35, 5, f"proven from {proven} bits", fontsize=8, color=COLOURS["ink"])
    if needed < proven:
        text = f"no overflow on this data from {needed} bits"
        axes.text(needed - 0.35, 17, text, fontsize=8, color=COLOURS["ink"])
    axes.set_ylim(0, 103)
    axes.set_yticks([0, 25, 50, 75, 100], ["0", "25", "50", "75", "100 %"])
    tidy(axes)


def _name_curves(axes: Axes, points: pd.DataFrame) -> None:
    """Write each mode's name beside the steepest part of its curve."""
    for mode, (dx, ha) in {"saturate": (-0.7, "right"), "wrap": (0.5, "left")}.items():
        rows = points[points["overflow"] == mode].sort_values("bits")
        low, high = rows["accuracy"].min(), rows["accuracy"].max()
        aim = low + (0.8 if mode == "saturate" else 0.45) * (high - low)
        above = rows[rows["accuracy"] >= aim].iloc[0]
        axes.text(
            float(above["bits"]) + dx,
            100 * float(aim),
            {"saturate": "saturating", "wrap": "wrapping"}[mode],
            color=_LINES[mode],
            ha=ha,
            va="center",
            fontsize=9,
            fontweight="bold",
        )


def _verdicts(axes: Axes, points: pd.DataFrame) -> None:
    for row, mode in enumerate(reversed(_MODES)):
        rows = points[points["overflow"] == mode].sort_values("bits")
        pairs = list(zip(rows["bits"].astype(int), rows["verdict"], strict=True))
        for verdict, run in groupby(pairs, key=lambda pair: Verdict(pair[1])):
            bits = [pair[0] for pair in run]
            axes.barh(
                row,
                len(bits),
                left=bits[0] - 0.5,
                height=0.86,
                color=COLOURS[verdict.value],
                edgecolor=COLOURS["paper"],
                linewidth=0.8,
            )
            if len(verdict.value) <= _LETTERS * len(bits):
                axes.text(
                    (bits[0] + bits[-1]) / 2,
                    row,
                    verdict.value,
                    ha="center",
                    va="center_baseline",
                    fontsize=7,
                    color="#ffffff" if verdict in _DARK else "#222222",
                )
    axes.set_yticks([0, 1], ["wrapping", "saturating"])
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)
    axes.tick_params(length=0)
    axes.set_ylim(-0.5, 1.5)


def layer_figure(widths: pd.DataFrame) -> str:
    """Return the bits that each layer needs: by this data, proven, and by its data type alone."""
    groups = widths["weight_bits"].unique()
    layers = list(widths["layer"].unique())
    alternative = "Accumulator bits that each layer needs: by this data, proven, by data type"
    with canvas("layers", 0.3 * len(layers) + 1.0, alternative) as drawn:
        axes = drawn.figure.subplots(1, len(groups), sharex=True, sharey=True, squeeze=False)[0]
        for panel, weight_bits in zip(axes, groups, strict=True):
            rows = widths[widths["weight_bits"] == weight_bits]
            y = [layers.index(name) for name in rows["layer"]]
            panel.hlines(
                y, rows["needed_bits"], rows["proven_bits"], color=COLOURS["safe"], linewidth=5
            )
            panel.plot(rows["type_bits"], y, "|", color=COLOURS["muted"], markersize=11)
            ends = {
                "proven_bits": ("s", "proven", "#ffffff"),
                "needed_bits": ("o", "holds", "#222222"),
            }
            for column, (marker, colour, ink) in ends.items():
                panel.plot(rows[column], y, marker, color=COLOURS[colour], markersize=13)
                for height, bits in zip(y, rows[column], strict=True):
                    panel.text(
                        bits,
                        height,
                        str(bits),
                        ha="center",
                        va="center_baseline",
                        fontsize=7.5,
                        color=ink,
                    )
            panel.set_title(f"{weight_bits}-bit weights")
            panel.set_xlabel("accumulator bits")
            tidy(panel, grid="x")
            panel.spines["left"].set_visible(False)
        axes[0].set_yticks(range(len(layers)), layers)
        axes[0].set_ylim(len(layers) - 0.5, -0.5)
        low, high = int(widths["needed_bits"].min()), int(widths["type_bits"].max())
        axes[0].set_xlim(low - 1, high + 1)
        axes[0].set_xticks(range(low - low % 2, high + 1, 2))
    return drawn.svg
