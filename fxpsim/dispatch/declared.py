"""Sums in any declared registers: in the general kernel, or by the rules themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fxpsim import spec
from fxpsim.dispatch.operands import IntArray, Operands

if TYPE_CHECKING:
    from fxpsim.accumulators import Accumulator
    from fxpsim.draws import Draws

__all__ = ["follow", "follow_rules"]


def follow(
    operands: Operands, accumulator: Accumulator, product_frac: int, draws: Draws | None
) -> tuple[IntArray, IntArray, IntArray] | None:
    """Return registers, events and first steps, where int64 holds every aligned sum."""
    from fxpsim.kernels.registers import Registers, multiply

    registers = Registers(accumulator, product_frac)
    peaks = operands.product_peak, operands.bias_peak
    if not operands.machine or not operands.a.shape[1] or not registers.fit_int64(*peaks):
        return None
    return multiply(registers, operands.a, operands.b, operands.bias, draws)


def follow_rules(
    operands: Operands, accumulator: Accumulator, product_frac: int, draws: Draws | None
) -> list[list[spec.Sum]]:
    """Make every sum by :func:`fxpsim.spec.matmul`."""
    bias = None if operands.bias is None else operands.bias.tolist()
    rows, columns = operands.a.tolist(), operands.b.T.tolist()
    return spec.matmul(rows, columns, accumulator, bias, product_frac, draws)
