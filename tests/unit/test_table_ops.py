"""Operations that ONNX networks need, against plain Python: thresholds, tables of pairs, means."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fxpsim import Affine, QFormat
from fxpsim.errors import GraphError
from fxpsim.ops import (
    FloatAveragePool2D,
    PairTable,
    QLinearSoftmax,
    SumPool2D,
    TensorSpec,
    Thresholds,
)

NIBBLE = Affine(4, 0.5, -3)
REGISTER = QFormat(32, 0)
rows = st.lists(st.lists(st.integers(-99, 99), min_size=15, max_size=15), min_size=1, max_size=4)


@given(rows, st.data())
def test_thresholds_count(table, data):
    thresholds = np.sort(table, axis=1)
    channels = len(table)
    falling = data.draw(st.lists(st.integers(0, 1), min_size=channels, max_size=channels))
    op = Thresholds(thresholds, np.array(falling), -8, NIBBLE)
    size = st.lists(st.integers(-120, 120), min_size=channels, max_size=channels)
    codes = np.array([data.draw(size) for _ in range(3)])
    spec = TensorSpec((channels,), REGISTER)
    expected = [
        [
            (7 - sum(t <= x for t in row) if falls else -8 + sum(t <= x for t in row))
            for x, row, falls in zip(sample, table, falling, strict=True)
        ]
        for sample in codes.tolist()
    ]
    np.testing.assert_array_equal(op.run([codes], [spec]), expected)
    low, high = op.interval([(codes.min(0), codes.max(0))], [spec])
    assert (low <= np.min(expected, 0)).all()
    assert (high >= np.max(expected, 0)).all()


def test_thresholds_must_rise_and_fit():
    with pytest.raises(GraphError, match="rise"):
        Thresholds(np.array([[2, 1]]), np.array([0]), 0, NIBBLE)
    with pytest.raises(GraphError, match="codes of the target"):
        Thresholds(np.array([[1, 2]]), np.array([0]), 6, NIBBLE)
    op = Thresholds(np.array([[1], [2]]), np.array([0, 1]), 0, NIBBLE)
    with pytest.raises(GraphError, match="2 channels"):
        op.infer(TensorSpec((5, 3), REGISTER))


@given(st.integers(0, 1 << 30), st.booleans())
def test_a_table_of_pairs_is_looked_up(seed, rises):
    rng = np.random.default_rng(seed)
    left, right = QFormat(3, 0), QFormat(2, 0, signed=False)
    table = rng.integers(-8, 8, (8, 4))
    if rises:
        table = np.sort(np.sort(table, axis=0), axis=1)
    op = PairTable(table, NIBBLE)
    a, b = rng.integers(-4, 4, (5, 3, 2)), rng.integers(0, 4, (5, 2))
    specs = TensorSpec((3, 2), left), TensorSpec((2,), right)
    output = op.run([a, b], specs)
    for n, i, j in np.ndindex(output.shape):
        assert output[n, i, j] == table[a[n, i, j] + 4, b[n, j]]
    low, high = op.interval([(a.min(0), a.max(0)), (b.min(0), b.max(0))], specs)
    assert (low <= output.min(0)).all()
    assert (high >= output.max(0)).all()


def test_a_table_of_pairs_must_fit_its_inputs():
    op = PairTable(np.zeros((8, 4), int), NIBBLE)
    with pytest.raises(GraphError, match="must have 4 x 8 entries"):
        op.infer(TensorSpec((2,), QFormat(2, 0)), TensorSpec((2,), QFormat(3, 0)))


@given(st.integers(0, 1 << 30), st.integers(-8, 7), st.booleans())
def test_pools_sum_and_mean(seed, zero, counts):
    rng = np.random.default_rng(seed)
    source = TensorSpec((4, 5, 2), Affine(4, 0.25, zero))
    codes = rng.integers(-8, 8, (2, 4, 5, 2))
    place = {"size": (2, 3), "stride": (1, 2), "top_left": (1, 0), "bottom_right": (0, 2)}
    sums = SumPool2D(**place).run([codes], [source])
    mean = FloatAveragePool2D(**place, target=Affine(8, 0.5, 5), count_padding=counts)
    means = mean.run([codes], [source])
    assert sums.shape[1:] == SumPool2D(**place).infer(source).shape
    for n, i, j, c in np.ndindex(sums.shape):
        inside = [
            int(codes[n, y, x, c]) - zero
            for y in range(i - 1, i + 1)
            for x in range(2 * j, 2 * j + 3)
            if 0 <= y < 4 and 0 <= x < 5
        ]
        assert sums[n, i, j, c] == sum(inside)
        exact = Fraction(sum(inside), 2 * (6 if counts else len(inside)))
        assert abs(means[n, i, j, c] - 5 - exact) <= Fraction(1, 2)


def test_the_zero_point_inside_the_rounding_turns_ties():
    source = TensorSpec((1, 2, 1), Affine(8, 1.0))
    codes = np.array([0, 1]).reshape(1, 1, 2, 1)
    for offset, expected in ((0, 5), (5, 6)):  # 0.5 is a tie: to 0, or 5.5 to 6
        op = FloatAveragePool2D((1, 2), (1, 1), target=Affine(8, 1.0, 5), offset=offset)
        assert op.run([codes], [source]).item() == expected


def test_shares_add_up():
    op = QLinearSoftmax.for_scores(0.1, 12, Affine(8, 1 / 256, -128))
    spec = TensorSpec((12,), Affine(8, 0.1, 7))
    codes = np.random.default_rng(3).integers(-128, 128, (200, 12))
    shares = op.run([codes], [spec]) + 128
    exact = np.exp(0.1 * codes)
    exact *= 256 / exact.sum(axis=1, keepdims=True)
    assert np.abs(shares - exact.clip(0, 255)).max() < 0.51
    with pytest.raises(GraphError, match="32 bits"):
        QLinearSoftmax.for_scores(0.1, 1, Affine(8, 1 / 256, -128))
