"""The calls: operands, a plan or registers, into a kernel or the specification."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fxpsim import spec
from fxpsim.accumulators import Accumulator
from fxpsim.dispatch.operands import IntArray, Operands
from fxpsim.formats import Overflow

if TYPE_CHECKING:
    from fxpsim.kernels.product import Plan

__all__ = ["run_general", "run_planes", "run_registers", "run_spec"]


def run_spec(
    operands: Operands, accumulator: Accumulator, product_frac: int
) -> list[list[spec.Sum]]:
    """Make every sum by the rules themselves."""
    bias = None if operands.bias is None else operands.bias.tolist()
    rows, columns = operands.a.tolist(), operands.b.T.tolist()
    return spec.matmul(rows, columns, accumulator, bias, product_frac)


def run_general(
    operands: Operands, accumulator: Accumulator, product_frac: int
) -> tuple[IntArray, IntArray, IntArray] | None:
    """Run the general kernel, where int64 holds every aligned sum."""
    from fxpsim.kernels.registers import Registers, multiply

    registers = Registers(accumulator, product_frac)
    if not operands.a.shape[1] or not registers.fit_int64(
        operands.product_peak, operands.bias_peak
    ):
        return None
    return multiply(registers, operands.a, operands.b, operands.bias)


def _start(operands: Operands, accumulator: Accumulator | None) -> NDArray[np.int64] | None:
    if operands.bias is None:
        return None
    bias = operands.bias.astype(np.int64)
    if accumulator is not None and accumulator.overflow is Overflow.SATURATE:
        bias = np.clip(bias, accumulator.lo, accumulator.hi)
    return bias.reshape(1, -1)


def run_planes(
    plan: Plan, operands: Operands, accumulator: Accumulator | None = None
) -> NDArray[np.signedinteger]:
    """Return a plan's planes, lanes along the outputs or along the batch, whichever are more."""
    from fxpsim.kernels.product import Plan, multiply
    from fxpsim.kernels.tile import LANES

    start = _start(operands, accumulator)
    rows, outputs = len(operands.a), operands.b.shape[1]
    lanes = 512 // LANES[plan.lane]
    # Lanes run along the outputs; where those are few, along the batch (the product transposed).
    if outputs % lanes and -(-outputs // lanes) * rows > -(-rows // lanes) * outputs:
        column = None if start is None else np.repeat(start.reshape(-1, 1), rows, axis=1)
        swapped = Plan(plan.step, plan.lane, plan.first, plan.second, plan.b_shift, plan.a_shift)
        left, right = np.ascontiguousarray(operands.b.T), np.ascontiguousarray(operands.a.T)
        return np.ascontiguousarray(multiply(swapped, left, right, column).transpose(0, 2, 1))
    return multiply(plan, operands.a, operands.b, start)


def run_registers(
    plan: Plan, operands: Operands, accumulator: Accumulator | None = None
) -> IntArray:
    """Return the registers of a plan that has them in its first plane."""
    register: IntArray = run_planes(plan, operands, accumulator)[0]
    return register
