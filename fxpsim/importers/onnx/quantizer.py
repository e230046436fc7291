"""From real numbers to codes: tables, a rescaled sum, or thresholds, whatever is exact."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fxpsim import ops, schemes
from fxpsim.errors import DataError
from fxpsim.formats import Affine
from fxpsim.importers.onnx.float32 import fused_multiply_add
from fxpsim.importers.onnx.values import (
    Average,
    Pair,
    Raw,
    Real,
    Shares,
    Source,
    Step,
    Value,
)
from fxpsim.ops.op import single_scale
from fxpsim.ops.thresholds import MOST_THRESHOLDS

if TYPE_CHECKING:
    from fxpsim.importers.onnx.importer import Importer

__all__ = ["PAIRS", "ROUNDINGS", "Quantizer"]

Array = NDArray[Any]

#: What QONNX calls its rounding modes (``resolve_rounding_mode``); ONNX has the first.
ROUNDINGS: dict[str, Callable[[Array], Array]] = {
    "HALF_EVEN": np.rint,
    "ROUND": np.rint,
    "CEIL": np.ceil,
    "FLOOR": np.floor,
    "UP": lambda x: np.copysign(np.ceil(np.abs(x)), x),
    "DOWN": np.trunc,
    "HALF_UP": lambda x: np.copysign(np.floor(np.abs(x) + np.float32(0.5)), x),
    "HALF_DOWN": lambda x: np.copysign(np.ceil(np.abs(x) - np.float32(0.5)), x),
    "SIGN": lambda x: np.where(x >= 0, np.float32(1), np.float32(-1)),
}
#: Functions of two tensors.
PAIRS: dict[str, Callable[[Array, Array], Array]] = {
    "Add": np.add,
    "Sub": np.subtract,
    "Mul": np.multiply,
    "Max": np.maximum,
    "Min": np.minimum,
}


@dataclass(frozen=True, slots=True)
class Quantizer:
    """A quantisation with one scale: code = clamp(round(x / scale) + zero point).

    Attributes
    ----------
    target : Affine
        Format of the codes.
    low, high : int
        The clamp.
    rounding : str
        A key of ``ROUNDINGS``.
    zero_inside : bool
        Whether the zero point is added before rounding: QONNX, where ONNX adds it after.
    lift : int
        As for :class:`Real`.
    """

    target: Affine
    low: int
    high: int
    rounding: str = "HALF_EVEN"
    zero_inside: bool = False
    lift: int = 0

    @property
    def zero(self) -> int:
        """The zero point."""
        zero = self.target.zero_point
        assert isinstance(zero, int)
        return zero

    @property
    def scale(self) -> np.float32:
        """The scale."""
        return single_scale(self.target)

    def codes(self, reals: Array) -> Array:
        """Return the codes of float32 numbers."""
        if self.rounding == "SIGN":
            return ROUNDINGS["SIGN"](reals).astype(np.int64)
        with np.errstate(over="ignore"):
            steps = reals.astype(np.float32) / self.scale
        rounded = ROUNDINGS[self.rounding]
        if self.zero_inside:
            whole = rounded(steps + np.float32(self.zero))
        else:
            whole = rounded(steps).astype(np.float64) + self.zero
        return np.asarray(np.nan_to_num(whole).clip(self.low, self.high).astype(np.int64))

    def apply(self, importer: Importer, name: str, source: Source) -> Value:
        """Append what makes codes of a tensor."""
        if isinstance(source, Raw):
            if source.value.spec.format != importer.input_spec.format:
                raise DataError("the input must be quantised in one way only")
            return source.value
        if isinstance(self.target.scale, tuple):
            raise DataError("what is computed must have one scale and zero point, not several")
        if isinstance(source, Real):
            return self._real(importer, name, source)
        if isinstance(source, Pair):
            return self._pair(importer, name, source)
        if isinstance(source, Average):
            return self._average(importer, name, source)
        if isinstance(source, Shares):
            return self._shares(importer, name, source)
        parts = [
            self._real(importer, f"{name}:{i}", _followed(part, source.steps))
            for i, part in enumerate(source.parts)
        ]
        return importer.add(name, ops.Concatenate(source.axis), *parts, axes=parts[0].axes)

    def _real(self, importer: Importer, name: str, real: Real) -> Value:
        value = real.value
        fmt = value.spec.format
        if fmt == self.target and self._keeps(real):
            return value
        op: ops.Op
        if fmt.bits <= 16 and real.channels is None:
            codes = np.arange(fmt.lo, fmt.hi + 1)
            op = ops.Table(self.codes(real.evaluate(codes)), self.target)
        elif real.clamps and self._rescales(importer, real):
            with np.errstate(all="ignore"):
                scale = real.scale / (self.scale * real.divisor)
            low, high = self._limits(real.steps)
            scheme = schemes.FloatScale(
                scale.tolist(), zero_point=self.zero, act_min=low, act_max=high
            )
            op = ops.Rescale(scheme, self.target)
        else:
            op = self._thresholds(importer, real)
        return importer.add(name, op, value, axes=value.axes)

    def _keeps(self, real: Real) -> bool:
        """Whether codes are their own quantisation."""
        fmt = real.value.spec.format
        same = not real.steps and not real.scale.ndim and real.divisor == 1
        same = same and np.float32(real.scale) == self.scale and real.zero == self.zero
        return same and self.low <= fmt.lo and fmt.hi <= self.high

    def _rescales(self, importer: Importer, real: Real) -> bool:
        """Whether one float32 product gives the codes.

        ONNX Runtime has it so.  QONNX divides, which is the same for powers of two.
        """
        if self.rounding not in ("HALF_EVEN", "ROUND") or (self.zero_inside and self.zero):
            return False
        if importer.engine == "onnx":
            return True
        scales = [real.scale, np.asarray(self.scale), np.asarray(real.divisor)]
        powers = all((np.frexp(scale)[0] == 0.5).all() for scale in scales)
        return powers or real.scale.size * (self.high - self.low) > MOST_THRESHOLDS

    def _limits(self, steps: tuple[Step, ...]) -> tuple[int, int]:
        """Return the range of codes that is left after clamps."""
        low, high = self.low, self.high
        for step in steps:
            assert step.clamp is not None
            bottom, top = self.codes(np.array(step.clamp, np.float32)).tolist()
            low, high = (min(max(end, bottom), top) for end in (low, high))
        return low, high

    def _thresholds(self, importer: Importer, real: Real) -> ops.Thresholds:
        """Find, for each channel, the least integer that each code begins with."""
        trend, levels = real.trend, self.high - self.low
        if (trend == 0).any():
            raise DataError("a function that rises and falls must follow codes of 16 bits at most")
        channels = max(trend.size, real.channels or 1)
        if not 1 <= levels * channels <= MOST_THRESHOLDS:
            raise DataError(
                f"{levels + 1} codes of {channels} channels need more than {MOST_THRESHOLDS:,} "
                "thresholds: quantise to fewer bits, or without constants for each channel"
            )
        importer.reserve(levels * channels)
        falling = np.broadcast_to(trend < 0, (channels,))
        rank = np.arange(1, levels + 1)[:, None]
        fmt = real.value.spec.format
        low = np.full((levels, channels), fmt.lo, np.int64)
        high = np.full((levels, channels), fmt.hi + 1, np.int64)
        while (low < high).any():
            middle = (low + high) >> 1
            code = self.codes(real.evaluate(middle))
            reached = np.where(falling, self.high - code, code - self.low) >= rank
            high, low = np.where(reached, middle, high), np.where(reached, low, middle + 1)
            low = np.minimum(low, high)
        return ops.Thresholds(high.T, falling.astype(np.int64), self.low, self.target)

    def _pair(self, importer: Importer, name: str, pair: Pair) -> Value:
        sides = [pair.left, pair.right]
        formats = [side.value.spec.format for side in sides]
        if sum(fmt.bits for fmt in formats) > 16 or any(side.channels for side in sides):
            raise DataError(
                f"both inputs of {pair.kind} must be quantised first, to 16 bits in all "
                f"(they are {formats[0]} and {formats[1]})"
            )
        importer.reserve(1 << 16)
        codes = [np.arange(fmt.lo, fmt.hi + 1) for fmt in formats]
        fused = pair.kind in ("Add", "Mul") and self._fuses(importer, sides)
        if fused and all(self._saturates(step) for step in pair.steps):
            table = self._fused(pair, *codes)
        else:
            left, right = (side.evaluate(c) for side, c in zip(sides, codes, strict=True))
            reals = PAIRS[pair.kind](left[:, None], right[None, :])
            for step in pair.steps:
                reals = step.apply(reals)
            if reals.ndim != 2:
                raise DataError("constants for each channel must follow a quantisation")
            table = self.codes(reals)
        return importer.add(
            name,
            ops.PairTable(table, self.target),
            pair.left.value,
            pair.right.value,
            axes=pair.axes,
        )

    def _fuses(self, importer: Importer, sides: list[Real]) -> bool:
        """Whether ONNX Runtime has a kernel of codes: all of one type, nothing in between."""
        formats = [self.target, *(side.value.spec.format for side in sides)]
        return (
            importer.engine == "onnx"
            and not any(side.steps for side in sides)
            and {fmt.bits for fmt in formats} == {8}
            and len({fmt.signed for fmt in formats}) == 1
            and {side.lift for side in sides} == {self.lift}
        )

    def _saturates(self, step: Step) -> bool:
        """Whether the range of codes clamps as a step does, so that engines leave it out."""
        if step.clamp is None:
            return False
        return self._limits((step,)) == (self.low, self.high)

    def _fused(self, pair: Pair, left: Array, right: Array) -> Array:
        """Return ONNX Runtime's ``QLinearAdd`` and ``QLinearMul`` of all codes.

        ``onnxruntime/core/mlas/lib/qladd.cpp`` (with fused multiply-adds, from AVX2 on) and
        ``qlmul.cpp``: the zero point is added before the sum is rounded half to even.
        """
        zero, scale, lift = np.float32(self.zero + self.lift), self.scale, self.lift
        one, two = (replace(side, zero=side.zero + lift) for side in (pair.left, pair.right))
        left, right = left + lift, right + lift
        x = left.astype(np.float32)[:, None] * np.ones((1, right.size), np.float32)
        y = right.astype(np.float32)[None, :] * np.ones((left.size, 1), np.float32)
        reals: Array
        with np.errstate(all="ignore"):
            if pair.kind == "Mul":
                product = (x - np.float32(one.zero)) * (y - np.float32(two.zero))
                reals = product * (one.scale * two.scale / scale) + zero
            else:
                if pair.swapped:
                    one, two, x, y = two, one, y, x
                a, b = one.scale / scale, two.scale / scale
                offset = zero - fused_multiply_add(
                    np.float32(one.zero), a, b * np.float32(two.zero)
                )
                reals = fused_multiply_add(x, a, fused_multiply_add(y, b, offset))
        whole = np.nan_to_num(np.rint(reals)).astype(np.float64) - lift
        return np.asarray(whole.clip(self.low, self.high).astype(np.int64))

    def _average(self, importer: Importer, name: str, average: Average) -> Value:
        if not all(step.clamp is not None for step in average.steps):
            raise DataError("a mean must be quantised before functions follow")
        value, window = importer.operand(average.real), average.window
        fused = self._fuses(importer, [average.real])
        if fused and window.size == value.spec.shape[:2] and not window.padded:
            # ONNX Runtime takes the mean of a whole image as QLinearGlobalAveragePool does.
            sums = importer.add(
                f"{name}:sums", ops.SumPool2D(window.size, (1, 1)), value, axes=value.axes
            )
            count = np.float32(window.size[0] * window.size[1])
            real = Real(sums, average.real.scale, 0, count, steps=average.steps)
            return average.finish(self._real(importer, name, real))
        low, high = self._limits(average.steps)
        op = ops.FloatAveragePool2D(
            size=window.size,
            stride=window.stride,
            top_left=window.top_left,
            bottom_right=window.bottom_right,
            act_min=low,
            act_max=high,
            target=self.target,
            count_padding=average.count_padding,
            offset=self.zero + self.lift if fused else 0,
        )
        return average.finish(importer.add(name, op, value, axes=value.axes))

    def _shares(self, importer: Importer, name: str, shares: Shares) -> Value:
        if shares.steps or importer.engine != "onnx":
            raise DataError("a softmax must be quantised at once, by QuantizeLinear")
        value = importer.natural(importer.operand(shares.real))
        scale = float(shares.real.scale)
        op = ops.QLinearSoftmax.for_scores(scale, value.spec.shape[-1], self.target)
        return importer.add(name, op, value, axes=value.axes)


def _followed(real: Real, steps: tuple[Step, ...]) -> Real:
    return replace(real, steps=(*real.steps, *steps))
