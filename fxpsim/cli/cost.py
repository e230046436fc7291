"""fxpsim cost."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fxpsim.cli.common import (
    FilePath,
    json_option,
    kernel_set_option,
    model_argument,
    print_json,
    print_table,
)

if TYPE_CHECKING:
    from accel_models import Buffer, CostModel, Estimate, MemoryMap, Workload


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
@click.option(
    "--weights",
    metavar="BITS[,BITS]",
    help="Other widths of all weights, as '8,5,4,2,1' or 'float': what if, not accuracy.",
)
@click.option(
    "--host",
    metavar="MODEL",
    help="Processor beside the machines, as 'neon:cortex-m4'. It does what they refuse; what is "
    "between the layers is priced, too.",
)
@click.option("--accumulator", metavar="BITS[,MODE]", help="Other registers, as '16,saturate'.")
@click.option(
    "--period",
    type=click.FloatRange(min=0, min_open=True),
    default=10.0,
    show_default=True,
    metavar="MS",
    help="Time from one inference to the next.",
)
@click.option("--kernels", is_flag=True, help="List the kernels that each layer could take.")
@click.option("--map", "with_map", is_flag=True, help="Draw what lies where in memory.")
@click.option(
    "--pictures",
    type=FilePath(file_okay=False),
    metavar="DIR",
    help="Draw roofs, cycles and bytes by weight bits, energy and memory as PNG files.",
)
@kernel_set_option
@json_option
def command(
    model: str,
    machines: tuple[str, ...],
    weights: str | None,
    host: str | None,
    accumulator: str | None,
    period: float,
    kernels: bool,
    with_map: bool,
    pictures: Path | None,
    kernel_set: str,
    as_json: bool,
) -> None:
    """Estimate cycles, memory and load of a network on machines.

    \b
    fxpsim cost kws250k-4bit --on neon:cortex-a53 --weights 8,5,4,2,1
    fxpsim cost kws250k-4bit --on neon:cortex-m4 --period 20 --kernels --map
    fxpsim cost kws250k-4bit --on systolic:16x16,ws --on bit_serial:ne16 --host neon:cortex-m4
    """
    import accel_models as am
    from fxpsim.accumulators import Accumulator
    from fxpsim.buffers import live_buffers
    from fxpsim.models import load
    from fxpsim.passes import drop_needless_clamps

    if not math.isfinite(period):
        raise click.UsageError(f"--period must be a finite time in ms, not {period}")
    graph = load(model, kernel_set)
    register = None if accumulator is None else Accumulator.parse(accumulator)
    clamped = drop_needless_clamps(graph.with_accumulators(register))
    work = clamped.work(everything=host is not None)
    if not work:
        raise click.UsageError(f"{model} has no layers with weights, and only those are priced")
    variants = {"as stored": work} if weights is None else _widths(work, weights)
    buffers = live_buffers(graph)
    models = {text: _machine(text, host) for text in dict.fromkeys(machines)}
    found = [
        (text, width, machine, layers)
        for text, machine in models.items()
        for width, layers in variants.items()
    ]
    estimates = [_estimate(machine, layers) for _, _, machine, layers in found]
    rows = [
        _row(text, width, machine, layers, estimate, buffers, period / 1e3)
        for (text, width, machine, layers), estimate in zip(found, estimates, strict=True)
    ]
    memory = am.footprint(work)
    if pictures is not None:
        _draw(pictures, models, work, _map(found[0][2], found[0][3], buffers))
    if as_json:
        labels = [text if weights is None else f"{text} {width}" for text, width, _, _ in found]
        print_json(
            {
                "estimates": rows,
                "layers": {
                    label: e.table.reset_index().to_dict("records")
                    for label, e in zip(labels, estimates, strict=True)
                },
                "basis": {
                    text: {
                        "basis": e.basis,
                        "largest_known_error": e.relative_error,
                        "error_against": e.statement.error_basis,
                    }
                    for (text, *_), e in zip(found, estimates, strict=True)
                },
                "memory": memory.table.reset_index().to_dict("records"),
                "kernels": _kernels(found) if kernels else [],
            }
        )
        return
    _print(rows, memory.table.reset_index(), period)
    if kernels:
        click.echo("\nKernels of the same bits, fastest first; 'kernel=' takes the first word")
        _table(_kernels(found), {"cycles": "{:,.0f}"})
    if with_map:
        for text, width, machine, layers in found:
            click.echo(f"\n{text}, weights {width}")
            click.echo(_map(machine, layers, buffers).draw())
    for text, estimate in {t: e for (t, *_), e in zip(found, estimates, strict=True)}.items():
        error = f"{estimate.relative_error:.0%}: {estimate.statement.error_basis}"
        click.echo(f"\n{text}: an estimate. {estimate.basis}\n  largest known error {error}")


def _machine(text: str, host: str | None) -> CostModel:
    import accel_models as am

    machine = am.create(text)
    return machine if host is None else am.with_host(machine, am.create(host))


def _estimate(machine: CostModel, layers: Workload) -> Estimate:
    import accel_models as am

    try:
        return machine.estimate(layers)
    except am.UnsupportedWorkError as error:
        if isinstance(machine, am.Hosted):
            raise
        hint = "--host neon:cortex-m4 does on a processor what a machine refuses"
        raise am.UnsupportedWorkError(f"{error} ({hint})") from None


def _draw(folder: Path, models: Mapping[str, CostModel], work: Workload, memory: MemoryMap) -> None:
    """Write pictures of a network as it is stored, and with fewer weight bits."""
    from fxpsim.errors import ConfigError
    from fxpsim.report import machines

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"--pictures: {folder} cannot be made: {error.strerror}") from None
    stored = {text: _estimate(machine, work) for text, machine in models.items()}
    narrow = _widths(work, "8,7,6,5,4,3,2,1")
    by_bits: dict[str, dict[int, Estimate]] = {}
    for text, machine in models.items():
        taken = {bits: _taken(machine, layers) for bits, layers in narrow.items()}
        most = max(map(len, taken.values()))
        found = {
            int(bits): machine.estimate(narrow[bits])
            for bits, names in taken.items()
            if len(names) == most and all(map(machine.supports, narrow[bits]))
        }
        by_bits |= {text: found} if found else {}
    machines.draw_roofs(folder / "roofs.png", stored)
    machines.draw_weight_bits(folder / "weight-bits.png", by_bits)
    machines.draw_memory(folder / "memory.png", memory)
    machines.draw_energy(folder / "energy.png", stored)


def _taken(machine: CostModel, layers: Workload) -> list[str]:
    """Return the layers that a machine does itself."""
    import accel_models as am

    own = machine.machine if isinstance(machine, am.Hosted) else machine
    return [layer.name for layer in layers if own.supports(layer)]


def _widths(work: Workload, text: str) -> dict[str, Workload]:
    """Return the same layers with other weights: symmetric codes, or everything in fp32."""
    import accel_models as am

    found = {}
    for part in (piece.strip() for piece in text.split(",")):
        if part == "float":
            changed: dict[str, Any] = {
                "weight_bits": 32, "activation_bits": 32, "output_bits": 32, "gain_bits": 0,
                "arithmetic": am.Arithmetic.FLOAT, "accumulator": am.Accumulator(),
                "weight_magnitude": None, "activation_magnitude": None,
            }  # fmt: skip
        elif part.isdigit() and int(part):
            bits = int(part)
            changed = {"weight_bits": bits, "weight_magnitude": max(1, (1 << (bits - 1)) - 1)}
        else:
            raise click.UsageError(f"weights must be bits or 'float', not {part!r}")
        changed |= {"spills": None, "weight_histogram": None, "weight_entropy": None}
        found[part] = am.Workload(replace(item, **changed) for item in work)
    return found


def _row(
    text: str,
    width: str,
    machine: CostModel,
    layers: Workload,
    estimate: Estimate,
    buffers: Iterable[Buffer],
    period_s: float,
) -> dict[str, Any]:
    import accel_models as am

    clock = machine.clock
    load = None if clock is None else am.real_time(estimate, period_s, clock)
    on_host = sum(layer.cycles for layer in estimate.layers if "host" in layer.resource_cycles)
    memory = _map(machine, layers, buffers)
    return {
        "machine": text,
        "weights": width,
        "kernel": ", ".join(dict.fromkeys(layer.method for layer in estimate.layers)),
        "cycles": estimate.cycles,
        "low": estimate.low,
        "high": estimate.high,
        "on host": on_host if isinstance(machine, am.Hosted) else None,
        "MACs": estimate.macs,
        "flash": memory.flash_bytes,
        "RAM": memory.ram_bytes,
        "MHz": None if load is None else load.megahertz,
        "load": None if load is None else load.real_time_factor,
        "energy": None if estimate.energy_pj is None else estimate.energy_pj / 1e6,
    }


def _map(machine: CostModel, layers: Workload, buffers: Iterable[Buffer]) -> Any:
    import accel_models as am
    from accel_models.neon import NeonCore

    if layers and layers[0].arithmetic is am.Arithmetic.FLOAT:
        buffers = [replace(buffer, size=4 * buffer.size) for buffer in buffers]
    if isinstance(machine, NeonCore):
        return machine.memory(layers, buffers)
    return am.memory_map(layers, buffers=buffers)


def _kernels(found: Iterable[tuple[str, str, CostModel, Workload]]) -> list[dict[str, Any]]:
    from accel_models.neon import NeonCore

    return [
        {
            "machine": text,
            "weights": width,
            "layer": item.name,
            "kernel": kernel.name,
            "cycles": cycles,
            "what": kernel.loop.text,
        }
        for text, width, machine, layers in found
        if isinstance(machine, NeonCore)
        for item in layers
        for kernel, cycles in machine.candidates(item)
    ]


def _print(rows: list[dict[str, Any]], memory: Any, period: float) -> None:
    whole = "{:,.0f}"
    formats = dict.fromkeys(("cycles", "low", "high", "on host", "MACs", "flash", "RAM"), whole)
    _table(rows, formats | {"MHz": "{:.1f}", "load": "{:.2%}", "energy": "{:.2f}"})
    click.echo(
        f"MHz, load: one inference every {period:g} ms. flash, RAM: bytes. energy: uJ an inference."
        " Layers with weights only."
    )
    click.echo("\nMemory in bytes, weights as stored")
    print_table(memory, dict.fromkeys(memory.select_dtypes("number").columns, whole))


def _table(rows: list[dict[str, Any]], formats: dict[str, str]) -> None:
    import pandas as pd

    table = pd.DataFrame(rows)
    print_table(table.dropna(axis="columns", how="all"), formats)
