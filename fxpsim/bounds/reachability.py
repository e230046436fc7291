"""Bounds that know what two consecutive layers have in common: inputs that no interval sees.

What a layer reads is a staircase of sums that the layer before makes of shared inputs.  Its own
sums are bounded by a linear programme over those inputs: above each staircase lie straight lines,
and the solver (HiGHS) says which mixture of them bounds best.  Of its answer only the slopes count,
rounded to integers: for any slopes the bound is computed anew in integers, from the lowest line of
each slope that lies above every step, requantisation included.  So no float is trusted.

Partial sums are covered in any order: each product counts only where it adds to the extreme.

References
----------
R. Ehlers: Formal Verification of Piece-Wise Linear Feed-Forward Neural Networks. ATVA 2017,
arXiv:1705.01320 (the linear relaxation of a ReLU).
H. Salman et al.: A Convex Relaxation Barrier to Tight Robustness Verification of Neural Networks.
NeurIPS 2019, arXiv:1902.08722 (a bound from any slopes; the best are dual multipliers).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxpsim.bounds.pairs import Pair
from fxpsim.errors import ConfigError

__all__ = ["Ceiling", "Solved", "solve"]

IntArray = NDArray[Any]
FloatArray = NDArray[np.float64]
#: Entries of a linear programme that is still solved within seconds.
_LARGEST = 400_000
#: Slopes are integers over ``2**_SHIFT``, or less where sums of products would not fit 62 bits.
_SHIFT = 24


@dataclass(frozen=True, slots=True, eq=False)
class Ceiling:
    """A certified upper bound on one sum, and the lines that it follows from.

    Attributes
    ----------
    bound : int
        No sum of ``abs(weight) * height`` over the units is more.
    slopes : int64 array (K,)
        Of the line above each unit's staircase, over ``2**shift``.
    shift : int
    """

    bound: int
    slopes: IntArray
    shift: int


@dataclass(frozen=True, slots=True, eq=False)
class Solved:
    """Certified bounds of one layer's sums of products, without the bias.

    Attributes
    ----------
    lowest, highest : object arrays (N,)
        Of every part of a sum.
    final_lowest, final_highest : object arrays (N,)
        Of the complete sum.
    ceilings : tuple of (Ceiling, Ceiling)
        By channel, what ``-lowest`` and ``highest`` follow from.
    """

    lowest: IntArray
    highest: IntArray
    final_lowest: IntArray
    final_highest: IntArray
    ceilings: tuple[tuple[Ceiling, Ceiling], ...]


def solve(pair: Pair, *, final: bool = True) -> Solved | None:
    """Bound the sums of the second of two layers; None where that would take too long.

    Parameters
    ----------
    pair : Pair
        The layers and what is between.
    final : bool
        Bound complete sums apart, for what follows.
    """
    if pair.units(0).inputs.size > _LARGEST:
        return None
    partial = [tuple(_ceiling(pair, c, s, True) for s in (-1, 1)) for c in range(pair.outputs)]
    whole = partial
    if final and pair.complete:
        whole = [tuple(_ceiling(pair, c, s, False) for s in (-1, 1)) for c in range(pair.outputs)]
    low, high, final_low, final_high = (
        np.array([sign * one[side].bound for one in found], object)
        for found in (partial, whole)
        for side, sign in ((0, -1), (1, 1))
    )
    ceilings = tuple((below, above) for below, above in partial)
    return Solved(low, high, final_low, final_high, ceilings)


def _ceiling(pair: Pair, channel: int, sign: int, partial: bool) -> Ceiling:
    """Bound ``sign`` times one channel's sum, or any part of it, from above."""
    weights = sign * pair.weights[:, channel].astype(np.int64)
    used = np.flatnonzero(weights)
    weights, units = weights[used], pair.units(channel)
    of, reads = units.channel[used], units.inputs[used]
    heights = pair.stairs.values[:, of] * np.sign(weights)
    heights = np.maximum(heights, 0) if partial else heights
    weights = abs(weights)
    interval = int((weights * heights.max(axis=0)).sum())
    slopes = _best_slopes(pair, weights, of, reads, heights)
    shift = _shift(pair, weights, slopes, heights)
    lines = np.rint(slopes * (1 << shift)).astype(np.int64)
    bound = min(interval, _evaluated(pair, weights, of, reads, heights, lines, shift))
    kept = np.zeros(len(pair.weights), np.int64)
    kept[used] = lines
    return Ceiling(bound, kept, shift)


