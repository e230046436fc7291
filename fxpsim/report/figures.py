"""The pictures of the accumulators: which widths work, and what each layer needs."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from fxpsim.report.drawing import COLOURS, canvas, tidy
from fxpsim.report.verdict import Verdict

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["layer_figure", "sweep_figure"]

_MODES = ("saturate", "wrap")
_LINES = {"saturate": COLOURS["accent"], "wrap": COLOURS["second"]}
_SHOWN_RUN = 3  # widths that a word has room in
_DARK = frozenset({Verdict.PROVEN, Verdict.BROKEN})


def sweep_figure(points: pd.DataFrame) -> str:
    """Return accuracy against accumulator width, a panel a weight width, verdicts below."""
    widths = points["weight_bits"].unique()
    alternative = "Accuracy against accumulator bits, saturating and wrapping, by weight bits"
    with canvas("sweep", 2.35 * len(widths) + 0.2, alternative) as drawn:
        ratios = [5.0, 1.0] * len(widths)
        axes = drawn.figure.subplots(
            2 * len(widths), 1, sharex=True, gridspec_kw={"height_ratios": ratios}
        )
        for number, weight_bits in enumerate(widths):
            of_width = points[points["weight_bits"] == weight_bits]
            upper, lower = axes[2 * number], axes[2 * number + 1]
            _curves(upper, of_width)
            _verdicts(lower, of_width)
            upper.set_title(f"{weight_bits}-bit weights")
            upper.tick_params(labelbottom=False)
        low, high = int(points["bits"].min()), int(points["bits"].max())
        axes[-1].set_xlim(low - 0.5, high + 0.5)
        axes[-1].set_xticks(range(low, high + 1, 2))
        axes[-1].tick_params(labelbottom=True)
        axes[-1].set_xlabel("accumulator bits")
    return drawn.svg


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
    note = {"fontsize": 8, "color": COLOURS["muted"], "va": "bottom"}
    axes.text(proven - 0.3, 6, f"proven from {proven} bits", **note)
    if needed < proven:
        axes.text(needed - 0.65, 6, f"no overflow here from {needed}", ha="right", **note)
    axes.set_ylim(0, 103)
    axes.set_yticks([0, 25, 50, 75, 100], ["0", "25", "50", "75", "100 %"])
    tidy(axes)


def _name_curves(axes: Axes, points: pd.DataFrame) -> None:
    """Write each mode's name beside the steepest part of its curve."""
    for mode, (dx, ha) in {"saturate": (-0.5, "right"), "wrap": (0.5, "left")}.items():
        rows = points[points["overflow"] == mode].sort_values("bits")
        low, high = rows["accuracy"].min(), rows["accuracy"].max()
        aim = low + (0.8 if mode == "saturate" else 0.3) * (high - low)
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
            if len(bits) >= _SHOWN_RUN:
                axes.text(
                    (bits[0] + bits[-1]) / 2,
                    row,
                    verdict.value,
                    ha="center",
                    va="center_baseline",
                    fontsize=7.5,
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
    with canvas("layers", 0.27 * len(layers) + 1.0, alternative) as drawn:
        axes = drawn.figure.subplots(1, len(groups), sharex=True, sharey=True, squeeze=False)[0]
        for panel, weight_bits in zip(axes, groups, strict=True):
            rows = widths[widths["weight_bits"] == weight_bits]
            y = [layers.index(name) for name in rows["layer"]]
            panel.hlines(
                y, rows["needed_bits"], rows["proven_bits"], color=COLOURS["safe"], linewidth=5
            )
            ends = {"needed_bits": ("o", "second", -1), "proven_bits": ("s", "proven", 1)}
            for column, (marker, colour, side) in ends.items():
                panel.plot(rows[column], y, marker, color=COLOURS[colour], markersize=5.5)
                for height, bits in zip(y, rows[column], strict=True):
                    panel.annotate(
                        str(bits),
                        (bits, height),
                        xytext=(7 * side, 0),
                        textcoords="offset points",
                        ha="right" if side < 0 else "left",
                        va="center_baseline",
                        fontsize=8,
                    )
            panel.plot(rows["type_bits"], y, "|", color=COLOURS["muted"], markersize=9)
            panel.set_title(f"{weight_bits}-bit weights")
            panel.set_xlabel("accumulator bits")
            tidy(panel, grid="x")
            panel.spines["left"].set_visible(False)
        axes[0].set_yticks(range(len(layers)), layers)
        axes[0].set_ylim(len(layers) - 0.5, -0.5)
        low, high = int(widths["needed_bits"].min()), int(widths["type_bits"].max())
        axes[0].set_xlim(low - 1.8, high + 0.8)
        axes[0].set_xticks(range(low - low % 2, high + 1, 2))
    return drawn.svg
