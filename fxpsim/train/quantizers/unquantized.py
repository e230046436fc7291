"""Weights as they are: the float network."""

from __future__ import annotations

from torch import Tensor

from fxpsim.train.quantizers.base import WeightFormat, WeightQuantizer

__all__ = ["Unquantized"]


class Unquantized(WeightQuantizer):
    """Weights of a network that is trained in float; they have no format."""

    def __init__(self, weights: Tensor) -> None:
        super().__init__(weights, 32)

    @property
    def format(self) -> WeightFormat:
        """Nothing: a float network has no codes."""
        raise TypeError("weights that are not quantised have no format")

    def start(self, weights: Tensor) -> Tensor:
        """Return the weights."""
        return weights

    def real(self) -> Tensor:
        """Return the weights."""
        latent: Tensor = self.latent
        return latent

    def forward(self) -> Tensor:
        """Return the weights."""
        return self.real()
