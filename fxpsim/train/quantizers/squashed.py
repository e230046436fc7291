"""Weights through tanh: squashed weight distribution, and the DoReFa form."""

from __future__ import annotations

import torch
from torch import Tensor

from fxpsim.formats import Levels, QFormat
from fxpsim.train.quantizers.base import WeightFormat, WeightQuantizer, standardised
from fxpsim.train.quantizers.linear import least_error_step
from fxpsim.train.straight_through import nearest_up, sign

__all__ = ["DoReFa", "Squashed"]

#: Standard deviation of a normal variable whose tanh is nearly uniform in (-1, 1).
_SPREAD = 0.9
#: Where tanh is so flat that a weight would hardly move.
_STEEPEST = 0.97


class Squashed(WeightQuantizer):
    """W = tanh(P), rounded to integers from -(2**(bits-1) - 1) to the opposite; 1 bit: its sign.

    N. Ström et al., "Squashed Weight Distribution for Low Bit Quantization of Deep Models",
    Interspeech 2022.  Weights are nearly uniform, so that all codes are used.

    Parameters
    ----------
    weights : Tensor [K, N]
        With which to begin.
    bits : int
        Of a weight.
    frac : int, optional
        Fraction bits where one format is wanted for all layers.
    pull : float
        Weight of the absolute-cosine regularisation.
    """

    def __init__(
        self, weights: Tensor, bits: int, *, frac: int | None = None, pull: float = 0.0
    ) -> None:
        self._frac, self.pull = frac, pull
        super().__init__(weights, bits)

    @property
    def format(self) -> WeightFormat:
        """Weights in (-1, 1), or with the given fraction; {-1, +1} with 1 bit."""
        if self.bits == 1:
            return Levels.binary()
        return QFormat(self.bits, self.bits - 1 if self._frac is None else self._frac, narrow=True)

    def start(self, weights: Tensor) -> Tensor:
        """Return what tanh makes the weights of, in the steps that suit each channel best.

        With a fraction given, weights are in its steps already.  1 and 2 bits begin with the
        spread at which tanh makes weights uniform.
        """
        if self.bits < 3:
            return standardised(weights, _SPREAD)
        if self._frac is None:
            weights = weights / least_error_step(weights, self.largest)
        return torch.atanh((weights / self.largest).clamp(-_STEEPEST, _STEEPEST))

    def real(self) -> Tensor:
        """Return tanh, times the largest code."""
        return torch.tanh(self.latent) * self.largest

    def forward(self) -> Tensor:
        """Return multiplicands, integers as floats [K, N]."""
        return sign(self.real()) if self.bits == 1 else nearest_up(self.real())

    def penalty(self) -> Tensor:
        """Return the mean of |sin(pi w)|, which is 0 where all weights w are integers already.

        Absolute-cosine regularisation, H. Nguyen et al., "Quantization Aware Training with
        Absolute-Cosine Regularization for Automatic Speech Recognition", Interspeech 2020; the
        phase is that of levels with a zero.  The two levels of 1 bit have |cos(pi w / 2)|.
        """
        if not self.pull:
            return super().penalty()
        turns = self.real()
        wave = torch.cos(torch.pi / 2 * turns) if self.bits == 1 else torch.sin(torch.pi * turns)
        return self.pull * wave.abs().mean()


class DoReFa(WeightQuantizer):
    """The odd integers 2 i - (2**bits - 1), i = round((2**bits - 1) (t + 1) / 2), t = tanh / max.

    S. Zhou et al., arXiv:1606.06160, equation 9.  There is no zero among the levels, and ties
    cannot tell up from even but at even i: they are rounded up here.
    """

    @property
    def format(self) -> WeightFormat:
        """Odd levels, whose scale the gain absorbs."""
        return Levels(Levels.dorefa(self.bits).codebook)

    def start(self, weights: Tensor) -> Tensor:
        """Return weights with the spread at which tanh makes them uniform, in every channel."""
        return standardised(weights, _SPREAD)

    def real(self) -> Tensor:
        """Return tanh over its largest magnitude, times the largest level."""
        squashed = torch.tanh(self.latent)
        return squashed / squashed.abs().max() * self.largest

    def forward(self) -> Tensor:
        """Return multiplicands, integers as floats [K, N]."""
        if self.bits == 1:
            return sign(self.real())
        return 2 * nearest_up((self.real() + self.largest) / 2) - self.largest
