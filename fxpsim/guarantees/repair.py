"""What to change where a register is too narrow, with the exact effect.

Widths by channel, sums split in parts, or weights projected onto what a width allows.  An order of
the additions is no repair of a proof: where inputs may be 0, one exists that reaches the sum of the
products of one sign, in any order (see :mod:`fxpsim.guarantees.gap` for what data reach).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fxpsim.bounds import CLASSIC, Terms
from fxpsim.errors import GraphError, suggest
from fxpsim.formats import Levels
from fxpsim.graph import Graph, Node
from fxpsim.guarantees.proofs import Guarantee
from fxpsim.guarantees.widths import width
from fxpsim.ops import Layer

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Projection", "project", "repairs"]

IntArray = NDArray[Any]


def repairs(proof: Guarantee, node: str, bits: int) -> pd.DataFrame:
    """Return what each channel of a layer needs, and what would make it fit a width.

    Parameters
    ----------
    proof : Guarantee
        Of the network.
    node : str
        The layer.
    bits : int
        Of a signed register.

    Returns
    -------
    DataFrame
        A row a channel: channel, bits (its own proven width), parts (in how many consecutive parts
        its sum must be made, each in a register of the width that starts at 0, 1 where it fits; 0
        where one product or the bias does not), weight_norm (sum of magnitudes), kept_norm (what
        :func:`project` leaves of it).
    """
    import pandas as pd

    terms = _terms(proof, node)
    low, high = CLASSIC["sign-split"](terms)
    kept = _projected(terms, bits)
    parts = _parts(terms, bits)
    norms = (abs(w.astype(np.int64)).sum(axis=0) for w in (terms.weights, kept))
    columns: dict[str, Any] = {
        "channel": np.arange(len(low)),
        "bits": [width(int(a), int(b)) for a, b in zip(low, high, strict=True)],
        "parts": parts,
    }
    columns |= dict(zip(("weight_norm", "kept_norm"), norms, strict=True))
    return pd.DataFrame(columns)


def _terms(proof: Guarantee, node: str) -> Terms:
    if node not in proof.layers:
        raise GraphError(f"no layer {node!r} with an accumulator{suggest(node, proof.layers)}")
    return proof.layers[node].terms


def _parts(terms: Terms, bits: int) -> list[int]:
    """Cut every sum where the next product might overflow: the fewest consecutive parts."""
    lo, hi = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    least, greatest = (np.asarray(end)[terms.place] for end in terms.products())
    found = []
    for channel in range(least.shape[1]):
        start = 0 if terms.start is None else int(terms.start[channel])
        parts, low, high = 1, start, start
        fits = lo <= start <= hi
        for below, above in zip(
            least[:, channel].tolist(), greatest[:, channel].tolist(), strict=True
        ):
            below, above = min(0, below), max(0, above)
            if low + below < lo or high + above > hi:
                parts, low, high = parts + 1, 0, 0
                fits &= lo <= below and above <= hi
            low, high = low + below, high + above
        found.append(parts if fits else 0)
    return found


@dataclass(frozen=True, slots=True, eq=False)
class Projection:
    """A network whose weights fit a width, and how far they were moved.

    Attributes
    ----------
    graph : Graph
        With the new weights.
    errors : DataFrame
        A row a layer and channel that was changed: node, channel, changed (weights), error (L2 norm
        of the change over that of the weights), norm, kept_norm (sums of magnitudes).
    """

    graph: Graph
    errors: pd.DataFrame


def project(proof: Guarantee, bits: int, nodes: tuple[str, ...] | None = None) -> Projection:
    """Shrink weights until every sum provably fits a signed register, after training.

    Each channel that is too wide loses the same magnitude from all its weights, as little as makes
    the sign-split bound fit; then, by 1 in turns, those grow back for which there is room: the
    Euclidean projection onto an L1 ball, in integers, with the exact bound in place of the norm.
    Ranges of inputs are those before, and may change with the weights of earlier layers: prove the
    result again.

    Parameters
    ----------
    proof : Guarantee
        Of the network.
    bits : int
        Of the registers.
    nodes : tuple of str, optional
        Which layers; all where not given.

    Returns
    -------
    Projection

    Raises
    ------
    GraphError
        A bias alone does not fit, or a layer's weights have zero points or a codebook.

    References
    ----------
    Duchi et al.: Efficient Projections onto the l1-Ball for Learning in High Dimensions. ICML 2008.
    Colbert et al.: A2Q+: Improving Accumulator-Aware Weight Quantization. arXiv:2401.10432
    (Euclidean projection of trained weights).
    """
    import pandas as pd

    chosen = tuple(proof.layers) if nodes is None else nodes
    rows: list[dict[str, Any]] = []
    new: dict[str, Layer] = {}
    for name in chosen:
        terms, layer = _terms(proof, name), proof.graph[name].op
        assert isinstance(layer, Layer)
        if isinstance(layer.weight_format, Levels):
            raise GraphError(f"weights of {name!r} are from a codebook; they cannot be projected")
        if (layer.matrix() != layer.weights.reshape(terms.weights.shape)).any():
            raise GraphError(f"weights of {name!r} have zero points; they cannot be projected")
        kept = _projected(terms, bits)
        new[name] = replace(layer, weights=kept.reshape(layer.weights.shape))
        old = terms.weights.astype(np.int64)
        for channel in np.flatnonzero((kept != old).any(axis=0)).tolist():
            before, after = old[:, channel], kept[:, channel]
            rows.append(
                {
                    "node": name,
                    "channel": channel,
                    "changed": int((before != after).sum()),
                    "error": float(np.linalg.norm(before - after) / np.linalg.norm(before)),
                    "norm": int(abs(before).sum()),
                    "kept_norm": int(abs(after).sum()),
                }
            )
    columns = ["node", "channel", "changed", "error", "norm", "kept_norm"]
    nodes_after = tuple(
        Node(node.name, new.get(node.name, node.op), node.sources) for node in proof.graph
    )
    return Projection(replace(proof.graph, nodes=nodes_after), pd.DataFrame(rows, columns=columns))


def _projected(terms: Terms, bits: int) -> IntArray:
    """Return weights (K, N) of which every channel fits, bias included."""
    weights: IntArray = terms.weights.astype(np.int64)
    lo, hi = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    low, high = CLASSIC["sign-split"](terms)
    nothing = replace(terms, weights=0 * weights)
    bias_low, bias_high = CLASSIC["sign-split"](nothing)
    kept = weights.copy()
    for channel in np.flatnonzero((low < lo) | (high > hi)).tolist():
        room = lo - int(bias_low[channel]), hi - int(bias_high[channel])
        if room[0] > 0 or room[1] < 0:
            raise GraphError(f"the bias of channel {channel} alone does not fit {bits} bits")
        kept[:, channel] = _shrunk(terms.channels(slice(channel, channel + 1)), room)
    return kept


def _shrunk(terms: Terms, room: tuple[int, int]) -> IntArray:
    """Return the weights (K,) of one channel, all as much smaller as makes their products fit.

    Where there is room they grow back, in turns.
    """
    weights = terms.weights[:, 0].astype(np.int64)
    signs, sizes = np.sign(weights), abs(weights)
    least, greatest = replace(terms, weights=signs[:, None]).products()
    down, up = np.minimum(least[:, 0], 0), np.maximum(greatest[:, 0], 0)  # of each unit of size

    def fits(kept: IntArray) -> bool:
        return int(down @ kept) >= room[0] and int(up @ kept) <= room[1]

    below, above = 0, int(sizes.max())
    while above - below > 1:
        middle = (below + above) // 2
        below, above = (below, middle) if fits(_less(sizes, middle)) else (middle, above)
    kept = _less(sizes, above)
    low, high = room[0] - int(down @ kept), room[1] - int(up @ kept)  # what is left of the room
    growing = [int(k) for k in np.argsort(-sizes, kind="stable") if kept[k] < sizes[k]]
    while growing:
        growing = [k for k in growing if low <= down[k] and up[k] <= high and kept[k] < sizes[k]]
        for k in growing:
            if low <= down[k] and up[k] <= high:
                kept[k], low, high = kept[k] + 1, low - int(down[k]), high - int(up[k])
    return signs * kept


def _less(sizes: IntArray, threshold: int) -> IntArray:
    """Take a threshold off all magnitudes."""
    less: IntArray = np.maximum(sizes - threshold, 0)
    return less
