"""fxpsim models."""

from __future__ import annotations

import click

from fxpsim.cli.common import json_option, print_json, print_table


@click.command("models")
@json_option
def command(as_json: bool) -> None:
    """List the networks that the package ships."""
    import pandas as pd

    from fxpsim.models import list_models, load

    rows = []
    for name in list_models():
        graph = load(name)
        rows.append(
            {
                "name": name,
                "parameters": graph.parameters,
                "weight bits": max(graph.weight_bits),
                "layers": len(graph.layers),
                "input": " x ".join(map(str, graph.input.shape)) + f" {graph.input.format}",
                "classes": len(graph.labels),
            }
        )
    if as_json:
        print_json(rows)
    else:
        print_table(pd.DataFrame(rows), {"parameters": "{:,}"})
