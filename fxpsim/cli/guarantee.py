"""fxpsim guarantee."""

from __future__ import annotations

import click

from fxpsim.cli.common import (
    json_option,
    kernel_set_option,
    model_argument,
    print_json,
    print_table,
)

NOT_GUARANTEED = 2


@click.command("guarantee")
@model_argument
@click.option(
    "--accumulator",
    metavar="BITS[,MODE]",
    help="Fail with exit code 2 unless these registers provably never overflow.",
)
@kernel_set_option
@json_option
@click.pass_context
def command(
    ctx: click.Context, model: str, accumulator: str | None, kernel_set: str, as_json: bool
) -> None:
    """Prove how wide the accumulators of a network have to be.

    The bound is sign-split: no input of the declared format, in any order of the additions, can
    take a partial sum outside the proven width.

    \b
    fxpsim guarantee kws250k-8bit
    fxpsim guarantee kws250k-8bit --accumulator 16,saturate
    """
    import pandas as pd

    from fxpsim.accumulators import Accumulator
    from fxpsim.guarantees import guarantee
    from fxpsim.models import load

    graph = load(model, kernel_set)
    register = None if accumulator is None else Accumulator.parse(accumulator)
    proof = guarantee(graph)
    rows = [
        {
            "node": name,
            "bits": proof.minimum(name),
            "lowest": int(layer.lowest.min()),
            "highest": int(layer.highest.max()),
            "input_lo": layer.input_lo,
            "input_hi": layer.input_hi,
            "bound": "sign-split",
        }
        for name, layer in proof.layers.items()
    ]
    missing = [] if register is None else proof.shortfalls(register)
    if as_json:
        print_json(
            {
                "model": graph.name,
                "layers": rows,
                "accumulator": None if register is None else str(register),
                "holds": None if register is None else not missing,
                "shortfalls": [
                    {"node": s.node, "channel": s.channel, "needed": s.needed} for s in missing
                ],
            }
        )
    else:
        print_table(pd.DataFrame(rows), {"lowest": "{:,}", "highest": "{:,}"})
        for shortfall in missing:
            click.echo(f"not guaranteed: {shortfall}", err=True)
        if register is not None and not missing:
            click.echo(f"guaranteed: no sum can overflow {register}")
    if missing:
        ctx.exit(NOT_GUARANTEED)
