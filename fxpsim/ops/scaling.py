"""Per-channel constants: gain, bias, and batch norm as both.  All exact: the output is wider."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fxpsim.errors import FormatError, GraphError
from fxpsim.formats import QFormat
from fxpsim.ops.op import Interval, Op, TensorSpec, aligned, binary_point, channel_codes
from fxpsim.stats import bits_for

if TYPE_CHECKING:
    from accel_models import Work

__all__ = ["BatchNorm", "Bias", "Gain"]

IntArray = NDArray[Any]


def _scaled(
    source: TensorSpec, gain: IntArray | None, frac: int, offset: IntArray | None
) -> TensorSpec:
    """Return the narrowest signed format of x * gain + offset, for every code x."""
    channels = len(gain if gain is not None else np.asarray(offset))
    if source.shape[-1:] != (channels,):
        raise GraphError(
            f"per-channel constants must match the last axis, but there are {channels} of them "
            f"and the input has shape {source.shape}"
        )
    factors = [1] * channels if gain is None else gain.tolist()
    addends = [0] * channels if offset is None else offset.tolist()
    ends = [
        code * factor + addend
        for factor, addend in zip(factors, addends, strict=True)
        for code in (source.format.lo, source.format.hi)
    ]
    try:
        return TensorSpec(source.shape, QFormat(bits_for(min(ends), max(ends)), frac))
    except FormatError as error:
        raise GraphError(f"scaled sums are too wide: {error}; narrow the accumulator") from None


def _apply(codes: IntArray, gain: IntArray | None, offset: IntArray | None) -> IntArray:
    wide = codes.astype(np.int64)
    if gain is not None:
        wide = wide * gain.astype(np.int64)
    return wide if offset is None else wide + offset


def _bounds(
    low: IntArray, high: IntArray, gain: IntArray | None, offset: IntArray | None
) -> Interval:
    factor = 1 if gain is None else gain.astype(object)
    addend = 0 if offset is None else offset.astype(object)
    ends = [end.astype(object) * factor + addend for end in (low, high)]
    return np.minimum(*ends), np.maximum(*ends)


def _extended(before: Work | None, gain_bits: int = 0, bias_bits: int = 0) -> Work | None:
    if before is None:
        return None
    gain, bias = before.gain_bits + gain_bits, before.bias_bits + bias_bits
    return replace(before, gain_bits=gain, bias_bits=bias)


@dataclass(frozen=True, slots=True, eq=False)
class Gain(Op):
    """x * gain, exact.

    Parameters
    ----------
    gain : integer array (N,)
        Codes of ``gain_format``, one for each entry of the last axis.
    gain_format : QFormat
        Its fraction bits are added to the input's.
    """

    gain: IntArray
    gain_format: QFormat

    def __post_init__(self) -> None:
        object.__setattr__(self, "gain", channel_codes(self.gain, self.gain_format, "gain"))

    def infer(self, *sources: TensorSpec) -> TensorSpec:
        """Return the narrowest format that holds every product."""
        (source,) = sources
        return _scaled(source, self.gain, binary_point(source).frac + self.gain_format.frac, None)

    def run(self, inputs: Sequence[IntArray], sources: Sequence[TensorSpec]) -> IntArray:
        """Return int64 products."""
        (codes,) = inputs
        return _apply(codes, self.gain, None)

    def interval(self, ranges: Sequence[Interval], sources: Sequence[TensorSpec]) -> Interval:
        """Return the scaled bounds."""
        ((low, high),) = ranges
        return _bounds(low, high, self.gain, None)

    def work(self, name: str, sources: Sequence[TensorSpec], before: Work | None) -> Work | None:
        """Return the layer before with these constants."""
        return _extended(before, gain_bits=self.gain_format.bits)


@dataclass(frozen=True, slots=True, eq=False)
class Bias(Op):
    """x + bias, exact.

    Parameters
    ----------
    bias : integer array (N,)
        Codes of ``bias_format``, one for each entry of the last axis.
    bias_format : QFormat
        At most the input's fraction bits.
    """

    bias: IntArray
    bias_format: QFormat

    def __post_init__(self) -> None:
        object.__setattr__(self, "bias", channel_codes(self.bias, self.bias_format, "bias"))

    def offset(self, source: TensorSpec) -> IntArray:
        """Return the bias (N,) at the input's fraction."""
        return aligned(self.bias, self.bias_format, binary_point(source).frac)

    def infer(self, *sources: TensorSpec) -> TensorSpec:
        """Return the narrowest format that holds every sum."""
        (source,) = sources
        return _scaled(source, None, binary_point(source).frac, self.offset(source))

    def run(self, inputs: Sequence[IntArray], sources: Sequence[TensorSpec]) -> IntArray:
        """Return int64 sums."""
        (codes,), (source,) = inputs, sources
        return _apply(codes, None, self.offset(source))

    def interval(self, ranges: Sequence[Interval], sources: Sequence[TensorSpec]) -> Interval:
        """Return the shifted bounds."""
        ((low, high),) = ranges
        (source,) = sources
        return _bounds(low, high, None, self.offset(source))

    def work(self, name: str, sources: Sequence[TensorSpec], before: Work | None) -> Work | None:
        """Return the layer before with these constants."""
        return _extended(before, bias_bits=self.bias_format.bits)


@dataclass(frozen=True, slots=True, eq=False)
class BatchNorm(Op):
    """x * gain + bias, exact: batch norm as hardware keeps it, one multiplier a channel.

    Parameters
    ----------
    gain, bias : integer arrays (N,)
        Codes, one for each entry of the last axis: gain = gamma / sqrt(variance + epsilon) and
        bias = beta - mean * gain, quantised.
    gain_format, bias_format : QFormat
        The bias has at most the fraction bits of the product.
    """

    gain: IntArray
    gain_format: QFormat
    bias: IntArray
    bias_format: QFormat

    def __post_init__(self) -> None:
        gain = channel_codes(self.gain, self.gain_format, "gain")
        bias = channel_codes(self.bias, self.bias_format, "bias")
        if gain.shape != bias.shape:
            raise GraphError(
                f"gain and bias must have the same channels, not {len(gain)} and {len(bias)}"
            )
        object.__setattr__(self, "gain", gain)
        object.__setattr__(self, "bias", bias)

    def offset(self, source: TensorSpec) -> IntArray:
        """Return the bias (N,) at the product's fraction."""
        return aligned(
            self.bias, self.bias_format, binary_point(source).frac + self.gain_format.frac
        )

    def infer(self, *sources: TensorSpec) -> TensorSpec:
        """Return the narrowest format that holds every result."""
        (source,) = sources
        frac = binary_point(source).frac + self.gain_format.frac
        return _scaled(source, self.gain, frac, self.offset(source))

    def run(self, inputs: Sequence[IntArray], sources: Sequence[TensorSpec]) -> IntArray:
        """Return int64 results."""
        (codes,), (source,) = inputs, sources
        return _apply(codes, self.gain, self.offset(source))

    def interval(self, ranges: Sequence[Interval], sources: Sequence[TensorSpec]) -> Interval:
        """Return the scaled and shifted bounds."""
        ((low, high),) = ranges
        (source,) = sources
        return _bounds(low, high, self.gain, self.offset(source))

    def work(self, name: str, sources: Sequence[TensorSpec], before: Work | None) -> Work | None:
        """Return the layer before with these constants."""
        return _extended(before, self.gain_format.bits, self.bias_format.bits)
