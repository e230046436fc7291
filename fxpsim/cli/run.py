"""fxpsim run."""

from __future__ import annotations

from pathlib import Path

import click

from fxpsim.cli.common import (
    FilePath,
    codes_in,
    json_option,
    kernel_set_option,
    model_argument,
    print_json,
    print_table,
    shipped_inputs,
)
from fxpsim.cli.listening import (
    channel_option,
    heard_in,
    listener_for,
    listener_options,
    print_heard,
)


@click.command("run")
@model_argument
@click.argument("inputs", type=FilePath(), required=False)
@click.option("--accumulator", metavar="BITS[,MODE]", help="Other registers, as '16,saturate'.")
@listener_options
@channel_option
@click.option("--top", type=click.IntRange(min=1), default=3, show_default=True, help="Classes.")
@click.option("--clips", type=click.IntRange(min=1), default=20, show_default=True, help="At most.")
@kernel_set_option
@json_option
def command(
    model: str,
    inputs: Path | None,
    accumulator: str | None,
    frontend: str | None,
    threshold: float | None,
    every: int,
    labels: str | None,
    channel: str,
    top: int,
    clips: int,
    kernel_set: str,
    as_json: bool,
) -> None:
    """Classify inputs bit by bit and print the top classes; of sound, also what is detected when.

    MODEL is a shipped name or a file.  INPUTS is a sound file (WAV, FLAC...), or a .npy or .npz
    file (array "features" or the only one) of integer codes of the network's input format, or of
    float values to be quantised; without it, the synthetic speech that the package ships is
    classified.  Networks with states read streams (n, steps, ...), or the rows of one; each class
    has its highest score of all steps.

    \b
    fxpsim run kws250k-8bit --clips 3
    fxpsim run kws250k-8bit clip.wav
    fxpsim run kws250k-4bit features.npy --accumulator 16,saturate
    fxpsim run network.tflite inputs.npy --kernel-set xnnpack
    """
    import pandas as pd

    from fxpsim.accumulators import Accumulator
    from fxpsim.audio import SUFFIXES
    from fxpsim.models import load
    from fxpsim.scoring import classes_of, clip_scores
    from fxpsim.simulation import simulate

    graph = load(model, kernel_set)
    register = None if accumulator is None else Accumulator.parse(accumulator)
    if inputs is not None and inputs.suffix.lower() in SUFFIXES:
        graph = graph.with_accumulators(register)
        listener = listener_for(graph, frontend, threshold, every, labels)
        answer = heard_in(listener, inputs, channel, top)
        if as_json:
            print_json(answer)
        else:
            print_heard(answer)
        return
    codes = shipped_inputs(graph) if inputs is None else codes_in(inputs, graph)
    trace = simulate(graph, codes[:clips], accumulator=register, probes=[graph.scores])
    scores, names = clip_scores(graph, trace[graph.scores]), classes_of(graph)
    rows = []
    for clip, row in enumerate(scores):
        order = (-row.astype(int)).argsort(kind="stable")[:top]
        rows += [
            {"clip": clip, "rank": rank + 1, "class": names[i], "score": int(row[i])}
            for rank, i in enumerate(order)
        ]
    if as_json:
        print_json(rows)
    else:
        print_table(pd.DataFrame(rows))
        if len(codes) > clips:
            click.echo(f"{len(codes) - clips} more clips; see --clips", err=True)
