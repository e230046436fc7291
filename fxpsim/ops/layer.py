"""Layers that add products up: the sums whose accumulator is in question."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from math import prod
from typing import TYPE_CHECKING, Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from fxpsim import dispatch
from fxpsim.accumulators import Accumulator, Chunked, Interleaved, Sequential
from fxpsim.casts import check_codes
from fxpsim.engine import code_dtype, narrow_dtype
from fxpsim.errors import GraphError
from fxpsim.formats import Format, Levels, QFormat
from fxpsim.formats.qformat import MAX_BITS
from fxpsim.ops.op import (
    Interval,
    Op,
    TensorSpec,
    aligned,
    channel_codes,
    fraction,
    freeze,
    zero_code,
)

if TYPE_CHECKING:
    from accel_models import Work
    from accel_models.work import Settings

__all__ = ["Layer", "Sums", "constants", "multiplicand_weights", "raw"]

IntArray = NDArray[Any]
L = TypeVar("L", bound="Layer")

#: What nearly all firmware has, and the widest that int8 networks are known to need.
DEFAULT = Accumulator(32)


@dataclass(frozen=True, slots=True)
class Sums:
    """The sums that a layer makes, for whoever bounds or counts them.

    Attributes
    ----------
    weights : integer array (K, N)
        Multiplicands that are constant.
    bias : integer array (N,) or None
        At the product's fraction, a rounding constant in it; added as the accumulator says.
    accumulator : Accumulator
        The registers, without a rounding constant.
    """

    weights: IntArray
    bias: IntArray | None
    accumulator: Accumulator


@dataclass(frozen=True, slots=True, eq=False)
class Layer(Op):
    """Every output is what the accumulator holds after the bias and all products.

    Parameters
    ----------
    weights : integer array
        Codes.  The last axis is the outputs' (channels).
    weight_format : QFormat, Affine or Levels
        1 to 8 bits; the entries of a codebook, which are what is multiplied, 16 bits at most.
    accumulator : Accumulator
        Up to 62 bits; the output's format is the register itself, at the product's fraction
        (0 where an operand has a scale).
    bias : integer array (N,), optional
        Codes of ``bias_format``.
    bias_format : QFormat, optional
        At most the product's fraction bits, so that aligning it is exact.
    folded : bool
        Where the input has a zero point z: False subtracts it from every code before the product;
        True multiplies raw codes and starts from bias - z * sum of weights.  Final sums are equal,
        partial sums are not.
    """

    weights: IntArray
    weight_format: Format
    accumulator: Accumulator = DEFAULT
    bias: IntArray | None = None
    bias_format: QFormat | None = None
    folded: bool = False

    def __post_init__(self) -> None:
        weights = check_codes(self.weights, self.weight_format, "weights")
        if weights.ndim != len(self.axes) or not weights.size:
            raise GraphError(
                f"weights must have shape ({', '.join(self.axes)}), not {weights.shape}"
            )
        if self.weight_format.bits > 8:
            raise GraphError(f"weights must have 1 to 8 bits, not {self.weight_format.bits}")
        low, high = self.weight_format.multiplicand_range
        if low < -(1 << 15) or high >= 1 << 15:
            raise GraphError(
                f"a codebook of weights must have entries of at most 16 bits, not {low} to {high}"
            )
        object.__setattr__(self, "weights", freeze(weights))
        if (self.bias is None) != (self.bias_format is None):
            raise GraphError("bias and bias_format must be given together")
        if self.bias is not None and self.bias_format is not None:
            bias = channel_codes(self.bias, self.bias_format, "bias")
            if len(bias) != self.outputs:
                raise GraphError(
                    f"bias must have {self.outputs} codes, one an output, not {len(bias)}"
                )
            object.__setattr__(self, "bias", bias)

    @property
    @abstractmethod
    def axes(self) -> tuple[str, ...]:
        """Names of the weights' axes."""

    @property
    @abstractmethod
    def inputs(self) -> int:
        """K, the number of products in each sum."""

    @property
    @abstractmethod
    def outputs(self) -> int:
        """N, the number of channels."""

    @abstractmethod
    def shape(self, source: TensorSpec) -> tuple[int, ...]:
        """Return the output's shape, channels last; GraphError where the input does not fit."""

    @abstractmethod
    def window(self, source: TensorSpec) -> tuple[int, ...]:
        """Return the axes that each sum runs over, K products in all."""

    @abstractmethod
    def matrix(self) -> IntArray:
        """Return the weights' multiplicands (K, N)."""

    @abstractmethod
    def adder(self, source: TensorSpec, *, proven: bool = False) -> Callable[[IntArray], IntArray]:
        """Return what makes registers (n, *shape) of codes (n, *source.shape), made once.

        ``proven`` registers never overflow: any order will do.
        """

    def registers(self, codes: IntArray, source: TensorSpec, *, proven: bool = False) -> IntArray:
        """Return the registers (n, *shape); parameters as for :meth:`adder`."""
        return self.adder(source, proven=proven)(codes)

    @abstractmethod
    def planes(
        self, codes: IntArray, source: TensorSpec, *, exact: bool = False
    ) -> dispatch.Planes:
        """Return what the registers did (sums, N); ``exact``: those of sums without overflow."""

    def peaks(self, codes: IntArray, source: TensorSpec) -> tuple[IntArray, IntArray, IntArray]:
        """Return exact sums (sums, N), their lowest and their highest partial sums.

        The bias comes where the accumulator has it.
        """
        planes = self.planes(codes, source, exact=True)
        return planes.exact, planes.lowest, planes.highest

    @abstractmethod
    def reach(self, source: TensorSpec, low: IntArray, high: IntArray) -> Interval:
        """Return the range of every multiplicand (K,), or (K, N) where channels have their own.

        ``low`` and ``high`` bound the input's codes, element by element.
        """

    @property
    def draws(self) -> bool:
        """Whether the registers round stochastically."""
        return self.accumulator.stochastic

    def with_accumulator(self, accumulator: Accumulator) -> Self:
        """Return the same layer with another register."""
        return replace(self, accumulator=accumulator)

    def infer(self, *sources: TensorSpec) -> TensorSpec:
        """Return the outputs in the register's format."""
        (source,) = sources
        shape = self.shape(source)
        zero_code(source)
        frac = self.product_frac(source)
        if self.bias is not None and self.bias_format is not None:
            aligned(self.bias, self.bias_format, frac)
        self.accumulator.tiles(self.outputs)
        order, window = self.accumulator.order, self.window(source)
        axes = order.axes if isinstance(order, Sequential) else None
        if axes is not None and len(axes) != len(window):
            raise GraphError(f"the order's axes must be those of the input {window}, not {axes}")
        last = self.accumulator.outermost
        if last.bits > MAX_BITS:
            raise GraphError(
                f"the accumulator of a layer must have 2 to {MAX_BITS} bits, not {last.bits}"
            )
        register = QFormat(last.bits, self.accumulator.result_frac(frac), last.signed)
        return TensorSpec(shape, register)

    def product_frac(self, source: TensorSpec) -> int:
        """Return the fraction bits of the products."""
        return fraction(source.format) + fraction(self.weight_format)

    def zero(self, source: TensorSpec) -> int:
        """Return what is subtracted from every input code before it is multiplied."""
        return 0 if self.folded else zero_code(source)

    def sums(self, source: TensorSpec) -> Sums:
        """Return what is added up, the bias aligned to the products."""
        matrix, bias = self.matrix(), None
        if self.bias is not None and self.bias_format is not None:
            bias = aligned(self.bias, self.bias_format, self.product_frac(source))
        if self.folded and (zero := zero_code(source)):
            folded = -zero * matrix.sum(axis=0, dtype=np.int64)
            bias = folded if bias is None else bias + folded
        register, start = dispatch.preload(self.accumulator, bias, self.outputs)
        return Sums(matrix, start, register)

    def run(self, inputs: Sequence[IntArray], sources: Sequence[TensorSpec]) -> IntArray:
        """Return the registers (n, *shape)."""
        return self.registers(inputs[0], sources[0])

    def run_narrow(self, inputs: Sequence[IntArray], sources: Sequence[TensorSpec]) -> IntArray:
        """Return the registers (n, *shape)."""
        return self.registers(inputs[0], sources[0])

    def ready(self, sources: Sequence[TensorSpec]) -> Callable[[Sequence[IntArray]], IntArray]:
        """Return the same for these sources."""
        adder = self.adder(sources[0])
        return lambda inputs: adder(inputs[0])

    def work(self, name: str, sources: Sequence[TensorSpec], before: Work | None) -> Work | None:
        """Return one row for each set of sums through the layer."""
        from accel_models import Work

        (source,) = sources
        rows = prod(self.shape(source)) // self.outputs
        return Work.dense(rows, self.inputs, self.outputs, **self.settings(name, source))

    def _spills(self, source: TensorSpec) -> int | None:
        """Return how often lanes are emptied in one inference, where there is a schedule."""
        register = self.accumulator
        if register.spill is None or not register.spill.at:
            return None
        turns, lanes, _ = _turns(register, self.inputs)
        each = [
            len(own.spill.ends(turns)) * len(range(self.outputs)[tile])
            for tile, own in register.tiles(self.outputs)
            if own.spill is not None
        ]
        return prod(self.shape(source)) // self.outputs * lanes * sum(each)

    def settings(self, name: str, source: TensorSpec) -> Settings:
        """Return what cost models are told besides shapes."""
        weight, activation = self.weight_format, source.format
        low, high = constants(self, source).factor_range
        return {
            "name": name,
            "weight_bits": weight.bits,
            "activation_bits": activation.bits,
            "accumulator": _priced(self.accumulator, self.inputs),
            "spills": self._spills(source),
            "weight_magnitude": max(1, *map(abs, weight.multiplicand_range)),
            "activation_magnitude": max(-low, high),
            "bias_bits": 0 if self.bias_format is None else self.bias_format.bits,
            "weight_histogram": _counted(self),
        }


