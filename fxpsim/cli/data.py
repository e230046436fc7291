"""fxpsim data."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from fxpsim.cli.common import FilePath, json_option, print_json, print_table, progress_bar


@click.group("data")
def command() -> None:
    """Get recorded speech to train and to score on.

    \b
    fxpsim data list
    fxpsim data get speech-commands --out DIR
    """


@command.command("list")
@json_option
def list_archives(as_json: bool) -> None:
    """List what can be had, and where it comes from."""
    import pandas as pd

    from fxpsim.kws.download import ARCHIVES

    if as_json:
        print_json([asdict(archive) for archive in ARCHIVES])
        return
    rows = [
        {
            "name": archive.name,
            "what": archive.title,
            "MB": archive.size / 1e6,
            "unpacked MB": archive.unpacked / 1e6,
            "licence": archive.licence,
        }
        for archive in ARCHIVES
    ]
    print_table(pd.DataFrame(rows), {"MB": "{:.0f}", "unpacked MB": "{:.0f}"})


@command.command("get")
@click.argument("name")
@click.option(
    "--out", type=FilePath(), required=True, metavar="DIR", help="Folder; made if missing."
)
@click.option("--url", metavar="URL", help="A mirror of the archive: http, https or file.")
@click.option("--keep-archive", is_flag=True, help="Leave the archive beside its files.")
def get_archive(name: str, out: Path, url: str | None, keep_archive: bool) -> None:
    """Download, verify and unpack speech; see `fxpsim data list`.

    Stopped or cut off, the same command goes on where it was.  A folder that is there is whole.
    """
    from fxpsim.kws.download import archive_named, get

    archive = archive_named(name)
    if (out / archive.folder).exists():
        click.echo(f"{out / archive.folder} is there already (delete it to get it again)")
        return
    try:
        with progress_bar(archive.name) as show:
            folder = get(
                archive,
                out,
                url=url,
                keep_archive=keep_archive,
                progress=lambda stage, done, total: show(stage, done >> 20, total >> 20),
            )
    except KeyboardInterrupt:
        click.echo("stopped; the same command goes on with what was downloaded", err=True)
        raise
    click.echo(f"{folder}: {archive.title} ({archive.licence})")
