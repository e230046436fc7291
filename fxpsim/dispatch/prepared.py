"""A right operand that is packed once, for all products with it."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fxpsim.accumulators import Accumulator
from fxpsim.dispatch.calls import add_last, first_values, turns
from fxpsim.dispatch.operands import Facts, IntArray, Operands, Range, preload
from fxpsim.dispatch.plans import any_order
from fxpsim.dispatch.products import is_exact, plan_of, product, register_dtype, worth_a_kernel
from fxpsim.engine import compiled

if TYPE_CHECKING:
    from fxpsim.kernels.product import Panels, Plan

__all__ = ["Prepared"]


@dataclass(frozen=True, eq=False)
class Prepared:
    """What does not depend on the left operand, packed at the first product that needs it.

    Parameters are those of :func:`fxpsim.dispatch.product`, whose bits the products have.
    """

    b: IntArray
    accumulator: Accumulator
    a_range: Range
    b_range: Range
    bias: IntArray | None = None
    product_frac: int = 0
    proven: bool = False

    @functools.cached_property
    def dtype(self) -> type[np.generic]:
        """Type of the products."""
        return register_dtype(self.accumulator)

    @functools.cached_property
    def _facts(self) -> Facts:
        nothing = np.empty((0, self.b.shape[0]), np.int8)
        return Operands(nothing, self.b, self.a_range, self.b_range, self._start).facts

    @functools.cached_property
    def any_order(self) -> bool:
        """Whether only the final sum counts."""
        exact = is_exact(self._facts, self._register, self.proven)
        return any_order(self._register, exact)

    @functools.cached_property
    def _late(self) -> bool:
        return self._start is not None and self._register.bias == "last" and not self.any_order

    @functools.cached_property
    def plan(self) -> Plan | None:
        """How products are made; None where no tile will do."""
        constants = [self.b] if self._start is None else [self.b, self._start]
        if self.dtype is np.object_ or any(array.dtype == np.object_ for array in constants):
            return None
        return plan_of(self._facts, self._register, self.product_frac, self.proven)

    @functools.cached_property
    def panels(self) -> Panels:
        """The packed operand."""
        from fxpsim.kernels.product import pack

        assert self.plan is not None
        first = None if self._late else self._start
        return pack(self.plan, self.b, first_values(first, self._register, self.product_frac))

    @functools.cached_property
    def _preloaded(self) -> tuple[Accumulator, IntArray | None]:
        return preload(self.accumulator, self.bias, self.b.shape[1])

    @property
    def _register(self) -> Accumulator:
        return self._preloaded[0]

    @property
    def _start(self) -> IntArray | None:
        return self._preloaded[1]

    def product(self, a: IntArray, threads: int = 1, *, always: bool = False) -> IntArray:
        """Return the outermost registers of ``a`` (M, K), within ``a_range``, times ``b``.

        ``always`` takes the packed operand, however small the product.
        """
        plan = self.plan if compiled() and a.dtype != np.object_ else None
        outputs = self.b.shape[1]
        if plan is None or not (
            always or (worth_a_kernel(plan, a.size, outputs) and not turns(plan, len(a), outputs))
        ):
            return product(
                a, self.b, self.accumulator, self.a_range, self.b_range, self.bias,
                product_frac=self.product_frac, proven=self.proven, threads=threads,
            )  # fmt: skip
        from fxpsim.kernels.product import multiply

        registers: IntArray = multiply(self.panels, a, threads)[0]
        if self._late and self._start is not None:
            registers = add_last(registers, self._start, self._register, self.product_frac)
        return registers.astype(self.dtype, copy=False)
