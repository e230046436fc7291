"""Steps without a slope, given one: what is rounded in training has the gradient of what is not.

Y. Bengio, N. Léonard, A. Courville, "Estimating or Propagating Gradients Through Stochastic
Neurons for Conditional Computation", arXiv:1308.3432.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

__all__ = ["nearest_up", "sign", "toward_zero"]


class _NearestUp(torch.autograd.Function):  # type: ignore[misc]
    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        return torch.floor(values + 0.5)

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> Tensor:
        return slope


class _TowardZero(torch.autograd.Function):  # type: ignore[misc]
    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        return torch.trunc(values)

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> Tensor:
        return slope


class _Sign(torch.autograd.Function):  # type: ignore[misc]
    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        return torch.where(values < 0, -1.0, 1.0).to(values.dtype)

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> Tensor:
        return slope


def nearest_up(values: Tensor) -> Tensor:
    """Round to the nearest integer, ties up, as :class:`fxpsim.ops.Requantize` does."""
    rounded: Tensor = _NearestUp.apply(values)
    return rounded


def toward_zero(values: Tensor) -> Tensor:
    """Drop the fraction: no magnitude grows."""
    rounded: Tensor = _TowardZero.apply(values)
    return rounded


def sign(values: Tensor) -> Tensor:
    """Return -1 for negative values, 1 for others."""
    signs: Tensor = _Sign.apply(values)
    return signs
