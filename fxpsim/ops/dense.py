"""Fully connected layers: the sums whose accumulator is in question."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fxpsim import dispatch
from fxpsim.accumulators import Accumulator, Sequential
from fxpsim.casts import check_codes
from fxpsim.errors import GraphError
from fxpsim.formats import QFormat
from fxpsim.formats.qformat import MAX_BITS
from fxpsim.ops.op import Interval, Op, Sums, TensorSpec, aligned, channel_codes, freeze

if TYPE_CHECKING:
    from accel_models import Work

__all__ = ["Dense"]

IntArray = NDArray[Any]


#: What nearly all firmware has, and the widest that int8 networks are known to need.
DEFAULT = Accumulator(32)


@dataclass(frozen=True, slots=True, eq=False)
class Dense(Op):
    """Every output is what the accumulator holds after the bias and all products.

    Parameters
    ----------
    weights : integer array (K, N)
        Codes; the input is read in row-major order as K values.
    weight_format : QFormat
        1 to 8 bits.
    accumulator : Accumulator
        Up to 62 bits; the output's format is the register itself, at the product's fraction.
    bias : integer array (N,), optional
        Codes of ``bias_format``.
    bias_format : QFormat, optional
        At most the product's fraction bits, so that aligning it is exact.
    """

    weights: IntArray
    weight_format: QFormat
    accumulator: Accumulator = DEFAULT
    bias: IntArray | None = None
    bias_format: QFormat | None = None

    def __post_init__(self) -> None:
        weights = check_codes(self.weights, self.weight_format, "weights")
        if weights.ndim != 2 or not weights.size:
            raise GraphError(f"weights must have shape (K, N), not {weights.shape}")
        if self.weight_format.bits > 8:
            raise GraphError(f"weights must have 1 to 8 bits, not {self.weight_format.bits}")
        object.__setattr__(self, "weights", freeze(weights))
        if (self.bias is None) != (self.bias_format is None):
            raise GraphError("bias and bias_format must be given together")
        if self.bias is not None and self.bias_format is not None:
            bias = channel_codes(self.bias, self.bias_format, "bias")
            if bias.shape != weights.shape[1:]:
                raise GraphError(
                    f"bias must have {weights.shape[1]} codes, one an output, not {len(bias)}"
                )
            object.__setattr__(self, "bias", bias)

    @property
    def inputs(self) -> int:
        """K, the number of products in each sum."""
        return int(self.weights.shape[0])

    @property
    def outputs(self) -> int:
        """N, the number of sums."""
        return int(self.weights.shape[1])

    def with_accumulator(self, accumulator: Accumulator) -> Dense:
        """Return the same layer with another register."""
        return replace(self, accumulator=accumulator)

    def infer(self, source: TensorSpec) -> TensorSpec:
        """Return (N,) in the register's format."""
        if source.size != self.inputs:
            raise GraphError(
                f"the input must have {self.inputs} values (rows of the weights), "
                f"not {source.size} (shape {source.shape})"
            )
        frac = self.product_frac(source)
        if self.bias is not None and self.bias_format is not None:
            aligned(self.bias, self.bias_format, frac)
        order = self.accumulator.order
        axes = order.axes if isinstance(order, Sequential) else None
        if axes is not None and len(axes) != len(source.shape):
            raise GraphError(
                f"the order's axes must be those of the input {source.shape}, not {axes}"
            )
        last = self.accumulator.outermost
        if last.bits > MAX_BITS:
            raise GraphError(
                f"the accumulator of a layer must have 2 to {MAX_BITS} bits, not {last.bits}"
            )
        register = QFormat(last.bits, self.accumulator.result_frac(frac), last.signed)
        return TensorSpec((self.outputs,), register)

    def product_frac(self, source: TensorSpec) -> int:
        """Return the fraction bits of the products."""
        return source.format.frac + self.weight_format.frac

    def sums(self, source: TensorSpec) -> Sums:
        """Return what is added up, the bias aligned to the products."""
        bias = None
        if self.bias is not None and self.bias_format is not None:
            bias = aligned(self.bias, self.bias_format, self.product_frac(source))
        register, start = dispatch.preload(self.accumulator, bias, self.outputs)
        return Sums(self.weights, start, register)

    def run(self, codes: IntArray, source: TensorSpec) -> IntArray:
        """Return the registers (n, N)."""
        return self.registers(codes, source)

    def registers(self, codes: IntArray, source: TensorSpec, *, proven: bool = False) -> IntArray:
        """Return the registers (n, N); ``proven`` ones never overflow, so any order will do."""
        frac = self.product_frac(source)
        return dispatch.product(*self._operands(codes, source), product_frac=frac, proven=proven)

    def planes(
        self, codes: IntArray, source: TensorSpec, *, exact: bool = False
    ) -> dispatch.Planes:
        """Return what the registers did; ``exact``: those of the sums without overflow."""
        a, b, accumulator, a_range, b_range, bias = self._operands(codes, source)
        register = None if exact else accumulator
        frac = self.product_frac(source)
        return dispatch.product_planes(a, b, register, a_range, b_range, bias, product_frac=frac)

    def _operands(
        self, codes: IntArray, source: TensorSpec
    ) -> tuple[IntArray, IntArray, Accumulator, tuple[int, int], tuple[int, int], IntArray | None]:
        rows = np.ascontiguousarray(codes.reshape(len(codes), self.inputs))
        weights, order = self.weights, self.accumulator.order
        if isinstance(order, Sequential) and order.axes is not None:
            place = np.arange(self.inputs).reshape(source.shape).transpose(order.axes).reshape(-1)
            rows, weights = np.ascontiguousarray(rows[:, place]), weights[place]
        sums = self.sums(source)
        x_range = source.format.lo, source.format.hi
        w_range = int(self.weights.min()), int(self.weights.max())
        return rows, weights, sums.accumulator, x_range, w_range, sums.bias

    def interval(self, source: TensorSpec, low: IntArray, high: IntArray) -> Interval:
        """Return the register's whole range: what a sum can be, bounds know better."""
        register = self.infer(source).format
        shape = (self.outputs,)
        return np.full(shape, register.lo, np.int64), np.full(shape, register.hi, np.int64)

    def work(self, name: str, source: TensorSpec, before: Work | None) -> Work | None:
        """Return one row through the layer."""
        from accel_models import Accumulator as Register
        from accel_models import Work
        from accel_models.work import Overflow

        weight, activation = self.weight_format, source.format
        inner, last = self.accumulator, self.accumulator.outermost
        register = Register(inner.bits, Overflow(inner.overflow.value))
        if inner.spill:
            register = replace(
                register,
                outer_bits=last.bits,
                outer_overflow=Overflow(last.overflow.value),
                products_per_spill=min(inner.spill.every or self.inputs, self.inputs),
            )
        return Work.dense(
            1,
            self.inputs,
            self.outputs,
            name=name,
            weight_bits=weight.bits,
            activation_bits=activation.bits,
            accumulator=register,
            weight_magnitude=max(-weight.lo, weight.hi),
            activation_magnitude=max(-activation.lo, activation.hi),
            bias_bits=0 if self.bias_format is None else self.bias_format.bits,
        )
