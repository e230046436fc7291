"""What ``run`` and ``listen`` share: a listener from options, and how its answers are shown."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fxpsim.cli.common import print_table

if TYPE_CHECKING:
    from fxpsim.detection import Detection, Listener
    from fxpsim.graph import Graph

__all__ = [
    "channel_of",
    "channel_option",
    "described",
    "heard_in",
    "listener_for",
    "listener_options",
    "print_heard",
    "tell",
]

_OPTIONS = (
    click.option("--frontend", metavar="NAME", help="Front end, as 'logmel' or 'logmel:bands=40'."),
    click.option(
        "--threshold", type=float, metavar="SCORE", help="Mean score that a detection must pass."
    ),
    click.option(
        "--every",
        type=click.IntRange(min=1),
        default=1,
        show_default=True,
        help="Rows from one decision to the next (networks without states).",
    ),
    click.option(
        "--labels", metavar="A,B,...", help="Names of the scores, where the file has none."
    ),
)
channel_option = click.option(
    "--channel", default="0", show_default=True, metavar="N|mean", help="Of several."
)


def listener_options(command: Any) -> Any:
    """Add the options that :func:`listener_for` takes."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def listener_for(
    graph: Graph, frontend: str | None, threshold: float | None, every: int, labels: str | None
) -> Listener:
    """Return the listener that options describe; which front end it has goes to stderr."""
    from fxpsim.detection import Listener, detector_for
    from fxpsim.frontend import create, front_end_for

    if frontend is None:
        front_end, reason = front_end_for(graph)
    else:
        front_end, reason = create(frontend), frontend
    tell("front end", reason)
    names = tuple(part.strip() for part in labels.split(",")) if labels else ()
    detector = detector_for(graph, front_end, every=every, labels=names, confidence=threshold)
    return Listener(graph, front_end, detector, every)


def channel_of(text: str) -> Any:
    """Return a channel's number, or the word for their mean."""
    return int(text) if text.isdecimal() else text


def described(listener: Listener, found: Detection) -> dict[str, Any]:
    """Return a detection as a row of a table."""
    return {
        "time_s": round(listener.time_of(found.decision), 4),
        "word": found.word,
        "confidence": round(found.confidence, 6),
        "decision": found.decision,
        "sum": found.total,
    }


def heard_in(listener: Listener, path: Path, channel: str, top: int) -> dict[str, Any]:
    """Return the likeliest classes of a whole file, with the time of their best, and detections."""
    from dataclasses import replace

    import numpy as np

    from fxpsim.audio import read_audio

    front_end, detector = listener.front_end, listener.detector
    audio = read_audio(path, front_end.sample_rate, channel=channel_of(channel))

    def samples_for(decisions: int) -> int:
        return round(listener.time_of(decisions - 1) * front_end.sample_rate)

    first, step = samples_for(1), samples_for(2) - samples_for(1)
    own = 1 + max(0, audio.samples.size - first) // step
    silence = max(0, samples_for(own + detector.smoothing - 1) - audio.samples.size)
    notes = list(audio.notes)
    if silence:
        seconds = silence / front_end.sample_rate
        notes.append(f"heard with {seconds:.2f} s of silence behind it, so that its end is decided")
    tell(path.name, *notes)
    heard = listener.listen(np.pad(audio.samples, (0, silence)))
    scores = detector.multiplicands(heard.scores)[:own]
    order = (-scores.max(axis=0)).argsort(kind="stable")[:top]
    one = replace(detector, smoothing=1)
    return {
        "seconds": audio.seconds,
        "notes": notes,
        "top": [
            {
                "rank": rank,
                "class": detector.classes[column],
                "score": int(heard.scores[best, column]),
                "confidence": round(float(scores[best, column] * one.unit), 6),
                "time_s": round(listener.time_of(best), 4),
            }
            for rank, column in enumerate(order, 1)
            for best in [int(scores[:, column].argmax())]
        ],
        "detections": [described(listener, found) for found in heard.detections],
    }


def print_heard(answer: dict[str, Any]) -> None:
    """Print what :func:`heard_in` returns."""
    import pandas as pd

    print_table(pd.DataFrame(answer["top"]), {"confidence": "{:.3f}", "time_s": "{:.2f}"})
    click.echo()
    if answer["detections"]:
        table = pd.DataFrame(answer["detections"])[["time_s", "word", "confidence"]]
        print_table(table, {"confidence": "{:.3f}", "time_s": "{:.2f}"})
    else:
        click.echo("nothing detected")


def tell(what: str, *notes: str) -> None:
    """Say on the error stream what was done, where anything was."""
    for note in notes:
        click.echo(f"{what}: {note}", err=True)
