"""fxpsim report."""

from __future__ import annotations

from pathlib import Path

import click

from fxpsim.cli.common import (
    FilePath,
    data_option,
    evaluation_for,
    progress_bar,
    seed_option,
    speakers_option,
)


@click.command("report")
@click.option(
    "--out",
    type=FilePath(),
    default=Path("report"),
    show_default=True,
    metavar="DIR",
    help="Folder for the page, the tables and the figures; nothing is written elsewhere.",
)
@data_option
@speakers_option
@seed_option
def command(out: Path, data: Path | None, all_speakers: bool, seed: int) -> None:
    """Write the report that an architect decides from.

    Needs nothing but the package: trained networks and synthetic speech come with it.

    \b
    fxpsim report --out report
    fxpsim report --out report --data speech_commands/
    """
    with progress_bar("report") as progress:
        progress("reading speech", 0, 1)
        evaluation = evaluation_for(data, all_speakers)
        from fxpsim.report import write_report

        write_report(out, evaluation, seed=seed, progress=progress)
    click.echo(f"report: {out / 'index.html'}")
