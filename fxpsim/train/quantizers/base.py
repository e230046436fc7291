"""What every weight quantizer answers."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor, nn

from fxpsim.formats import Levels, QFormat

__all__ = ["WeightFormat", "WeightQuantizer"]

WeightFormat = QFormat | Levels


class WeightQuantizer(nn.Module):  # type: ignore[misc]
    """The weights of one layer: what is learned, and the integers it stands for.

    The scale of a channel is not its concern: the layer's gain, or the shift, absorbs it.

    Attributes
    ----------
    bits : int
        Of a weight's code.
    latent : Parameter, float [K, N]
        What is learned.
    """

    def __init__(self, weights: Tensor, bits: int) -> None:
        super().__init__()
        self.bits = bits
        self.latent = nn.Parameter(self.start(weights.detach().clone()))

    @property
    @abstractmethod
    def format(self) -> WeightFormat:
        """What codes mean."""

    @abstractmethod
    def start(self, weights: Tensor) -> Tensor:
        """Return the latent values with which to begin for trained weights [K, N]."""

    @abstractmethod
    def real(self) -> Tensor:
        """Return the weights before rounding, in multiplicands, float [K, N]."""

    @abstractmethod
    def forward(self) -> Tensor:
        """Return multiplicands, integers as floats [K, N], with straight-through gradients."""

    def penalty(self) -> Tensor:
        """Return what is added to the loss."""
        return torch.zeros(())

    @property
    def frac(self) -> int:
        """Fraction bits of a multiplicand."""
        return self.format.frac if isinstance(self.format, QFormat) else 0

    @property
    def largest(self) -> int:
        """Greatest magnitude of a multiplicand."""
        if isinstance(self.format, QFormat):
            return max(-self.format.lo, self.format.hi)
        low, high = self.format.multiplicand_range
        return max(-low, high)

    def codes(self) -> Tensor:
        """Return int64 codes [K, N] of :attr:`format`."""
        with torch.no_grad():
            multiplicands = self().round().long()
        if isinstance(self.format, QFormat):
            return multiplicands
        book = torch.tensor(self.format.codebook)
        codes: Tensor = (multiplicands[..., None] == book).int().argmax(-1)
        return codes


def standardised(weights: Tensor, deviation: float) -> Tensor:
    """Return every channel [K, N] scaled to one standard deviation."""
    spread = weights.std(dim=0, keepdim=True).clamp(min=1e-8)
    return weights * (deviation / spread)
