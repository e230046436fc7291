"""The pictures of networks: accuracy, detection errors, cycles and memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fxpsim.report.drawing import COLOURS, canvas, tidy

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["accuracy_figure", "cycles_figure", "memory_figure"]

_HERE, _REAL = COLOURS["accent"], COLOURS["second"]
_CURVES = ("ink", "accent", "second", "fourth", "third")
_NEON, _ARRAY = "NEON Cortex-A53", "systolic 16×16"


def accuracy_figure(accuracy: pd.DataFrame, det: pd.DataFrame, here: str) -> str:
    """Return accuracy by network with intervals, beside the detection error trade-off."""
    alternative = "Accuracy by weight bits; false rejects against false accepts"
    with canvas("accuracy", 3.2, alternative) as drawn:
        left, right = drawn.figure.subplots(1, 2, gridspec_kw={"width_ratios": [1.15, 1]})
        _accuracies(left, accuracy, here)
        _det(right, det, list(accuracy["network"]))
    return drawn.svg


def _accuracies(axes: Axes, accuracy: pd.DataFrame, here: str) -> None:
    places = range(len(accuracy))
    kinds = [("accuracy", _HERE, "o", here)]
    if accuracy["real_accuracy"].notna().any():
        kinds.append(("real_accuracy", _REAL, "s", "real speech, stored"))
    for number, (column, colour, marker, label) in enumerate(kinds):
        offset = 0.22 * (number - (len(kinds) - 1) / 2)
        y = [place + offset for place in places]
        middle = 100 * accuracy[column]
        below = middle - 100 * accuracy[f"{column}_low"]
        above = 100 * accuracy[f"{column}_high"] - middle
        axes.errorbar(
            middle, y, xerr=[below, above], fmt=marker, color=colour, markersize=5, linewidth=1.6
        )
        for value, end, height in zip(middle, middle + above, y, strict=True):
            axes.annotate(
                f"{value:.1f}",
                (end, height),
                xytext=(5, 0),
                textcoords="offset points",
                va="center_baseline",
                color=colour,
                fontsize=8,
            )
        axes.annotate(
            label,
            (float(middle.iloc[0]), y[0]),
            xytext=(0, 7 if number == 0 else -7),
            textcoords="offset points",
            ha="center",
            va="bottom" if number == 0 else "top",
            color=colour,
            fontsize=8,
            fontweight="bold",
        )
    axes.set_yticks(list(places), list(accuracy["network"]))
    axes.set_ylim(len(accuracy) - 0.5, -0.75)
    axes.margins(x=0.1)
    axes.set_xlabel("accuracy in %, with 95 % interval")
    axes.set_title("Accuracy by weight bits")
    tidy(axes, grid="x")
    axes.spines["left"].set_visible(False)


def _det(axes: Axes, det: pd.DataFrame, names: list[str]) -> None:
    for number, name in enumerate(names):
        rows = det[det["network"] == name]
        colour = COLOURS[_CURVES[number % len(_CURVES)]]
        axes.step(
            100 * rows["false_accept_rate"],
            100 * rows["false_reject_rate"],
            where="post",
            color=colour,
            linewidth=1.4,
            label=name,
        )
    axes.axvline(1, color=COLOURS["muted"], linewidth=1, linestyle=":")
    axes.set_xscale("log")
    axes.set_xlim(0.05, 20)
    axes.set_ylim(0, 100)
    axes.set_xticks([0.1, 1, 10], ["0.1 %", "1 %", "10 %"])
    axes.set_yticks([0, 25, 50, 75, 100], ["0", "25", "50", "75", "100 %"])
    axes.set_xlabel("false accepts (share of trials without the keyword)")
    axes.set_title("Missed keywords against false accepts")
    axes.legend(frameon=False, fontsize=8, loc="upper right", labelcolor="linecolor")
    tidy(axes)
    axes.minorticks_off()


def cycles_figure(costs: pd.DataFrame) -> str:
    """Return estimated cycles by variant, with their ranges, on the two cores that decide."""
    totals = costs[costs["layer"] == "total"]
    names = list(totals["variant"].unique())
    alternative = "Estimated cycles by weight format on a NEON core and on a systolic array"
    with canvas("cycles", 0.3 * len(names) + 0.9, alternative) as drawn:
        axes = drawn.figure.subplots(1, 2, sharey=True)
        for panel, core in zip(axes, (_NEON, _ARRAY), strict=True):
            rows = totals[totals["core"] == core]
            y = [names.index(name) for name in rows["variant"]]
            thousands = rows["cycles"] / 1e3
            panel.barh(y, thousands, height=0.62, color=COLOURS["safe"])
            panel.hlines(
                y, rows["cycles_low"] / 1e3, rows["cycles_high"] / 1e3, color=COLOURS["ink"], lw=1.2
            )
            for height, value, ratio, end in zip(
                y, thousands, rows["times_float"], rows["cycles_high"] / 1e3, strict=True
            ):
                panel.annotate(
                    f"{value:.0f} k, {ratio:.2f}×",
                    (max(end, value), height),
                    xytext=(5, 0),
                    textcoords="offset points",
                    va="center_baseline",
                    fontsize=8,
                )
            panel.set_title(core)
            panel.set_xlim(0, 1.3 * float(rows["cycles_high"].max()) / 1e3)
            panel.set_xlabel("thousand cycles a decision (estimate, with its range)")
            tidy(panel, grid="x")
        axes[0].set_yticks(range(len(names)), names)
        axes[0].set_ylim(len(names) - 0.5, -0.5)
    return drawn.svg


def memory_figure(memory: pd.DataFrame) -> str:
    """Return bytes by variant: weights by layer, then the constants behind them."""
    layers = [name for name in memory["layer"].unique() if name != "total"]
    names = list(memory["variant"].unique())
    shades = ("accent", "proven", "safe", "fourth", "second", "third")
    alternative = "Stored bytes by weight format and layer, weights packed"
    with canvas("memory", 0.3 * len(names) + 0.9, alternative) as drawn:
        axes = drawn.figure.subplots()
        left = [0.0] * len(names)
        for number, layer in enumerate(layers):
            rows = memory[memory["layer"] == layer].set_index("variant").loc[names]
            kib = (rows[["weights_packed_bytes", "bias_bytes", "gain_bytes"]].sum(axis=1)) / 1024
            axes.barh(
                range(len(names)),
                kib,
                left=left,
                height=0.62,
                color=COLOURS[shades[number % len(shades)]],
                edgecolor=COLOURS["paper"],
                linewidth=0.6,
                label=layer,
            )
            left = [a + b for a, b in zip(left, kib, strict=True)]
        for height, end in enumerate(left):
            axes.annotate(
                f"{end:.0f} KiB, {end / left[0]:.2f}×",
                (end, height),
                xytext=(5, 0),
                textcoords="offset points",
                va="center_baseline",
                fontsize=8,
            )
        axes.set_yticks(range(len(names)), names)
        axes.set_ylim(len(names) - 0.5, -0.5)
        axes.set_xlim(0, 1.15 * max(left))
        axes.set_xlabel("KiB stored: weights packed, biases, gains")
        axes.legend(frameon=False, fontsize=8, ncols=len(layers), loc="lower right")
        tidy(axes, grid="x")
    return drawn.svg
