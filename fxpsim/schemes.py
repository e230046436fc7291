"""Requantisation schemes: constants and the rule they are for.

The rules stand in :mod:`fxpsim.spec.requantization`.  A constant is a number, or a sequence of
one for each channel, which lie on the last axis.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from fxpsim import spec
from fxpsim.errors import FormatError
from fxpsim.formats import Overflow, OverflowRule, QFormat, Rounding
from fxpsim.formats.modes import read_mode, read_overflow
from fxpsim.formats.qformat import MAX_FRAC, check_int

__all__ = [
    "Dyadic",
    "FloatScale",
    "Gemmlowp",
    "HalfUpTwice",
    "Icn",
    "Int16x8",
    "Rescale",
    "Shift",
    "SingleRound",
]

Integers = int | Sequence[int] | NDArray[Any]
Floats = float | Sequence[float] | NDArray[Any]
Range = tuple[int, int]

_ANY_SHIFT = (-MAX_FRAC, MAX_FRAC)
_MULTIPLIER = (0, (1 << 31) - 1)
_INT32 = (-(1 << 31), (1 << 31) - 1)
_FACTOR = (-(1 << 31), 1 << 31)


def _plain(value: object) -> object:
    """Return numpy numbers as Python's, a sequence as a tuple (of one: the number)."""
    array = np.asarray(value, np.object_)
    if array.ndim > 1:
        return value
    items = [item.item() if isinstance(item, np.generic) else item for item in array.reshape(-1)]
    return items[0] if len(items) == 1 else tuple(items)


