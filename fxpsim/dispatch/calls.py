"""The calls: operands, a plan or registers, into a kernel or the specification."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fxpsim import spec
from fxpsim.accumulators import Accumulator
from fxpsim.dispatch.casts import shift_codes
from fxpsim.dispatch.operands import Facts, IntArray, Operands
from fxpsim.formats import Overflow, QFormat, Rounding

if TYPE_CHECKING:
    from fxpsim.kernels.product import Plan

__all__ = ["add_last", "first_values", "oriented", "run_general", "run_plan", "run_spec", "turns"]

#: A plan, and whether it is for the transposed product.
Way = tuple["Plan", bool]


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
    """Run the general kernel, where int64 holds every aligned sum and outputs have one schedule."""
    from fxpsim.kernels.registers import Registers, multiply

    if accumulator.tiled:
        return None
    facts = operands.facts
    registers = Registers(accumulator, product_frac)
    if not facts.length or not registers.fit_int64(facts.product_peak, facts.bias_peak):
        return None
    return multiply(registers, operands.a, operands.b, operands.bias)


def _as_addition(numbers: NDArray[np.int64], last: Accumulator, drop: int) -> NDArray[np.int64]:
    """Cast numbers with ``drop`` fraction bits too many into the outermost register."""
    rounding = Rounding.FLOOR if last.frac is None and drop <= 0 else last.rounding
    if drop or rounding is Rounding.JAM:
        word = QFormat(last.bits, 0, signed=last.signed)
        return shift_codes(numbers, drop, word, rounding, last.overflow).astype(np.int64)
    if last.overflow is Overflow.SATURATE:
        return np.clip(numbers, last.lo, last.hi)
    mask = np.int64((1 << last.bits) - 1 if last.bits < 64 else -1)
    return np.int64(last.lo) + ((numbers - np.int64(last.lo)) & mask)


def first_values(
    bias: IntArray | None, accumulator: Accumulator, product_frac: int
) -> NDArray[np.int64] | None:
    """Return what the outermost register holds after a bias, (1 or M, N)."""
    if bias is None:
        return None
    drop = product_frac - accumulator.result_frac(product_frac)
    return _as_addition(np.atleast_2d(bias.astype(np.int64)), accumulator.outermost, drop)


def add_last(
    registers: IntArray, bias: IntArray, accumulator: Accumulator, product_frac: int
) -> IntArray:
    """Add a bias that comes after all products."""
    own = accumulator.result_frac(product_frac)
    common = max(own, product_frac)
    exact = registers.astype(np.int64) << (common - own)
    exact += bias.astype(np.int64) << (common - product_frac)
    return _as_addition(exact, accumulator.outermost, common - own)


def tally_last(tally: IntArray, bias: IntArray, accumulator: Accumulator, length: int) -> IntArray:
    """Add a bias after ``length`` products to registers, counts of overflows and first steps."""
    register, events, first = tally.astype(np.int64, copy=False)
    exact = register + bias.astype(np.int64)
    outside = (exact < accumulator.lo) | (exact > accumulator.hi)
    first = np.where(outside & (events == 0), length + 1, first)
    return np.stack([_as_addition(exact, accumulator, 0), events + outside, first])


def peaks_last(peaks: IntArray, bias: IntArray, dtype: type[np.generic]) -> IntArray:
    """Add a bias after all products to exact sums, lowest and highest partial sums."""
    exact, lowest, highest = peaks.astype(dtype, copy=False)
    exact = exact + bias.astype(dtype)
    return np.stack([exact, np.minimum(lowest, exact), np.maximum(highest, exact)])


def oriented(operands: Operands, facts: Facts, plan: Callable[[Facts], Plan | None]) -> Way | None:
    """Plan for lanes along the outputs or, where those are few, along the batch."""
    straight = plan(facts)
    if straight is None:
        return None
    if turns(straight, len(operands.a), operands.b.shape[1]):
        turned = plan(facts.swapped)
        if turned is not None:
            return turned, True
    return straight, False


def turns(plan: Plan, rows: int, outputs: int) -> bool:
    """Whether lanes along the batch would leave fewer of them idle."""
    lanes = plan.kind.count
    return bool(outputs % lanes) and -(-outputs // lanes) * rows > -(-rows // lanes) * outputs


def run_plan(
    way: Way, operands: Operands, start: NDArray[np.int64] | None = None, threads: int = 1
) -> NDArray[np.signedinteger]:
    """Return a plan's planes."""
    from fxpsim.kernels.product import multiply, pack

    plan, turned = way
    if not turned:
        return multiply(pack(plan, operands.b, start), operands.a, threads)
    rows, column = len(operands.a), None
    if start is not None:
        column = np.broadcast_to(start, (rows, start.shape[1])).T
    left, right = np.ascontiguousarray(operands.b.T), np.ascontiguousarray(operands.a.T)
    planes = multiply(pack(plan, right, column), left, threads)
    return np.ascontiguousarray(planes.transpose(0, 2, 1))
