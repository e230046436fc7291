"""fxpsim guarantee."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fxpsim.cli.common import (
    FilePath,
    codes_in,
    json_option,
    kernel_set_option,
    model_argument,
    print_json,
    print_table,
    shipped_inputs,
)

if TYPE_CHECKING:
    import pandas as pd

    from fxpsim.accumulators import Accumulator
    from fxpsim.graph import Graph
    from fxpsim.guarantees import Guarantee, Shortfall, Witness

NOT_GUARANTEED = 2
SHIPPED = "shipped"


@click.command("guarantee")
@model_argument
@click.option(
    "--accumulator",
    metavar="BITS[,MODE]",
    help="Fail with exit code 2 unless these registers provably never overflow; "
    "an input on which the first of them does is written to --out.",
)
@click.option(
    "--bounds",
    default="all",
    show_default=True,
    metavar="NAME[,NAME]",
    help="data-type, l1, zero-centred, sign-split, prefix-exact; 'all' of these; reachability "
    "(extra 'proofs', takes longer).",
)
@click.option(
    "--inputs",
    metavar="PATH",
    help="A .npy or .npz file as for run, or 'shipped' for the speech that comes with the "
    "package: what these need is set against what is proven, in gap.csv and gap.svg.",
)
@click.option("--certificate", is_flag=True, help="Write certificate.json.")
@click.option("--check", type=FilePath(), metavar="FILE", help="Verify a certificate of MODEL.")
@click.option(
    "--out",
    type=FilePath(),
    default=Path("guarantee"),
    show_default=True,
    metavar="DIR",
    help="Folder for what is written; made only where something is.",
)
@click.option("--markdown", is_flag=True, help="Print Markdown, for a summary of CI.")
@kernel_set_option
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    model: str,
    accumulator: str | None,
    bounds: str,
    inputs: str | None,
    certificate: bool,
    check: Path | None,
    out: Path,
    markdown: bool,
    kernel_set: str,
    as_json: bool,
) -> None:
    """Prove how wide the accumulators of a network have to be.

    No input of the declared format takes a partial sum outside the proven width, in the declared
    order of the additions (prefix-exact) or in any (the other bounds).

    \b
    fxpsim guarantee kws250k-8bit
    fxpsim guarantee kws250k-8bit --accumulator 16,saturate
    fxpsim guarantee kws250k-8bit --inputs shipped --certificate
    """
    from fxpsim.accumulators import Accumulator
    from fxpsim.guarantees import guarantee
    from fxpsim.models import load

    graph = load(model, kernel_set)
    register = None if accumulator is None else Accumulator.parse(accumulator)
    proof = guarantee(graph, bounds=bounds.split(","))
    rows = [_row(proof, name) for name in proof.layers]
    missing = [] if register is None else proof.shortfalls(register)
    witness, path = _witness(proof, missing, out)
    problems = [] if check is None else _problems(proof, register, check)
    if certificate:
        _write(out, "certificate.json", json.dumps(proof.certificate(register)))
    if inputs is not None:
        _write_gap(proof, graph, inputs, out, rows)
    document = {
        "model": graph.name,
        "layers": rows,
        "accumulator": None if register is None else str(register),
        "holds": None if register is None else not missing,
        "shortfalls": [_described(one) for one in missing],
        "witness": None if witness is None else {**witness.as_dict(), "file": str(path)},
        "certificate": None if check is None else {"file": str(check), "problems": problems},
    }
    if as_json:
        print_json(document)
    elif markdown:
        _print_markdown(rows)
    else:
        print_table(_table(rows), {"lowest": "{:,}", "highest": "{:,}"})
    _say(missing, problems, witness, path, register, quiet=as_json)
    if missing or problems:
        ctx.exit(NOT_GUARANTEED)


def _row(proof: Guarantee, name: str) -> dict[str, Any]:
    """Return what is proven of one layer."""
    layer, proofs = proof.layers[name], proof.proofs[name]
    bounds: dict[str, int | None] = {}
    for bound in dict.fromkeys(one.bound for one in proofs):
        needs = [bits for one in proofs if one.bound == bound and one.own for bits in one.bits]
        safe = [bits for bits in needs if bits is not None]
        bounds[bound] = max(safe) if len(safe) == len(needs) else None
    others = {one.register: one.bits for one in proofs if one.register != "any"}
    known = [bits for bits in bounds.values() if bits is not None]
    best = min(known) if known else None
    return {
        "node": name,
        "bits": best,
        "lowest": int(layer.lowest.min()),
        "highest": int(layer.highest.max()),
        "input_lo": layer.input_lo,
        "input_hi": layer.input_hi,
        "range_source": layer.source,
        "bound": next((name for name in reversed(bounds) if bounds[name] == best), None),
        "bounds": bounds,
        "registers": {
            register: None if None in bits else max(b for b in bits if b is not None)
            for register, bits in others.items()
        },
    }


def _table(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Return a column for each bound, and one for each register where there are several."""
    import pandas as pd

    several = any(len(row["registers"]) > 1 for row in rows)
    shown = []
    for row in rows:
        plain = {k: v for k, v in row.items() if k not in ("bounds", "registers", "bound")}
        shown.append(plain | row["bounds"] | (row["registers"] if several else {}))
    return pd.DataFrame(shown).convert_dtypes() if shown else pd.DataFrame()


