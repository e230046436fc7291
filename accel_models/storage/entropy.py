"""Bits of a weight, if only its width and perhaps its entropy are known."""

from __future__ import annotations

import math
from functools import lru_cache

from accel_models.demand import Demand
from accel_models.elementwise import Number, each

__all__ = ["entropy_bits", "gaussian_counts", "rice_bits"]

_LARGE = 1 << 20  # weights: headers no longer count
_TOLERANCE = 1e-4  # bits


def entropy_bits(work: Demand) -> Number:
    """Return the bits of information in a weight; unknown: its width, the most that it can have."""
    return work.weight_bits if work.weight_entropy is None else work.weight_entropy


def rice_bits(work: Demand) -> Number:
    """Return the bits of a weight in Ethos-U's stream.

    Weights whose entropy is known are taken to be Gaussian, cut at their width; others are as
    likely to have one value as any other, and nothing can be gained.
    """
    if work.weight_entropy is None:
        return work.weight_bits
    return each(_gaussian_bits, work.weight_bits, work.weight_entropy)


@lru_cache(maxsize=4096)
def _gaussian_bits(bits: int, entropy: float) -> float:
    from accel_models.storage.palette import coded_bits

    return coded_bits(gaussian_counts(bits, entropy, _LARGE)) / _LARGE


@lru_cache(maxsize=4096)
def gaussian_counts(bits: int, entropy: float, total: int) -> dict[int, int]:
    """Return occurrences of symmetric Gaussian weights with this entropy.

    Parameters
    ----------
    bits
        Width; values lie in +-(2^(bits - 1) - 1), for 1 bit in {-1, 1}.
    entropy
        Bits of information in a weight; at most that of equally likely values.
    total
        Weights.
    """
    if bits == 1:
        return {-1: total // 2, 1: total - total // 2}
    most = (1 << (bits - 1)) - 1
    low, high = 1e-3, 64.0 * (most + 1)
    while high / low > 1 + _TOLERANCE:
        middle = math.sqrt(low * high)
        low, high = (middle, high) if _entropy(most, middle) < entropy else (low, middle)
    shares = _shares(most, high)
    counts = {value: round(share * total) for value, share in shares.items()}
    return {value: count for value, count in counts.items() if count}


def _shares(most: int, sigma: float) -> dict[int, float]:
    weights = {v: math.exp(-0.5 * (v / sigma) ** 2) for v in range(-most, most + 1)}
    total = sum(weights.values())
    return {value: weight / total for value, weight in weights.items()}


def _entropy(most: int, sigma: float) -> float:
    return sum(-p * math.log2(p) for p in _shares(most, sigma).values() if p > 0)
