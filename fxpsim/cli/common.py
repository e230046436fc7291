"""What several commands need: data, numbers as tables or JSON, progress."""

from __future__ import annotations

import io
import json
import math
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from fxpsim.graph import Graph
    from fxpsim.kws.datasets import EvaluationSet

__all__ = [
    "FilePath",
    "array_in",
    "as_json",
    "codes_in",
    "data_option",
    "evaluation_for",
    "json_option",
    "kernel_set_option",
    "labels_for",
    "model_argument",
    "print_json",
    "print_table",
    "progress_bar",
    "seed_option",
    "shipped_inputs",
    "speakers_option",
]


class FilePath(click.Path):
    """A path; the empty one is a mistake, not the current folder."""

    def convert(  # noqa: D102 - click's own
        self,
        value: str | os.PathLike[str],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> Any:
        if not os.fspath(value):
            self.fail("a path must not be empty", param, ctx)
        return Path(os.fsdecode(super().convert(value, param, ctx)))


model_argument = click.argument("model")
kernel_set_option = click.option(
    "--kernel-set",
    default="tflm",
    show_default=True,
    metavar="ENGINE",
    help="Whose bits a .tflite file has: tflm, reference, builtin or xnnpack.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
data_option = click.option(
    "--data",
    type=FilePath(),
    metavar="PATH",
    help="Recordings to score on: a Speech Commands folder or an npz file. "
    "Default: the synthetic speech that the package ships.",
)
speakers_option = click.option(
    "--all-speakers",
    is_flag=True,
    help="Score every speaker of --data. Default: only those that a hash of their name keeps out "
    "of training, so that nobody is scored whom the shipped networks may have learned from.",
)
seed_option = click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the intervals."
)


def evaluation_for(
    data: Path | None, all_speakers: bool, graph: Graph | None = None
) -> EvaluationSet:
    """Return the shipped evaluation set, or the user's with the features the network wants."""
    from fxpsim.frontend.logmel import LogMel
    from fxpsim.kws.datasets import EvaluationSet
    from fxpsim.kws.float_network import FloatNetwork

    if data is None:
        return EvaluationSet.shipped()
    described = {} if graph is None else graph.metadata.get("front_end", {})
    front_end = LogMel(**described) if described else FloatNetwork.shipped().front_end
    split: Literal["all", "test"] = "all" if all_speakers else "test"
    return EvaluationSet.read(data, front_end=front_end, split=split)


def labels_for(graph: Graph, evaluation: EvaluationSet) -> Any:
    """Return the true classes of a set as the network numbers them."""
    import numpy as np

    from fxpsim.errors import DataError
    from fxpsim.kws.labels import LABELS

    missing = [name for name in LABELS if name not in graph.labels]
    if missing:
        raise DataError(
            f"network {graph.name!r} must know the classes of the data to be scored on it; "
            f"it lacks {', '.join(missing)} (give INPUTS of its own)"
        )
    return np.array([graph.labels.index(name) for name in LABELS])[evaluation.labels]


def array_in(path: Path, name: str) -> NDArray[Any]:
    """Return the array of a .npy file, or that of a .npz file with a name or the only one."""
    from fxpsim.errors import DataError
    from fxpsim.npz import read_npy, read_npz

    if path.suffix == ".npy":
        return read_npy(path)
    if path.suffix != ".npz":
        raise DataError(f"{path}: inputs and labels must be .npy or .npz files")
    arrays = read_npz(path)
    if name not in arrays and len(arrays) != 1:
        raise DataError(f"{path}: must hold an array {name!r}, not {', '.join(arrays)}")
    return arrays.get(name, next(iter(arrays.values())))


def codes_in(path: Path, graph: Graph) -> NDArray[Any]:
    """Return the codes (n, *shape) in a file, with steps behind n where the graph has states.

    One clip may stand alone; one stream may be rows, as many as its steps read one after the other.
    """
    import numpy as np

    from fxpsim.casts import quantize
    from fxpsim.errors import DataError, FxpsimError
    from fxpsim.simulation import check_inputs

    array, wanted = array_in(path, "features"), graph.input
    try:
        if np.issubdtype(array.dtype, np.floating):
            array = quantize(array, wanted.format)
        if graph.states:
            rows = array.ndim == 2 and array.shape[1:] == wanted.shape[-1:]
            if array.shape[1:] == wanted.shape or (rows and array.size % wanted.size == 0):
                array = array.reshape(1, -1, *wanted.shape)
        elif array.shape in (wanted.shape, (wanted.size,)):
            array = array[None]
        codes = check_inputs(graph, array)
    except FxpsimError as error:
        raise DataError(f"{path}: {error}") from None
    if not codes.size:
        raise DataError(f"{path}: must hold at least one clip, but holds none")
    return codes


def shipped_inputs(graph: Graph) -> NDArray[Any]:
    """Return the features of the shipped speech, which the shipped networks read."""
    from fxpsim.errors import DataError
    from fxpsim.kws.datasets import EvaluationSet

    features = EvaluationSet.shipped().features
    if features[0].size != graph.input.size:
        shape = ", ".join(map(str, graph.input.shape))
        raise DataError(
            f"network {graph.name!r} does not read the speech that the package ships: "
            f"give INPUTS of shape ({'n, steps' if graph.states else 'n'}, {shape})"
        )
    return features


def as_json(value: Any) -> Any:
    """Return a value with numpy numbers as Python ones, and NaN as null."""
    if isinstance(value, Mapping):
        return {str(key): as_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [as_json(item) for item in value]
    if hasattr(value, "item") and not isinstance(value, str):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def print_json(value: Any) -> None:
    """Print a value as JSON."""
    click.echo(json.dumps(as_json(value), indent=1))


def print_table(table: pd.DataFrame, formats: Mapping[str, str] | None = None) -> None:
    """Print a table; ``formats`` are format strings by column."""
    from rich.console import Console
    from rich.table import Table

    formats = formats or {}
    shown = Table(box=None, pad_edge=False)
    for name in table.columns:
        numeric = table[name].dtype.kind in "iuf"
        shown.add_column(str(name), justify="right" if numeric else "left", no_wrap=True)
    for row in table.itertuples(index=False):
        shown.add_row(
            *(
                ("" if _missing(value) else formats.get(str(name), "{}").format(value))
                for name, value in zip(table.columns, row, strict=True)
            )
        )
    # Printed by click, which knows what to do when the reader of a pipe has gone; a pipe has no
    # width, so nothing is cut for it.
    page = io.StringIO()
    width = None if sys.stdout.isatty() else 400
    Console(file=page, width=width).print(shown)
    click.echo(page.getvalue(), nl=False)


def _missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


@contextmanager
def progress_bar(title: str) -> Iterator[Callable[[str, int, int], None]]:
    """Yield a function (stage, done, total) that shows progress on the error stream.

    A line a stage where nobody watches a terminal.
    """
    if not sys.stderr.isatty():
        stages: set[str] = set()

        def tell(stage: str, done: int, total: int) -> None:
            if stage not in stages:
                stages.add(stage)
                click.echo(f"{title}: {stage}", err=True)

        yield tell
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True)) as bar:
        task = bar.add_task(title)

        def show(stage: str, done: int, total: int) -> None:
            bar.update(task, description=f"{title}: {stage}", completed=done, total=total)

        yield show
