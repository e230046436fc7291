"""fxpsim cost."""

from __future__ import annotations

import click

from fxpsim.cli.common import (
    json_option,
    kernel_set_option,
    model_argument,
    print_json,
    print_table,
)


@click.command("cost")
@model_argument
@click.option(
    "--on",
    "machines",
    multiple=True,
    default=("neon:cortex-a53", "systolic:16x16"),
    show_default=True,
    metavar="MODEL",
    help="Cost model, as 'neon:cortex-a53' or 'systolic:rows=8,columns=8'; repeat for several.",
)
@click.option("--accumulator", metavar="BITS[,MODE]", help="Other registers, as '16,saturate'.")
@kernel_set_option
@json_option
def command(
    model: str,
    machines: tuple[str, ...],
    accumulator: str | None,
    kernel_set: str,
    as_json: bool,
) -> None:
    """Estimate cycles and memory of a network on machines.

    \b
    fxpsim cost kws250k-4bit --on neon:cortex-a53 --on systolic:rows=8,columns=8,dataflow=ws
    """
    import pandas as pd

    import accel_models as am
    from fxpsim.accumulators import Accumulator
    from fxpsim.models import load
    from fxpsim.passes import drop_needless_clamps

    graph = load(model, kernel_set)
    register = None if accumulator is None else Accumulator.parse(accumulator)
    work = drop_needless_clamps(graph.with_accumulators(register)).work()
    estimates = {text: am.create(text).estimate(work) for text in machines}
    memory = am.footprint(work)
    rows = [
        {
            "machine": text,
            "cycles": estimate.cycles,
            "low": estimate.low,
            "high": estimate.high,
            "MACs": estimate.macs,
        }
        for text, estimate in estimates.items()
    ]
    if as_json:
        tables = {text: e.table.reset_index().to_dict("records") for text, e in estimates.items()}
        basis = {
            text: {
                "basis": e.basis,
                "largest_known_error": e.relative_error,
                "error_against": e.statement.error_basis,
            }
            for text, e in estimates.items()
        }
        memory_rows = memory.table.reset_index().to_dict("records")
        print_json({"estimates": rows, "layers": tables, "basis": basis, "memory": memory_rows})
        return
    whole = "{:,.0f}"
    formats = {"cycles": whole, "low": whole, "high": whole, "MACs": whole}
    print_table(pd.DataFrame(rows), formats)
    click.echo("\nMemory in bytes")
    table = memory.table.reset_index()
    print_table(table, dict.fromkeys(table.select_dtypes("number").columns, "{:,.0f}"))
    for text, estimate in estimates.items():
        error = f"{estimate.relative_error:.0%}: {estimate.statement.error_basis}"
        click.echo(f"\n{text}: an estimate. {estimate.basis}\n  largest known error {error}")
