"""fxpsim sweep."""

from __future__ import annotations

from pathlib import Path

import click

from fxpsim.cli.common import (
    FilePath,
    data_option,
    evaluation_for,
    json_option,
    labels_for,
    model_argument,
    print_json,
    print_table,
    progress_bar,
    seed_option,
    speakers_option,
)


def _widths(text: str) -> list[int]:
    from fxpsim.errors import ConfigError

    widths: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition(":")
        if not first.isdigit() or not (last or first).isdigit():
            raise ConfigError(f"bits must look like '8:32' or '12,16,20', not {text!r}")
        widths += range(int(first), int(last or first) + 1)
    widths = sorted(set(widths))
    if not widths:
        raise ConfigError(f"bits must name at least one width, not {text!r}")
    return widths


@click.command("sweep")
@model_argument
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
@json_option
def command(
    model: str,
    bits: str,
    overflow: tuple[str, ...],
    nodes: str,
    cost: tuple[str, ...],
    out: Path | None,
    data: Path | None,
    all_speakers: bool,
    seed: int,
    as_json: bool,
) -> None:
    """Measure accuracy and overflow against the accumulator.

    \b
    fxpsim sweep kws250k-4bit --bits 10:20 --overflow saturate
    fxpsim sweep kws250k-8bit --nodes dense0 --cost neon --out sweep.csv
    """
    from fxpsim.errors import ConfigError
    from fxpsim.models import load
    from fxpsim.sweeps import accumulator_grid, sweep

    if out is not None and (out.is_dir() or not out.absolute().parent.is_dir()):
        raise ConfigError(f"--out must be a file in a folder that exists, not {out}")
    graph = load(model)
    points = accumulator_grid(_widths(bits), overflow)
    evaluation = evaluation_for(data, all_speakers, graph)
    with progress_bar(f"sweep {graph.name}") as progress:
        table = sweep(
            graph,
            evaluation.features,
            labels_for(graph, evaluation),
            accumulators=points,
            nodes=nodes,
            cost=cost,
            groups=evaluation.groups,
            seed=seed,
            progress=lambda done, total: progress("points", done, total),
        )
    if out is not None:
        table.to_csv(out, index=False)
    if as_json:
        print_json({"data": evaluation.title, "points": table.to_dict("records")})
        return
    click.echo(f"{evaluation.title}: {evaluation.description}")
    shares = dict.fromkeys(table.columns[table.columns.str.startswith("accuracy")], "{:.1%}")
    shares |= {"overflow_outputs": "{:.3%}", "overflow_layers": "{:.0%}", "seconds": "{:.3f}"}
    cycles = dict.fromkeys(table.columns[table.columns.str.startswith("cycles")], "{:,.0f}")
    print_table(table.drop(columns=["order", "spill"]), shares | cycles)
