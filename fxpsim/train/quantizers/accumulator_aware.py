"""Weights whose l1 norm keeps every partial sum within a register: A2Q and A2Q+."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fxpsim.formats import QFormat
from fxpsim.train.quantizers.base import WeightFormat, WeightQuantizer
from fxpsim.train.quantizers.linear import least_error_step
from fxpsim.train.straight_through import toward_zero

__all__ = ["A2Q", "A2QPlus", "norm_limit", "project"]


def norm_limit(register_bits: int, input_bits: int, *, signed: bool, centred: bool) -> int:
    """Return the largest l1 norm of integer weights with which no partial sum overflows.

    Parameters
    ----------
    register_bits, input_bits : int
        P, signed, and N.
    signed : bool
        Whether inputs are.
    centred : bool
        False: (2**(P-1) - 1) * 2**(signed - N), I. Colbert et al., "A2Q", arXiv:2308.13504,
        equation 12.  True: (2**P - 2) / (2**N - 1) for weights whose positive and negative parts
        weigh half of it each at most, "A2Q+", arXiv:2401.10432.
    """
    if centred:
        return ((1 << register_bits) - 2) // ((1 << input_bits) - 1)
    return ((1 << (register_bits - 1)) - 1) // (1 << (input_bits - signed))


def project(weights: Tensor, radius: Tensor) -> Tensor:
    """Return the nearest columns [K, N] with l1 norms of at most ``radius`` [N].

    J. Duchi et al., "Efficient Projections onto the l1-Ball", ICML 2008.
    """
    magnitudes = weights.abs()
    ranked = magnitudes.sort(dim=0, descending=True).values
    excess = ranked.cumsum(0) - radius
    count = torch.arange(1, len(weights) + 1, dtype=weights.dtype)[:, None]
    last = (ranked > excess / count).sum(0).clamp(min=1)
    threshold = excess.gather(0, last[None] - 1)[0] / last
    kept = (magnitudes - threshold.clamp(min=0)).clamp(min=0) * weights.sign()
    return torch.where(magnitudes.sum(0) <= radius, weights, kept)


class A2Q(WeightQuantizer):
    """trunc(t v / ||v||_1), t learned and never above the limit: overflow cannot happen.

    Parameters
    ----------
    weights : Tensor [K, N]
        With which to begin; projected to the limit (EP-init of A2Q+).
    bits : int
        Of a weight.
    register_bits, input_bits, input_signed
        The register, and what is multiplied.
    """

    centred = False

    def __init__(
        self,
        weights: Tensor,
        bits: int,
        *,
        register_bits: int,
        input_bits: int,
        input_signed: bool,
    ) -> None:
        self.limit = norm_limit(
            register_bits, input_bits, signed=input_signed, centred=self.centred
        )
        super().__init__(weights, bits)
        norm = self.latent.detach().abs().sum(0).clamp(min=1.0)
        self.log_norm = nn.Parameter(norm.log2())

    @property
    def format(self) -> WeightFormat:
        """Integers around zero."""
        return QFormat(self.bits, 0, narrow=True)

    def start(self, weights: Tensor) -> Tensor:
        """Return weights in the steps that suit them best, projected to the limit."""
        codes = weights / least_error_step(weights, self.largest)
        return project(codes, torch.full((weights.shape[1],), float(self.limit)))

    def real(self) -> Tensor:
        """Return weights in steps, their norm limited."""
        direction = self.latent
        if self.centred:
            direction = direction - direction.mean(dim=0)
        norm = direction.abs().sum(dim=0).clamp(min=1e-8)
        # A hair below the limit, because float32 does not divide exactly.
        target = torch.clamp(2**self.log_norm, max=self.limit * (1 - 1e-5))
        clipped: Tensor = (direction * (target / norm)).clamp(-self.largest, self.largest)
        return clipped

    def forward(self) -> Tensor:
        """Return multiplicands, integers as floats [K, N]: no magnitude is rounded up."""
        return toward_zero(self.real())

    def penalty(self) -> Tensor:
        """Return by how much learned norms exceed the limit, where they have no slope."""
        above: Tensor = (2**self.log_norm - self.limit).clamp(min=0).sum()
        return above * 1e-3


class A2QPlus(A2Q):
    """The same with columns of zero mean, whose limit is nearly twice as large.

    Rounding toward zero keeps the positive and the negative part at half of the limit each, so
    the limit holds although integers need not sum to zero.
    """

    centred = True
