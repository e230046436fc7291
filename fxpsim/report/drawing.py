"""From matplotlib to inline SVG: small, the same bytes every time, coloured by the page."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fxpsim.report.verdict import Verdict

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["COLOURS", "Canvas", "beside", "canvas", "picture", "tidy"]

#: Name of a colour of the page -> what stands for it while drawing.  Blue to yellow to red keeps
#: its order of lightness for every kind of colour vision.
COLOURS: Mapping[str, str] = {
    "ink": "#1a1d21",
    "muted": "#5c6570",
    "line": "#c9ced6",
    "paper": "#fefefe",
    "accent": "#12436b",
    "second": "#b8561b",
    "third": "#7a7f87",
    "fourth": "#2a8c82",
    Verdict.PROVEN: "#1d5c99",
    Verdict.SAFE: "#8dbde6",
    Verdict.HOLDS: "#f2d468",
    Verdict.UNDECIDED: "#d5d8dc",
    Verdict.DEGRADED: "#e48a3a",
    Verdict.BROKEN: "#8c2a24",
}
_WIDTH = 10.0  # inches; the page scales it to its column
_FONT = "DejaVu Sans"  # comes with matplotlib and is wider than what the page's text is set in
_SETTINGS: dict[Any, Any] = {
    "font.family": _FONT,
    "font.size": 8.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": COLOURS["line"],
    "axes.labelcolor": COLOURS["muted"],
    "axes.titlelocation": "left",
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlecolor": COLOURS["ink"],
    "text.color": COLOURS["ink"],
    "xtick.color": COLOURS["line"],
    "ytick.color": COLOURS["line"],
    "xtick.labelcolor": COLOURS["muted"],
    "ytick.labelcolor": COLOURS["muted"],
}


class Canvas:
    """A figure to draw on; ``svg`` has the result afterwards."""

    def __init__(self, name: str, figure: Figure) -> None:
        self.name, self.figure = name, figure
        self.svg = ""


@contextmanager
def canvas(name: str, height: float, alternative: str) -> Iterator[Canvas]:
    """Open a figure; on the way out it becomes SVG.

    Parameters
    ----------
    name : str
        Prefix of every id in the SVG, so that several can stand in one page.
    height : float
        Inches; the width is that of the page's column.
    alternative : str
        What a reader who cannot see the picture is told.
    """
    import matplotlib
    from matplotlib.figure import Figure

    settings = _SETTINGS | {
        "svg.hashsalt": name,
        "svg.fonttype": "none",
        "figure.facecolor": "none",
        "axes.facecolor": "none",
    }
    with matplotlib.rc_context(settings):
        drawn = Canvas(name, Figure(figsize=(_WIDTH, height), layout="constrained"))
        yield drawn
        buffer = io.StringIO()
        drawn.figure.savefig(buffer, format="svg", metadata={"Date": None})
    drawn.svg = _inline(buffer.getvalue(), name, alternative)


@contextmanager
def picture(path: Path, height: float) -> Iterator[Figure]:
    """Open a figure of so many inches; on the way out it becomes a PNG file."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(_SETTINGS | {"figure.facecolor": "white"}):
        figure = Figure(figsize=(_WIDTH, height), layout="constrained")
        yield figure
        figure.savefig(path, format="png", dpi=120, metadata={"Software": None})


def tidy(axes: Axes, *, grid: str = "y") -> None:
    """Leave of the frame what helps reading."""
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(side == {"y": "bottom", "x": "left"}[grid])
    axes.grid(axis=grid, color=COLOURS["line"], linewidth=0.6)  # type: ignore[arg-type]
    axes.set_axisbelow(True)
    axes.tick_params(length=0)


def beside(axes: Axes, text: str, end: float, height: float, colour: str) -> None:
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


def _inline(text: str, name: str, alternative: str) -> str:
    """Return the ``svg`` element alone, with ids of its own and colours of the page."""
    body = text[text.index("<svg") :]
    opening, _, body = body.partition(">")
    view = re.search(r'viewBox="[^"]*"', opening)
    body = re.sub(r"<metadata>.*?</metadata>", "", body, count=1, flags=re.DOTALL)
    body = _renumbered(body, name).replace("xlink:href", "href").replace(f"'{_FONT}'", "inherit")
    body = re.sub(r"font: (?:(bold) )?([\d.]+)px inherit", _font, body)
    for colour, stands in COLOURS.items():
        body = body.replace(stands, f"var(--{colour})")
    # Numbers of a picture this size need no more than a hundredth of a unit.
    body = re.sub(r"(\d+\.\d\d)\d+", r"\1", body)
    head = f'<svg {view.group() if view else ""} role="img" aria-label="{alternative}">'
    return f"{head}{re.sub(chr(10) + ' *', chr(10), body)}".strip()


def _renumbered(body: str, name: str) -> str:
    """Return a body whose ids are numbers in order of use; ids that nothing refers to go.

    Matplotlib makes ids of coordinates to the last bit, which the layout does not repeat.
    """
    reference = re.compile(r'(xlink:href="#|url\(#)([^")]*)')
    used = dict.fromkeys(match[2] for match in reference.finditer(body))
    numbers = {old: f"{name}-{number}" for number, old in enumerate(used)}
    body = reference.sub(lambda match: f"{match[1]}{numbers[match[2]]}", body)
    return re.sub(
        r' id="([^"]*)"', lambda m: f' id="{numbers[m[1]]}"' if m[1] in numbers else "", body
    )


def _font(match: re.Match[str]) -> str:
    weight = "; font-weight: 600" if match.group(1) else ""
    return f"font-size: {match.group(2)}px{weight}"
