"""fxpsim run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fxpsim.cli.common import FilePath, json_option, model_argument, print_json, print_table

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fxpsim.graph import Graph


@click.command("run")
@model_argument
@click.argument("inputs", type=FilePath(), required=False)
@click.option("--accumulator", metavar="BITS[,MODE]", help="Other registers, as '16,saturate'.")
@click.option("--top", type=click.IntRange(min=1), default=3, show_default=True, help="Classes.")
@click.option("--clips", type=click.IntRange(min=1), default=20, show_default=True, help="At most.")
@json_option
def command(
    model: str, inputs: Path | None, accumulator: str | None, top: int, clips: int, as_json: bool
) -> None:
    """Classify inputs bit by bit and print the top classes.

    MODEL is a shipped name or a file.  INPUTS is a .npy or .npz file (array "features" or the
    only one) of integer codes of the network's input format, or of float values to be quantised;
    without it, the synthetic speech that the package ships is classified.

    \b
    fxpsim run kws250k-8bit --clips 3
    fxpsim run kws250k-4bit features.npy --accumulator 16,saturate
    """
    import pandas as pd

    from fxpsim.accumulators import Accumulator
    from fxpsim.kws.datasets import EvaluationSet
    from fxpsim.models import load
    from fxpsim.simulation import simulate

    graph = load(model)
    register = None if accumulator is None else Accumulator.parse(accumulator)
    codes = EvaluationSet.shipped().features if inputs is None else _codes(inputs, graph)
    trace = simulate(graph, codes[:clips], accumulator=register, probes=[graph.scores])
    scores = trace[graph.scores]
    names = graph.labels or tuple(str(i) for i in range(scores.shape[1]))
    rows = []
    for clip, row in enumerate(scores):
        order = (-row.astype(int)).argsort(kind="stable")[:top]
        rows += [
            {"clip": clip, "rank": rank + 1, "class": names[i], "score": int(row[i])}
            for rank, i in enumerate(order)
        ]
    if as_json:
        print_json(rows)
    else:
        print_table(pd.DataFrame(rows))
        if len(codes) > clips:
            click.echo(f"{len(codes) - clips} more clips; see --clips", err=True)


def _codes(path: Path, graph: Graph) -> NDArray[Any]:
    """Return the codes (n, *shape) in a file; one clip may stand alone."""
    import numpy as np

    from fxpsim.casts import quantize
    from fxpsim.errors import DataError
    from fxpsim.npz import read_npy, read_npz
    from fxpsim.simulation import check_inputs

    if path.suffix == ".npz":
        arrays = read_npz(path)
        if "features" not in arrays and len(arrays) != 1:
            raise DataError(f"{path}: must hold an array 'features', not {', '.join(arrays)}")
        array = arrays.get("features", next(iter(arrays.values())))
    elif path.suffix == ".npy":
        array = read_npy(path)
    else:
        raise DataError(f"{path}: inputs must be a .npy or .npz file")
    try:
        if np.issubdtype(array.dtype, np.floating):
            array = quantize(array, graph.input.format)
        if array.shape in (graph.input.shape, (graph.input.size,)):
            array = array[None]
        codes = check_inputs(graph, array)
    except DataError as error:
        raise DataError(f"{path}: {error}") from None
    if not len(codes):
        raise DataError(f"{path}: must hold at least one clip, but holds none")
    return codes
