"""Bounds of sums by hand, also where no input can be 0."""

from __future__ import annotations

import numpy as np

from fxpsim.bounds import sum_range


def test_partial_and_final_sums_by_hand():
    # 2 x with x in [1, 3] is [2, 6]; -3 y with y in [2, 4] is [-12, -6].
    reach = sum_range(np.array([[2], [-3]]), np.array([1, 2]), np.array([3, 4]), np.array([5]))
    # Partial sums, in any order: the bias alone, with either product, with both.
    assert (reach.lowest.tolist(), reach.highest.tolist()) == ([5 - 12], [5 + 6])
    assert (reach.final_lowest.tolist(), reach.final_highest.tolist()) == ([5 - 10], [5 + 0])


def test_without_a_bias_a_sum_starts_from_nothing():
    reach = sum_range(np.array([[2, -2]]), np.array([1]), np.array([3]))
    assert reach.lowest.tolist() == [0, -6]
    assert reach.highest.tolist() == [6, 0]
    assert reach.final_lowest.tolist() == [2, -6]
    assert reach.final_highest.tolist() == [6, -2]
