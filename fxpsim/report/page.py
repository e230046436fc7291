"""The page: the study's tables and pictures put into the template."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fxpsim.report import wording
from fxpsim.report.accuracy import FALSE_REJECTS, network_name
from fxpsim.report.answers import summarise
from fxpsim.report.arrays import array_facts
from fxpsim.report.charts import cycles_figure, memory_figure
from fxpsim.report.comparison import accuracy_figure, det_figure
from fxpsim.report.costs import CORES
from fxpsim.report.drawing import COLOURS
from fxpsim.report.evidence import is_synthetic
from fxpsim.report.figures import layer_figure, sweep_figure
from fxpsim.report.processors import PERIOD_S, memory_drawing, processor_facts
from fxpsim.report.tables import Row, only, select, values
from fxpsim.report.verdict import Verdict

if TYPE_CHECKING:
    import pandas as pd

    from fxpsim.report.study import Study

__all__ = ["render"]

_MODES = {"saturate": "saturating", "wrap": "wrapping", "either": "either"}


def render(
    study: Study,
    answers: Mapping[str, str],
    made: Mapping[str, Any],
    run: Mapping[str, Any],
    files: Sequence[str],
) -> str:
    """Return the page as HTML that needs nothing else.

    Parameters
    ----------
    study : Study
        Tables.
    answers : mapping of str to str
        Opening sentences, by question.
    made, run : mapping
        What :func:`fxpsim.report.provenance.provenance` and ``run_facts`` say.
    files : sequence of str
        Tables that lie beside the page, as relative paths.
    """
    import jinja2
    from markupsafe import Markup

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("fxpsim.report", "."),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.globals |= {"say": wording, "count": "{:,}".format}
    pictures = {
        "sweep": sweep_figure(study.accumulators),
        "layers": layer_figure(study.accumulator_layers),
        "accuracy": accuracy_figure(study.accuracy),
        "det": det_figure(study.accuracy, study.det),
        "cycles": cycles_figure(study.costs),
        "memory": memory_figure(study.memory),
    }
    return environment.get_template("page.html.j2").render(
        made=made,
        run=run,
        title=study.evaluation.title,
        synthetic=is_synthetic(study.evaluation),
        evidence=study.evidence,
        stored_counts=study.stored_counts,
        answers={question: _unbroken(text) for question, text in answers.items()},
        summary=summarise(study),
        decision=_groups(study.decision, "weight_bits"),
        modes=_MODES,
        colour_of=list(Verdict),
        verdicts=[v for v in Verdict if v in values(study.accumulators, "verdict")],
        keywords=not study.det.empty,
        real_sweep=bool(study.accumulators["real_overflow_outputs"].notna().all()),
        has_packed=bool(study.accumulators["neon_packed_cycles"].notna().any()),
        accuracy=select(study.accuracy),
        classes=_recalls(study.classes),
        percent_missed=f"{100 * FALSE_REJECTS:.0f}",
        networks=["float", *(network_name(bits) for bits in study.swept)],
        unswept=[row["network"] for row in select(study.accuracy, swept=False)[1:]],
        cores=list(CORES),
        costs=_costs(study.costs),
        arrays=array_facts(study.costs),
        processors=processor_facts(study.networks.integer),
        period_ms=PERIOD_S * 1e3,
        memory_drawing=memory_drawing(next(iter(study.networks.integer.values()))),
        too_large=_too_large(study),
        memory=_memory(study.memory),
        memory_layers=values(study.memory, "layer"),
        heaviest=_heaviest(study.memory),
        floating=only(study.accuracy, network="float"),
        layers=_layers(study.layers),
        statements=_statements(made["cost_models"]),
        pictures={name: Markup(svg) for name, svg in pictures.items()},
        colours=COLOURS,
        files=files,
    )


def _unbroken(text: str) -> str:
    """Keep a number and its percent sign on one line."""
    return text.replace(" %", "\N{NO-BREAK SPACE}%")


def _statements(models: Mapping[str, Any]) -> list[tuple[list[str], Any]]:
    """Return what the cost models say, cores of which they say the same together."""
    found: list[tuple[list[str], Any]] = []
    for core, said in models.items():
        same = next((cores for cores, known in found if known == said), None)
        if same is None:
            found.append(([core], said))
        else:
            same.append(core)
    return found


def _too_large(study: Study) -> dict[str, Any] | None:
    """Return what fp32 and the narrowest network take where fp32 exceeds its cache, else None."""
    core = next(iter(CORES))
    said = study.statements[core].assumptions
    if not any(text.startswith("fp32") and "exceed" in text for text in said):
        return None
    totals = {row["variant"]: row for row in select(study.costs, core=core, layer="total")}
    narrow = totals[network_name(min(study.swept))]
    return {
        "bytes": totals["fp32"]["weight_bytes"],
        "high": totals["fp32"]["cycles_high"],
        "name": narrow["variant"],
        "ratio": narrow["cycles"] / totals["fp32"]["cycles_high"],
    }


def _groups(table: pd.DataFrame, name: str) -> dict[Any, list[Row]]:
    """Return the rows by what they have in a column."""
    return {value: select(table, **{name: value}) for value in values(table, name)}


def _recalls(classes: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a row a class: its clips, and its recall by network."""
    return [
        {
            "name": name,
            "clips": rows[0]["clips"],
            "recall": {row["network"]: row["recall"] for row in rows},
        }
        for name, rows in _groups(classes, "class").items()
    ]


def _costs(costs: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a row a variant: its totals by core."""
    return [
        {"name": name, "cores": {row["core"]: row for row in rows if row["layer"] == "total"}}
        for name, rows in _groups(costs, "variant").items()
    ]


def _memory(memory: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a row a variant: its bytes by layer, and their total."""
    return [
        {"name": name, "layers": {row["layer"]: row for row in rows}, "total": rows[-1]}
        for name, rows in _groups(memory, "variant").items()
    ]


def _heaviest(memory: pd.DataFrame) -> dict[str, Any]:
    """Return the layer with the most weights, and its share of them."""
    *layers, total = select(memory, variant="fp32")
    found = max(layers, key=lambda row: int(row["weights_packed_bytes"]))
    share = found["weights_packed_bytes"] / total["weights_packed_bytes"]
    return {"layer": found["layer"], "share": share}


def _layers(layers: pd.DataFrame) -> list[Row]:
    """Return a row a layer, the weight formats of all widths together."""
    return [
        {**rows[0], "weight_format": ", ".join(row["weight_format"] for row in rows)}
        for rows in _groups(layers, "layer").values()
    ]
