"""Sums of products in training: exact, or as a narrow register makes them."""

from __future__ import annotations

from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from fxpsim import dispatch
from fxpsim.accumulators import Accumulator

__all__ = ["exact_sums", "register_sums"]

Range = tuple[int, int]
#: float32 holds every integer up to this.
_EXACT = 1 << 24


def exact_sums(rows: Tensor, weights: Tensor, peak: float) -> Tensor:
    """Return rows [M, K] times weights [K, N] of integers as floats, whatever the order: exact.

    ``peak`` bounds the magnitude of every partial sum; the result is float64 where float32 does
    not hold all integers up to it.
    """
    if peak < _EXACT:
        return rows @ weights
    return rows.double() @ weights.double()


def _machine(values: Tensor, ends: Range) -> NDArray[Any]:
    """Return integers as such."""
    low, high = ends
    kind = torch.int8 if low >= -128 and high <= 127 else torch.int16
    integers: NDArray[Any] = values.detach().to(kind).contiguous().numpy()
    return integers


class _Register(torch.autograd.Function):  # type: ignore[misc]
    """The simulator's own product forward, an exact one's slopes backward."""

    @staticmethod
    def forward(
        ctx: Any,
        rows: Tensor,
        weights: Tensor,
        bias: Tensor,
        register: Accumulator,
        ranges: tuple[Range, Range],
    ) -> Tensor:
        a_range, b_range = ranges
        a, b = _machine(rows, a_range), _machine(weights, b_range)
        start = bias.detach().long().numpy()
        sums = dispatch.product(a, b, register, a_range, b_range, start)
        out, last = torch.from_numpy(sums), register.outermost
        ctx.save_for_backward(rows, weights, (out > last.lo) & (out < last.hi))
        return out.float() if last.hi < _EXACT else out.double()

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        rows, weights, inside = ctx.saved_tensors
        slope = slope.float() * inside
        down = slope @ weights.T if ctx.needs_input_grad[0] else None
        return down, rows.T @ slope, slope.sum(0), None, None


def register_sums(
    rows: Tensor,
    weights: Tensor,
    bias: Tensor,
    register: Accumulator,
    ranges: tuple[Range, Range],
) -> Tensor:
    """Return what the register holds after all products, float [M, N].

    Parameters
    ----------
    rows, weights, bias : Tensor [M, K], [K, N], [N]
        Integers as floats; the bias at the products' fraction.
    register : Accumulator
        Width, overflow and order, at every addition.
    ranges : pair of (int, int)
        Lowest and highest entry of ``rows`` and of ``weights``.

    Notes
    -----
    Slopes are those of the exact sum, and none where the register ended at an end of its range.
    """
    sums: Tensor = _Register.apply(rows, weights, bias, register, ranges)
    return sums
