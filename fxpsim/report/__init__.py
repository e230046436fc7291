"""The report: one page, its tables as CSV, and all of it as JSON."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fxpsim.kws.datasets import EvaluationSet
    from fxpsim.report.networks import Networks
    from fxpsim.report.progress import Progress
    from fxpsim.report.study import Study

__all__ = ["Report", "write_report"]


@dataclass(frozen=True, slots=True, eq=False)
class Report:
    """What was written.

    Attributes
    ----------
    page, data : Path
        ``index.html`` and ``report.json``.
    tables : tuple of Path
        The CSV files.
    answers : mapping of str to str
        The sentences that the page opens with, by question.
    study : Study
        All tables as DataFrames.
    """

    page: Path
    data: Path
    tables: tuple[Path, ...]
    answers: Mapping[str, str]
    study: Study


def write_report(
    out: Path,
    evaluation: EvaluationSet,
    *,
    seed: int = 0,
    progress: Progress | None = None,
    networks: Networks | None = None,
    stored: Mapping[str, Any] | None = None,
) -> Report:
    """Study the networks on a set and write the report.

    Parameters
    ----------
    out : Path
        Folder of the report; made where there is none, files of the same names replaced.
    evaluation : EvaluationSet
        What the networks are scored on.
    seed : int
        Of the bootstrap.  Same seed, same set: same files, but for versions and run time.
    progress : callable, optional
        Called with a stage's name, what is done of it, and how much it is.
    networks : Networks, optional
        Those of the package where not given, with their stored metrics on real speech.
    stored : mapping, optional
        Such metrics of other networks (:func:`fxpsim.report.networks.stored_metrics`).

    Raises
    ------
    DataError
        ``out`` cannot be written to, or the set does not fit the networks.
    """
    from fxpsim.report.answers import answer
    from fxpsim.report.files import csv_text, json_text, records, staged
    from fxpsim.report.networks import Networks, stored_metrics
    from fxpsim.report.page import render
    from fxpsim.report.provenance import provenance, run_facts
    from fxpsim.report.study import run_study

    started = time.perf_counter()
    if networks is None:
        networks, stored = Networks.shipped(), stored_metrics()
    out = Path(out)
    with staged(out) as files:
        study = run_study(evaluation, networks, seed=seed, stored=stored, progress=progress)
        answers, made = answer(study), provenance(study)
        if progress:
            progress("drawing the page", 0, 1)
        for name, table in study.tables.items():
            files[f"tables/{name}.csv"] = csv_text(table)
        tables = tuple(files)
        run = run_facts(time.perf_counter() - started)
        files["report.json"] = json_text(
            {
                "format": 1,
                **made,
                "answers": answers,
                "tables": {name: records(table) for name, table in study.tables.items()},
                "run": run,
            }
        )
        files["index.html"] = render(study, answers, made, run, tables)
        if progress:
            progress("drawing the page", 1, 1)
    return Report(
        out / "index.html",
        out / "report.json",
        tuple(out / name for name in tables),
        answers,
        study,
    )
