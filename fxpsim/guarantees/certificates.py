"""Certificates: what is proven, with all that a checker needs to compute it anew.

:mod:`fxpsim.check_certificate` verifies them without any of the code that finds proofs.  A layer's
``statement`` is what it adds up (weights in the declared order, biases, registers, where the range
of its inputs is from); its ``claims`` are bounds on its registers.  Where the checker does not know
an operation between two layers, the range of what is read is every code of its format.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxpsim.accumulators import Chunked, Interleaved
from fxpsim.bounds import CLASSIC, LayerBounds, Terms, reach, sum_range
from fxpsim.bounds.classic import with_bias
from fxpsim.bounds.intervals import machine
from fxpsim.bounds.pairs import Pair, Units, chain_before
from fxpsim.bounds.reachability import solve
from fxpsim.bounds.stairs import Stairs
from fxpsim.bounds.windows import Windowed
from fxpsim.check_certificate import digest
from fxpsim.formats import Overflow, QFormat
from fxpsim.graph import Graph
from fxpsim.guarantees.proofs import Guarantee, Registers
from fxpsim.ops import (
    BatchNorm,
    Bias,
    Dense,
    DepthwiseConv2D,
    Gain,
    Interval,
    Layer,
    Op,
    Relu,
    Requantize,
    Rescale,
    TensorSpec,
)
from fxpsim.ops.op import zero_code
from fxpsim.ops.rescaling import word as word_of

__all__ = ["certificate", "mismatches"]

IntArray = NDArray[Any]
VERSION = 1
_ROUNDINGS = ("floor", "nearest_up", "nearest_away", "nearest_even")
_RULES = ("Gemmlowp", "HalfUpTwice", "SingleRound")


def certificate(proof: Guarantee, accumulators: Registers = None) -> dict[str, Any]:
    """Return the certificate of a network's registers, for JSON.

    Parameters
    ----------
    proof : Guarantee
        One by ``reachability`` too gives bounds over pairs of dense layers.
    accumulators : Accumulator or mapping of str to Accumulator, optional
        Registers to certify; the graph's own where None.
    """
    graph = proof.graph.with_accumulators(accumulators)
    sums: dict[str, Interval] = {}
    inputs: dict[str, Interval] = {}
    layers = []
    for name, layer in graph.layers:
        terms = proof.layers[name].terms.with_accumulator(layer.accumulator)
        said, ranges = _statement(graph, name, layer, terms, sums, proof.layers)
        terms = replace(terms, low=ranges[0], high=ranges[1])
        found = sum_range(terms.weights, terms.low, terms.high, terms.start)
        sums[name] = machine(found.final_lowest, found.final_highest)
        inputs[name] = ranges
        claims = _claims(terms)
        if claims and name in proof.solved and said["input"]["kind"] == "layer":
            claims += _dual(graph, name, terms, said, sums, inputs)
        layers.append(
            {
                "node": name,
                "sha256": digest(said),
                "statement": said,
                "claims": claims,
                "safe": bool(claims) and _safe(terms, claims),
            }
        )
    return {
        "certificate": "accumulator widths",
        "version": VERSION,
        "network": graph.name,
        "layers": layers,
    }


def mismatches(
    document: Mapping[str, Any], proof: Guarantee, accumulators: Registers = None
) -> list[str]:
    """Return in what a certificate is not about a network and its registers, in sentences."""
    own = {one["node"]: one["sha256"] for one in certificate(proof, accumulators)["layers"]}
    given = {one["node"]: one["sha256"] for one in document["layers"]}
    wrong = [f"{node}: the network has no such layer" for node in given if node not in own]
    wrong += [f"{node}: the certificate says nothing of it" for node in own if node not in given]
    return wrong + [
        f"{node}: weights, biases, registers or ranges are not those of the network"
        for node in own
        if given.get(node, own[node]) != own[node]
    ]


def _statement(
    graph: Graph,
    name: str,
    layer: Layer,
    terms: Terms,
    sums: Mapping[str, Interval],
    layers: Mapping[str, LayerBounds],
) -> tuple[dict[str, Any], Interval]:
    """Return what a layer adds up, and the ranges (K, 1) or (K, N) that its inputs then have."""
    source = graph.specs[graph[name].source]
    zero, place = layer.zero(source), terms.place
    start, order, register = terms.start, terms.accumulator.order, terms.accumulator
    said: dict[str, Any] = {
        "weights": terms.weights[place].T.tolist(),
        "bias": None if start is None else [int(value) for value in start],
        "bias_place": register.bias,
        "levels": [
            {"bits": r.bits, "signed": r.signed, "every": r.spill.every if r.spill else None}
            for r in register.levels
        ],
        "order": {"kind": "sequential"},
        "exact": register.without_constant.exact_where_it_fits,
    }
    if register.spill and register.spill.at:
        tile = register.spill.tile or layer.outputs
        said["levels"][0] |= {"at": [list(one) for one in register.spill.at], "tile": tile}
    if isinstance(order, Interleaved):
        said["order"] = {"kind": "interleaved", "lanes": order.lanes, "reduce": order.reduce}
    elif isinstance(order, Chunked):
        said["order"] = {"kind": "chunked", "size": order.size, "node_bits": order.node_bits}
    padded = isinstance(layer, Windowed) and layer.taps.padded
    pad = zero_code(source) - zero if padded else None
    said["input"], low, high = _input(graph, name, layer, sums, layers)
    said["input"]["padding"] = pad
    if pad is not None:
        low, high = np.minimum(low, pad), np.maximum(high, pad)
    return said, (low, high)


def _input(
    graph: Graph,
    name: str,
    layer: Layer,
    sums: Mapping[str, Interval],
    layers: Mapping[str, LayerBounds],
) -> tuple[dict[str, Any], IntArray, IntArray]:
    """Return where the range of a layer's inputs is from, and the range itself."""
    node = graph[name]
    source = graph.specs[node.source]
    zero = layer.zero(source)
    chain = chain_before(graph, name)
    steps = None
    if (
        chain is not None
        and layers[chain.first].terms.accumulator.without_constant.exact_where_it_fits
    ):
        steps = _steps(chain.ops, graph.specs[chain.first])
    if chain is None or steps is None:
        lo, hi = source.format.lo - zero, source.format.hi - zero
        if node.source == "input":  # it may have been declared narrower
            lo, hi = layers[name].input_lo, layers[name].input_hi
        whole = np.full((layer.inputs, 1), lo), np.full((layer.inputs, 1), hi)
        return {"kind": "codes", "low": lo, "high": hi}, *whole
    ends = _through(chain.ops, graph.specs[chain.first], sums[chain.first], zero)
    count, own = len(ends[0]), isinstance(layer, DepthwiseConv2D)
    if isinstance(layer, DepthwiseConv2D):
        channel = np.arange(layer.outputs) // layer.multiplier
        low, high = (np.broadcast_to(end[channel], (layer.inputs, layer.outputs)) for end in ends)
    else:
        channel = layers[name].terms.with_accumulator(layer.accumulator).place % count
        natural = np.arange(layer.inputs) % count
        low, high = (end[natural][:, None] for end in ends)
    said = {
        "kind": "layer", "node": chain.first, "steps": steps, "zero": zero, "own": own,
        "channel": channel.tolist(),
    }  # fmt: skip
    return said, low, high


