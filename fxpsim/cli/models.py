"""fxpsim models."""

from __future__ import annotations

from dataclasses import asdict

import click

from fxpsim.cli.common import (
    json_option,
    kernel_set_option,
    model_argument,
    print_json,
    print_table,
)

#: Names in a table are cut to this length; --json has them whole.
NAME = 40


@click.group("models", invoke_without_command=True)
@json_option
@click.pass_context
def command(context: click.Context, as_json: bool) -> None:
    """List the networks that the package ships, or show one.

    \b
    fxpsim models
    fxpsim models show kws250k-8bit
    """
    if context.invoked_subcommand is None:
        _list(as_json)


def _list(as_json: bool) -> None:
    import pandas as pd

    from fxpsim.listing import registers
    from fxpsim.models import list_models, load

    rows = []
    for name in list_models():
        graph = load(name)
        rows.append(
            {
                "name": name,
                "parameters": graph.parameters,
                "weight bits": max(graph.weight_bits),
                "accumulator": registers(graph),
                "layers": len(graph.layers),
                "input": " x ".join(map(str, graph.input.shape)) + f" {graph.input.format}",
                "classes": len(graph.labels),
            }
        )
    if as_json:
        print_json(rows)
    else:
        print_table(pd.DataFrame(rows), {"parameters": "{:,}"})


@command.command("show")
@model_argument
@kernel_set_option
@json_option
def show(model: str, kernel_set: str, as_json: bool) -> None:
    """Draw a network as text: shapes, formats, accumulators, MACs, parameters.

    MODEL is a shipped name or a file.  Each line reads the one above, unless it says otherwise.
    """
    import pandas as pd

    from fxpsim.listing import listing
    from fxpsim.models import load

    graph = load(model, kernel_set)
    lines = listing(graph)
    if as_json:
        print_json([asdict(line) for line in lines])
        return
    rows = [{name: _short(value) for name, value in asdict(line).items()} for line in lines]
    print_table(pd.DataFrame(rows), {})
    macs, parameters = (
        sum(getattr(line, name) for line in lines) for name in ("macs", "parameters")
    )
    click.echo(
        f"{graph.name}: {len(graph.nodes)} operations, {macs:,} MACs, {parameters:,} parameters"
    )


def _short(value: object) -> str:
    text = f"{value:,}" if isinstance(value, int) else str(value)
    if text == "0":
        return ""
    return text if len(text) <= NAME else f"{text[: NAME - 3]}..."
