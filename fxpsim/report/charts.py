"""The pictures of costs: cycles and memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fxpsim.report import wording as say
from fxpsim.report.costs import CORES
from fxpsim.report.drawing import COLOURS, beside, canvas, tidy
from fxpsim.report.tables import Row, column, select, values
from fxpsim.report.verdict import Verdict

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["cycles_figure", "memory_figure"]

_SHADES = ("accent", Verdict.PROVEN, Verdict.SAFE, "fourth", "second", "third")
_KIB = 1 / 1024


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
                beside(axes, text, end, height, COLOURS["ink"])
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
            beside(axes, text, end, height, COLOURS["ink"])
        axes.set_yticks(range(len(names)), names)
        axes.set_ylim(len(names) - 0.5, -0.5)
        axes.set_xlim(0, 1.15 * max(ends))
        axes.set_xlabel("KiB stored: weights packed, biases, gains")
        axes.legend(frameon=False, fontsize=8, ncols=len(layers), loc="lower right")
        tidy(axes, grid="x")
    return drawn.svg


def _stored_bytes(row: Row) -> int:
    return int(row["weights_packed_bytes"] + row["bias_bytes"] + row["gain_bytes"])
