"""Files that appear whole or not at all, in the report's folder and nowhere else."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from fxpsim.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["csv_text", "json_text", "records", "staged"]


_PART = ".part-fxpsim-"  # begins the names of folders that only this module makes


@contextmanager
def staged(folder: Path) -> Iterator[dict[str, str]]:
    """Collect texts by relative path; they become files of ``folder`` on the way out, in order.

    Whatever goes wrong before leaves what was there as it was, and no empty folder.

    Raises
    ------
    DataError
        The folder cannot be written to, at once, before any work is done; or a folder stands where
        a file must go, before any file is replaced.
    """
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _remove_stale(folder)
        TemporaryDirectory(prefix=_PART, dir=folder).cleanup()
        texts: dict[str, str] = {}
        yield texts
        _check_places(folder, texts)
        with TemporaryDirectory(prefix=_PART, dir=folder) as part:
            for number, text in enumerate(texts.values()):
                Path(part, str(number)).write_text(text, encoding="utf-8", newline="\n")
            for number, name in enumerate(texts):
                (folder / name).parent.mkdir(exist_ok=True)
                os.replace(Path(part, str(number)), folder / name)
    except OSError as error:
        raise DataError(
            f"the report's folder must be one that can be written to, but {folder} is not: "
            f"{error.strerror or error}"
        ) from error
    finally:
        for path in missing:
            with suppress(OSError):  # what has something in it stays
                path.rmdir()


def _remove_stale(folder: Path) -> None:
    """Remove what runs left that were killed while they wrote."""
    for path in folder.glob(f"{_PART}*"):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)


def _check_places(folder: Path, names: Iterable[str]) -> None:
    """Raise DataError where a file cannot go where it must."""
    places = [folder / name for name in names]
    wrong = {path: "a folder" for path in places if path.is_dir()}
    parents = {path.parent for path in places}
    wrong |= {path: "a file" for path in parents if path.exists() and not path.is_dir()}
    if wrong:
        listed = ", ".join(f"{path} is {kind}" for path, kind in sorted(wrong.items()))
        raise DataError(f"a report must find its places free or taken by its like, but {listed}")


def csv_text(table: pd.DataFrame) -> str:
    """Return a table as CSV: a header, a row a line, empty where there is no number."""
    return str(table.to_csv(index=False, lineterminator="\n"))


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a table's rows for JSON: plain numbers, None where there is none."""
    plain = table.astype(object).where(table.notna(), None)
    return [
        {str(key): getattr(value, "item", lambda v=value: v)() for key, value in row.items()}
        for row in plain.to_dict("records")
    ]


def json_text(content: Any) -> str:
    """Return JSON that any reader takes: no NaN, indented, keys in their order."""
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
