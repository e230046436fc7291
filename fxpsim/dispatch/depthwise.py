"""Sums of which every output has a column of inputs of its own: depthwise convolutions."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fxpsim.accumulators import Accumulator
from fxpsim.dispatch.calls import add_last, first_values, peaks_last, tally_last
from fxpsim.dispatch.operands import Facts, IntArray, Operands, Range
from fxpsim.dispatch.plans import any_order, lanewise_plan, peaks_plan, tally_plan
from fxpsim.dispatch.products import is_exact, register_dtype, worth_a_kernel
from fxpsim.engine import code_dtype, compiled

if TYPE_CHECKING:
    from fxpsim.kernels.product import Panels, Plan

__all__ = ["Depthwise"]

#: Columns' weights are laid out side by side up to so many, which the first-level cache holds.
_JOINED = 1 << 13


@dataclass(frozen=True, eq=False)
class Depthwise:
    """A depthwise convolution: weights that are packed once, and where windows stand.

    Parameters
    ----------
    weights : integer array (taps, N)
        Multiplicands, in the order in which products are added.
    offsets : integer array (taps, 2)
        Pixels down and right from a window's corner to each tap.
    accumulator : Accumulator
        The registers, without a rounding constant.
    input_range, weight_range : (int, int)
        Lowest and highest multiplicand.
    bias : integer array (N,) or None
        At the products' fraction.
    product_frac : int
        Fraction bits of the products.
    zero, outside : int
        What is taken off every code; the code that padding has.
    repeats : int
        Outputs of every channel.
    image, top_left, stride, positions : (int, int)
        As for :func:`fxpsim.kernels.depthwise.multiply`.
    """

    weights: IntArray
    offsets: NDArray[np.int64]
    accumulator: Accumulator
    input_range: Range
    weight_range: Range
    bias: IntArray | None
    product_frac: int
    zero: int
    outside: int
    repeats: int
    image: tuple[int, int]
    top_left: tuple[int, int]
    stride: tuple[int, int]
    positions: tuple[int, int]
    _packed: dict[tuple[Plan, bool], Panels] = field(default_factory=dict)

    @functools.cached_property
    def _facts(self) -> Facts:
        nothing = np.empty((0, len(self.weights)), np.int8)
        return Operands(nothing, self.weights, self.input_range, self.weight_range, self.bias).facts

    @functools.cached_property
    def _way(self) -> tuple[Plan | None, bool]:
        return self._way_of(proven=False)

    @functools.cached_property
    def _proven_way(self) -> tuple[Plan | None, bool]:
        return self._way_of(proven=True)

    def _way_of(self, *, proven: bool) -> tuple[Plan | None, bool]:
        """Return the plan, and whether the bias comes after it."""
        register, exact = self.accumulator, is_exact(self._facts, self.accumulator, proven)
        late = self.bias is not None and register.bias == "last"
        plan = lanewise_plan(self._facts, register, self.product_frac, exact)
        return plan, late and not any_order(register, exact)

    def registers(self, codes: IntArray, *, proven: bool = False) -> IntArray | None:
        """Return the outermost registers (n, *positions, N); None where no lanes will do.

        Parameters
        ----------
        codes : integer array (n, height, width, channels)
            Of the input.
        proven : bool
            The caller knows that no partial sum leaves the register.
        """
        plan, late = self._proven_way if proven else self._way
        if plan is None or not self._usable(plan, codes):
            return None
        sums: IntArray = self._run(plan, codes, None if late else self._first)[0]
        if late and self.bias is not None:
            sums = add_last(sums, self.bias, self.accumulator, self.product_frac)
        return sums.astype(self._dtype, copy=False)

    def peaks(self, codes: IntArray) -> IntArray | None:
        """Return exact sums, lowest and highest partial sums, the bias in its place; or None."""
        planes = self._counted(peaks_plan(self._facts), codes)
        if planes is None or self._late is None:
            return planes
        peak = self._facts.sum_peak
        return peaks_last(planes, self._late, code_dtype(-peak, peak))

    def tally(self, codes: IntArray) -> IntArray | None:
        """Return registers, how often each overflowed and when first (-1: never); or None.

        The accumulator is plain, but for the place of the bias.
        """
        planes = self._counted(tally_plan(self._facts, self.accumulator), codes)
        if planes is None or self._late is None:
            return planes
        return tally_last(planes, self._late, self.accumulator, len(self.weights))

    @functools.cached_property
    def _late(self) -> IntArray | None:
        """The bias, where it comes after all products."""
        return self.bias if self.accumulator.bias == "last" else None

    def _counted(self, plan: Plan | None, codes: IntArray) -> IntArray | None:
        if plan is None or not self._usable(plan, codes):
            return None
        early = None if self._late is not None else self.bias
        start = None if early is None else np.atleast_2d(early.astype(np.int64))
        return self._run(plan, codes, start)

    def _usable(self, plan: Plan, codes: IntArray) -> bool:
        sums = len(codes) * self.positions[0] * self.positions[1]
        machine = self._machine and codes.dtype != np.object_ and compiled()
        return machine and worth_a_kernel(plan, sums * len(self.weights), self.outputs)

    @functools.cached_property
    def _dtype(self) -> type[np.generic]:
        return register_dtype(self.accumulator)

    @functools.cached_property
    def _machine(self) -> bool:
        constants = (self.weights,) if self.bias is None else (self.weights, self.bias)
        return all(array.dtype != np.object_ for array in constants)

    @functools.cached_property
    def _first(self) -> NDArray[np.int64] | None:
        return first_values(self.bias, self.accumulator, self.product_frac)

    def _run(self, plan: Plan, codes: IntArray, start: NDArray[np.int64] | None) -> IntArray:
        from fxpsim.kernels.depthwise import multiply
        from fxpsim.kernels.product import pack

        key = plan, start is None
        if key not in self._packed:
            once = 1, self._joined
            begin = None if start is None else np.tile(start, once)
            self._packed[key] = pack(plan, np.tile(self.weights, once), begin)
        return multiply(
            self._packed[key], np.ascontiguousarray(codes), self.zero, self.outside, self.repeats,
            self.image, self.top_left, self.stride, self.positions, self._flat_offsets,
        )  # fmt: skip

    @property
    def outputs(self) -> int:
        """N, the number of channels."""
        return int(self.weights.shape[1])

    @functools.cached_property
    def _joined(self) -> int:
        """Columns next to one another that are one row of lanes, each with its own weights."""
        columns = self.positions[1]
        return columns if self.stride[1] == 1 and self.weights.size * columns <= _JOINED else 1

    @functools.cached_property
    def _flat_offsets(self) -> NDArray[np.int64]:
        rows, columns = self.offsets.T
        flat: NDArray[np.int64] = (rows * self.image[1] + columns) * self.outputs
        return flat
