"""Wide sums to narrow codes, by the schemes of inference engines."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fxpsim.casts import check_codes
from fxpsim.dispatch import casts as dispatch_casts
from fxpsim.engine import code_dtype
from fxpsim.errors import DataError, FormatError
from fxpsim.formats import Overflow, QFormat, Rounding
from fxpsim.formats.qformat import MAX_BITS
from fxpsim.schemes import Dyadic, Icn, Rescale, Shift, SingleRound

__all__ = ["requantize"]


def requantize(
    acc: ArrayLike, scheme: Shift | Rescale, target: QFormat | None = None
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

    Returns
    -------
    int32 array (int64 where the format needs it) of the shape of ``acc``

    Raises
    ------
    DataError
        The accumulators are not integers, or not as many in a row as the scheme has channels.
    FormatError
        The scheme is none of these, or clamps outside the target.

    Examples
    --------
    >>> requantize([1000, -1000, 9999], Shift(4, "nearest_up")).tolist()
    [63, -62, 127]
    >>> from fxpsim.schemes import Gemmlowp
    >>> requantize([-2, 0, 2], Gemmlowp.from_scale(0.5, zero_point=10)).tolist()
    [9, 10, 11]
    """
    if not isinstance(scheme, Shift | Rescale):
        raise FormatError(
            "requantisation scheme must be a Shift, Gemmlowp, HalfUpTwice, SingleRound, Int16x8, "
            f"FloatScale, Dyadic or Icn, not {scheme!r}"
        )
    fmt = QFormat(8, 0) if target is None else target
    codes = check_codes(acc, None, "accumulators")
    if scheme.channels is not None and codes.shape[-1:] != (scheme.channels,):
        raise DataError(
            f"the last axis of the accumulators must have the scheme's {scheme.channels} channels, "
            f"but their shape is {codes.shape}"
        )
    if isinstance(scheme, Rescale):
        return dispatch_casts.rescale(codes, scheme, fmt)
    if fmt.narrow and scheme.overflow is Overflow.WRAP:
        raise FormatError(f"a narrow format cannot wrap (format {fmt}); use 'saturate'")
    if isinstance(scheme.bits, int):
        return dispatch_casts.shift_codes(codes, scheme.bits, fmt, scheme.rounding, scheme.overflow)
    if (same := _as_rescale(scheme)) is not None:
        return dispatch_casts.rescale(codes, same, fmt)
    return _shift_channels(codes, scheme, np.array(scheme.bits), fmt)


@functools.lru_cache(maxsize=1024)
def _as_rescale(scheme: Shift) -> Rescale | None:
    """Return the scheme that multiplies by 1 and then does the same, where there is one."""
    bits = np.array(scheme.bits)
    if scheme.overflow is not Overflow.SATURATE or np.abs(bits).max() > MAX_BITS:
        return None
    match scheme.rounding:
        case Rounding.FLOOR:
            return Icn(1, bits - 32)
        case Rounding.NEAREST_UP:
            return SingleRound(1, 31 - bits)
        case Rounding.NEAREST_EVEN:
            return Dyadic(1, bits)
        case _:
            return None


def _shift_channels(
    codes: NDArray[Any], scheme: Shift, bits: NDArray[Any], target: QFormat
) -> NDArray[Any]:
    """Shift channels by different bits: in any mode, all channels of one shift together."""
    first = np.ascontiguousarray(np.moveaxis(codes, -1, 0))
    out = np.empty(first.shape, code_dtype(target.lo, target.hi))
    for shift in np.unique(bits).tolist():
        out[bits == shift] = dispatch_casts.shift_codes(
            first[bits == shift], shift, target, scheme.rounding, scheme.overflow
        )
    return np.ascontiguousarray(np.moveaxis(out, 0, -1))
