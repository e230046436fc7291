"""What ``run`` and ``listen`` share: a listener from options, and how its answers are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from fxpsim.detection import Detection, Listener
    from fxpsim.graph import Graph

__all__ = ["channel_of", "channel_option", "described", "listener_for", "listener_options", "tell"]

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
    click.option("--labels", metavar="A,B,...", help="Names of the scores, where the file has none."),
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
    """Return the listener that options describe; says on the error stream which front end it has."""
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


def tell(what: str, *notes: str) -> None:
    """Say on the error stream what was done, where anything was."""
    for note in notes:
        click.echo(f"{what}: {note}", err=True)
