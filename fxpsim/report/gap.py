"""The picture of the gap: what each channel provably needs, and what data reached."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from fxpsim.report.drawing import COLOURS, canvas, tidy
from fxpsim.report.tables import Row, column, select, values
from fxpsim.report.verdict import Verdict

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["gap_picture"]


def gap_picture(channels: pd.DataFrame) -> str:
    """Return an SVG file: a row a layer, a dot a channel, proven above and needed below.

    Parameters
    ----------
    channels : DataFrame
        Of :class:`fxpsim.guarantees.gap.Gap`.
    """
    names = values(channels, "node")
    alternative = "Proven and needed accumulator bits of every channel, by layer"
    with canvas("gap", 0.55 * len(names) + 1.0, alternative) as drawn:
        axes = drawn.figure.subplots()
        for height, name in enumerate(names):
            rows = select(channels, node=name)
            proven, needed = (_bits(rows, prefix) for prefix in ("proven_", ""))
            for bits, colour, above in (
                (proven, COLOURS[Verdict.PROVEN], -0.17),
                (needed, COLOURS["second"], 0.17),
            ):
                places = [height + above] * len(bits)
                axes.plot(bits, places, "o", color=colour, markersize=3, alpha=0.45)
                axes.plot([max(bits)] * 2, [height + above - 0.12, height + above + 0.12],
                          color=colour, linewidth=2)  # fmt: skip
            axes.hlines(height, max(needed), max(proven), color=COLOURS["muted"], linewidth=1)
        axes.set_yticks(range(len(names)), [_short(name) for name in names])
        axes.set_ylim(len(names) - 0.5, -0.5)
        axes.set_xlabel("bits of a signed register: proven (above), reached by the data (below)")
        axes.locator_params(axis="x", integer=True)
        tidy(axes, grid="x")
    colours = "".join(f"--{name}:{colour};" for name, colour in COLOURS.items())
    head = f'<svg xmlns="http://www.w3.org/2000/svg" style="{colours}font-family:sans-serif" '
    return drawn.svg.replace("<svg ", head, 1) + "\n"


def _bits(rows: list[Row], prefix: str) -> list[float]:
    """Return the bits that hold each range, fractions of a bit included."""
    ends = zip(column(rows, f"{prefix}lowest"), column(rows, f"{prefix}highest"), strict=True)
    return [1 + math.log2(max(high + 1, -low, 1)) for low, high in ends]


def _short(name: str) -> str:
    return name if len(name) <= 28 else f"{name[:25]}..."