def _through(ops: Sequence[Op], source: TensorSpec, sums: Interval, zero: int) -> Interval:
    """Return the range (C,) of multiplicands behind operations."""
    low, high = sums
    spec = TensorSpec((len(low),), source.format)
    for op in ops:
        low, high = op.interval([(low, high)], [spec])
        spec = op.infer(spec)
    return low - zero, high - zero


def _steps(ops: Sequence[Op], source: TensorSpec) -> list[dict[str, Any]] | None:
    """Return operations as the checker knows them; None where it does not."""
    steps, fmt = [], source.format
    for op in ops:
        step = _step(op, TensorSpec(source.shape[-1:], fmt))
        if step is None:
            return None
        steps.append({"low": None, "high": None} | step)
        fmt = op.infer(TensorSpec(source.shape[-1:], fmt)).format
    return steps


def _step(op: Op, source: TensorSpec) -> dict[str, Any] | None:
    fmt, channels = source.format, source.shape[-1]
    if isinstance(op, Relu) and isinstance(fmt, QFormat):
        return {"op": "clamp", "low": 0, "high": op.maximum}
    if isinstance(op, Requantize) and isinstance(fmt, QFormat) and op.rounding in _ROUNDINGS:
        if op.overflow is not Overflow.SATURATE:
            return None
        ends = {"low": op.target.lo, "high": op.target.hi}
        shift = fmt.frac - op.target.frac
        return {"op": "requantize", "shift": shift, "rounding": op.rounding.value, **ends}
    if isinstance(op, Rescale) and type(op.scheme).__name__ in _RULES:
        low, high = op.scheme.limits(word_of(op.target))
        rule, zero = type(op.scheme).__name__, op.scheme.zero_point
        constants = [list(one) for one in op.scheme.constants()]
        said = {"op": "rescale", "rule": rule, "constants": constants, "zero": zero}
        return {**said, "low": low, "high": high}
    if isinstance(op, Gain | Bias | BatchNorm):
        ones, nothing = np.ones(channels, np.int64), np.zeros(channels, np.int64)
        gain = nothing + getattr(op, "gain", ones)
        offset = nothing
        if not isinstance(op, Gain):
            offset = op.offset(source)
        return {"op": "scale", "gain": gain.tolist(), "bias": offset.tolist()}
    return None


