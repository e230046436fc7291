"""Affine formats: value = (code - zero point) * scale, as TFLite and ONNX have them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxpsim.errors import DataError, FormatError
from fxpsim.formats.qformat import check_int

__all__ = ["Affine"]


@dataclass(frozen=True, slots=True)
class Affine:
    """A format with a real scale and an integer zero point, for a tensor or along an axis.

    What enters a product is ``code - zero_point``.

    Parameters
    ----------
    bits : int
        Word length, 1 to 32.
    scale : float or sequence of float
        Value of one code step, more than 0; a sequence along ``axis``.
    zero_point : int or sequence of int
        The code of the value 0, one that the word holds; a sequence along ``axis``.
    signed : bool
        Two's complement, or unsigned.
    axis : int, optional
        The axis of the tensor that scales and zero points run along.

    Raises
    ------
    FormatError
        Naming everything that is wrong at once.

    References
    ----------
    Jacob et al.: Quantization and Training of Neural Networks for Efficient
    Integer-Arithmetic-Only Inference. CVPR 2018, equation 1.

    Examples
    --------
    >>> Affine(8, 0.5, 3).lo, Affine(8, [0.5, 0.25], axis=0).scale
    (-128, (0.5, 0.25))
    """

    bits: int
    scale: float | tuple[float, ...]
    zero_point: int | tuple[int, ...] = 0
    signed: bool = True
    axis: int | None = None

    def __init__(
        self,
        bits: int,
        scale: float | Sequence[float] | NDArray[Any],
        zero_point: int | Sequence[int] | NDArray[Any] = 0,
        *,
        signed: bool = True,
        axis: int | None = None,
    ) -> None:
        scales, zeros = _plain(scale), _plain(zero_point)
        wrong = [check_int("format bits", bits, 1, 32)]
        if not isinstance(signed, (bool, np.bool_)):
            wrong.append(f"format signed must be True or False, not {signed!r}")
        if axis is None and (isinstance(scales, tuple) or isinstance(zeros, tuple)):
            wrong.append("several scales or zero points need an axis to run along")
        if axis is not None:
            wrong.append(check_int("format axis", axis, -64, 63))
            length = len(scales) if isinstance(scales, tuple) else 1
            zeros = zeros if isinstance(zeros, tuple) else (zeros,) * length
            scales = scales if isinstance(scales, tuple) else (scales,) * len(zeros)
            if len(scales) != len(zeros):
                wrong.append(
                    f"scales and zero points must be as many, not {len(scales)} and {len(zeros)}"
                )
        if not any(wrong):
            lo, hi = -(1 << (bits - 1)) if signed else 0, (1 << (bits - signed)) - 1
            wrong += [check_int("zero point", zero, lo, hi) for zero in _each(zeros)]
        wrong += [_check_scale(each) for each in _each(scales)]
        if sentences := [sentence for sentence in wrong if sentence]:
            raise FormatError("; ".join(dict.fromkeys(sentences)))
        object.__setattr__(self, "bits", bits)
        object.__setattr__(self, "scale", scales)
        object.__setattr__(self, "zero_point", zeros)
        object.__setattr__(self, "signed", signed)
        object.__setattr__(self, "axis", axis)

    @property
    def lo(self) -> int:
        """Lowest code."""
        return -(1 << (self.bits - 1)) if self.signed else 0

    @property
    def hi(self) -> int:
        """Highest code."""
        return (1 << (self.bits - self.signed)) - 1

    @property
    def multiplicand_range(self) -> tuple[int, int]:
        """Lowest and highest code less its zero point."""
        zeros = _each(self.zero_point)
        return self.lo - max(zeros), self.hi - min(zeros)

    def scales(self, shape: tuple[int, ...]) -> NDArray[np.float64]:
        """Return the scales, to be broadcast over a tensor of ``shape``."""
        return self._along(self.scale, shape).astype(np.float64)

    def zero_points(self, shape: tuple[int, ...]) -> NDArray[np.int64]:
        """Return the zero points, to be broadcast over a tensor of ``shape``."""
        return self._along(self.zero_point, shape).astype(np.int64)

    def _along(self, parameter: object, shape: tuple[int, ...]) -> NDArray[Any]:
        array = np.array(parameter)
        if self.axis is None:
            return array
        if not -len(shape) <= self.axis < len(shape) or shape[self.axis] != array.size:
            raise DataError(
                f"a format with {array.size} scales along axis {self.axis} "
                f"does not fit a tensor of shape {shape}"
            )
        broadcast = [1] * len(shape)
        broadcast[self.axis] = array.size
        return array.reshape(broadcast)

    def __str__(self) -> str:
        word = f"{'s' if self.signed else 'u'}{self.bits}"
        if self.axis is not None:
            return f"affine-{word} along axis {self.axis}"
        return f"affine-{word}*{self.scale}{-self.zero_point:+}"  # type: ignore[operator]


def _plain(value: Any) -> Any:
    """Return numpy's numbers and sequences as Python's own."""
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return tuple(_plain(item) for item in value)
    return value.item() if isinstance(value, np.generic) else value


def _each(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def _check_scale(scale: object) -> str | None:
    if isinstance(scale, bool) or not isinstance(scale, (int, float)):
        return f"format scale must be a number, not {scale!r}"
    if not (math.isfinite(scale) and scale > 0):
        return f"format scale must be finite and more than 0, not {scale}"
    return None
