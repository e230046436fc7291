"""The page: the study's tables and pictures put into the template."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fxpsim.report import wording
from fxpsim.report.answers import summarise
from fxpsim.report.charts import accuracy_figure, cycles_figure, memory_figure
from fxpsim.report.costs import CORES
from fxpsim.report.drawing import COLOURS
from fxpsim.report.figures import layer_figure, sweep_figure
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
    title = study.evaluation.title
    pictures = {
        "sweep": sweep_figure(study.accumulators),
        "layers": layer_figure(study.accumulator_layers),
        "accuracy": accuracy_figure(study.accuracy, study.det, "this set"),
        "cycles": cycles_figure(study.costs),
        "memory": memory_figure(study.memory),
    }
    return environment.get_template("page.html.j2").render(
        made=made,
        run=run,
        title=title,
        synthetic="synthetic" in title.lower(),
        answers=answers,
        summary=summarise(study),
        decision=_groups(study.decision),
        modes=_MODES,
        verdicts=list(Verdict),
        accuracy=study.accuracy.to_dict("records"),
        classes=_recalls(study.classes),
        networks=list(study.accuracy["network"]),
        cores=list(CORES),
        costs=_costs(study.costs),
        memory=_memory(study.memory),
        memory_layers=list(study.memory["layer"].unique()),
        heaviest=_heaviest(study.memory),
        floating=study.accuracy.to_dict("records")[0],
        layers=_layers(study.layers),
        pictures={name: Markup(svg) for name, svg in pictures.items()},
        colours=COLOURS,
        files=files,
    )


def _groups(decision: pd.DataFrame) -> list[tuple[int, list[dict[str, Any]]]]:
    """Return the deciding rows by weight bits."""
    return [
        (int(bits), decision[decision["weight_bits"] == bits].to_dict("records"))
        for bits in decision["weight_bits"].unique()
    ]


def _recalls(classes: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a row a class: its clips, and its recall by network."""
    wide = classes.pivot(index="class", columns="network", values="recall")
    clips = classes.drop_duplicates("class").set_index("class")["clips"]
    return [
        {"name": name, "clips": int(count), "recall": wide.loc[name].to_dict()}
        for name, count in clips.items()
    ]


def _costs(costs: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a row a variant: its totals by core."""
    totals = costs[costs["layer"] == "total"]
    return [
        {
            "name": name,
            "cores": totals[totals["variant"] == name].set_index("core").to_dict("index"),
        }
        for name in totals["variant"].unique()
    ]


def _memory(memory: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a row a variant: its bytes by layer, and their total."""
    found = []
    for name in memory["variant"].unique():
        rows = memory[memory["variant"] == name].set_index("layer").to_dict("index")
        found.append({"name": name, "layers": rows, "total": rows["total"]})
    return found


def _heaviest(memory: pd.DataFrame) -> dict[str, Any]:
    """Return the layer with the most weights, and its share of them."""
    weights = memory[memory["variant"] == "fp32"].set_index("layer")["weights_packed_bytes"]
    layer = weights.drop("total").idxmax()
    return {"layer": layer, "share": float(weights[layer] / weights["total"])}


def _layers(layers: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a row a layer, the weight formats of all widths together."""
    formats = layers.groupby("layer", sort=False)["weight_format"].agg(", ".join)
    rows = layers.drop_duplicates("layer").to_dict("records")
    return [{**row, "weight_format": formats[row["layer"]]} for row in rows]
