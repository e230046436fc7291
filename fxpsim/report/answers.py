"""The answers that open a report: sentences made of its numbers, and a row for each weight width."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fxpsim.report import wording as say
from fxpsim.report.costs import CORES
from fxpsim.report.decision import narrowest_by_mode
from fxpsim.report.verdict import MARGIN, no_loss

if TYPE_CHECKING:
    import pandas as pd

    from fxpsim.report.study import Study

__all__ = ["answer", "summarise"]

_ADVERBS = {"saturate": "saturating", "wrap": "wrapping"}


def answer(study: Study) -> dict[str, str]:
    """Return what to build, question by question."""
    bits, lossless = _choose(study.accuracy)
    points = study.accumulators[study.accumulators["weight_bits"] == bits]
    smallest = narrowest_by_mode(study.accumulators, bits)
    return {
        "In short": _in_short(study, points, bits, smallest),
        "Weight bits": _weights(study, bits, lossless),
        "Accumulator bits": _accumulator(points, bits, smallest),
        "Saturate or wrap": _overflow(points, bits, smallest),
        "Core and memory": _costs(study, points, bits),
    }


def _choose(accuracy: pd.DataFrame) -> tuple[int, bool]:
    """Return the fewest weight bits without a loss, or those with the least, and which it is."""
    integer = accuracy[accuracy["network"] != "float"]
    fine = [
        no_loss(low, high)
        for low, high in zip(integer["to_float_low"], integer["to_float_high"], strict=True)
    ]
    if any(fine):
        return int(integer[fine]["weight_bits"].min()), True
    return int(integer.loc[integer["to_float"].idxmax(), "weight_bits"]), False


def _in_short(
    study: Study, points: pd.DataFrame, bits: int, smallest: dict[str, int | None]
) -> str:
    proven = int(points["proven_bits"].iloc[0])
    text = f"{bits}-bit weights; accumulators of {proven} bits, which no input can overflow"
    usable = {mode: width for mode, width in smallest.items() if width is not None}
    # Of equal widths the wrapping one is cheaper in software.
    mode = min(usable, key=lambda mode: (usable[mode], mode == "saturate"), default=None)
    if mode is not None and usable[mode] < proven:
        text += f", or of {usable[mode]} {_ADVERBS[mode]} ones if this data says it all"
    row = _proven_row(points)
    core = next(iter(CORES))
    times = row["neon_cycles"] / _float_cycles(study)[core]
    return (
        f"{text}. Against float that is {say.ratio(_packed(study, bits)[1])} of the weight bytes "
        f"and, by estimate, {say.ratio(times)} of the cycles on {core}."
    )


def _proven_row(points: pd.DataFrame) -> pd.Series[Any]:
    proven = points["bits"] == points["proven_bits"]
    return points[proven & (points["overflow"] == "wrap")].iloc[0]


def _float_cycles(study: Study) -> dict[str, float]:
    """Return the cycles of fp32 by core."""
    totals = study.costs[(study.costs["layer"] == "total") & (study.costs["variant"] == "fp32")]
    return dict(zip(totals["core"], totals["cycles"], strict=True))


def _packed(study: Study, bits: int) -> tuple[float, float]:
    """Return the bytes of packed weights, and their share of float's."""
    rows = study.memory[study.memory["layer"] == "total"].set_index("variant")
    row = rows.loc[f"{bits}-bit"]
    return row["weights_packed_bytes"], row["packed_times_float"]


def _weights(study: Study, bits: int, lossless: bool) -> str:
    rows = study.accuracy.set_index("network")
    chosen, floating = rows.loc[f"{bits}-bit"], rows.loc["float"]
    compared = (
        f"{say.percent(chosen['accuracy'])} % against {say.percent(floating['accuracy'])} % in "
        f"float, {say.points(chosen['to_float'])} points (95 % interval "
        f"{say.points_interval(chosen['to_float_low'], chosen['to_float_high'])})"
    )
    if lossless:
        text = (
            f"{bits} bits are the fewest that keep float's accuracy on this data (a loss of "
            f"{100 * MARGIN:.0f} points is excluded): {compared}."
        )
    else:
        text = (
            f"For no width is a loss of {100 * MARGIN:.0f} points against float excluded on this "
            f"data; {bits} bits lose least: {compared}."
        )
    if study.stored is not None and chosen["real_accuracy"] == chosen["real_accuracy"]:
        text += (
            f" On real speech (stored numbers): {say.percent(chosen['real_accuracy'])} % against "
            f"{say.percent(floating['real_accuracy'])} %."
        )
    return text


