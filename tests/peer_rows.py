"""Reading what other tools say, and saying how far we are from it."""

from __future__ import annotations

import csv
from pathlib import Path
from statistics import median

import pytest

Row = dict[str, str]


def rows_of(test_data: Path, name: str) -> list[Row]:
    path = test_data / "peers" / name
    if not path.is_file():
        pytest.skip(f"no {name} in the reference data")
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows
    return rows


def spread(errors: list[float]) -> str:
    return f"median {median(errors):+.1%}, from {min(errors):+.1%} to {max(errors):+.1%}"


def report(errors: dict[tuple[str, ...], list[float]], what: str) -> list[float]:
    """Print the errors of every group of rows; return their sizes."""
    for group, values in sorted(errors.items()):
        print(f"{what:15} {' '.join(group):55} {len(values):3} rows: {spread(values)}")
    every = [abs(value) for values in errors.values() for value in values]
    print(f"{what:15} all {len(every)} rows: median {median(every):.1%}, largest {max(every):.1%}")
    return every
