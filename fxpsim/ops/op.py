"""What every operation answers: its output's shape and format, its codes, its range."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from math import frexp, prod
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fxpsim.casts import check_codes
from fxpsim.engine import code_dtype
from fxpsim.errors import GraphError
from fxpsim.formats import Affine, Format, Levels, QFormat
from fxpsim.formats.qformat import MAX_BITS

if TYPE_CHECKING:
    from accel_models import Work

__all__ = [
    "Interval",
    "Op",
    "TensorFormat",
    "TensorSpec",
    "aligned",
    "as_stored",
    "binary_point",
    "channel_codes",
    "fraction",
    "freeze",
    "single_scale",
    "whole_range",
    "zero_code",
]

IntArray = NDArray[Any]
#: Lowest and highest code of every element: integer arrays of the tensor's shape.
Interval = tuple[IntArray, IntArray]
#: What the codes of a tensor may mean.
TensorFormat = QFormat | Affine


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """Shape of one inference's tensor (no batch axis) and the format of its codes."""

    shape: tuple[int, ...]
    format: TensorFormat

    @property
    def size(self) -> int:
        """Number of elements."""
        return prod(self.shape)


class Op(ABC):
    """An operation on tensors.  Subclasses are frozen dataclasses.

    Attributes
    ----------
    arity : int or None
        How many tensors it reads; None: one or more.
    monotone : bool
        Whether no output falls where no input does.
    operation : str
        What cost models call it (:class:`accel_models.Operation`); empty for layers, and for what
        hardware does on the way out of one.
    """

    __slots__ = ()

    arity: ClassVar[int | None] = 1
    monotone: ClassVar[bool] = False
    operation: ClassVar[str] = ""

    @property
    def draws(self) -> bool:
        """Whether it rounds stochastically."""
        return False

    @abstractmethod
    def infer(self, *sources: TensorSpec) -> TensorSpec:
        """Return what comes out of ``sources``; GraphError where they do not fit."""

    @abstractmethod
    def run(self, inputs: Sequence[IntArray], sources: Sequence[TensorSpec]) -> IntArray:
        """Return output codes (n, *shape) for input codes (n, *source.shape)."""

    def run_narrow(self, inputs: Sequence[IntArray], sources: Sequence[TensorSpec]) -> IntArray:
        """Return the same codes; they may be in narrower types than their formats', and come so."""
        wide = [as_stored(codes, spec) for codes, spec in zip(inputs, sources, strict=True)]
        return self.run(wide, sources)

    def ready(self, sources: Sequence[TensorSpec]) -> Callable[[Sequence[IntArray]], IntArray]:
        """Return :meth:`run_narrow` for these sources; what it needs may be made beforehand."""
        return partial(self.run_narrow, sources=sources)

    def interval(self, ranges: Sequence[Interval], sources: Sequence[TensorSpec]) -> Interval:
        """Return bounds of the output for elementwise bounds of the inputs."""
        if self.monotone:
            low, high = (
                self.run([end[None] for end in ends], sources)[0]
                for ends in zip(*ranges, strict=True)
            )
            return low, high
        return whole_range(self.infer(*sources))

    def work(self, name: str, sources: Sequence[TensorSpec], before: Work | None) -> Work | None:
        """Return what the operation asks of hardware, or None for next to nothing.

        ``before`` is the work of what wrote the first source; an operation that hardware does on
        the way out of a layer returns that work, extended.
        """
        return None


def as_stored(codes: IntArray, spec: TensorSpec) -> IntArray:
    """Return codes in the type of their format, whatever their values are."""
    return codes.astype(code_dtype(spec.format.lo, spec.format.hi), copy=False)


def whole_range(spec: TensorSpec) -> Interval:
    """Return the bounds of a tensor of which only the format is known."""
    low, high = (np.full(spec.shape, end, np.int64) for end in (spec.format.lo, spec.format.hi))
    return low, high


def fraction(fmt: Format) -> int:
    """Return the fraction bits of what a format multiplies.

    A codebook has them where its scale is a power of two; what has any other scale is a whole
    number of it.
    """
    if isinstance(fmt, QFormat):
        return fmt.frac
    if isinstance(fmt, Levels):
        mantissa, exponent = frexp(fmt.scale)
        return 1 - exponent if mantissa == 0.5 else 0
    return 0


def binary_point(source: TensorSpec) -> QFormat:
    """Return the format of a tensor without scale and zero point; GraphError where it has them."""
    if isinstance(source.format, QFormat):
        return source.format
    raise GraphError(f"the input must have a binary point, not a scale ({source.format})")


def zero_code(source: TensorSpec) -> int:
    """Return the code of the value 0; GraphError where it differs along an axis."""
    fmt = source.format
    if isinstance(fmt, QFormat):
        return 0
    if isinstance(fmt.zero_point, tuple):
        raise GraphError(f"the input must have one scale and zero point, not several ({fmt})")
    return fmt.zero_point


def single_scale(fmt: Affine) -> np.float32:
    """Return the scale of a format; GraphError where it differs along an axis."""
    if isinstance(fmt.scale, tuple):
        raise GraphError(f"there must be one scale, not several ({fmt})")
    return np.float32(fmt.scale)


def channel_codes(codes: ArrayLike, fmt: QFormat, noun: str) -> IntArray:
    """Return per-channel codes (N,) of a format, read-only, in the narrowest signed type."""
    array = check_codes(codes, fmt, noun)
    if array.ndim != 1 or not array.size:
        raise GraphError(f"{noun} must have one code a channel, not shape {array.shape}")
    return freeze(array)


def freeze(array: IntArray) -> IntArray:
    """Return a read-only copy in the narrowest signed integer type."""
    low, high = (int(array.min()), int(array.max())) if array.size else (0, 0)
    dtype = next(
        t
        for t in (np.int8, np.int16, np.int32, np.int64)
        if np.iinfo(t).min <= low and high <= np.iinfo(t).max
    )
    copy = np.array(array, dtype, order="C")
    copy.flags.writeable = False
    return copy


def aligned(bias: IntArray, bias_format: QFormat, frac: int) -> IntArray:
    """Return bias codes as int64 at ``frac`` fraction bits; GraphError where that is not exact."""
    shift = frac - bias_format.frac
    if shift < 0:
        raise GraphError(
            f"the bias must have at most the {frac} fraction bits of what it is added to, "
            f"not {bias_format.frac}"
        )
    if bias_format.bits + shift > MAX_BITS:
        raise GraphError(
            f"the bias needs {bias_format.bits + shift} bits once aligned to what it is added to; "
            f"{MAX_BITS} are the most"
        )
    return bias.astype(np.int64) << shift
