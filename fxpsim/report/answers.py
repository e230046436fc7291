"""The answers that open a report: sentences, and a row a network, made of its numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from fxpsim.report import wording as say
from fxpsim.report.accuracy import deciding, lossless
from fxpsim.report.costs import CORES, NIBBLES, clock_hz
from fxpsim.report.decision import narrowest_by_mode
from fxpsim.report.tables import Row, only, select
from fxpsim.report.verdict import MARGIN

if TYPE_CHECKING:
    from fxpsim.report.study import Study

__all__ = ["answer", "summarise"]

_ADVERBS = {"saturate": "saturating", "wrap": "wrapping"}
_CORE, _ARRAY = list(CORES)[:2]
_SETS = {"": "this data", "real_": "stored real speech"}


def answer(study: Study) -> dict[str, str]:
    """Return what to build, question by question."""
    chosen, keeps = _choose(study, select(study.accuracy, swept=True))
    points = select(study.accumulators, weight_bits=chosen["weight_bits"])
    if not study.evidence.enough:
        return _undecided(study, points)
    smallest = narrowest_by_mode(points)
    return {
        "In short": _in_short(study, points, smallest),
        "Weight bits": _weights(study, chosen, keeps),
        "Accumulator bits": _accumulator(study, points, smallest),
        "Saturate or wrap": _overflow(points, smallest),
        "Core and memory": _costs(study, points),
    }


def _undecided(study: Study, points: Sequence[Row]) -> dict[str, str]:
    """Return what stands without data."""
    proven = ", ".join(
        f"{select(study.accumulators, weight_bits=bits)[0]['proven_bits']} bits with {bits}-bit "
        "weights"
        for bits in study.swept
    )
    few = f"This set is too small to decide ({study.evidence})"
    return {
        "In short": f"{few}: of accumulators, only the proven widths stand, {proven}.",
        "Weight bits": f"Undecided: it takes {study.evidence.rule} to exclude a loss of "
        f"{100 * MARGIN:.0f} points.",
        "Accumulator bits": "What is proven holds for any input; narrower ones are undecided, "
        "whatever happened on these clips.",
        "Saturate or wrap": "Undecided. A proven accumulator never comes to it.",
        "Core and memory": _costs(study, points),
    }


def _choose(study: Study, networks: Sequence[Row]) -> tuple[Row, bool]:
    """Return the network of fewest weight bits without a loss, or of least loss; which it is.

    Where the set cannot decide, that of most weight bits.
    """
    if not study.evidence.enough:
        return max(networks, key=lambda row: int(row["weight_bits"])), False
    if fine := lossless(networks, deciding(study.accuracy, study.stored_counts)):
        return min(fine, key=lambda row: int(row["weight_bits"])), True
    return max(networks, key=lambda row: float(row["to_float"])), False


def _in_short(study: Study, points: Sequence[Row], smallest: dict[str, int | None]) -> str:
    bits, proven = points[0]["weight_bits"], points[0]["proven_bits"]
    text = f"{bits}-bit weights; accumulators of {proven} bits, which no input can overflow"
    usable = _usable(
        {mode: width for mode, width in smallest.items() if (width or proven) < proven}
    )
    if usable:
        text += f"; {_on(study, points)} {usable} cost no measurable accuracy"
    return f"{text}. With the proven ones, by estimate: {_storages(study, points)}."


def _on(study: Study, points: Sequence[Row]) -> str:
    """Return the sets that an accumulator's verdict rests on."""
    heeded = study.stored_counts and not math.isnan(points[0]["real_overflow_outputs"])
    return "on this data and on stored real speech" if heeded else "on this data"


def _storages(study: Study, points: Sequence[Row]) -> str:
    """Return bytes and cycles against float, those of one storage together."""
    row, bits = _proven_row(points), points[0]["weight_bits"]
    held = _memory(study, bits)
    text = (
        f"weights in 8-bit containers take {say.ratio(held['container_times_float'])} float's "
        f"bytes and {say.ratio(row['neon_cycles'] / _float_cycles(study, _CORE))} its cycles on "
        f"{_CORE}"
    )
    if not math.isnan(row["neon_packed_cycles"]):
        share = _nibble_bytes(study, bits) / _memory(study, 32)["weights_packed_bytes"]
        times = row["neon_packed_cycles"] / _float_cycles(study, _CORE)
        return f"{text}; packed two in a byte, {say.ratio(share)} and {say.ratio(times)}"
    if held["weights_packed_bytes"] < held["weights_container_bytes"]:
        share = held["packed_times_float"]
        return f"{text}; packed, {say.ratio(share)} the bytes, but no loop here reads them packed"
    return text


def _nibble_bytes(study: Study, bits: int) -> int:
    row = only(study.costs, variant=f"{bits}-bit{NIBBLES}", core=_CORE, layer="total")
    return int(row["weight_bytes"])


def _proven_row(points: Sequence[Row]) -> Row:
    """Return the narrowest proven accumulator; what overflow would do does not matter."""
    proven = [row for row in points if row["proven"]]
    return min(proven or points[:1], key=lambda row: int(row["bits"]))


