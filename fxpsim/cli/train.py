"""fxpsim train."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fxpsim.cli.common import FilePath, json_option, print_json, print_table, progress_bar

if TYPE_CHECKING:
    from fxpsim.kws.float_network import FloatNetwork
    from fxpsim.train.corpora import Corpus

_SHARES = ("accuracy", "low", "high", "deviation", "gain", "gain_low", "gain_high")


@click.command("train")
@click.option("--list", "listed", is_flag=True, help="List the recipes that the package ships.")
@click.option(
    "--recipe", "recipes", multiple=True, metavar="NAME|FILE", help="Shipped, or a TOML file."
)
@click.option(
    "--data",
    type=FilePath(),
    metavar="PATH",
    help="Speech: a Speech Commands folder, audio or features as an npz file.",
)
@click.option("--out", type=FilePath(), metavar="DIR", help="Folder; made if missing.")
@click.option(
    "--seed", "seeds", type=click.IntRange(min=0), multiple=True, default=(0,), show_default=True,
    help="One network each.",
)  # fmt: skip
@click.option(
    "--copies",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Augmented copies of each recording to train on; features have none.",
)
@click.option(
    "--begin",
    metavar="NETWORK",
    help="Float network to begin with: kws250k, or a file; by default each recipe trains its own.",
)
@click.option(
    "--test",
    is_flag=True,
    help="Score test speakers too. Once, at the end: choose by the validation speakers.",
)
@click.option(
    "--checkpoint",
    "every",
    type=click.FloatRange(min=0),
    default=20.0,
    show_default=True,
    metavar="SECONDS",
    help="How much of a run that is killed is lost at most.",
)
@click.option("--against", metavar="NAME", help="Recipe that the others are compared with.")
@json_option
def command(
    listed: bool,
    recipes: tuple[str, ...],
    data: Path | None,
    out: Path | None,
    seeds: tuple[int, ...],
    copies: int,
    begin: str | None,
    test: bool,
    every: float,
    against: str | None,
    as_json: bool,
) -> None:
    """Train networks for few bits by recipes, and write them as .fxp files.

    \b
    fxpsim train --list
    fxpsim train --recipe two-stage-4bit --data speech_commands_v0.02 --out trained
    fxpsim train --recipe float --recipe two-stage-2bit --seed 0 --seed 1 --seed 2 \\
        --against float --data words.npz --out trained

    Stopped, or killed, the same command goes on where it was, and writes the same bits. DIR gets
    a .fxp and a .json for each recipe and seed, and results.csv: accuracy over seeds, with 95 %
    intervals over speakers.
    """
    if find_spec("torch") is None:
        from fxpsim.errors import ConfigError

        raise ConfigError("training needs PyTorch: pip install 'fxpsim[train]'")
    if listed:
        _list(as_json)
        return
    given = {"--recipe": recipes, "--data": data, "--out": out}
    if missing := [name for name, value in given.items() if not value]:
        raise click.UsageError(f"{', '.join(missing)} must be given (see fxpsim train --list)")
    assert data is not None
    assert out is not None
    from fxpsim.errors import ConfigError
    from fxpsim.train.recipe import read_recipe
    from fxpsim.train.results import read_runs, results_table, write_whole
    from fxpsim.train.runs import run

    if out.exists() and not out.is_dir():
        raise ConfigError(f"networks are written to a folder, but {out} is a file")
    named = [read_recipe(recipe) for recipe in dict.fromkeys(recipes)]
    read = dict(named)
    if len(read) < len(named):
        raise ConfigError("recipes must have different names, which their networks are called by")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"folder {out} cannot be made: {error.strerror}") from None
    try:
        corpus = _corpus(data, copies, out)
        network = None if begin is None else _begin(begin)
        for name, recipe in read.items():
            for seed in dict.fromkeys(seeds):
                with progress_bar(f"{name}, seed {seed}") as show:
                    run(
                        name, recipe, corpus, seed, out, begin=network,
                        splits=("validation", "test") if test else ("validation",),
                        every=every, progress=show,
                    )  # fmt: skip
    except KeyboardInterrupt:
        click.echo("stopped; the same command goes on where it was", err=True)
        raise
    table = results_table(read_runs(out, corpus), corpus, against)
    write_whole(out / "results.csv", table.to_csv(index=False, float_format="%.6f").encode())
    if as_json:
        print_json(table.to_dict("records"))
    else:
        print_table(table, dict.fromkeys(_SHARES, "{:.2%}"))


def _list(as_json: bool) -> None:
    import pandas as pd

    from fxpsim.train.recipe import list_recipes, read_recipe

    rows = [{"name": name, "title": read_recipe(name)[1].title} for name in list_recipes()]
    if as_json:
        print_json(rows)
    else:
        print_table(pd.DataFrame(rows))


def _begin(begin: str) -> FloatNetwork:
    from fxpsim.kws.float_network import FloatNetwork

    return FloatNetwork.shipped() if begin == "kws250k" else FloatNetwork.load(begin)


def _corpus(data: Path, copies: int, out: Path) -> Corpus:
    from fxpsim.train.corpora import read_corpus

    with progress_bar("data") as show:
        return read_corpus(data, copies=copies, cache=out / "cache", progress=show)
