"""Wide sums to narrow codes, by the schemes of inference engines."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fxpsim import dispatch
from fxpsim.casts import check_codes
from fxpsim.errors import DataError, FormatError
from fxpsim.formats import Overflow, QFormat
from fxpsim.schemes import Rescale, Shift

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
    >>> requantize([-1, 0, 1], Gemmlowp.from_scale(0.5, zero_point=10)).tolist()
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
        return dispatch.rescale(codes, scheme, fmt)
    if fmt.narrow and scheme.overflow is Overflow.WRAP:
        raise FormatError(f"a narrow format cannot wrap (format {fmt}); use 'saturate'")
    if isinstance(scheme.bits, int):
        return dispatch.shift_codes(codes, scheme.bits, fmt, scheme.rounding, scheme.overflow)
    out = np.empty(codes.shape, dispatch.code_dtype(fmt.lo, fmt.hi))
    bits = np.array(scheme.bits)
    for shift in np.unique(bits).tolist():
        columns = bits == shift
        out[..., columns] = dispatch.shift_codes(
            codes[..., columns], shift, fmt, scheme.rounding, scheme.overflow
        )
    return out
