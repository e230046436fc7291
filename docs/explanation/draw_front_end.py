"""Measure and draw what front-end.md shows.

``python docs/explanation/draw_front_end.py SPEECH`` sweeps the widths over the test speakers of a
Speech Commands folder (or an audio npz) and writes front-end-widths.csv; with or without SPEECH, it
draws the picture and prints the table from that file.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt  # noqa: TID251
import numpy as np
import pandas as pd

import fxpsim as fx
from fxpsim.frontend.lfbe import Lfbe
from fxpsim.frontend.widths import float_snr, front_end_sweep, one_at_a_time
from fxpsim.kws.labels import label_of_word
from fxpsim.kws.recordings import Clip, recordings

FOLDER = Path(__file__).parent
NETWORKS = ("kws250k-8bit", "kws250k-4bit")
SNR_CLIPS = 100
#: Swept around the default, one at a time, with what the table calls it.
SETTINGS = {
    "data_bits": ("FFT words", range(6, 19)),
    "twiddle_bits": ("twiddle factors", range(4, 15)),
    "window_bits": ("window coefficients", range(3, 14)),
    "power_bits": ("powers", range(14, 33, 2)),
    "mel_weight_bits": ("mel weights", (1, 2, 3, 4, 5, 6, 8, 10)),
    "accumulator_bits": ("mel register", (28, *range(30, 38))),
    "log_entries": ("log2 table entries", (2, 4, 8, 16, 32, 64, 128)),
    "log_degree": ("log2 polynomial degree", (1, 2, 3)),
    "rounding": ("rounding", ("floor", "toward_zero", "nearest_up", "nearest_even")),
}
FIXED = "FFT words, fixed scaling"
BLUE, ORANGE, GREY, INK = "#0072B2", "#D55E00", "#999999", "#222222"
STYLE = {
    "font.size": 8, "axes.titlesize": 9, "axes.edgecolor": GREY, "text.color": INK,
    "axes.labelcolor": INK, "xtick.color": INK, "ytick.color": INK, "axes.spines.top": False,
    "axes.spines.right": False, "font.family": "DejaVu Sans",
}  # fmt: skip


def points() -> list[tuple[str, object, Lfbe]]:
    """Return what is swept: the name of a setting, its value, the front end."""
    base = Lfbe()
    swept = [
        (noun, value, one_at_a_time(base, **{name: [value]})[-1])
        for name, (noun, values) in SETTINGS.items()
        for value in values
    ]
    return swept + [
        (FIXED, bits, replace(base, scaling="fixed", data_bits=bits, power_bits=2 * bits - 1))
        for bits in range(12, 23, 2)
    ]


def measure(clips: Sequence[Clip], swept: Sequence[tuple[str, object, Lfbe]]) -> pd.DataFrame:
    """Return a row for each point and network."""
    audio = np.stack([clip.second() for clip in clips])
    labels = np.array([label_of_word(clip.word) for clip in clips])
    groups = np.array([clip.group for clip in clips])
    tables = []
    for name in NETWORKS:
        table = front_end_sweep(
            [front_end for *_, front_end in swept], audio, fx.load(name), labels, groups,
            snr_clips=SNR_CLIPS,
        )  # fmt: skip
        table.insert(0, "network", name)
        table.insert(1, "setting", [noun for noun, *_ in swept])
        table.insert(2, "value", [str(value) for _, value, _ in swept])
        tables.append(table)
    result = pd.concat(tables)
    heard = audio[np.linspace(0, len(audio) - 1, min(SNR_CLIPS, len(audio))).astype(int)]
    result["snr_codes_float"] = float_snr(Lfbe(), heard)
    return result


def markdown(table: pd.DataFrame) -> str:
    """Return the page's table: one network's codes, both networks' answers."""
    eight, four = (table[table["network"] == name].reset_index() for name in NETWORKS)
    lines = [
        "| setting | value | SNR of spectra, dB | of log2 | of codes | codes equal | top class "
        "equal | points lost, 8-bit weights | 4-bit weights | words that saturate |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for (_, row), (_, other) in zip(eight.iterrows(), four.iterrows(), strict=True):
        losses = [
            f"{100 * r['loss']:.1f} ({100 * r['loss_low']:.1f} to {100 * r['loss_high']:.1f})"
            for r in (row, other)
        ]
        cells = [
            row["setting"], row["value"], f"{row['snr_spectrum']:.1f}", f"{row['snr_log']:.1f}",
            f"{row['snr_codes']:.1f}", f"{100 * row['equal_codes']:.1f} %",
            f"{100 * row['agreement']:.1f} %", *losses, str(row["events"]),
        ]  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |".replace("-0.0", "0.0"))
    return "\n".join(lines)


def draw(table: pd.DataFrame, path: Path) -> None:
    """Draw signal-to-noise ratio and accuracy lost against each width."""
    panels = [noun for noun, values in SETTINGS.values() if not isinstance(values[0], str)]
    panels = [noun for noun in panels if noun not in ("log2 polynomial degree", "mel register")]
    ours = table[table["network"] == NETWORKS[0]]
    with plt.rc_context(STYLE):
        figure, grid = plt.subplots(
            2, len(panels), figsize=(12, 4.6), sharex="col", sharey="row", layout="constrained"
        )
        for (top, bottom), noun in zip(grid.T, panels, strict=True):
            curves = {noun: BLUE} | ({FIXED: ORANGE} if noun == "FFT words" else {})
            for name, colour in curves.items():
                rows = ours[ours["setting"] == name]
                x = rows["value"].astype(int).to_numpy()
                top.plot(x, rows["snr_codes"], "o-", color=colour, markersize=3, linewidth=1.2)
                bottom.plot(x, 100 * rows["loss"], "o-", color=colour, markersize=3, linewidth=1.2)
                low, high = (100 * rows[f"loss_{end}"] for end in ("low", "high"))
                bottom.fill_between(x, low, high, color=colour, alpha=0.2, linewidth=0)
                label = "fixed scaling" if name == FIXED else "block scaling"
                if len(curves) > 1:
                    at = int((rows["snr_codes"] > 5).argmax())
                    top.annotate(
                        label, (x[at], rows["snr_codes"].iloc[at]), xytext=(7, -3),
                        textcoords="offset points", va="center", color=colour,
                    )  # fmt: skip
            top.axhline(ours["snr_codes_float"].iloc[0], color=GREY, linewidth=0.8, linestyle=":")
            bottom.axhline(0, color=GREY, linewidth=0.8, linestyle=":")
            default = ours[(ours["setting"] == noun) & (ours["value"] == _default(noun))]
            top.plot(
                default["value"].astype(int), default["snr_codes"], "o", markersize=8,
                markerfacecolor="none", markeredgecolor=INK,
            )  # fmt: skip
            top.set_title(noun)
            bottom.set_xlabel("entries" if "entries" in noun else "bits")
            bottom.locator_params(axis="x", integer=True)
            if "entries" in noun:
                bottom.set_xscale("log", base=2)
                bottom.set_xticks(x, [str(entries) for entries in x])
        grid[0, -1].annotate(
            "dotted: float features\nring: default", (0.98, 0.05), xycoords="axes fraction",
            ha="right",
        )  # fmt: skip
        grid[0, 0].set_ylabel("SNR of output codes, dB")
        grid[1, 0].set_ylabel("points of accuracy lost")
        grid[0, 0].set_ylim(0, 50)
        grid[1, 0].set_ylim(-3, 15)
        figure.savefig(path, dpi=110, facecolor="white")
        plt.close(figure)


def _default(noun: str) -> str:
    return next(str(getattr(Lfbe(), name)) for name, (n, _) in SETTINGS.items() if n == noun)


def main(arguments: Sequence[str]) -> None:
    """Measure where there is speech; draw, and print the table."""
    stored = FOLDER / "front-end-widths.csv"
    if arguments:
        clips = [clip for clip in recordings(Path(arguments[0])) if clip.split == "test"]
        measure(clips, points()).to_csv(stored, index=False, float_format="%.6g")
    table = pd.read_csv(stored)
    draw(table, FOLDER / "pictures" / "front-end-widths.png")
    print(markdown(table))


if __name__ == "__main__":
    main(sys.argv[1:])
