"""What every operation answers: its output's shape and format, its codes, its range."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fxpsim.accumulators import Accumulator
from fxpsim.casts import check_codes
from fxpsim.errors import GraphError
from fxpsim.formats import QFormat
from fxpsim.formats.qformat import MAX_BITS

if TYPE_CHECKING:
    from accel_models import Work

__all__ = ["Interval", "Op", "Sums", "TensorSpec", "aligned", "channel_codes", "freeze"]

IntArray = NDArray[Any]
#: Lowest and highest code of every element: integer arrays of the tensor's shape.
Interval = tuple[IntArray, IntArray]


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """Shape of one inference's tensor (no batch axis) and the format of its codes."""

    shape: tuple[int, ...]
    format: QFormat

    @property
    def size(self) -> int:
        """Number of elements."""
        return prod(self.shape)


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


class Op(ABC):
    """An operation on one tensor.  Subclasses are frozen dataclasses and final."""

    __slots__ = ()

    @abstractmethod
    def infer(self, source: TensorSpec) -> TensorSpec:
        """Return what comes out of ``source``; GraphError where it does not fit."""

    @abstractmethod
    def run(self, codes: IntArray, source: TensorSpec) -> IntArray:
        """Return output codes (n, *shape) for input codes (n, *source.shape)."""

    @abstractmethod
    def interval(self, source: TensorSpec, low: IntArray, high: IntArray) -> Interval:
        """Return bounds of the output for elementwise bounds of the input."""

    def work(self, name: str, source: TensorSpec, before: Work | None) -> Work | None:
        """Return what the operation asks of hardware, or None for next to nothing.

        ``before`` is the work of what wrote ``source``; an operation that hardware does on the
        way out of a layer returns that work, extended.
        """
        return None


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
