"""Files that appear whole or not at all, in the report's folder and nowhere else."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from fxpsim.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["csv_text", "json_text", "records", "staged"]


@contextmanager
def staged(folder: Path) -> Iterator[dict[str, str]]:
    """Collect texts by relative path; they become files of ``folder`` on the way out, in order.

    Whatever goes wrong before leaves what was there as it was.

    Raises
    ------
    DataError
        The folder cannot be written to; at once, before any work is done.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".part-", dir=folder) as part:
            texts: dict[str, str] = {}
            yield texts
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
