"""Uniform steps: learned (LSQ), or those that leave the least error."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fxpsim.formats import Levels, QFormat
from fxpsim.train.quantizers.base import WeightFormat, WeightQuantizer
from fxpsim.train.straight_through import nearest_up, sign

__all__ = ["LearnedStep", "least_error_step"]

_TRIED = 60


def least_error_step(weights: Tensor, largest: int) -> Tensor:
    """Return for every channel of ``weights`` [K, N] the step [1, N] of least squared error."""
    peak = weights.abs().amax(dim=0, keepdim=True).clamp(min=1e-12)
    best, lowest = peak / largest, torch.full_like(peak, torch.inf)
    for i in range(1, _TRIED + 1):
        step = peak * (i / _TRIED / largest)
        codes = (weights / step).round().clamp(-largest, largest)
        error = ((codes * step - weights) ** 2).sum(dim=0, keepdim=True)
        best, lowest = torch.where(error < lowest, step, best), torch.minimum(error, lowest)
    return best


class LearnedStep(WeightQuantizer):
    """Weights over a learned step of their channel, clipped and rounded; 1 bit: their sign.

    S. K. Esser et al., "Learned Step Size Quantization", arXiv:1902.08153; the step begins at
    the least squared error, and its gradient is scaled by 1 / sqrt(K * largest code).
    """

    def __init__(self, weights: Tensor, bits: int) -> None:
        super().__init__(weights, bits)
        if bits == 1:
            step = weights.abs().mean(dim=0, keepdim=True)
        else:
            step = least_error_step(weights, self.largest)
        self.step = nn.Parameter(step.detach().clone())

    @property
    def format(self) -> WeightFormat:
        """Integers around zero; {-1, +1} with 1 bit."""
        return Levels.binary() if self.bits == 1 else QFormat(self.bits, 0, narrow=True)

    def start(self, weights: Tensor) -> Tensor:
        """Return the weights."""
        return weights

    def real(self) -> Tensor:
        """Return weights in steps, clipped."""
        slope = (self.latent.shape[0] * self.largest) ** -0.5
        step = self.step * slope + (self.step * (1 - slope)).detach()
        clipped: Tensor = (self.latent / step.abs().clamp(min=1e-8)).clamp(
            -self.largest, self.largest
        )
        return clipped

    def forward(self) -> Tensor:
        """Return multiplicands, integers as floats [K, N]."""
        return sign(self.real()) if self.bits == 1 else nearest_up(self.real())
