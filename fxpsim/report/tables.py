"""Tables taken row by row, as plain Python."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Row", "column", "only", "select", "values"]

Row = dict[str, Any]


def select(table: pd.DataFrame, **where: object) -> list[Row]:
    """Return the rows whose columns have the given values, in order."""
    rows: list[Row] = [
        {str(key): value for key, value in row.items()} for row in table.to_dict("records")
    ]
    return [row for row in rows if all(row[key] == value for key, value in where.items())]


def only(table: pd.DataFrame, **where: object) -> Row:
    """Return the one row whose columns have the given values."""
    (row,) = select(table, **where)
    return row


def values(table: pd.DataFrame, column: str) -> list[Any]:
    """Return the different values of a column in the order in which they come."""
    return list(dict.fromkeys(table[column].tolist()))


def column(rows: Sequence[Row], name: str, scale: float = 1) -> list[Any]:
    """Return what the rows have in a column, scaled."""
    return [row[name] if scale == 1 else scale * row[name] for row in rows]