def _float_cycles(study: Study, core: str) -> float:
    return float(only(study.costs, variant="fp32", core=core, layer="total")["cycles"])


def _memory(study: Study, bits: int) -> Row:
    variant = "fp32" if bits == 32 else f"{bits}-bit"
    return only(study.memory, variant=variant, layer="total")


def _weights(study: Study, chosen: Row, keeps: bool) -> str:
    floating = only(study.accuracy, network="float")
    bits, margin = chosen["weight_bits"], f"{100 * MARGIN:.0f} points"
    kinds = deciding(study.accuracy, study.stored_counts)
    where = " and on ".join(_SETS[kind] for kind in kinds)
    text = (
        f"{bits} bits are the fewest that keep float's accuracy on {where}, a loss of {margin} "
        "excluded."
        if keeps
        else f"No width excludes a loss of {margin} against float on {where}; {bits} bits lose "
        "least on this data."
    )
    for key, name in _SETS.items():
        if not math.isnan(chosen[f"{key}accuracy"]):
            text += (
                f" On {name}: {say.percent(chosen[f'{key}accuracy'])} % against "
                f"{say.percent(floating[f'{key}accuracy'])} % in float, "
                f"{say.points(chosen[f'{key}to_float'])} points ("
                + say.points_interval(chosen[f"{key}to_float_low"], chosen[f"{key}to_float_high"])
                + ")."
            )
    return text


def _accumulator(study: Study, points: Sequence[Row], smallest: dict[str, int | None]) -> str:
    bits, proven, needed = (points[0][key] for key in ("weight_bits", "proven_bits", "needed_bits"))
    text = (
        f"With {bits}-bit weights, {proven} bits are proven: no input can overflow them. This data "
        f"never needs more than {needed}"
    )
    real = points[0]["real_needed_bits"]
    text += "." if math.isnan(real) else f", stored real speech no more than {real:.0f}."
    if usable := _usable(smallest):
        text += f" Down to {usable}, no loss is measured {_on(study, points)}."
    alone = narrowest_by_mode(points, "verdict_here")
    if study.stored_counts and alone != smallest:
        text += f" This data alone would pass {_usable(alone)}: on real speech that does not hold."
    return text


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
            f"it {say.ratio(times)} the cycles of a wrapping one on {_CORE} (estimate, weights in "
            f"containers); on {_ARRAY} they are taken to be free."
        )
    return text


def _costs(study: Study, points: Sequence[Row]) -> str:
    bits = points[0]["weight_bits"]
    row, memory = _proven_row(points), _memory(study, bits)
    neon, systolic = row["neon_cycles"], row["systolic_cycles"]
    text = (
        f"With the proven accumulator a decision is estimated at {say.cycles(neon)} cycles on "
        f"{_CORE} ({say.cycles(row['neon_cycles_low'])} to {say.cycles(row['neon_cycles_high'])}; "
        f"{1e6 * neon / clock_hz():.0f} µs at {clock_hz() / 1e9:.1f} GHz) "
        f"with {say.kib(memory['weights_container_bytes'])} KiB of weights in 8-bit containers"
    )
    if not math.isnan(row["neon_packed_cycles"]):
        text += (
            f", at {say.cycles(row['neon_packed_cycles'])} with them packed two in a byte "
            f"({say.kib(_nibble_bytes(study, bits))} KiB)"
        )
    return (
        f"{text}, and at {say.cycles(systolic)} on {_ARRAY}, "
        f"{say.ratio(systolic / _float_cycles(study, _ARRAY))} float's there, which moves weights "
        "at their own width."
    )


def summarise(study: Study) -> list[dict[str, str]]:
    """Return a row for each network: what it keeps, what it needs, what it costs."""
    rows = []
    networks = select(study.accuracy, network="float") + select(study.accuracy, swept=True)
    for network in networks:
        bits, name = network["weight_bits"], network["network"]
        points = select(study.accumulators, weight_bits=bits)
        smallest = narrowest_by_mode(points)
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
                **_times_float(study, bits),
            }
        )
    return rows


def _times_float(study: Study, bits: int) -> dict[str, str]:
    """Return bytes and cycles against float, by storage; a dash where no loop reads it."""
    held = _memory(study, bits)
    costs = {(row["variant"], row["core"]): row for row in select(study.costs, layer="total")}
    plain = costs[held["variant"], _CORE]
    is_packed = held["weights_packed_bytes"] == held["weights_container_bytes"]
    packed = plain if is_packed else costs.get((f"{held['variant']}{NIBBLES}", _CORE))
    share = held["packed_times_float"]
    return {
        "container_bytes": say.ratio(held["container_times_float"]),
        "container_neon": say.ratio(plain["times_float"]),
        "packed_bytes": say.ratio(share),
        "packed_neon": say.ratio(packed["times_float"] if packed else math.nan),
        "packed_array": say.ratio(costs[held["variant"], _ARRAY]["times_float"]),
    }