def _claims(terms: Terms) -> list[dict[str, Any]]:
    """Return sign-split and prefix-exact bounds; none where registers round."""
    if not terms.accumulator.without_constant.exact_where_it_fits:
        return []
    split = CLASSIC["sign-split"](terms)
    claims = [_claim("sign-split", "any", *split)]
    return claims + [
        _claim("prefix-exact", one.register, one.lowest, one.highest) for one in reach(terms)
    ]


def _claim(by: str, register: str, low: IntArray, high: IntArray) -> dict[str, Any]:
    ends = {"low": [int(v) for v in low], "high": [int(v) for v in high]}
    return {"by": by, "register": register, **ends}


def _dual(
    graph: Graph,
    name: str,
    terms: Terms,
    said: Mapping[str, Any],
    sums: Mapping[str, Interval],
    inputs: Mapping[str, Interval],
) -> list[dict[str, Any]]:
    """Return the bound that a pair of dense layers has from lines above what is between."""
    chain = chain_before(graph, name)
    assert chain is not None
    one, two = graph[chain.first].op, graph[name].op
    if not (isinstance(one, Dense) and isinstance(two, Dense)) or one.by_row or two.by_row:
        return []
    least, most = sums[chain.first]
    zero = said["input"]["zero"]
    stairs = Stairs.of(chain.ops, graph.specs[chain.first], least, most, zero)
    if stairs is None:
        return []
    before = _bias_of(one, graph.specs[graph[chain.first].source])
    reads = np.broadcast_to(np.arange(one.inputs), (one.outputs, one.inputs))
    low, high = (end.reshape(-1).astype(np.int64) for end in inputs[chain.first])
    units = (Units(np.arange(one.outputs), reads),)
    pair = Pair(terms.weights, one.matrix(), before, stairs, low, high, units, True)
    solved = solve(pair, final=False)
    if solved is None:
        return []
    place, sign = terms.place, stairs.sign
    claim = _claim("dual", "any", *with_bias(terms, solved.lowest, solved.highest))
    claim["slopes"] = [
        [(c.slopes * sign)[place].tolist() for c in both] for both in solved.ceilings
    ]
    claim["shifts"] = [[c.shift for c in both] for both in solved.ceilings]
    claim["points"] = [
        np.unique(stairs.points[:, c] * sign[c]).tolist() for c in range(one.outputs)
    ]
    return [claim]


def _bias_of(layer: Layer, source: TensorSpec) -> IntArray:
    start = layer.sums(source).bias
    return np.zeros(layer.outputs, object) if start is None else start.astype(object)


def _safe(terms: Terms, claims: Sequence[Mapping[str, Any]]) -> bool:
    """Whether some claim holds every register."""
    words = {one.register: one.word for one in reach(terms)}
    return all(
        any(
            claim["register"] in ("any", name)
            and word.lo <= min(claim["low"])
            and max(claim["high"]) <= word.hi
            for claim in claims
        )
        for name, word in words.items()
    )
