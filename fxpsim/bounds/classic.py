"""Bounds that hold for any order of the additions: from types, norms and signs of the weights.

Each is a range of every partial sum, with the bias that it may have in it.  All but
:func:`sign_split` are bounds on the magnitude, and none of those is tight.

References
----------
I. Colbert, A. Pappalardo, J. Petri-Koenig: Quantized Neural Networks for Low-Precision
Accumulation with Guaranteed Overflow Avoidance. arXiv:2301.13376 (data-type bound).
The same: A2Q: Accumulator-Aware Quantization with Guaranteed Overflow Avoidance. ICCV 2023,
arXiv:2308.13504 (L1 bound).
I. Colbert et al.: A2Q+: Improving Accumulator-Aware Weight Quantization. ICML 2024,
arXiv:2401.10432 (zero-centred bound).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxpsim.accumulators import Accumulator, Chunked, Interleaved
from fxpsim.bounds.sign_split import sum_range
from fxpsim.bounds.terms import Terms

__all__ = [
    "CLASSIC",
    "bias_in_place",
    "data_type",
    "l1",
    "one_register",
    "sign_split",
    "with_bias",
    "zero_centred",
]

IntArray = NDArray[Any]
Ends = tuple[IntArray, IntArray]


def data_type(terms: Terms) -> Ends:
    """Return the bound for any weights and inputs of their formats: K * max|x| * max|w|."""
    largest = max(map(abs, terms.input_type)) * max(map(abs, terms.weight_type))
    length, outputs = terms.weights.shape
    return _magnitude(terms, np.full(outputs, length * largest, object))


def l1(terms: Terms) -> Ends:
    """Return max|x| times the sum of the weights' magnitudes (A2Q)."""
    largest = max(abs(int(terms.low.min())), abs(int(terms.high.max())))
    return _magnitude(terms, largest * abs(terms.weights.astype(object)).sum(axis=0))


def zero_centred(terms: Terms) -> Ends:
    """Return max(S+, |S-|) * (x_hi - x_lo), with the sums of weights of either sign.

    A2Q+ centres weights, so that both are half their L1 norm, and states the bound by that; for
    other weights only the larger of the two will do.  The range has 0 in it: an input that comes
    late counts as 0 until then.
    """
    weights = terms.weights.astype(object)
    spread = max(0, int(terms.high.max())) - min(0, int(terms.low.min()))
    signs = np.maximum(weights, 0).sum(axis=0), -np.minimum(weights, 0).sum(axis=0)
    return _magnitude(terms, spread * np.maximum(*signs))


def sign_split(terms: Terms) -> Ends:
    """Return [sum min(0, w x_lo, w x_hi), sum max(0, ...)], moved by a bias that comes first.

    Where parts of the sum are without the bias (it comes last, or other registers have them), the
    hull of both.
    """
    found = sum_range(terms.weights, terms.low, terms.high)
    return with_bias(terms, found.lowest, found.highest)


#: By name, widest first.
CLASSIC: Mapping[str, Callable[[Terms], Ends]] = {
    "data-type": data_type,
    "l1": l1,
    "zero-centred": zero_centred,
    "sign-split": sign_split,
}


def one_register(accumulator: Accumulator) -> bool:
    """Whether a single register holds every partial sum."""
    order = accumulator.order
    nodes = isinstance(order, Chunked) and order.node_bits is not None
    return accumulator.spill is None and not nodes and not isinstance(order, Interleaved)


def bias_in_place(accumulator: Accumulator) -> bool:
    """Whether a single register starts from the bias."""
    return accumulator.bias == "first" and one_register(accumulator)


def _magnitude(terms: Terms, most: IntArray) -> Ends:
    start = terms.start
    reach = most if start is None else most + abs(start)
    return -reach, reach


def with_bias(terms: Terms, low: IntArray, high: IntArray) -> Ends:
    """Return ends of sums of products as those of what registers hold of them and the bias."""
    start = terms.start
    if start is None:
        return low, high
    if bias_in_place(terms.accumulator):
        return low + start, high + start
    return np.minimum(low, low + start), np.maximum(high, high + start)
