"""fxpsim listen."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import click

from fxpsim.cli.common import (
    FilePath,
    json_option,
    kernel_set_option,
    model_argument,
    print_json,
    progress_bar,
)
from fxpsim.cli.listening import (
    channel_of,
    channel_option,
    described,
    listener_for,
    listener_options,
    tell,
)

if TYPE_CHECKING:
    from fxpsim.detection import Heard

_COLUMNS = ("time_s", "word", "confidence", "decision", "sum")


@click.command("listen")
@model_argument
@click.argument("audio", type=FilePath())
@click.option("--out", type=FilePath(), metavar="CSV", help="File of detections.")
@click.option("--picture", type=FilePath(), metavar="PNG", help="Draw codes, scores, detections.")
@listener_options
@channel_option
@click.option("--accumulator", metavar="BITS[,MODE]", help="Other registers, as '16,saturate'.")
@kernel_set_option
@json_option
def command(
    model: str,
    audio: Path,
    out: Path | None,
    picture: Path | None,
    frontend: str | None,
    threshold: float | None,
    every: int,
    labels: str | None,
    channel: str,
    accumulator: str | None,
    kernel_set: str,
    as_json: bool,
) -> None:
    """Hear a recording as it streams in, and print what is detected when.

    Detections are printed, or written to --out, as soon as they are heard: what was written before
    an interruption stays.  The file is read in blocks, so it may be as long as it likes.

    \b
    fxpsim listen kws250k-8bit meeting.flac --out detections.csv
    fxpsim listen wakeword.tflite long.wav --threshold 0.9 --picture heard.png
    """
    import numpy as np

    from fxpsim.accumulators import Accumulator
    from fxpsim.audio import open_audio
    from fxpsim.models import load

    graph = load(model, kernel_set)
    if accumulator is not None:
        graph = graph.with_accumulators(Accumulator.parse(accumulator))
    listener = listener_for(graph, frontend, threshold, every, labels)
    stream, parts, found = listener.stream(), [], []
    # Kernels are compiled, or loaded, when first used; the speed that is told is what follows.
    silence = np.zeros(round(listener.time_of(1) * listener.front_end.sample_rate), np.int16)
    stream.step(silence)
    stream.reset()
    seconds = 0.0
    with (
        open_audio(audio, listener.front_end.sample_rate, channel=channel_of(channel)) as file,
        progress_bar("listening") as show,
    ):
        blocks = file.blocks()
        first = next(blocks)  # bad audio is found before anything is written
        begin = perf_counter()
        with _writer(out, quiet=as_json) as write:
            for block in chain([first], blocks):
                heard = stream.step(block)
                seconds += block.size / file.sample_rate
                for one in heard.detections:
                    found.append(described(listener, one))
                    write(found[-1])
                if picture is not None:
                    parts.append(heard)
                show(audio.name, round(seconds), max(round(seconds), round(file.seconds)))
        elapsed = perf_counter() - begin
        tell(audio.name, *file.notes)
    if picture is not None:
        from fxpsim.report.listening import listening_picture

        listening_picture(picture, listener, _joined(parts))
    summary = {
        "audio_seconds": round(seconds, 3),
        "seconds": round(elapsed, 3),
        "real_time_factor": round(seconds / elapsed, 1),
        "detections": len(found),
        "macs_per_decision": listener.work().macs,
        "decisions_per_second": round(1 / listener.interval, 3),
        "buffer_bytes": stream.buffers,
    }
    if as_json:
        print_json(summary | {"heard": found})
        return
    click.echo(
        f"{seconds:.1f} s of audio in {elapsed:.1f} s, {seconds / elapsed:.0f} times real time: "
        f"{len(found)} detections. A device keeps {sum(stream.buffers.values())} bytes and "
        f"computes {listener.work().macs} MACs every {1000 * listener.interval:g} ms.",
        err=True,
    )


@contextmanager
def _writer(out: Path | None, *, quiet: bool) -> Iterator[Callable[[dict[str, Any]], None]]:
    """Yield what takes a detection to its file, or to the screen, at once."""
    if out is None:
        if not quiet:
            click.echo(",".join(_COLUMNS))
        yield lambda row: None if quiet else click.echo(",".join(map(str, row.values())))
        return
    with out.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, _COLUMNS, lineterminator="\n")
        table.writeheader()
        file.flush()

        def write(row: dict[str, Any]) -> None:
            table.writerow(row)
            file.flush()

        yield write


def _joined(parts: list[Heard]) -> Heard:
    import numpy as np

    from fxpsim.detection import Heard

    return Heard(
        np.concatenate([part.rows for part in parts]),
        np.concatenate([part.scores for part in parts]),
        tuple(one for part in parts for one in part.detections),
    )
