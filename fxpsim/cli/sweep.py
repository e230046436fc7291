"""fxpsim sweep."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from fxpsim.cli.common import (
    FilePath,
    array_in,
    check_out,
    codes_in,
    data_option,
    evaluation_for,
    json_option,
    kernel_set_option,
    labels_for,
    model_argument,
    print_json,
    print_table,
    progress_bar,
    seed_option,
    speakers_option,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fxpsim.graph import Graph

_RANGE = re.compile(r"(?P<first>[0-9]{1,3})(:(?P<last>[0-9]{1,3}))?")


class _Material(NamedTuple):
    """What every point runs on."""

    title: str
    description: str
    codes: NDArray[Any]
    labels: NDArray[Any]
    groups: NDArray[Any] | None = None


def _widths(text: str) -> list[int]:
    from fxpsim.errors import ConfigError

    widths: set[int] = set()
    for part in text.split(","):
        found = _RANGE.fullmatch(part.strip())
        if found is None:
            raise ConfigError(f"bits must look like '8:32' or '12,16,20', not {text!r}")
        first, last = found["first"], found["last"] or found["first"]
        widths |= set(range(int(first), int(last) + 1))
    if not widths:
        raise ConfigError(f"bits must name at least one width, not {text!r}")
    return sorted(widths)


@click.command("sweep")
@model_argument
@click.argument("inputs", type=FilePath(), required=False)
@click.option(
    "--labels",
    type=FilePath(),
    metavar="PATH",
    help="True classes of INPUTS, as numbers.  Default: what the network decides as it is.",
)
@click.option("--bits", default="8:32", show_default=True, help="Widths: '8:32' or '12,16,20'.")
@click.option(
    "--overflow",
    multiple=True,
    default=("saturate", "wrap"),
    show_default=True,
    help="Mode; repeat for several.",
)
@click.option("--nodes", default="*", show_default=True, help="Pattern of the layers to change.")
@click.option(
    "--cost",
    multiple=True,
    metavar="MODEL",
    help="Cost model, as 'neon:cortex-a53'; repeat for several.",
)
@click.option("--out", type=FilePath(), metavar="CSV", help="Write a CSV file.")
@data_option
@speakers_option
@seed_option
@kernel_set_option
@json_option
def command(
    model: str,
    inputs: Path | None,
    labels: Path | None,
    bits: str,
    overflow: tuple[str, ...],
    nodes: str,
    cost: tuple[str, ...],
    out: Path | None,
    data: Path | None,
    all_speakers: bool,
    seed: int,
    kernel_set: str,
    as_json: bool,
) -> None:
    """Measure accuracy and overflow against the accumulator.

    MODEL is a shipped name or a file.  INPUTS is a file as for `fxpsim run`, for networks that do
    not hear the speech of --data.  Without --labels, accuracy is the share of clips on which the
    network still decides as it does with its own accumulators.

    \b
    fxpsim sweep kws250k-4bit --bits 10:20 --overflow saturate
    fxpsim sweep kws250k-8bit --nodes dense0 --cost neon --out sweep.csv
    fxpsim sweep network.tflite inputs.npy --labels labels.npy --bits 14:20
    """
    from fxpsim.errors import ConfigError
    from fxpsim.models import load
    from fxpsim.sweeps import accumulator_grid, sweep

    check_out("--out", out, inputs, labels, data)
    if inputs is None and labels is not None:
        raise ConfigError("--labels are those of INPUTS, but there are none")
    if inputs is not None and (data is not None or all_speakers):
        raise ConfigError("INPUTS and --data (or --all-speakers) exclude each other: give one")
    graph = load(model, kernel_set)
    points = accumulator_grid(_widths(bits), overflow)
    if inputs is None:
        evaluation = evaluation_for(data, all_speakers, graph)
        truth = labels_for(graph, evaluation)
        material = _Material(
            evaluation.title, evaluation.description, evaluation.features, truth, evaluation.groups
        )
    else:
        material = _from_files(graph, inputs, labels)
    with progress_bar(f"sweep {graph.name}") as progress:
        table = sweep(
            graph,
            material.codes,
            material.labels,
            accumulators=points,
            nodes=nodes,
            cost=cost,
            groups=material.groups,
            seed=seed,
            progress=lambda done, total: progress("points", done, total),
        )
    if out is not None:
        table.to_csv(out, index=False)
    if as_json:
        print_json({"data": material.title, "points": table.to_dict("records")})
        return
    click.echo(f"{material.title}: {material.description}")
    shares = dict.fromkeys(table.columns[table.columns.str.startswith("accuracy")], "{:.1%}")
    shares |= {"overflow_outputs": "{:.3%}", "overflow_layers": "{:.0%}", "seconds": "{:.3f}"}
    cycles = dict.fromkeys(table.columns[table.columns.str.startswith("cycles")], "{:,.0f}")
    print_table(table.drop(columns=["order", "spill"]), shares | cycles)


def _from_files(graph: Graph, inputs: Path, labels: Path | None) -> _Material:
    """Return the user's inputs with their true classes, or with what the network makes of them."""
    from fxpsim.errors import DataError
    from fxpsim.scoring import clip_scores, score
    from fxpsim.simulation import simulate

    codes = codes_in(inputs, graph)
    scores = simulate(graph, codes, probes=[graph.scores])[graph.scores]
    if labels is None:
        decided = clip_scores(graph, scores).argmax(axis=1)
        text = f"{len(codes)} clips; accuracy is agreement with the network's own accumulators"
        return _Material(inputs.name, text, codes, decided)
    truth = array_in(labels, "labels")
    try:
        result = score(graph, scores, truth)
    except DataError as error:
        raise DataError(f"{labels}: {error}") from None
    text = f"{len(codes)} clips; {result.accuracy:.1%} with the network's own accumulators"
    return _Material(inputs.name, text, codes, truth)