def _many(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def _check_scale(value: object) -> str | None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if number and 0 <= value < float(np.finfo(np.float32).max):  # type: ignore[operator]
        return None
    return f"scale must be a number, 0 or more, that float32 holds, not {value!r}"


@dataclass(frozen=True, slots=True)
class _Scheme:
    """Constants, each a number or one for each channel."""

    #: Their names, in the order of the rule's arguments, and ranges (None: a real scale).
    ranges: ClassVar[dict[str, Range | None]]

    def _settle(self) -> list[str]:
        """Make the constants plain; return what is wrong with them."""
        wrong: list[str | None] = []
        lengths = {}
        for name, limits in self.ranges.items():
            value = _plain(getattr(self, name))
            object.__setattr__(self, name, value)
            if isinstance(value, tuple):
                lengths[name] = len(value)
            noun = f"{type(self).__name__} {name}"
            wrong += [
                check_int(noun, one, *limits) if limits else _check_scale(one)
                for one in _many(value)
            ]
        if 0 in lengths.values() or len(set(lengths.values())) > 1:
            have = ", ".join(f"{length} of {name}" for name, length in lengths.items())
            wrong.append(f"there must be as many constants of each kind as channels, not {have}")
        return [*dict.fromkeys(sentence for sentence in wrong if sentence)]

    @property
    def channels(self) -> int | None:
        """How many channels the constants are for; None: any."""
        columns = [getattr(self, name) for name in self.ranges]
        return next((len(column) for column in columns if isinstance(column, tuple)), None)


@dataclass(frozen=True, slots=True)
class Shift(_Scheme):
    """overflow(round(acc * 2**-bits)): requantisation by a power of two.

    Parameters
    ----------
    bits : int or sequence of int
        How far to the right; negative is to the left.
    rounding : Rounding or str
        What becomes of the dropped bits.  ``nearest_up`` is CMSIS-NN's rounding constant.
    overflow : Overflow, Wrap, WrapSignMagnitude or str
        What becomes of results outside the target.
    """

    bits: Integers
    rounding: Rounding = Rounding.FLOOR
    overflow: OverflowRule = Overflow.SATURATE

    ranges: ClassVar[dict[str, Range | None]] = {"bits": _ANY_SHIFT}

    def __post_init__(self) -> None:
        if wrong := self._settle():
            raise FormatError("; ".join(wrong))
        object.__setattr__(self, "rounding", read_mode(self.rounding, Rounding, "shift rounding"))
        object.__setattr__(self, "overflow", read_overflow(self.overflow, "shift overflow"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rescale(_Scheme):
    """What all but :class:`Shift` share: clamp(result + zero_point, act_min, act_max).

    Parameters
    ----------
    zero_point : int
        The output's code of the real number 0.
    act_min, act_max : int, optional
        The activation's range in output codes, by default the target's; a ReLU has
        ``act_min=zero_point``.
    """

    zero_point: int = 0
    act_min: int | None = None
    act_max: int | None = None

    #: The rule: accumulator and constants to result.
    rule: ClassVar[Callable[..., int]]

    def __post_init__(self) -> None:
        wrong = self._settle()
        wrong += [w for w in [check_int("zero_point", self.zero_point, *_INT32)] if w]
        given = {"act_min": self.act_min, "act_max": self.act_max}
        ends = [check_int(k, v, -(1 << 62), 1 << 62) for k, v in given.items() if v is not None]
        wrong += [sentence for sentence in ends if sentence]
        if wrong:
            raise FormatError("; ".join(wrong))

    def constants(self) -> list[tuple[Any, ...]]:
        """Return the rule's constants for each channel (one entry where they are for any)."""
        columns = [_many(getattr(self, name)) for name in self.ranges]
        count = max(map(len, columns))
        return list(zip(*(c * count if len(c) == 1 else c for c in columns), strict=True))

    def limits(self, target: QFormat) -> Range:
        """Return the activation's range in codes of ``target``."""
        lo = target.lo if self.act_min is None else self.act_min
        hi = target.hi if self.act_max is None else self.act_max
        if not target.lo <= lo <= hi <= target.hi:
            raise FormatError(
                f"the activation's range must be ascending and within {target.lo} to {target.hi} "
                f"(format {target}), not {lo} to {hi}"
            )
        return lo, hi


@dataclass(frozen=True, slots=True)
class _IntegerRescale(Rescale):
    """A scheme that multiplies by an integer and shifts to the right."""

    #: What the last shift does with ties.
    rounding: ClassVar[Rounding]
    #: Fraction bits of the multiplier, besides those that the shift says.
    fraction: ClassVar[int]
    #: 1 where a positive shift is to the right, -1 where it is to the left.
    direction: ClassVar[int] = 1
    #: Whether the product is first cut to its high half, less 31 bits, and rounded there too.
    high: ClassVar[bool] = False
    #: Whether the multiplier is first rounded to 16 bits.
    short: ClassVar[bool] = False

    @classmethod
    def product(cls, multiplier: int, shift: int) -> tuple[int, int]:
        """Return the factor and the bits that the last shift drops."""
        dropped = cls.fraction + cls.direction * shift - 31 * cls.high
        return (
            (spec.short_multiplier(multiplier), dropped - 16)
            if cls.short
            else (multiplier, dropped)
        )

    @classmethod
    def from_scale(cls, scale: float | Iterable[float], **clamp: Any) -> Self:
        """Return the scheme whose 31-bit multiplier is next to a real scale.

        Parameters
        ----------
        scale : float or sequence of float
            Input scale * weight scale / output scale, as float64; a sequence for channels.
        **clamp : int
            ``zero_point``, ``act_min``, ``act_max`` of :class:`Rescale`.

        Examples
        --------
        >>> scheme = Gemmlowp.from_scale(0.1875)
        >>> scheme.multiplier == 3 << 29, scheme.shift
        (True, -2)
        """
        scales = _many(_plain(scale))
        if wrong := [sentence for value in scales if (sentence := _check_scale(value))]:
            raise FormatError("; ".join(wrong))
        nearest = [spec.quantize_multiplier(float(value)) for value in scales]
        columns = (
            [multiplier for multiplier, _ in nearest],
            [cls.direction * (31 - shift - cls.fraction) for _, shift in nearest],
        )
        constants: dict[str, Any] = dict(zip(cls.ranges, columns, strict=True))
        return cls(**constants, **clamp)


@dataclass(frozen=True, slots=True)
class _Multiplier(_IntegerRescale):
    """A multiplier as TensorFlow Lite has it: the real scale is multiplier * 2**(shift - 31)."""

    multiplier: Integers
    shift: Integers

    ranges: ClassVar[dict[str, Range | None]] = {"multiplier": _MULTIPLIER, "shift": _ANY_SHIFT}
    fraction = 31
    direction = -1


@dataclass(frozen=True, slots=True)
class Gemmlowp(_Multiplier):
    """Rounded twice, ties away from zero the second time.

    TensorFlow Lite Micro and LiteRT for convolutions, TensorFlow Lite Micro for fully connected.

    Parameters
    ----------
    multiplier : int or sequence of int
        0 to 2**31 - 1 (2**30 or more where not 0, as TensorFlow Lite has it).
    shift : int or sequence of int
        The real scale is ``multiplier * 2**(shift - 31)``; negative is to the right.  The
        accumulator wraps at 32 bits, after a shift to the left.
    zero_point, act_min, act_max : int
        See :class:`Rescale`.
    """

    rule = staticmethod(spec.gemmlowp)
    rounding = Rounding.NEAREST_AWAY
    high = True


@dataclass(frozen=True, slots=True)
class HalfUpTwice(_Multiplier):
    """Rounded twice, ties up the second time: LiteRT's optimised fully connected (ruy).

    Parameters as for :class:`Gemmlowp`.
    """

    rule = staticmethod(spec.half_up_twice)
    rounding = Rounding.NEAREST_UP
    high = True


@dataclass(frozen=True, slots=True)
class SingleRound(_Multiplier):
    """Rounded once, ties up: LiteRT's reference fully connected.

    Parameters as for :class:`Gemmlowp`; the accumulator does not wrap.
    """

    rule = staticmethod(spec.single_round)
    rounding = Rounding.NEAREST_UP


@dataclass(frozen=True, slots=True)
class Int16x8(_Multiplier):
    """A multiplier of 16 bits for sums of 48, rounded once: TensorFlow Lite, int16 activations.

    Parameters as for :class:`Gemmlowp`, the multiplier still of 31 bits; the accumulator does not
    wrap.
    """

    rule = staticmethod(spec.int16x8)
    rounding = Rounding.NEAREST_UP
    short = True


@dataclass(frozen=True, slots=True)
class Dyadic(_IntegerRescale):
    """acc * m * 2**-e, rounded half to even: HAWQ-V3.

    Parameters
    ----------
    m : int or sequence of int
        -2**31 to 2**31.
    e : int or sequence of int
        Bits to drop; negative is to the left.
    zero_point, act_min, act_max : int
        See :class:`Rescale`.
    """

    m: Integers
    e: Integers

    ranges: ClassVar[dict[str, Range | None]] = {"m": _FACTOR, "e": _ANY_SHIFT}
    rule = staticmethod(spec.dyadic)
    rounding = Rounding.NEAREST_EVEN
    fraction = 0


@dataclass(frozen=True, slots=True)
class Icn(_IntegerRescale):
    """floor(acc * m * 2**-(32 + n)): the integer channel normalisation of CMix-NN.

    Parameters
    ----------
    m : int or sequence of int
        As for :class:`Dyadic`.
    n : int or sequence of int
        Bits to drop besides the 32; negative is to the left.
    zero_point, act_min, act_max : int
        See :class:`Rescale`.
    """

    m: Integers
    n: Integers

    ranges: ClassVar[dict[str, Range | None]] = {"m": _FACTOR, "n": _ANY_SHIFT}
    rule = staticmethod(spec.icn)
    rounding = Rounding.FLOOR
    fraction = 32


@dataclass(frozen=True, slots=True)
class FloatScale(Rescale):
    """A float32 product rounded half to even: XNNPACK, ONNX Runtime.

    Parameters
    ----------
    scale : float or sequence of float
        0 or more; rounded to float32.
    zero_point, act_min, act_max : int
        See :class:`Rescale`.
    """

    scale: Floats

    ranges: ClassVar[dict[str, Range | None]] = {"scale": None}
    rule = staticmethod(spec.float_scale)

    def __post_init__(self) -> None:
        Rescale.__post_init__(self)
        object.__setattr__(self, "scale", _plain(np.asarray(self.scale, np.float32)))

    @classmethod
    def from_scales(
        cls, source: float, weight: float | Iterable[float], target: float, **clamp: Any
    ) -> Self:
        """Return source * weight / target, every step in float32 as XNNPACK does it.

        Parameters
        ----------
        source, target : float
            Scales of input and output.
        weight : float or sequence of float
            Scale of the weights; a sequence for channels.
        **clamp : int
            ``zero_point``, ``act_min``, ``act_max`` of :class:`Rescale`.
        """
        product = np.float32(source) * np.asarray(weight, np.float32)
        scale = np.divide(product, np.float32(target), dtype=np.float32)
        return cls(scale.tolist(), **clamp)
