"""Draw the pictures of formats-and-rounding.md: python docs/explanation/draw_rounding.py.

Every point is computed by fxpsim.  Inputs of the error histograms are all multiples of an eighth
of a step from -8 to 8, as a hardware that drops 3 bits meets them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl  # noqa: TID251
import matplotlib.pyplot as plt  # noqa: TID251
import numpy as np
from matplotlib.axes import Axes  # noqa: TID251

import fxpsim as fx
from fxpsim.formats.modes import STOCHASTIC

WORD = fx.QFormat(8, 0)
# Of the palettes of Okabe and Ito, and of Tol, which colour-blind readers can tell apart.
BLUE, ORANGE, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#882255"
GREY, INK = "#999999", "#222222"
MINUS = "\N{MINUS SIGN}"
ROUNDING = {
    "floor": BLUE, "ceil": BLUE, "toward_zero": BLUE, "away_from_zero": BLUE, "trn_mag": BLUE,
    "nearest_up": ORANGE, "nearest_down": ORANGE, "nearest_to_zero": ORANGE,
    "nearest_away": ORANGE, "nearest_even": ORANGE, "nearest_odd": ORANGE,
    "jam": GREEN, "jam_unbiased": GREEN, "stochastic_weighted": PURPLE, "stochastic_equal": PURPLE,
}  # fmt: skip
OVERFLOW = (
    "saturate", "saturate_symmetric", "saturate_to_zero", "wrap",
    "wrap(1)", "wrap(2)", "wrap_sign_magnitude", "wrap_sign_magnitude(1)",
)  # fmt: skip
REPEATS = 4000
STYLE = {
    "font.size": 8, "axes.titlesize": 9, "axes.edgecolor": GREY, "text.color": INK,
    "axes.labelcolor": INK, "xtick.color": INK, "ytick.color": INK, "axes.spines.top": False,
    "axes.spines.right": False, "font.family": "DejaVu Sans",
}  # fmt: skip


def frequencies(x: np.ndarray, mode: str) -> tuple[np.ndarray, np.ndarray]:
    """Return, for each input, the lowest code it becomes and how often the next one.

    A draw belongs to a sample, so repeats are samples of their own.
    """
    repeats = REPEATS if mode in STOCHASTIC else 1
    codes = fx.quantize(np.tile(x, (repeats, 1)), WORD, mode)
    low = codes.min(axis=0)
    return low, (codes > low).mean(axis=0)


def staircase(axes: Axes, mode: str, colour: str) -> None:
    """Draw codes over values: lines between the multiples of a half, dots on them."""
    axes.plot([-3.3, 3.3], [-3.3, 3.3], color=GREY, linewidth=0.7, linestyle=":")
    edges = np.linspace(-3, 3, 97 if mode in STOCHASTIC else 13)
    middle, halves = (edges[1:] + edges[:-1]) / 2, np.arange(-6, 7) / 2
    for x, ends in ((middle, (edges[:-1], edges[1:])), (halves, None)):
        low, up = frequencies(x, mode)
        for codes, share in ((low, 1 - up), (low + 1, up)):
            seen = share > 0
            if not seen.any():
                continue
            shades = [(*mpl.colors.to_rgb(colour), alpha) for alpha in share[seen]]
            if ends is None:
                axes.scatter(x[seen], codes[seen], s=13, color=shades, linewidths=0, zorder=3)
            else:
                axes.hlines(codes[seen], *(end[seen] for end in ends), colors=shades, linewidth=1.6)
    axes.set_xlim(-3.4, 3.4)
    axes.set_ylim(-4.4, 4.4)
    axes.set_xticks(range(-3, 4))
    axes.set_yticks(range(-4, 5, 2))
    axes.grid(color="#eeeeee", linewidth=0.6)
    axes.set_axisbelow(True)


def errors(mode: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the errors (code less value, in steps), and how often each occurs."""
    x = np.arange(-64, 65) / 8
    weights = np.where(abs(x) == 8, 0.5, 1.0) / 128  # as many whole numbers as other eighths
    low, up = frequencies(x, mode)
    all_errors = np.concatenate([low - x, low + 1 - x])
    shares = np.concatenate([1 - up, up]) * np.tile(weights, 2)
    values, index = np.unique(all_errors[shares > 0], return_inverse=True)
    return values, np.bincount(index, shares[shares > 0])


def moments(mode: str) -> tuple[float, float]:
    """Return the mean error, and the root of the mean square error."""
    values, shares = errors(mode)
    return float(values @ shares), float(np.sqrt(values**2 @ shares))


def histogram(axes: Axes, mode: str, colour: str) -> None:
    """Draw how often each error occurs, with the mean as a line."""
    values, shares = errors(mode)
    mean, rms = moments(mode)
    axes.bar(values, shares, width=0.1, color=colour)
    axes.axvline(mean, ymax=0.66, color=INK, linewidth=1)
    shown = "0" if abs(mean) < 0.0005 else f"{mean:+.3f}".replace("-", MINUS)
    text = f"mean {shown}\nrms {rms:.3f}"
    axes.text(0.98, 0.97, text, transform=axes.transAxes, ha="right", va="top", fontsize=7.5)
    axes.set_xlim(-1.12, 1.12)
    axes.set_ylim(0, 0.26)
    axes.set_xticks([-1, -0.5, 0, 0.5, 1], [f"{MINUS}1", f"{MINUS}½", "0", "½", "1"])
    axes.set_yticks([0, 0.1, 0.2], ["0", "10 %", "20 %"])


def overflowing(axes: Axes, mode: str, colour: str) -> None:
    """Draw the codes of a 4-bit word over three times its range, and the range."""
    numbers = np.arange(-24, 25)
    codes = fx.cast(numbers, WORD, fx.QFormat(4, 0), overflow=mode)
    axes.axvspan(-8.5, 7.5, color="#f0f0f0", linewidth=0)
    axes.plot(numbers, codes, color=colour, linewidth=0.6, alpha=0.5)
    axes.scatter(numbers, codes, s=7, color=colour, linewidths=0)
    axes.set_xticks([-24, -8, 7, 24])
    axes.set_yticks([-8, 0, 7])


def draw(
    path: Path,
    panel: Callable[[Axes, str, str], None],
    modes: dict[str, str],
    columns: int,
    labels: tuple[str, str],
) -> None:
    """Draw one panel for each mode, all with the same axes."""
    rows = -(-len(modes) // columns)
    with mpl.rc_context(STYLE):
        figure, grid = plt.subplots(
            rows, columns, figsize=(2.1 * columns, 1.9 * rows), sharex=True, sharey=True,
            layout="constrained",
        )  # fmt: skip
        for axes, (mode, colour) in zip(grid.flat, modes.items(), strict=True):
            panel(axes, mode, colour)
            axes.set_title(mode)
        figure.supxlabel(labels[0], fontsize=9)
        figure.supylabel(labels[1], fontsize=9)
        figure.savefig(path, dpi=120, facecolor="white")
        plt.close(figure)


def main(folder: Path) -> None:
    """Write the three pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    draw(
        folder / "rounding.png", staircase, ROUNDING, 5,
        ("value, in steps of the output", "code"),
    )  # fmt: skip
    draw(
        folder / "rounding-errors.png", histogram, ROUNDING, 5,
        ("code less value, in steps of the output; 3 bits dropped", "share of inputs"),
    )  # fmt: skip
    draw(
        folder / "overflow.png", overflowing, dict.fromkeys(OVERFLOW, BLUE), 4,
        ("number", "code of 4 bits"),
    )  # fmt: skip


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else Path(__file__).parent / "pictures")
