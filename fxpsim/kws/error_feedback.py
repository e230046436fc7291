"""Rounding of weights in which later weights make up for the errors of earlier ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fxpsim.errors import ConfigError

__all__ = ["round_with_feedback"]

_DAMPING = 0.01  # of the mean diagonal, the value of the paper (section 3.3, step 3)


def round_with_feedback(
    weights: NDArray[np.float64],
    steps: NDArray[np.float64],
    limit: int,
    inputs: NDArray[np.float64],
) -> NDArray[np.int64]:
    """Round a dense layer so that its *outputs* on ``inputs`` change little.

    Nearest rounding minimises the error of each weight.  Here the weights of a column are rounded
    one after the other, and the ones that are still free are moved by least squares so that they
    cancel the error made so far, which works as far as the inputs are correlated.

    Parameters
    ----------
    weights
        Float [K, N].
    steps
        What one code of each column is worth, positive, [N].
    limit
        Codes are -limit to limit.
    inputs
        What the layer meets, [n, K]: training clips behind the layers already rounded.

    Returns
    -------
    int64 [K, N]

    Raises
    ------
    ConfigError
        Where the shapes do not fit, or a step is not positive.

    References
    ----------
    E. Frantar et al., "GPTQ: Accurate Post-Training Quantization for Generative Pre-trained
    Transformers", arXiv:2210.17323, algorithm 1.
    """
    count, columns = weights.shape
    if steps.shape != (columns,) or inputs.ndim != 2 or inputs.shape[1] != count:
        raise ConfigError(
            f"weights of shape {weights.shape} need {columns} steps and inputs of shape "
            f"(n, {count}), not {steps.shape} and {inputs.shape}"
        )
    if not (steps > 0).all():
        raise ConfigError(f"steps must be positive, but the least is {steps.min():g}")
    signal = inputs.astype(np.float64)
    second_moments = signal.T @ signal / len(signal)
    mean_power = np.trace(second_moments) / count or 1.0
    second_moments += np.eye(count) * (_DAMPING * mean_power)
    feedback = np.linalg.cholesky(np.linalg.inv(second_moments)).T
    free = weights.astype(np.float64)
    codes = np.empty(weights.shape, np.int64)
    for k in range(count):
        codes[k] = np.clip(np.rint(free[k] / steps), -limit, limit)
        error = (free[k] - codes[k] * steps) / feedback[k, k]
        free[k + 1 :] -= np.outer(feedback[k, k + 1 :], error)
    return codes
