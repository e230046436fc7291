"""Proven width against the width that data needed: who sets it, and what would save it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fxpsim.bounds.windows import positions
from fxpsim.guarantees.proofs import Guarantee
from fxpsim.guarantees.widths import width
from fxpsim.ops import Layer, TensorSpec
from fxpsim.ops.op import zero_code
from fxpsim.simulation import simulate
from fxpsim.stats import bits_for

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Gap", "gap", "peak_lowering_order"]

IntArray = NDArray[Any]
#: Products that are laid out to try an order: 32 MiB.
_PRODUCTS = 1 << 22


@dataclass(frozen=True, slots=True, eq=False)
class Gap:
    """What is proven, and what data reached.

    Attributes
    ----------
    channels : DataFrame
        node, channel, proven_lowest, proven_highest, proven_bits, lowest, highest (of exact
        partial sums on the data), needed_bits.
    layers : DataFrame
        A row a layer: node, proven_bits, needed_bits; proven_channel and needed_channel, which set
        them, and how many do (``_channels``); clipped_bits, what is left if those that set the
        needed width are clipped to what all others need, and clipped_share, in which share of the
        layer's sums that happens; reordered_bits, what those channels need (with the others) if
        each adds its products in the order of :func:`peak_lowering_order`.
    """

    channels: pd.DataFrame
    layers: pd.DataFrame


def gap(proof: Guarantee, inputs: ArrayLike) -> Gap:
    """Compare proven widths with what data need.

    Parameters
    ----------
    proof : Guarantee
        Of the outermost register by its tightest bound.
    inputs : array_like of int (n, ...)
        As for :func:`fxpsim.simulation.simulate`; the network runs with its own accumulators.

    Returns
    -------
    Gap

    Notes
    -----
    No order of the additions lowers a *proven* width where inputs may be 0: an input exists that
    makes all products of one sign 0.  It lowers what data reach.
    """
    import pandas as pd

    graph = proof.graph
    trace = simulate(graph, inputs)
    channels, layers = [], []
    for name, layer in graph.layers:
        spec = graph.specs[graph[name].source]
        codes = trace[graph[name].source].reshape(-1, *spec.shape)
        planes = layer.planes(codes, spec, exact=True)
        table = _channels(proof, name, planes.lowest, planes.highest)
        channels.append(table)
        lowest, highest = planes.lowest, planes.highest
        layers.append(_layer(proof, name, table, layer, spec, codes, (lowest, highest)))
    return Gap(pd.concat(channels, ignore_index=True), pd.DataFrame(layers))


def _channels(proof: Guarantee, name: str, lowest: IntArray, highest: IntArray) -> pd.DataFrame:
    import pandas as pd

    rows = [one for one in proof.proofs[name] if one.register in ("any", "final")]
    best = min(rows, key=lambda one: sum(bits or 99 for bits in one.bits))
    low, high = lowest.min(axis=0), highest.max(axis=0)
    return pd.DataFrame(
        {
            "node": name,
            "channel": np.arange(len(low)),
            "proven_lowest": best.lowest,
            "proven_highest": best.highest,
            "proven_bits": [
                width(int(a), int(b)) for a, b in zip(best.lowest, best.highest, strict=True)
            ],
            "lowest": low,
            "highest": high,
            "needed_bits": [bits_for(int(a), int(b)) for a, b in zip(low, high, strict=True)],
        }
    )


def _layer(
    proof: Guarantee,
    name: str,
    table: pd.DataFrame,
    layer: Layer,
    spec: TensorSpec,
    codes: IntArray,
    ends: tuple[IntArray, IntArray],
) -> dict[str, Any]:
    """Return the row of a layer."""
    proven, needed = table["proven_bits"].to_numpy(), table["needed_bits"].to_numpy()
    most = int(needed.max())
    heavy = np.flatnonzero(needed == most)
    others = needed[needed < most]
    clipped = int(others.max()) if others.size else most - 1
    limit = 1 << (clipped - 1)
    touched = (ends[0] < -limit) | (ends[1] >= limit)
    reordered = [_reordered(proof, name, layer, spec, codes, int(c)) for c in heavy]
    return {
        "node": name,
        "proven_bits": int(proven.max()),
        "needed_bits": most,
        "proven_channel": int(proven.argmax()),
        "proven_channels": int((proven == proven.max()).sum()),
        "needed_channel": int(heavy[0]),
        "needed_channels": len(heavy),
        "clipped_bits": clipped,
        "clipped_share": float(touched.mean()),
        "reordered_bits": max([*reordered, int(others.max()) if others.size else 2]),
    }


def _reordered(
    proof: Guarantee, name: str, layer: Layer, spec: TensorSpec, codes: IntArray, channel: int
) -> int:
    """Return the width that one channel needs on data when its order is chosen for that."""
    terms = proof.layers[name].terms
    weights = terms.weights[:, channel].astype(np.int64)
    index = positions(layer, spec, channel)
    zero = layer.zero(spec)
    flat = codes.reshape(len(codes), spec.size).astype(np.int64) - zero
    padding = np.full((len(flat), 1), zero_code(spec) - zero)
    padded = np.concatenate([flat, padding], axis=1)
    start = 0 if terms.start is None else int(terms.start[channel])
    step = max(1, _PRODUCTS // index.size)
    blocks = [padded[i : i + step][:, index] for i in range(0, len(padded), step)]
    means = sum(block.sum(axis=(0, 1)) for block in blocks) * weights / (len(padded) * len(index))
    order = peak_lowering_order(means)
    low = high = start
    for block in blocks:
        sums = start + np.cumsum(block[..., order] * weights[order], axis=2)
        low, high = min(low, int(sums.min())), max(high, int(sums.max()))
    return bits_for(low, high)


def peak_lowering_order(means: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return an order of products (K,) whose partial sums stray little on average.

    One after the other, that product is taken that brings the sum of means nearest to its share of
    the total.
    """
    left, total, order = list(range(len(means))), 0.0, []
    for step in range(1, len(means) + 1):
        goal = means.sum() * step / len(means)
        chosen = min(left, key=lambda k: abs(total + means[k] - goal))
        total += means[chosen]
        left.remove(chosen)
        order.append(chosen)
    return np.array(order, np.intp)
