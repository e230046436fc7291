"""Matrices packed once, and threads: the same bits, and mistakes told."""

from __future__ import annotations

import numpy as np
import pytest

from fxpsim import (
    Accumulator,
    Affine,
    Chunked,
    Interleaved,
    Levels,
    QFormat,
    Spill,
    matmul,
    pack,
)
from fxpsim.errors import DataError

REGISTERS = [
    Accumulator(16, "saturate"),
    Accumulator(12, "saturate"),
    Accumulator(32),
    Accumulator(16, "saturate", order=Interleaved(4)),
    Accumulator(16, "saturate", order=Chunked(3), bias="last"),
    Accumulator(16, spill=Spill(5, Accumulator(20, "saturate"))),
    Accumulator(14, "saturate", frac=2, rounding="nearest_even", bias="last"),
    Accumulator(14, frac=2, rounding="stochastic_weighted"),
    Accumulator(16, "saturate", rounding_constant=64),
    Accumulator(64, "saturate"),
]


@pytest.mark.filterwarnings("ignore::fxpsim.engine.SlowPathWarning")
@pytest.mark.parametrize("rows", [1, 40])
@pytest.mark.parametrize("register", REGISTERS, ids=repr)
def test_packed_and_threaded_products_are_the_same(register, rows):
    rng = np.random.default_rng(0)
    fmt = QFormat(8, 3)
    a, b = rng.integers(-128, 128, (rows, 67)), rng.integers(-128, 128, (67, 33))
    bias = rng.integers(-5000, 5000, 33)
    options = {"a_format": fmt, "b_format": fmt, "bias": bias}
    expected = matmul(a, b, register, **options)
    packed = pack(b, register, **options)
    for threads in (1, 3):
        result = matmul(a, packed, threads=threads)
        assert result.dtype == expected.dtype
        np.testing.assert_array_equal(result, expected)
        np.testing.assert_array_equal(matmul(a, b, register, **options, threads=threads), expected)


@pytest.mark.parametrize(
    ("a_format", "codes"),
    [(Affine(8, 0.5, 3), [-128, 127, 3]), (Levels((-3, -1, 1, 3)), [0, 3, 1])],
    ids=["affine", "levels"],
)
def test_what_enters_the_products_is_the_multiplicand(a_format, codes):
    register = Accumulator(12, "saturate")
    b = [[5, -7], [100, 3], [1, 1]]
    packed = pack(b, register, a_format=a_format)
    expected = matmul([codes], b, register, a_format=a_format)
    np.testing.assert_array_equal(matmul([codes], packed), expected)


def test_mistakes_are_told():
    packed = pack([[1], [2]], Accumulator(8))
    with pytest.raises(DataError, match=r"must agree in K, but a is \(1, 3\) and b is \(2, 1\)"):
        matmul([[1, 2, 3]], packed)
    with pytest.raises(DataError, match="must not be given with a packed matrix"):
        matmul([[1, 2]], packed, Accumulator(8))
    with pytest.raises(DataError, match=r"a must be -128 to 127 .* is 200"):
        matmul([[200, 2]], packed)
    with pytest.raises(DataError, match=r"bias must have shape \(1,\)"):
        pack([[1], [2]], Accumulator(8), bias=[1, 2])