def _accumulator(points: pd.DataFrame, bits: int, smallest: dict[str, int | None]) -> str:
    proven, needed = int(points["proven_bits"].iloc[0]), int(points["needed_bits"].iloc[0])
    text = (
        f"With {bits}-bit weights, {proven} bits are proven: no input can overflow them. This data "
        f"never needs more than {needed}."
    )
    usable = [f"{width} bits {_ADVERBS[mode]}" for mode, width in smallest.items() if width]
    if not usable:
        return text
    if len(set(smallest.values())) == 1:
        usable = [f"{smallest['wrap']} bits in either mode"]
    return f"{text} Down to {' or '.join(usable)}, no loss is measured."


def _overflow(points: pd.DataFrame, bits: int, smallest: dict[str, int | None]) -> str:
    saturating, wrapping = smallest["saturate"], smallest["wrap"]
    if saturating is None or wrapping is None:
        return "Neither mode is usable at every width above its narrowest: see the table."
    gained = wrapping - saturating
    if gained > 0:
        text = f"Saturating stays usable {gained} bit{'s' * (gained > 1)} below wrapping"
    elif gained < 0:
        text = f"Wrapping stays usable {-gained} bit{'s' * (gained < -1)} below saturating"
    else:
        text = f"Both are usable down to {saturating} bits, so saturating buys no width"
    by_mode = points[points["bits"] == saturating].set_index("overflow")
    times = float(by_mode.loc["saturate", "neon_cycles"] / by_mode.loc["wrap", "neon_cycles"])
    text += f" with {bits}-bit weights."
    core, array = list(CORES)[:2]
    return (
        f"{text} In software the clamps of an unproven {saturating}-bit saturating accumulator "
        f"make it {say.ratio(times)} the cycles of a wrapping one on {core} (estimate); on "
        f"{array} they are taken to be free."
        if times > 1
        else text
    )


def _costs(study: Study, points: pd.DataFrame, bits: int) -> str:
    row, floating = _proven_row(points), _float_cycles(study)
    packed, times_float = _packed(study, bits)
    core, array = list(CORES)[:2]
    neon, systolic = row["neon_cycles"], row["systolic_cycles"]
    return (
        f"With the proven accumulator a decision is estimated at {say.cycles(neon)} cycles on "
        f"{core} ({say.cycles(row['neon_cycles_low'])} to {say.cycles(row['neon_cycles_high'])}), "
        f"{say.ratio(neon / floating[core])} of float's, and at {say.cycles(systolic)} on "
        f"{array}, {say.ratio(systolic / floating[array])} of float's there. Packed weights take "
        f"{say.kib(packed)} KiB, "
        f"{say.ratio(times_float)} of float's."
    )


def summarise(study: Study) -> list[dict[str, str]]:
    """Return a row for each network: what it keeps, what it needs, what it costs."""
    totals = study.costs[study.costs["layer"] == "total"].set_index(["core", "variant"])
    memory = study.memory[study.memory["layer"] == "total"].set_index("variant")
    core, array = list(CORES)[:2]
    rows = []
    for network in study.accuracy.to_dict("records"):
        bits, name = int(network["weight_bits"]), str(network["network"])
        variant = "fp32" if name == "float" else name
        row = {
            "network": name,
            "accuracy": say.percent(network["accuracy"]),
            "accuracy_interval": say.interval(network["accuracy_low"], network["accuracy_high"]),
            "real": say.percent(network["real_accuracy"]),
            "neon": say.ratio(totals.loc[(core, variant), "times_float"]),
            "systolic": say.ratio(totals.loc[(array, variant), "times_float"]),
            "packed": say.ratio(memory.loc[variant, "packed_times_float"]),
            "to_float": "",
            "to_float_interval": "",
            "proven": "",
            "needed": "",
            "saturating": "",
            "wrapping": "",
        }
        if name != "float":
            points = study.accumulators[study.accumulators["weight_bits"] == bits]
            smallest = narrowest_by_mode(study.accumulators, bits)
            row |= {
                "to_float": say.points(network["to_float"]),
                "to_float_interval": say.points_interval(
                    network["to_float_low"], network["to_float_high"]
                ),
                "proven": str(points["proven_bits"].iloc[0]),
                "needed": str(points["needed_bits"].iloc[0]),
                "saturating": str(smallest["saturate"] or "none"),
                "wrapping": str(smallest["wrap"] or "none"),
            }
        rows.append(row)
    return rows
