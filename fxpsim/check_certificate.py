"""Check a certificate of accumulator widths without trusting what wrote it.

``python -m fxpsim.check_certificate FILE`` reads a certificate (``Guarantee.certificate``) and
computes every claim anew, in plain Python integers: hashes, ranges of inputs (from the formats, or
from the sums of the layer before through its requantisation), sign-split and prefix-exact bounds of
every register, bounds over two layers from their multipliers, and whether the registers hold them.
It imports nothing else of fxpsim.  That a certificate is about a given network is for
``fxpsim guarantee MODEL --check FILE`` to say.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

__all__ = ["check", "digest", "main"]

Range = tuple[int, int]


def digest(statement: Any) -> str:
    """Return the SHA-256 of a statement as canonical JSON."""
    text = json.dumps(statement, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def check(document: dict[str, Any]) -> list[str]:
    """Return what is wrong with a certificate, in sentences; nothing where it is right."""
    wrong = []
    layers: dict[str, dict[str, Any]] = {}
    for layer in document["layers"]:
        node, said = layer["node"], layer["statement"]
        if digest(said) != layer["sha256"]:
            wrong.append(f"{node}: the hash must be {digest(said)}, not {layer['sha256']}")
        before = said["input"].get("node")
        read = layers[before]["said"] if before else said
        if (layer["claims"] and not said["exact"]) or (before and not read["exact"]):
            wrong.append(f"{node}: sums of registers that round are not for this checker")
        pairs = [_products(said, n, layers) for n in range(len(said["weights"]))]
        layers[node] = {"said": said, "sums": [_final(said, n, p) for n, p in enumerate(pairs)]}
        known = {"sign-split": [_split(said, n, p) for n, p in enumerate(pairs)]}
        walks = [_walk(said, n, p) for n, p in enumerate(pairs)]
        for claim in layer["claims"]:
            if claim["by"] == "dual":
                known["dual"] = [_dual(said, n, claim, layers) for n in range(len(pairs))]
            found = known.get(claim["by"]) or [walk[claim["register"]] for walk in walks]
            for n, ends in enumerate(found):
                if not (claim["low"][n] <= ends[0] and ends[1] <= claim["high"][n]):
                    stated = claim["low"][n], claim["high"][n]
                    wrong.append(f"{node}, channel {n}: {claim['by']} gives {ends}, not {stated}")
        if layer["safe"] and not _safe(said, layer["claims"], walks[0]):
            wrong.append(f"{node}: the claims do not show that its registers are wide enough")
    return wrong


def _products(said: dict[str, Any], n: int, layers: dict[str, Any]) -> list[Range]:
    """Return the range of every product of a channel, in order."""
    weights, ranges = said["weights"][n], _inputs(said, n, layers)
    return [_sorted(w * lo, w * hi) for w, (lo, hi) in zip(weights, ranges, strict=True)]


def _sorted(a: int, b: int) -> Range:
    return min(a, b), max(a, b)


def _inputs(said: dict[str, Any], n: int, layers: dict[str, Any]) -> list[Range]:
    """Return the range of every multiplicand of a channel, padding included."""
    source, length = said["input"], len(said["weights"][n])
    if source["kind"] == "codes":
        ranges = [(source["low"], source["high"])] * length
    else:
        step = _function(source["steps"])
        sums = layers[source["node"]]["sums"]
        ends = [_sorted(*(step(z, c) - source["zero"] for z in sums[c])) for c in range(len(sums))]
        read = [source["channel"][n]] * length if source["own"] else source["channel"]
        ranges = [ends[c] for c in read]
    if source["padding"] is not None:
        pad = source["padding"]
        ranges = [(min(lo, pad), max(hi, pad)) for lo, hi in ranges]
    return ranges


def _function(steps: list[dict[str, Any]]) -> Callable[[int, int], int]:
    """Return what is done to a sum of a channel before the next layer; monotone, every step."""

    def run(value: int, channel: int) -> int:
        for step in steps:
            if step["op"] == "scale":
                value = value * step["gain"][channel] + step["bias"][channel]
            elif step["op"] == "requantize":
                value = _round(value, step["shift"], step["rounding"])
            elif step["op"] == "rescale":
                q, shift = step["constants"][channel % len(step["constants"])]
                value = _rescale(step["rule"], value, q, shift) + step["zero"]
            value = max(step["low"], value) if step["low"] is not None else value
            value = min(step["high"], value) if step["high"] is not None else value
        return value

    return run


def _round(value: int, shift: int, rounding: str) -> int:
    """Return ``value * 2**-shift``, rounded."""
    if shift <= 0:
        return value << -shift
    half = 1 << (shift - 1)
    if rounding == "nearest_up":
        return (value + half) >> shift
    if rounding == "nearest_away":
        return (value + half - (value < 0)) >> shift
    if rounding == "nearest_even":
        return (value + half - 1 + (value >> shift & 1)) >> shift
    if rounding == "floor":
        return value >> shift
    raise ValueError(f"no rounding {rounding!r} is known here")


def _rescale(rule: str, value: int, q: int, shift: int) -> int:
    """Return ``value * q * 2**(shift - 31)`` as gemmlowp and TensorFlow Lite round it."""
    if rule == "SingleRound":
        return _round(value * q, 31 - shift, "nearest_up")
    lifted = value << max(shift, 0)
    if not -(1 << 31) <= lifted < 1 << 31:
        raise ValueError(f"{value} shifted by {shift} bits does not fit 32 bits")
    product = lifted * q
    nudged = product + ((1 << 30) if product >= 0 else 1 - (1 << 30))
    high = nudged >> 31 if nudged >= 0 else -(-nudged >> 31)
    modes = {"Gemmlowp": "nearest_away", "HalfUpTwice": "nearest_up"}
    return _round(high, max(-shift, 0), modes[rule])


def _bias(said: dict[str, Any], n: int) -> int:
    return said["bias"][n] if said["bias"] else 0


def _final(said: dict[str, Any], n: int, pairs: list[Range]) -> Range:
    bias = _bias(said, n)
    return bias + sum(lo for lo, _ in pairs), bias + sum(hi for _, hi in pairs)


def _with_bias(said: dict[str, Any], n: int, low: int, high: int) -> Range:
    """Return the ends of any part of a sum as those of a register that may have the bias."""
    bias, order = _bias(said, n), said["order"]
    one = len(said["levels"]) == 1 and order["kind"] != "interleaved"
    if one and order.get("node_bits") is None and said["bias_place"] == "first":
        return low + bias, high + bias
    return min(low, low + bias), max(high, high + bias)


def _split(said: dict[str, Any], n: int, pairs: list[Range]) -> Range:
    low, high = sum(min(0, lo) for lo, _ in pairs), sum(max(0, hi) for _, hi in pairs)
    return _with_bias(said, n, low, high)


def _walk(said: dict[str, Any], n: int, pairs: list[Range]) -> dict[str, Range]:
    """Return how far every register goes in the declared order."""
    found: dict[str, Range] = {}

    def keep(name: str, value: Range) -> Range:
        low, high = found.get(name, value)
        found[name] = min(low, value[0]), max(high, value[1])
        return value

    def added(a: Range, b: Range) -> Range:
        return a[0] + b[0], a[1] + b[1]

    def joined(values: list[Range], name: str, tree: bool = True) -> Range:
        while len(values) > 1:
            ends = len(values) & ~1 if tree else 2
            sums = [added(values[i], values[i + 1]) for i in range(0, ends, 2)]
            values = [keep(name, one) if name else one for one in sums] + values[ends:]
        return values[0]

    order, levels = said["order"], said["levels"]
    bias, last = (_bias(said, n), _bias(said, n)), said["bias_place"] == "last"
    lanes = order["lanes"] if order["kind"] == "interleaved" else 1
    names = _names(said)
    levels = levels + [{"every": None}] * (len(names) - len(levels))
    if order["kind"] == "chunked":
        node = "node" if order["node_bits"] is not None else ""
        size = order["size"]
        pairs = [joined(pairs[i : i + size], node) for i in range(0, len(pairs), size)]
    for depth, name in enumerate(names):
        width = lanes if depth == 0 else 1
        outermost = depth == len(names) - 1
        totals, start = [], 0
        for end in [len(pairs)] if outermost else _ends(levels[depth], n, len(pairs), width):
            registers = [(0, 0)] * width
            if outermost and said["bias"] and not last:
                registers = [keep(name, bias)]
            for k, pair in enumerate(pairs[start:end]):
                registers[k % width] = keep(name, added(registers[k % width], pair))
            into = "" if outermost or width == 1 else names[depth + 1]
            totals.append(joined(registers, into, order.get("reduce") != "sequential"))
            start = end
        pairs = totals
    if said["bias"] and last:
        keep(names[-1], added(pairs[0], bias))
    return found


def _ends(level: dict[str, Any], n: int, count: int, width: int) -> list[int]:
    """Return after which of so many arrivals a channel's registers are emptied, the last too."""
    every = level["every"] or count
    ends = level["at"][n // level["tile"]] if "at" in level else range(every, count, every)
    return [*(width * end for end in ends if width * end < count), count]


def _names(said: dict[str, Any]) -> list[str]:
    """Return the names of the registers, innermost first."""
    lanes, depth = said["order"]["kind"] == "interleaved", len(said["levels"])
    depth += lanes and depth == 1  # lanes are added in a register of their own width
    inner = "lane" if lanes else "spill"
    return [inner, *(f"spill{i}" for i in range(1, depth - 1)), "final"] if depth > 1 else ["final"]


def _dual(said: dict[str, Any], n: int, claim: dict[str, Any], layers: dict[str, Any]) -> Range:
    """Return the bound that lines above the staircases of the layer before give."""
    ends = []
    for side, sign in enumerate((-1, 1)):
        slopes, shift = claim["slopes"][n][side], claim["shifts"][n][side]
        ends.append(sign * _ceiling(said, n, sign, slopes, shift, claim["points"], layers))
    return _with_bias(said, n, ends[0], ends[1])


def _ceiling(
    said: dict[str, Any],
    n: int,
    sign: int,
    slopes: list[int],
    shift: int,
    points: list[list[int]],
    layers: dict[str, Any],
) -> int:
    """Bound the sum of what every product adds to one extreme."""
    source = said["input"]
    before, sums = layers[source["node"]]["said"], layers[source["node"]]["sums"]
    run, constant, plain = _function(source["steps"]), 0, 0
    ranges = _inputs(before, 0, layers)
    pull = [0] * len(ranges)
    for weight, slope, c in zip(said["weights"][n], slopes, source["channel"], strict=True):
        if weight == 0:
            continue
        heights = [
            max(0, sign * weight * (run(z, c) - source["zero"]))
            for z in _steps(points[c], sums[c], lambda z, c=c: run(z, c))  # type: ignore[misc]
        ]
        line = abs(weight) * slope
        constant += max((h << shift) - line * z for h, z in zip(heights, points[c], strict=True))
        constant += line * _bias(before, c)
        plain += max(heights)
        for k, w in enumerate(before["weights"][c]):
            pull[k] += line * w
    most = sum(max(p * lo, p * hi) for p, (lo, hi) in zip(pull, ranges, strict=True))
    return min(plain, (constant + most) >> shift)


def _steps(points: list[int], ends: Range, run: Callable[[int], int]) -> Iterator[int]:
    """Yield the points after a check that between neighbours the function is constant."""
    if points[0] > ends[0] or points[-1] < ends[1]:
        raise ValueError(f"points from {points[0]} to {points[-1]} must cover {ends}")
    values = [run(z) for z in points]
    for z, after, value, following in zip(points, points[1:], values, values[1:], strict=False):
        if after > z + 1 and value != following:
            raise ValueError(f"between {z} and {after} there is a step")
    yield from points


def _safe(said: dict[str, Any], claims: list[dict[str, Any]], registers: dict[str, Range]) -> bool:
    """Whether claims cover every register, and all of them fit."""
    words = {}
    names = _names(said)
    for place, name in enumerate(names):
        level = said["levels"][min(place, len(said["levels"]) - 1)]
        words[name] = level["bits"], level["signed"]
    if "node" in registers:
        words["node"] = said["order"]["node_bits"], said["levels"][0]["signed"]
    shown = set()
    for name, (bits, signed) in words.items():
        lo, hi = (-(1 << (bits - 1)) if signed else 0), (1 << (bits - signed)) - 1
        for claim in claims:
            fits = all(lo <= low for low in claim["low"]) and all(h <= hi for h in claim["high"])
            if fits and claim["register"] in (name, "any"):
                shown.add(name)
    return shown == set(words)


def main(arguments: list[str] | None = None) -> int:
    """Check files; return 0 where all are right."""
    wrong = 0
    for name in sys.argv[1:] if arguments is None else arguments:
        document = json.loads(Path(name).read_text("utf-8"))
        try:
            found = check(document)
        except (KeyError, IndexError, TypeError, ValueError) as error:
            found = [f"it cannot be read: {error!r}"]
        wrong += bool(found)
        said = "\n".join(found) or f"{len(document['layers'])} layers verified"
        print(f"{name}: {said}")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