def _print_markdown(rows: list[dict[str, Any]]) -> None:
    table = _table(rows)
    lines = [table.columns.tolist(), ["---"] * len(table.columns), *table.to_numpy().tolist()]
    for line in lines:
        click.echo(f"| {' | '.join(str(cell) for cell in line)} |")


def _described(one: Shortfall) -> dict[str, Any]:
    return {name: getattr(one, name) for name in ("node", "channel", "register", "needed")}


def _witness(
    proof: Guarantee, missing: list[Shortfall], out: Path
) -> tuple[Witness | None, Path | None]:
    """Write an input on which the first register that may overflow does, where one is known."""
    from fxpsim.guarantees.witnesses import find_witness

    if not missing:
        return None, None
    first, layer = missing[0], proof.layers[missing[0].node]
    if first.given.stochastic or not layer.terms.meet:
        return None, None
    graph = proof.graph.with_accumulators(first.given)
    found = find_witness(
        graph, first.node, layer, first.channel, first.given, first.register, rounds=8
    )
    if found is None:
        return None, None
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", first.node)[:60]
    path = _folder(out) / f"witness-{name}-{first.channel}.npz"
    found.save(path)
    return found, path


def _problems(proof: Guarantee, register: Accumulator | None, path: Path) -> list[str]:
    """Return what is wrong with a certificate of a network."""
    from fxpsim.check_certificate import check
    from fxpsim.errors import DataError
    from fxpsim.guarantees.certificates import mismatches

    try:
        document = json.loads(path.read_text("utf-8"))
        problems = check(document) + mismatches(document, proof, register)
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from None
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise DataError(f"{path}: must be a certificate, but {error!r}") from None
    unsafe = [
        f"{one['node']}: not certified to be safe" for one in document["layers"] if not one["safe"]
    ]
    return problems + unsafe


def _write_gap(
    proof: Guarantee, graph: Graph, inputs: str, out: Path, rows: list[dict[str, Any]]
) -> None:
    """Add what data need to the rows, and write the tables and the picture."""
    from fxpsim.guarantees.gap import gap
    from fxpsim.report.gap import gap_picture

    codes = shipped_inputs(graph) if inputs == SHIPPED else codes_in(Path(inputs), graph)
    found = gap(proof, codes)
    needs = dict(zip(found.layers["node"], found.layers["needed_bits"], strict=True))
    for row in rows:
        row["needed"] = needs[row["node"]]
    _write(out, "gap.csv", found.layers.to_csv(index=False, lineterminator="\n"))
    _write(out, "gap-channels.csv", found.channels.to_csv(index=False, lineterminator="\n"))
    _write(out, "gap.svg", gap_picture(found.channels))


def _folder(out: Path) -> Path:
    from fxpsim.errors import DataError

    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{out}: {error.strerror}") from None
    return out


def _write(out: Path, name: str, text: str) -> None:
    (_folder(out) / name).write_text(text, encoding="utf-8", newline="\n")


def _say(
    missing: list[Shortfall],
    problems: list[str],
    witness: Witness | None,
    path: Path | None,
    register: Accumulator | None,
    quiet: bool,
) -> None:
    """Print what holds and what does not."""
    for shortfall in missing:
        click.echo(f"not guaranteed: {shortfall}", err=True)
    for problem in problems:
        click.echo(f"certificate: {problem}", err=True)
    if witness is not None:
        where = "the network's input" if witness.inputs is not None else "the layer's input"
        click.echo(
            f"witness: {path} has {where}; channel {witness.channel} of {witness.node!r} must hold "
            f"{witness.value:,} at step {witness.step}",
            err=True,
        )
    if register is not None and not missing and not quiet:
        click.echo(f"guaranteed: no sum can overflow {register}")
