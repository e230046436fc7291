"""Every pair of short vectors of small codes, in registers of every small width."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from fxpsim import (
    Accumulator,
    Chunked,
    Interleaved,
    Product,
    QFormat,
    Rounding,
    Spill,
    matmul,
    matmul_stats,
    spec,
)
from fxpsim.formats.modes import STOCHASTIC


def vectors(bits: int, length: int, signed: bool = True) -> np.ndarray:
    """Return every vector (all, length) of codes of a width."""
    fmt = QFormat(bits, 0, signed)
    return np.array(list(product(range(fmt.lo, fmt.hi + 1), repeat=length)))


def check(a: np.ndarray, b: np.ndarray, register: Accumulator, frac: int = 0) -> None:
    """Compare all sums of rows of ``a`` and ``b``, and how many additions overflowed."""
    formats = {"a_format": QFormat(8, frac), "b_format": QFormat(8, 0)}
    sums = spec.matmul(a.tolist(), b.tolist(), register, None, frac)
    expected = [[one.value for one in row] for row in sums]
    assert matmul(a, b.T, register, **formats).tolist() == expected
    result = matmul_stats(a, b.T, register, **formats)
    assert result.codes.tolist() == expected
    for level, stats in result.levels.items():
        events = [[s.levels[level].count if level in s.levels else 0 for s in row] for row in sums]
        assert stats.events.tolist() == np.sum(events, axis=0).tolist()


@pytest.mark.parametrize("overflow", ["saturate", "wrap"])
@pytest.mark.parametrize("signed", [True, False])
def test_every_product_of_six_bit_codes(overflow, signed):
    a, b = vectors(6, 1), vectors(6, 1, signed=False)
    for bits in range(2, 14):
        check(a, b, Accumulator(bits, overflow, signed=signed))


@pytest.mark.parametrize("overflow", ["saturate", "wrap"])
@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("bits", [2, 3, 4, 5, 6])
def test_every_pair_of_pairs_of_three_bit_codes(overflow, signed, bits):
    check(vectors(3, 2), vectors(3, 2), Accumulator(bits, overflow, signed=signed))


@pytest.mark.parametrize("overflow", ["saturate", "wrap"])
@pytest.mark.parametrize("bits", [2, 3, 4])
def test_vectors_of_four_two_bit_codes(overflow, bits):
    every = vectors(2, 4)
    check(every[::3], every[::5], Accumulator(bits, overflow))  # every third, and every fifth


@pytest.mark.parametrize("overflow", ["saturate", "wrap"])
@pytest.mark.parametrize(
    "options",
    [
        {"order": Interleaved(2)},
        {"order": Interleaved(3, "sequential")},
        {"order": Chunked(2)},
        {"order": Chunked(2, node_bits=2)},
        {"spill": Spill(1, Accumulator(4, "saturate"))},
        {"spill": Spill(2, Accumulator(3))},
        {"product": Product(2, 0, "floor", "saturate")},
    ],
    ids=str,
)
def test_every_pair_of_vectors_in_declared_registers(overflow, options):
    every = vectors(2, 3)
    check(every, every, Accumulator(3, overflow, **options))


@pytest.mark.parametrize("rounding", [mode for mode in Rounding if mode not in STOCHASTIC])
def test_every_pair_of_vectors_rounded_at_every_addition(rounding):
    every = vectors(2, 3)
    check(every, every, Accumulator(3, "saturate", frac=1, rounding=rounding), frac=2)
