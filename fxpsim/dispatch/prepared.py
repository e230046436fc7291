"""A right operand that is packed once, for all products with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fxpsim.accumulators import Accumulator
from fxpsim.dispatch.calls import add_last, first_values
from fxpsim.dispatch.operands import IntArray, Operands, Range, preload
from fxpsim.dispatch.products import plan_of, product, register_dtype
from fxpsim.engine import compiled

if TYPE_CHECKING:
    from fxpsim.kernels.product import Panels

__all__ = ["Prepared", "prepare"]


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """What does not depend on the left operand; made by :func:`prepare`."""

    b: IntArray
    accumulator: Accumulator
    a_range: Range
    b_range: Range
    bias: IntArray | None
    product_frac: int
    proven: bool
    panels: Panels | None

    def product(self, a: IntArray, threads: int = 1) -> IntArray:
        """Return the outermost registers of ``a`` (M, K), within ``a_range``, times ``b``."""
        accumulator = self.accumulator
        if self.panels is None or not compiled() or a.dtype == np.object_:
            return product(
                a, self.b, accumulator, self.a_range, self.b_range, self.bias,
                product_frac=self.product_frac, proven=self.proven, threads=threads,
            )  # fmt: skip
        from fxpsim.kernels.product import multiply

        registers: IntArray = multiply(self.panels, a, threads)[0]
        if self.bias is not None and accumulator.bias == "last":
            registers = add_last(registers, self.bias, accumulator, self.product_frac)
        return registers.astype(register_dtype(accumulator), copy=False)


def prepare(
    b: IntArray,
    accumulator: Accumulator,
    a_range: Range,
    b_range: Range,
    bias: IntArray | None = None,
    *,
    product_frac: int = 0,
    proven: bool = False,
) -> Prepared:
    """Pack ``b`` (K, N) for products with any ``a`` within ``a_range``.

    Parameters are those of :func:`fxpsim.dispatch.product`, whose bits the products have.
    """
    accumulator, bias = preload(accumulator, bias, b.shape[1])
    panels = None
    nothing = np.empty((0, b.shape[0]), np.int8)
    operands = Operands(nothing, b, a_range, b_range, bias)
    if compiled() and register_dtype(accumulator) is not np.object_ and operands.machine:
        plan = plan_of(operands.facts, accumulator, product_frac, proven)
        if plan is not None:
            from fxpsim.kernels.product import pack

            panels = pack(plan, b, first_values(bias, accumulator, product_frac))
    return Prepared(b, accumulator, a_range, b_range, bias, product_frac, proven, panels)
