"""The answers that open a report: sentences, and a row a network, made of its numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from fxpsim.report import wording as say
from fxpsim.report.costs import CORES
from fxpsim.report.decision import narrowest_by_mode
from fxpsim.report.tables import Row, only, select
from fxpsim.report.verdict import MARGIN, no_loss

if TYPE_CHECKING:
    from fxpsim.report.study import Study

__all__ = ["answer", "summarise"]

_ADVERBS = {"saturate": "saturating", "wrap": "wrapping"}
_CORE, _ARRAY = list(CORES)[:2]


def answer(study: Study) -> dict[str, str]:
    """Return what to build, question by question."""
    chosen, lossless = _choose(select(study.accuracy)[1:])
    points = select(study.accumulators, weight_bits=chosen["weight_bits"])
    smallest = narrowest_by_mode(points)
    return {
        "In short": _in_short(study, points, smallest),
        "Weight bits": _weights(study, chosen, lossless),
        "Accumulator bits": _accumulator(points, smallest),
        "Saturate or wrap": _overflow(points, smallest),
        "Core and memory": _costs(study, points),
    }


def _choose(networks: Sequence[Row]) -> tuple[Row, bool]:
    """Return the network of fewest weight bits without a loss, or of least loss; which it is.

    Stored differences on real speech count as much as those on this data, where there are any.
    """
    fine = [row for row in networks if all(no_loss(*ends) for ends in _difference_ends(row))]
    if fine:
        return min(fine, key=lambda row: int(row["weight_bits"])), True
    return max(networks, key=lambda row: float(row["to_float"])), False


def _difference_ends(row: Row) -> list[tuple[float, float]]:
    ends = [(row[f"{kind}_low"], row[f"{kind}_high"]) for kind in ("to_float", "real_to_float")]
    return [pair for pair in ends if not math.isnan(pair[0])]


def _in_short(study: Study, points: Sequence[Row], smallest: dict[str, int | None]) -> str:
    bits, proven = points[0]["weight_bits"], points[0]["proven_bits"]
    text = f"{bits}-bit weights; accumulators of {proven} bits, which no input can overflow"
    usable = _usable(
        {mode: width for mode, width in smallest.items() if (width or proven) < proven}
    )
    if usable:
        text += f"; on this data {usable} cost no measurable accuracy"
    times = _proven_row(points)["neon_cycles"] / _float_cycles(study, _CORE)
    return (
        f"{text}. The proven ones take {say.ratio(_memory(study, bits)['packed_times_float'])} "
        f"float's weight bytes and, by estimate, {say.ratio(times)} its cycles on {_CORE}."
    )


def _proven_row(points: Sequence[Row]) -> Row:
    """Return the narrowest proven accumulator; what overflow would do does not matter."""
    proven = [row for row in points if row["proven"]]
    return min(proven or points[:1], key=lambda row: int(row["bits"]))


def _float_cycles(study: Study, core: str) -> float:
    return float(only(study.costs, variant="fp32", core=core, layer="total")["cycles"])


def _memory(study: Study, bits: int) -> Row:
    return only(study.memory, variant=f"{bits}-bit", layer="total")


def _weights(study: Study, chosen: Row, lossless: bool) -> str:
    floating = only(study.accuracy, network="float")
    bits, margin = chosen["weight_bits"], f"{100 * MARGIN:.0f} points"
    kinds = {"this data": "", "real speech (stored numbers)": "real_"}
    known = {name: key for name, key in kinds.items() if not math.isnan(chosen[f"{key}accuracy"])}
    where = " and on ".join(known)
    text = (
        f"{bits} bits are the fewest that keep float's accuracy on {where}, a loss of {margin} "
        "excluded."
        if lossless
        else f"No width excludes a loss of {margin} against float on {where}; {bits} bits lose "
        "least on this data."
    )
    for name, key in known.items():
        text += (
            f" On {name}: {say.percent(chosen[f'{key}accuracy'])} % against "
            f"{say.percent(floating[f'{key}accuracy'])} % in float, "
            f"{say.points(chosen[f'{key}to_float'])} points ("
            + say.points_interval(chosen[f"{key}to_float_low"], chosen[f"{key}to_float_high"])
            + ")."
        )
    return text


def _accumulator(points: Sequence[Row], smallest: dict[str, int | None]) -> str:
    bits, proven, needed = (points[0][key] for key in ("weight_bits", "proven_bits", "needed_bits"))
    text = (
        f"With {bits}-bit weights, {proven} bits are proven: no input can overflow them. This data "
        f"never needs more than {needed}."
    )
    usable = _usable(smallest)
    return f"{text} Down to {usable}, no loss is measured." if usable else text


def _usable(smallest: Mapping[str, int | None]) -> str:
    """Return widths with their modes in words; nothing where there are none."""
    words = [f"{width} bits {_ADVERBS[mode]}" for mode, width in smallest.items() if width]
    if len(words) > 1 and len(set(smallest.values())) == 1:
        return f"{smallest['wrap']} bits in either mode"
    return " or ".join(words)


def _overflow(points: Sequence[Row], smallest: dict[str, int | None]) -> str:
    saturating, wrapping = smallest["saturate"], smallest["wrap"]
    if saturating is None or wrapping is None:
        return "Not even the widest accumulator of one mode is usable: see the table."
    bits, gained = points[0]["weight_bits"], wrapping - saturating
    first, second = ("Saturating", "wrapping") if gained > 0 else ("Wrapping", "saturating")
    text = (
        f"{first} stays usable {abs(gained)} bit{'s' * (abs(gained) > 1)} below {second} with "
        f"{bits}-bit weights."
        if gained
        else f"Both are usable down to {wrapping} bits with {bits}-bit weights, so saturating buys "
        "no width."
    )
    cycles = {row["overflow"]: row["neon_cycles"] for row in points if row["bits"] == saturating}
    times = cycles["saturate"] / cycles["wrap"]
    if times > 1:
        text += (
            f" In software the clamps of an unproven {saturating}-bit saturating accumulator make "
            f"it {say.ratio(times)} the cycles of a wrapping one on {_CORE} (estimate); on "
            f"{_ARRAY} they are taken to be free."
        )
    return text


def _costs(study: Study, points: Sequence[Row]) -> str:
    row, memory = _proven_row(points), _memory(study, points[0]["weight_bits"])
    neon, systolic = row["neon_cycles"], row["systolic_cycles"]
    return (
        f"With the proven accumulator a decision is estimated at {say.cycles(neon)} cycles on "
        f"{_CORE} ({say.cycles(row['neon_cycles_low'])} to {say.cycles(row['neon_cycles_high'])}), "
        f"{say.ratio(neon / _float_cycles(study, _CORE))} float's, and at "
        f"{say.cycles(systolic)} on {_ARRAY}, "
        f"{say.ratio(systolic / _float_cycles(study, _ARRAY))} float's there. Packed weights "
        f"take {say.kib(memory['weights_packed_bytes'])} KiB, "
        f"{say.ratio(memory['packed_times_float'])} float's."
    )


def summarise(study: Study) -> list[dict[str, str]]:
    """Return a row for each network: what it keeps, what it needs, what it costs."""
    rows = []
    for network in select(study.accuracy):
        bits, name = network["weight_bits"], network["network"]
        variant = "fp32" if name == "float" else name
        points = select(study.accumulators, weight_bits=bits)
        smallest = narrowest_by_mode(points)
        times = {
            core: only(study.costs, variant=variant, core=core, layer="total")["times_float"]
            for core in (_CORE, _ARRAY)
        }
        packed = only(study.memory, variant=variant, layer="total")["packed_times_float"]
        low, high = network["to_float_low"], network["to_float_high"]
        rows.append(
            {
                "network": name,
                "accuracy": say.percent(network["accuracy"]),
                "accuracy_interval": say.interval(
                    network["accuracy_low"], network["accuracy_high"]
                ),
                "to_float": say.points(network["to_float"]) if points else "",
                "to_float_interval": say.points_interval(low, high) if points else "",
                "real": say.percent(network["real_accuracy"]),
                "real_interval": say.interval(
                    network["real_accuracy_low"], network["real_accuracy_high"]
                ),
                "proven": str(points[0]["proven_bits"]) if points else "",
                "needed": str(points[0]["needed_bits"]) if points else "",
                "saturating": str(smallest["saturate"] or "none") if points else "",
                "wrapping": str(smallest["wrap"] or "none") if points else "",
                "neon": say.ratio(times[_CORE]),
                "systolic": say.ratio(times[_ARRAY]),
                "packed": say.ratio(packed),
            }
        )
    return rows