def _evaluated(
    pair: Pair,
    weights: IntArray,
    of: IntArray,
    reads: IntArray,
    heights: IntArray,
    lines: IntArray,
    shift: int,
) -> int:
    """Return the bound that slopes give, exactly."""
    above = ((heights << shift) - lines * pair.stairs.points[:, of]).max(axis=0)
    turned = pair.stairs.sign[of] * lines * weights
    constant = (weights * above).sum() + (turned * pair.bias[of].astype(np.int64)).sum()
    pull = np.zeros(len(pair.low), np.int64)
    np.add.at(pull, reads, pair.first[:, of].T.astype(np.int64) * turned[:, None])
    most = np.maximum(pull * pair.low, pull * pair.high).sum()
    return int(constant + most) >> shift


def _shift(pair: Pair, weights: IntArray, slopes: FloatArray, heights: IntArray) -> int:
    """Return how fine slopes may be for every sum in :func:`_evaluated` to fit 62 bits."""
    steep = float((weights * (abs(slopes) + 1)).sum())
    points = max(abs(int(end)) for end in (pair.stairs.low.min(), pair.stairs.high.max()))
    wide = max(abs(int(end)) for end in (pair.low.min(), pair.high.max()))
    norm = int(abs(pair.first.astype(np.int64)).sum(axis=0).max())
    bias = max(abs(int(end)) for end in (pair.bias.min(), pair.bias.max()))
    top = float((weights * abs(heights).max(axis=0)).sum())
    largest = top + steep * (points + norm * wide + bias + norm)
    return max(0, min(_SHIFT, 61 - int(np.ceil(np.log2(largest + 1)))))


def _best_slopes(
    pair: Pair, weights: IntArray, of: IntArray, reads: IntArray, heights: IntArray
) -> FloatArray:
    """Return the slopes (K,) of the mixtures of lines that bound best, as floats."""
    from scipy.sparse import csr_array, hstack, vstack

    count, inputs = len(weights), len(pair.low)
    if not count:
        return np.zeros(0)
    sign = pair.stairs.sign[of]
    rows = np.repeat(np.arange(count), reads.shape[1])
    first = (pair.first[:, of].T * sign[:, None]).astype(np.float64)
    sums = csr_array((first.reshape(-1), (rows, reads.reshape(-1))), shape=(count, inputs))
    start = sign * pair.bias[of].astype(np.float64)
    one = csr_array((np.ones(count), (np.arange(count), np.arange(count))), shape=(count, count))
    candidates = _candidates(pair, of, heights)
    blocks, limits = [], []
    for slopes in candidates:
        above = (heights - slopes * pair.stairs.points[:, of]).max(axis=0)
        scaled = csr_array((slopes, (np.arange(count), np.arange(count))), shape=(count, count))
        blocks.append(hstack([-(scaled @ sums), one]))
        limits.append(above + slopes * start)
    top = heights.max(axis=0)
    bounds = [*zip(pair.low.tolist(), pair.high.tolist(), strict=True)]
    bounds += [(None, float(t)) for t in top]
    goal = np.concatenate([np.zeros(inputs), -weights.astype(np.float64)])
    found = _solver()(
        goal, vstack(blocks).tocsr(), np.concatenate(limits), bounds=bounds, method="highs-ds",
        options={"presolve": False},  # which takes longer than the solution
    )  # fmt: skip
    if found.status != 0:
        return np.zeros(count)
    shares = (-found.ineqlin.marginals).reshape(len(candidates), count) / weights
    return np.asarray((shares.clip(0, 1) * np.array(candidates)).sum(axis=0))


def _candidates(pair: Pair, of: IntArray, heights: IntArray) -> list[FloatArray]:
    """Return slopes of lines worth mixing: end to end, and along the part that is not clamped."""
    points = pair.stairs.points[:, of].astype(np.float64)
    rise = (heights[-1] - heights[0]).astype(np.float64)
    chord = rise / np.maximum(1, points[-1] - points[0])
    moves = heights != heights[0], heights != heights[-1]
    first = np.where(moves[0].any(axis=0), moves[0].argmax(axis=0), 0)
    last = np.where(moves[1].any(axis=0), len(points) - 1 - moves[1][::-1].argmax(axis=0), 0)
    columns = np.arange(len(of))
    run = np.maximum(1, points[last, columns] - points[first, columns])
    partway = heights[last, columns] - heights[first, columns]
    return [chord, np.where(last > first, partway / run, chord)]


def _solver() -> Any:
    try:
        from scipy.optimize import linprog
    except ImportError:
        raise ConfigError(
            "bounds by reachability need SciPy: install fxpsim with the extra 'proofs'"
        ) from None
    return linprog
