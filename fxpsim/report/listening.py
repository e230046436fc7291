"""A picture of listening: what the front end wrote, what the network thought, what was heard."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fxpsim.detection.intervals import FEWEST
from fxpsim.report.drawing import COLOURS, picture, tidy

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from fxpsim.detection import Detection, Detector, Heard, Listener

__all__ = ["det_picture", "listening_picture"]

#: Columns of a picture, and words whose posteriors have a colour of their own.
_COLUMNS, _CURVES = 2000, ("accent", "second", "fourth", "ink", "muted")


def listening_picture(path: Path, listener: Listener, heard: Heard) -> None:
    """Write a PNG: spectrogram in codes, smoothed posteriors, detections, over time.

    What is longer than a picture has columns is drawn by the highest value of each column.

    Parameters
    ----------
    path : Path
        Of the file.
    listener : Listener
        What listened.
    heard : Heard
        All that it heard, from the first sample on.
    """
    front_end, detector = listener.front_end, listener.detector
    end = (len(heard.rows) * front_end.hop + front_end.window) / front_end.sample_rate
    with picture(path, 4.6) as figure:
        top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=[1.1, 1])
        _spectrogram(top, heard.rows, end)
        top.set_title(f"Front end: codes of {front_end.bands} bands ({front_end.format})")
        _posteriors(bottom, listener, heard)
        bottom.set_xlim(0, end)
        bottom.set_xlabel("seconds")
        for axes in (top, bottom):
            for one in heard.detections:
                axes.axvline(listener.time_of(one.decision), color=COLOURS["second"], linewidth=0.9)
        _names(bottom, listener, heard.detections)
        bottom.set_title(_said(detector))


def _spectrogram(axes: Axes, rows: NDArray[Any], end: float) -> None:
    if rows.size:
        codes = _at_most(rows, _COLUMNS)
        axes.imshow(
            codes.T, aspect="auto", origin="lower", extent=(0, end, 0, rows.shape[1]),
            cmap="cividis", interpolation="nearest",
        )  # fmt: skip
    axes.set_ylabel("band")


def _posteriors(axes: Axes, listener: Listener, heard: Heard) -> None:
    """Draw the mean scores of the words that come highest."""
    detector = listener.detector
    if len(heard.scores):
        sums = detector.sums(detector.multiplicands(heard.scores)) * detector.unit
        means = _at_most(sums, _COLUMNS)
        ends = (listener.time_of(0), listener.time_of(len(sums) - 1))
        times = np.linspace(*ends, len(means))
        columns = [detector.classes.index(word) for word in detector.words]
        order = sorted(columns, key=lambda c: -means[:, c].max())
        for colour, column in zip(_CURVES, order, strict=False):
            axes.plot(
                times, means[:, column], color=COLOURS[colour], linewidth=1,
                label=detector.classes[column],
            )  # fmt: skip
        axes.legend(
            frameon=False, fontsize=8, ncols=len(_CURVES), loc="upper left",
            bbox_to_anchor=(0, -0.2), labelcolor="linecolor",
        )  # fmt: skip
    axes.axhline(
        detector.threshold * detector.unit, color=COLOURS["muted"], linewidth=1, linestyle=":"
    )
    axes.set_ylabel("mean score")
    tidy(axes)


def _names(axes: Axes, listener: Listener, detections: tuple[Detection, ...]) -> None:
    """Write the words above their detections, as long as there is room."""
    if len(detections) > 40:
        return
    for one in detections:
        axes.annotate(
            one.word, (listener.time_of(one.decision), 1), xycoords=("data", "axes fraction"),
            xytext=(2, -2), textcoords="offset points", va="top", rotation=90,
            fontsize=7.5, color=COLOURS["second"],
        )  # fmt: skip


def _said(detector: Detector) -> str:
    scores = "score" if detector.smoothing == 1 else f"mean of {detector.smoothing} scores"
    return f"Network: {scores}; detected above {detector.threshold * detector.unit:.3g}"


def _at_most(values: NDArray[Any], columns: int) -> NDArray[Any]:
    """Return the highest of each column's values, where there are more than so many rows."""
    if len(values) <= columns:
        return values
    starts = np.linspace(0, len(values), columns, endpoint=False).astype(int)
    highest: NDArray[Any] = np.maximum.reduceat(values, starts, axis=0)
    return highest


def det_picture(path: Path, curves: Mapping[str, pd.DataFrame]) -> None:
    """Write a PNG: missed words against false accepts per hour, with 95 % intervals.

    Parameters
    ----------
    path : Path
        Of the file.
    curves : mapping of str to DataFrame
        What :func:`fxpsim.detection.det` says, by name; on the same recordings.  Left of the dotted
        line, at 3 per hours of audio, nothing can be claimed, and curves end there.
    """
    with picture(path, 4.0) as figure:
        axes = figure.subplots()
        for colour, (name, whole) in zip(_CURVES, curves.items(), strict=False):
            ink = COLOURS[colour]
            few = whole["false_accepts"] < FEWEST
            table = whole[~few | (few & ~few.shift(fill_value=False))]
            missed = 100 * table["false_reject_rate"]
            low, high = table["false_accepts_low"], table["false_accepts_high"]
            axes.fill_betweenx(missed, low, high, color=ink, alpha=0.12, linewidth=0)
            axes.plot(table["claimed_per_hour"], missed, ".-", color=ink, linewidth=1.2, label=name)
        hours = max(table["hours"].iloc[0] for table in curves.values())
        axes.axvline(FEWEST / hours, color=COLOURS["muted"], linewidth=1, linestyle=":")
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:g}")
        axes.set_xlim(left=FEWEST / hours / 1.5)
        axes.set_ylim(0, 100)
        axes.set_xlabel(f"false accepts per hour, counted in {hours:.2f} hours")
        axes.set_ylabel("missed words, %")
        axes.legend(frameon=False, labelcolor="linecolor", loc="upper right")
        tidy(axes)
        axes.minorticks_off()
