"""Sums to codes with a scale, by the schemes of inference engines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fxpsim import schemes
from fxpsim.dispatch.rescaling import rescale
from fxpsim.engine import narrow_dtype
from fxpsim.errors import GraphError
from fxpsim.formats import Affine, QFormat
from fxpsim.ops.op import Interval, Op, TensorFormat, TensorSpec, whole_range, zero_code

if TYPE_CHECKING:
    from accel_models import Work

__all__ = ["Rescale", "RescaleFloat64", "word"]

IntArray = NDArray[Any]
_INT32 = 1 << 31


@dataclass(frozen=True, slots=True)
class Rescale(Op):
    """The input, less its zero point, times a real scale: a requantisation scheme.

    Parameters
    ----------
    scheme : Gemmlowp, HalfUpTwice, SingleRound, Int16x8, FloatScale, Dyadic or Icn
        Constants, for all or for each entry of the last axis; the target's zero point among them.
    target : Affine or QFormat
        Format of the output.
    """

    scheme: schemes.Rescale
    target: TensorFormat

    def __post_init__(self) -> None:
        if not isinstance(self.scheme, schemes.Rescale):
            raise GraphError(f"a rescaling scheme must have a scale, not {self.scheme!r}")
        self.scheme.limits(word(self.target))

    def infer(self, *sources: TensorSpec) -> TensorSpec:
        """Return the input's shape in the target format."""
        (source,) = sources
        zero_code(source)
        channels = self.scheme.channels
        if channels is not None and source.shape[-1:] != (channels,):
            raise GraphError(
                f"the last axis of the input must have the scheme's {channels} channels, "
                f"but its shape is {source.shape}"
            )
        return TensorSpec(source.shape, self.target)

    def run(self, inputs: Sequence[IntArray], sources: Sequence[TensorSpec]) -> IntArray:
        """Return codes of the target."""
        (codes,), zero = inputs, zero_code(sources[0])
        return rescale(codes - zero if zero else codes, self.scheme, word(self.target))

    def run_narrow(self, inputs: Sequence[IntArray], sources: Sequence[TensorSpec]) -> IntArray:
        """Return the same in 8 or 16 bits where they hold the target's codes."""
        return self.ready(sources)(inputs)

    def ready(self, sources: Sequence[TensorSpec]) -> Callable[[Sequence[IntArray]], IntArray]:
        """Return the same for these sources."""
        if zero_code(sources[0]):
            return partial(Op.run_narrow, self, sources=sources)
        scheme, target = self.scheme, word(self.target)
        dtype = narrow_dtype(target.lo, target.hi)
        return lambda inputs: rescale(inputs[0], scheme, target, dtype=dtype)

    def interval(self, ranges: Sequence[Interval], sources: Sequence[TensorSpec]) -> Interval:
        """Return the rescaled bounds: what multiplies is not negative, and rounding is monotone."""
        ((low, high),) = ranges
        if self.wraps(low) or self.wraps(high):
            return whole_range(self.infer(*sources))
        low, high = (self.run([end[None]], sources)[0] for end in (low, high))
        return low, high

    def wraps(self, codes: IntArray) -> bool:
        """Whether a shift to the left within 32 bits may drop bits."""
        shifts = np.max(getattr(self.scheme, "shift", 0))
        return bool(np.abs(codes).max(initial=0) >= _INT32 >> max(0, int(shifts)))

    def work(self, name: str, sources: Sequence[TensorSpec], before: Work | None) -> Work | None:
        """Return the layer before with a multiplier and a shift for each channel."""
        from dataclasses import replace

        if before is None or not isinstance(self.target, Affine):
            return None
        gain = 40 if self.scheme.channels else 0
        return replace(before, gain_bits=before.gain_bits + gain, output_bits=self.target.bits)


@dataclass(frozen=True, slots=True)
class RescaleFloat64(Op):
    """The input times a float64, rounded to nearest with ties away from zero.

    LiteRT's fully connected layers of 16-bit activations
    (:func:`fxpsim.spec.elementary.float64_scale`).

    Parameters
    ----------
    scales : tuple of float
        One, or one for each entry of the last axis.
    target : Affine
        Format of the output.
    zero_point : int
        The target's code of 0.
    act_min, act_max : int, optional
        Codes that the result is clamped to.
    """

    scales: tuple[float, ...]
    target: Affine
    zero_point: int = 0
    act_min: int | None = None
    act_max: int | None = None

    monotone = True

    def __post_init__(self) -> None:
        if not self.scales or not all(0 < scale < float("inf") for scale in self.scales):
            raise GraphError(f"scales must be finite and more than 0, not {self.scales}")

    def infer(self, *sources: TensorSpec) -> TensorSpec:
        """Return the input's shape in the target format."""
        (source,) = sources
        if len(self.scales) > 1 and source.shape[-1:] != (len(self.scales),):
            raise GraphError(
                f"the last axis of the input must have {len(self.scales)} channels, "
                f"but its shape is {source.shape}"
            )
        return TensorSpec(source.shape, self.target)

    def run(self, inputs: Sequence[IntArray], sources: Sequence[TensorSpec]) -> IntArray:
        """Return codes of the target."""
        product = inputs[0].astype(np.float64) * np.array(self.scales)
        whole = np.trunc(product)
        # The difference is exact; adding one half first would not be.
        away = np.where(np.abs(product - whole) >= 0.5, np.sign(product), 0.0)
        low = self.target.lo if self.act_min is None else self.act_min
        high = self.target.hi if self.act_max is None else self.act_max
        shifted = whole + away + self.zero_point
        return np.asarray(shifted.clip(low, high).astype(np.int64))


@lru_cache(maxsize=1024)
def word(fmt: TensorFormat) -> QFormat:
    """Return the word that a format's codes are kept in."""
    return fmt if isinstance(fmt, QFormat) else QFormat(fmt.bits, 0, fmt.signed)
