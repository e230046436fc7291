"""The pictures of networks: accuracy, detection errors, cycles and memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from fxpsim.report import wording as say
from fxpsim.report.costs import CORES
from fxpsim.report.drawing import COLOURS, canvas, tidy
from fxpsim.report.tables import Row, column, select, values
from fxpsim.report.verdict import Verdict

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["accuracy_figure", "cycles_figure", "memory_figure"]

_CURVES = ("ink", "accent", "second", "fourth", "third")
_SHADES = ("accent", Verdict.PROVEN, Verdict.SAFE, "fourth", "second", "third")
_KIB = 1 / 1024


def accuracy_figure(accuracy: pd.DataFrame, det: pd.DataFrame) -> str:
    """Return accuracy by network with intervals, beside the detection error trade-off."""
    alternative = "Accuracy by weight bits; false rejects against false accepts"
    with canvas("accuracy", 3.2, alternative) as drawn:
        left, right = drawn.figure.subplots(1, 2, gridspec_kw={"width_ratios": [1.15, 1]})
        rows = select(accuracy)
        _accuracies(left, rows, "accuracy", "accent", "this set", -1)
        if accuracy["real_accuracy"].notna().all():
            _accuracies(left, rows, "real_accuracy", "second", "real speech, stored", 1)
        left.set_yticks(range(len(rows)), column(rows, "network"))
        left.set_ylim(len(rows) - 0.5, -0.75)
        left.margins(x=0.12)
        left.locator_params(axis="x", integer=True)
        left.set_xlabel("accuracy in %, with 95 % interval")
        left.set_title("Accuracy by weight bits")
        tidy(left, grid="x")
        left.spines["left"].set_visible(False)
        _det(right, det, column(rows, "network"))
    return drawn.svg


def _accuracies(
    axes: Axes, rows: Sequence[Row], name: str, colour: str, label: str, side: int
) -> None:
    """Draw one set's accuracies, above (side -1) or below (side 1) the middle of each row."""
    middle, low, high = (column(rows, f"{name}{end}", 100) for end in ("", "_low", "_high"))
    heights = [place + 0.11 * side for place in range(len(rows))]
    ink = COLOURS[colour]
    axes.hlines(heights, low, high, color=ink, linewidth=1.6)
    axes.plot(middle, heights, "o" if side < 0 else "s", color=ink, markersize=5)
    for row, value, end, height in zip(rows, middle, high, heights, strict=True):
        _beside(axes, say.percent(row[name]), max(value, end), height, ink)
    axes.annotate(
        label,
        (middle[0], heights[0]),
        xytext=(0, -7 * side),
        textcoords="offset points",
        ha="center",
        va="bottom" if side < 0 else "top",
        color=ink,
        fontsize=8,
        fontweight="bold",
    )


def _beside(axes: Axes, text: str, end: float, height: float, colour: str) -> None:
    """Write to the right of a mark."""
    axes.annotate(
        text,
        (end, height),
        xytext=(5, 0),
        textcoords="offset points",
        va="center_baseline",
        color=colour,
        fontsize=8,
    )


def _det(axes: Axes, det: pd.DataFrame, names: Sequence[str]) -> None:
    for number, name in enumerate(names):
        rows = select(det, network=name)
        axes.step(
            column(rows, "false_accept_rate", 100),
            column(rows, "false_reject_rate", 100),
            where="post",
            color=COLOURS[_CURVES[number % len(_CURVES)]],
            linewidth=1.4,
            label=name,
        )
    axes.set_xscale("log")
    axes.set_xlim(0.05, 20)
    axes.set_ylim(0, 100)
    axes.set_xticks([0.1, 1, 10], ["0.1 %", "1 %", "10 %"])
    axes.set_yticks([0, 25, 50, 75, 100], ["0", "25", "50", "75", "100 %"])
    axes.set_xlabel("false accepts (share of trials without the keyword)")
    axes.set_title("Missed keywords against false accepts")
    if det.empty:
        axes.text(
            0.5, 0.5, "no clip of a keyword: nothing to miss", ha="center", transform=axes.transAxes
        )
    else:
        axes.axvline(1, color=COLOURS["muted"], linewidth=1, linestyle=":")
        axes.legend(frameon=False, fontsize=8, loc="upper right", labelcolor="linecolor")
    tidy(axes)
    axes.minorticks_off()


def cycles_figure(costs: pd.DataFrame) -> str:
    """Return estimated cycles by variant, with their ranges, on the two cores that decide."""
    names = values(costs, "variant")
    alternative = "Estimated cycles by weight format on a NEON core and on a systolic array"
    with canvas("cycles", 0.3 * len(names) + 0.9, alternative) as drawn:
        panels = drawn.figure.subplots(1, 2, sharey=True)
        for axes, core in zip(panels, list(CORES)[:2], strict=True):
            rows = select(costs, core=core, layer="total")
            heights = [names.index(row["variant"]) for row in rows]
            low, high = (column(rows, f"cycles_{end}", 1e-3) for end in ("low", "high"))
            axes.barh(
                heights, column(rows, "cycles", 1e-3), height=0.62, color=COLOURS[Verdict.SAFE]
            )
            axes.hlines(heights, low, high, color=COLOURS["ink"], linewidth=1.2)
            for row, height, end in zip(rows, heights, high, strict=True):
                text = f"{say.cycles(row['cycles'])}, {say.ratio(row['times_float'])}"
                _beside(axes, text, end, height, COLOURS["ink"])
            axes.set_title(core)
            axes.set_xlim(0, 1.3 * max(high))
            axes.set_xlabel("thousand cycles a decision (estimate, with its range)")
            tidy(axes, grid="x")
        panels[0].set_yticks(range(len(names)), names)
        panels[0].set_ylim(len(names) - 0.5, -0.5)
    return drawn.svg


def memory_figure(memory: pd.DataFrame) -> str:
    """Return stored bytes by variant, weights packed, with the share of each layer."""
    layers = [name for name in values(memory, "layer") if name != "total"]
    names = values(memory, "variant")
    alternative = "Stored bytes by weight format and layer, weights packed"
    with canvas("memory", 0.3 * len(names) + 0.9, alternative) as drawn:
        axes = drawn.figure.subplots()
        ends = [0.0] * len(names)
        for number, layer in enumerate(layers):
            rows = select(memory, layer=layer)
            stored = [_KIB * _stored_bytes(row) for row in rows]
            axes.barh(
                range(len(names)),
                stored,
                left=ends,
                height=0.62,
                color=COLOURS[_SHADES[number % len(_SHADES)]],
                edgecolor=COLOURS["paper"],
                linewidth=0.6,
                label=layer,
            )
            ends = [end + size for end, size in zip(ends, stored, strict=True)]
        for height, end in enumerate(ends):
            text = f"{end:.0f} KiB, {say.ratio(end / ends[0])}"
            _beside(axes, text, end, height, COLOURS["ink"])
        axes.set_yticks(range(len(names)), names)
        axes.set_ylim(len(names) - 0.5, -0.5)
        axes.set_xlim(0, 1.15 * max(ends))
        axes.set_xlabel("KiB stored: weights packed, biases, gains")
        axes.legend(frameon=False, fontsize=8, ncols=len(layers), loc="lower right")
        tidy(axes, grid="x")
    return drawn.svg


def _stored_bytes(row: Row) -> int:
    return int(row["weights_packed_bytes"] + row["bias_bytes"] + row["gain_bytes"])
