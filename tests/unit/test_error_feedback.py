"""Rounding with error feedback: smaller output errors, and nearest rounding where it must be."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from fxpsim.errors import ConfigError
from fxpsim.kws.error_feedback import round_with_feedback


def layer(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    mixing = rng.normal(size=(24, 24)) * 0.9 ** np.arange(24)  # correlated inputs
    weights = rng.normal(size=(24, 6))
    return weights, np.full(6, 0.5), rng.normal(size=(400, 24)) @ mixing


def test_outputs_are_closer_than_with_nearest_rounding() -> None:
    weights, steps, inputs = layer()
    codes = round_with_feedback(weights, steps, 7, inputs)
    nearest = np.clip(np.rint(weights / steps), -7, 7)
    errors = [np.square(inputs @ (weights - c * steps)).sum() for c in (codes, nearest)]
    assert errors[0] < 0.5 * errors[1]


def test_independent_inputs_leave_nearest_rounding() -> None:
    weights, steps, _ = layer()
    codes = round_with_feedback(weights, steps, 7, np.eye(24))
    np.testing.assert_array_equal(codes, np.clip(np.rint(weights / steps), -7, 7))


def test_two_weights_against_every_choice() -> None:
    """With two equal inputs the second weight takes over the first one's whole error."""
    weights = np.array([[0.4], [0.4]])
    inputs = np.ones((10, 2))
    codes = round_with_feedback(weights, np.ones(1), 3, inputs)
    best = min(abs(weights.sum() - a - b) for a, b in product(range(-3, 4), repeat=2))
    assert abs(weights.sum() - codes.sum()) == pytest.approx(best)
    assert codes[:, 0].tolist() == [0, 1]


def test_codes_keep_to_the_limit_and_dead_inputs_do_no_harm() -> None:
    weights, steps, inputs = layer()
    inputs[:, 3] = 0
    codes = round_with_feedback(weights * 20, steps, 3, inputs)
    assert np.abs(codes).max() == 3
    silent = round_with_feedback(weights, steps, 7, np.zeros((5, 24)))
    np.testing.assert_array_equal(silent, np.clip(np.rint(weights / steps), -7, 7))


def test_shapes_and_steps_are_checked() -> None:
    weights, steps, inputs = layer()
    with pytest.raises(ConfigError, match=r"inputs of shape \(n, 24\)"):
        round_with_feedback(weights, steps, 7, inputs[:, :5])
    with pytest.raises(ConfigError, match="positive"):
        round_with_feedback(weights, steps * 0, 7, inputs)
