"""Which compiled kernel gives the bits of :mod:`fxpsim.spec` for given operands.

Shapes and codes have been checked by the caller.  With compilation switched off
(``NUMBA_DISABLE_JIT``), and where a sum may not fit 64 bits, ``spec`` itself runs.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np

from fxpsim.accumulators import Accumulator
from fxpsim.dispatch.calls import add_last, first_values, oriented, run_general, run_plan, run_spec
from fxpsim.dispatch.operands import Facts, IntArray, Operands, Range, preload
from fxpsim.dispatch.plans import any_order, plan_for
from fxpsim.engine import code_dtype, compiled, warn_slow

if TYPE_CHECKING:
    from fxpsim.kernels.product import Plan

__all__ = ["is_exact", "plan_of", "product", "register_dtype", "worth_a_kernel"]

#: float64 holds every integer up to this, so a product of matrices is exact there.
_FLOAT64_EXACT = 1 << 53

#: A kernel of its own takes up to a second to compile, in which the general one makes so many
#: multiply-accumulates that a smaller product is not worth it.
_WORTH_A_KERNEL = 1 << 18


def product(
    a: IntArray,
    b: IntArray,
    accumulator: Accumulator,
    a_range: Range,
    b_range: Range,
    bias: IntArray | None = None,
    *,
    product_frac: int = 0,
    proven: bool = False,
    threads: int = 1,
) -> IntArray:
    """Return the outermost registers of ``a`` (M, K) times ``b`` (K, N).

    Parameters
    ----------
    a, b : integer arrays, C-contiguous
        Multiplicands, within ``a_range`` and ``b_range``.
    accumulator : Accumulator
        The registers.
    a_range, b_range : (int, int)
        Lowest and highest entry.
    bias : integer array (N,) or (M, N), optional
        At the products' fraction, without the accumulator's rounding constant.
    product_frac : int
        Fraction bits of the products.
    proven : bool
        The caller knows that no partial sum leaves the register: any order and width will do.
    threads : int
        Rows are split among so many; no bit depends on it.
    """
    accumulator, bias = preload(accumulator, bias, b.shape[1])
    operands = Operands(a, b, a_range, b_range, bias)
    tiles = accumulator.tiles(b.shape[1])
    split = accumulator.tiled and not accumulator.stochastic  # draws are numbered by output
    if split and not any_order(accumulator, is_exact(operands.facts, accumulator, proven)):
        again = functools.partial(
            product, product_frac=product_frac, proven=proven, threads=threads
        )
        parts = (operands.columns(tile).arguments(registers) for tile, registers in tiles)
        return np.concatenate([again(*part) for part in parts], axis=1)
    dtype = register_dtype(accumulator)
    if compiled() and dtype is not np.object_ and operands.machine:
        result = _compiled(operands, accumulator, product_frac, proven, threads)
        if result is not None:
            return result.astype(dtype, copy=False)
    if compiled():
        warn_slow(f"a product with a {accumulator.bits}-bit accumulator")
    sums = run_spec(operands, accumulator, product_frac)
    return np.array([[s.value for s in row] for row in sums], dtype).reshape(len(a), b.shape[1])


def register_dtype(accumulator: Accumulator) -> type[np.generic]:
    """Return the type of a product's result."""
    last = accumulator.outermost
    return code_dtype(last.lo, last.hi)


def is_exact(facts: Facts, accumulator: Accumulator, proven: bool) -> bool:
    """Whether any way to add gives the registers."""
    return accumulator.exact_where_it_fits and (proven or facts.fits(accumulator))


@functools.lru_cache(maxsize=4096)
def plan_of(facts: Facts, accumulator: Accumulator, product_frac: int, proven: bool) -> Plan | None:
    """Return the plan for a product, or None where no tile will do."""
    return plan_for(facts, accumulator, product_frac, is_exact(facts, accumulator, proven))


def worth_a_kernel(plan: Plan, entries: int, outputs: int) -> bool:
    """Whether the product of so many entries is large enough for a kernel of its own, or has one.

    Kernels of usual plans count as made.
    """
    return plan.usual or entries * outputs >= _WORTH_A_KERNEL


def _compiled(
    operands: Operands, accumulator: Accumulator, product_frac: int, proven: bool, threads: int
) -> IntArray | None:
    facts, bias = operands.facts, operands.bias
    wide = not facts.sixteen and facts.sum_peak <= _FLOAT64_EXACT
    if wide and is_exact(facts, accumulator, proven):
        sums = (operands.a.astype(np.float64) @ operands.b.astype(np.float64)).astype(np.int64)
        return sums if bias is None else sums + bias
    way = oriented(operands, facts, lambda facts: plan_of(facts, accumulator, product_frac, proven))
    if way is None or not worth_a_kernel(way[0], operands.a.size, operands.b.shape[1]):
        general = run_general(operands, accumulator, product_frac)
        if general is not None or way is None:
            return None if general is None else general[0]
    late = bias is not None and accumulator.bias == "last"
    late = late and not any_order(accumulator, is_exact(facts, accumulator, proven))
    start = None if late else first_values(bias, accumulator, product_frac)
    registers: IntArray = run_plan(way, operands, start, threads)[0]
    if late and bias is not None:
        return add_last(registers, bias, accumulator, product_frac)
    return registers