def _turns(accumulator: Accumulator, inputs: int) -> tuple[int, int, int]:
    """Return additions into each lane, lanes, and products of an addition."""
    order = accumulator.order
    lanes = order.lanes if isinstance(order, Interleaved) else 1
    size = order.size if isinstance(order, Chunked) else 1
    return -(-inputs // (lanes * size)), lanes, size


@lru_cache(maxsize=256)
def _counted(layer: Layer) -> Any:
    """Return how often each weight occurs, which decides how far weights compress."""
    from accel_models import Histogram

    factors = multiplicand_weights(layer.weights, layer.weight_format)
    values, counts = np.unique(factors, return_counts=True)
    return Histogram(tuple(zip(values.tolist(), counts.tolist(), strict=True)))


def _priced(accumulator: Accumulator, inputs: int) -> Any:
    """Return the registers as cost models describe them."""
    from accel_models import Accumulator as Register
    from accel_models.work import Overflow

    last, spill = accumulator.outermost, accumulator.spill
    turns, lanes, size = _turns(accumulator, inputs)
    register = Register(
        accumulator.bits,
        Overflow(accumulator.overflow.value),
        lanes=lanes,
        product_bits=None if accumulator.product is None else accumulator.product.bits,
    )
    if not spill:
        return register
    return replace(
        register,
        outer_bits=last.bits,
        outer_overflow=Overflow(last.overflow.value),
        products_per_spill=min(spill.longest(turns) * size, inputs),
    )


def multiplicand_weights(weights: IntArray, fmt: Format) -> IntArray:
    """Return what enters the products: codes less their zero points, or entries of a codebook."""
    if isinstance(fmt, QFormat):
        return weights
    if isinstance(fmt, Levels):
        return freeze(np.array(fmt.codebook)[weights])
    zeros = fmt.zero_points(weights.shape)
    return freeze(weights - zeros) if zeros.any() else weights


@dataclass(frozen=True, slots=True, eq=False)
class Constants:
    """What one layer's products need besides the input's codes.

    Attributes
    ----------
    matrix : integer array (K, N)
        Multiplicands, in the order in which products are added.
    matrix_range, factor_range : (int, int)
        Lowest and highest weight; lowest and highest multiplicand that the input can have.
    factor_type : dtype
        Of those: 8 or 16 bits where they fit.
    register : Accumulator
        Without a rounding constant.
    bias : integer array (N,) or None
        At the products' fraction, ``frac`` bits, a rounding constant in it.
    zero : int
        Taken off every input code.
    shape : tuple of int
        Of the output.
    place : integer array (K,) or None
        The order, where it is not that of the input.
    """

    matrix: IntArray
    matrix_range: tuple[int, int]
    factor_range: tuple[int, int]
    factor_type: np.dtype[Any]
    register: Accumulator
    bias: IntArray | None
    frac: int
    zero: int
    shape: tuple[int, ...]
    place: NDArray[np.intp] | None

    def factors(self, codes: IntArray) -> IntArray:
        """Return input codes less the zero point, in 8 or 16 bits where they fit."""
        dtype = self.factor_type
        if self.zero:
            wide = dtype if dtype.itemsize > 1 else np.int16  # what is subtracted fits that
            codes = np.subtract(codes, self.zero, dtype=wide, casting="unsafe")
        return codes.astype(dtype, copy=False)


@lru_cache(maxsize=1024)
def raw(layer: L) -> L:
    """Return the layer that makes the same final sums from codes as they are."""
    return replace(layer, folded=True)


@lru_cache(maxsize=1024)
def constants(layer: Layer, source: TensorSpec) -> Constants:
    """Return the constants of a layer for an input."""
    sums, order, place = layer.sums(source), layer.accumulator.order, None
    matrix, zero = sums.weights, layer.zero(source)
    if isinstance(order, Sequential) and order.axes is not None:
        window = layer.window(source)
        place = np.arange(prod(window)).reshape(window).transpose(order.axes).reshape(-1)
        matrix = matrix[place]
    factor_range = source.format.lo - zero, source.format.hi - zero
    narrow = narrow_dtype(*factor_range)  # kernels take signed words
    return Constants(
        np.ascontiguousarray(matrix),
        (int(matrix.min()), int(matrix.max())),
        factor_range,
        np.dtype(code_dtype(*factor_range) if narrow is np.uint16 else narrow),
        sums.accumulator,
        sums.bias,
        layer.product_frac(source),
        zero,
        layer.shape(source),
        place,
    )
