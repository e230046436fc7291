"""Wide sums to narrow codes, by the schemes of inference engines."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fxpsim.casts import check_codes, code_range
from fxpsim.dispatch import casts, rescaling
from fxpsim.errors import DataError, FormatError
from fxpsim.formats import QFormat
from fxpsim.formats.modes import check_overflow
from fxpsim.schemes import Rescale, Shift

__all__ = ["multiply", "requantize"]

Scheme = Shift | Rescale

_EIGHT_BITS = QFormat(8, 0)


def requantize(
    acc: ArrayLike, scheme: Scheme, target: QFormat | None = None, *, threads: int = 1
) -> NDArray[Any]:
    """Return accumulators brought to a narrow format.

    Parameters
    ----------
    acc : array_like of int
        Any shape; channels, where the scheme has constants for each, on the last axis.
    scheme : Shift, Gemmlowp, HalfUpTwice, SingleRound, Int16x8, FloatScale, Dyadic or Icn
        How.
    target : QFormat, optional
        The format whose range the result must have; signed 8 bits where not given.
    threads : int
        How many run at a time; the codes do not depend on it.

    Returns
    -------
    int32 array (int64 where the format needs it) of the shape of ``acc``

    Raises
    ------
    DataError
        The accumulators are not integers, or not as many in a row as the scheme has channels.
    FormatError
        The scheme is none of these, clamps outside the target, or wraps what cannot.

    Examples
    --------
    >>> requantize([1000, -1000, 9999], Shift(4, "nearest_up")).tolist()
    [63, -62, 127]
    >>> from fxpsim.schemes import Gemmlowp
    >>> requantize([-2, 0, 2], Gemmlowp.from_scale(0.5, zero_point=10)).tolist()
    [9, 10, 11]
    """
    fmt = _check_scheme(scheme, target)
    codes = check_codes(acc, None, "accumulators")
    _check_channels(codes, scheme, "accumulators")
    if isinstance(scheme, Rescale):
        return rescaling.rescale(codes, scheme, fmt, threads=threads)
    stage = casts.Stage(fmt, scheme.rounding, scheme.overflow)
    return casts.cast_codes(codes, scheme.bits, stage, threads=threads).codes


def multiply(
    a: ArrayLike,
    b: ArrayLike,
    scheme: Scheme,
    target: QFormat | None = None,
    *,
    threads: int = 1,
) -> NDArray[Any]:
    """Return ``requantize(a * b, scheme, target)``, element by element, products being exact.

    Factors of at most 15 bits and a sign are multiplied, rescaled and clamped in one pass.

    Parameters
    ----------
    a, b : array_like of int
        Multiplicands, of shapes that broadcast together.
    scheme, target, threads
        As for :func:`requantize`.

    Returns
    -------
    int32 array (int64 where the format needs it) of the broadcast shape

    Raises
    ------
    DataError, FormatError
        As in :func:`requantize`; or the shapes do not broadcast together.

    Examples
    --------
    >>> multiply([100, -7], [3, 5], Shift(2, "nearest_even")).tolist()
    [75, -9]
    """
    fmt = _check_scheme(scheme, target)
    left, right = check_codes(a, None, "factors"), check_codes(b, None, "factors")
    try:
        shape = np.broadcast_shapes(left.shape, right.shape)
    except ValueError:
        raise DataError(
            f"factors must broadcast together, but their shapes are {left.shape} and {right.shape}"
        ) from None
    left, right = np.broadcast_to(left, shape), np.broadcast_to(right, shape)
    _check_channels(left, scheme, "factors")
    if np.object_ not in (left.dtype, right.dtype):
        if isinstance(scheme, Rescale):
            result = rescaling.multiply_rescale((left, right), scheme, fmt, threads)
        else:
            stage = casts.Stage(fmt, scheme.rounding, scheme.overflow)
            result = casts.multiply_codes((left, right), scheme.bits, stage, threads)
        if result is not None:
            return result
    peak = math.prod(max(map(abs, code_range(factor))) for factor in (left, right))
    exact = np.int64 if peak < 1 << 63 else np.object_
    return requantize(left.astype(exact) * right.astype(exact), scheme, target, threads=threads)


def _check_scheme(scheme: Scheme, target: QFormat | None) -> QFormat:
    """Return the target; refuse what is no scheme, or has no meaning for it."""
    if not isinstance(scheme, Scheme):
        raise FormatError(
            "requantisation scheme must be a Shift, Gemmlowp, HalfUpTwice, SingleRound, Int16x8, "
            f"FloatScale, Dyadic or Icn, not {scheme!r}"
        )
    fmt = _EIGHT_BITS if target is None else target
    if isinstance(scheme, Shift):
        check_overflow(fmt, scheme.overflow)
    return fmt


def _check_channels(codes: NDArray[Any], scheme: Scheme, noun: str) -> None:
    if scheme.channels is not None and codes.shape[-1:] != (scheme.channels,):
        raise DataError(
            f"the last axis of the {noun} must have the scheme's {scheme.channels} channels, "
            f"but their shape is {codes.shape}"
        )
