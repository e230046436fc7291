"""Arrays of values to codes, codes to values, codes to codes."""

from __future__ import annotations

from numbers import Integral
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fxpsim import dispatch_casts
from fxpsim.errors import DataError, FormatError
from fxpsim.formats import Overflow, QFormat, Rounding
from fxpsim.formats.modes import read_mode

__all__ = ["cast", "check_codes", "code_range", "dequantize", "quantize"]


def quantize(
    x: ArrayLike,
    fmt: QFormat,
    rounding: Rounding | str = "nearest_even",
    overflow: Overflow | str = "saturate",
    *,
    nan: Literal["raise", "zero"] = "raise",
) -> NDArray[Any]:
    """Return the codes of real values.

    Parameters
    ----------
    x : array_like of float
        Any shape.  Infinities follow the overflow mode (and wrap to 0).
    fmt : QFormat
        Target.
    rounding : Rounding or str
        Applied first, to the exact value.
    overflow : Overflow or str
        Applied second.
    nan : {"raise", "zero"}
        What to do with NaN.

    Returns
    -------
    int32 array (int64 where the format needs it) of the shape of ``x``

    Raises
    ------
    DataError
        An element is NaN; the message has its index.
    FormatError
        Unknown mode, or a narrow format that should wrap.

    Examples
    --------
    >>> quantize([0.3, -9.0], QFormat(8, 4)).tolist()
    [5, -128]
    """
    if nan not in ("raise", "zero"):
        raise FormatError(f"nan must be 'raise' or 'zero', not {nan!r}")
    modes = _modes(fmt, rounding, overflow)
    values = _floats(x)
    missing = np.isnan(values)
    if missing.any():
        if nan == "raise":
            index = tuple(int(i) for i in np.argwhere(missing)[0])
            raise DataError(
                f"values must be numbers, but element {list(index)} is NaN "
                f"({int(missing.sum())} in all)"
            )
        values = np.where(missing, 0.0, values)
    return dispatch_casts.quantize_floats(values, fmt, *modes)


def dequantize(codes: ArrayLike, fmt: QFormat) -> NDArray[np.float64]:
    """Return the values that codes stand for, as float64 (rounded beyond 53 bits).

    Parameters
    ----------
    codes : array_like of int
        Codes of ``fmt``, any shape.
    fmt : QFormat
        What they mean.

    Raises
    ------
    DataError
        A code is outside the format.
    """
    return np.ldexp(check_codes(codes, fmt, "codes").astype(np.float64), -fmt.frac)


def cast(
    codes: ArrayLike,
    source: QFormat,
    target: QFormat,
    rounding: Rounding | str = "floor",
    overflow: Overflow | str = "wrap",
) -> NDArray[Any]:
    """Return codes in another format: rounded first, then brought into range.

    Parameters
    ----------
    codes : array_like of int
        Codes of ``source``, any shape.
    source, target : QFormat
        From and to.
    rounding, overflow : Rounding, Overflow or str
        The defaults are those of hardware that does nothing: drop bits on both sides.

    Raises
    ------
    DataError
        A code is outside ``source``.
    FormatError
        Unknown mode, or a narrow target that should wrap.

    Examples
    --------
    >>> cast([100, -3], QFormat(8, 4), QFormat(4, 2), "nearest_even", "saturate").tolist()
    [7, -1]
    """
    modes = _modes(target, rounding, overflow)
    checked = check_codes(codes, source, "codes")
    return dispatch_casts.shift_codes(checked, source.frac - target.frac, target, *modes)


def _modes(
    target: QFormat, rounding: Rounding | str, overflow: Overflow | str
) -> tuple[Rounding, Overflow]:
    modes = (
        read_mode(rounding, Rounding, "rounding"),
        read_mode(overflow, Overflow, "overflow"),
    )
    if target.narrow and modes[1] is Overflow.WRAP:
        raise FormatError(f"a narrow format cannot wrap (format {target}); use 'saturate'")
    return modes


def _floats(x: ArrayLike) -> NDArray[np.float64]:
    given = np.asarray(x)
    if given.dtype.kind == "c":
        raise DataError("values must be real numbers, not complex")
    try:
        values = given.astype(np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise DataError(f"values must be real numbers ({error})") from None
    if given.dtype.kind in "iu" and given.itemsize == 8 and given.size:
        peak = max(abs(int(given.max())), abs(int(given.min())))
        if peak > 1 << 53:
            raise DataError(
                f"values must be exact as float64, at most 2**53, not {peak}; use cast for codes"
            )
    return values


def code_range(array: NDArray[Any]) -> tuple[int, int]:
    """Return bounds on the entries of an integer array; those of a narrow type need no look."""
    if array.dtype.itemsize == 1:
        info = np.iinfo(array.dtype)
        return int(info.min), int(info.max)
    return (int(array.min()), int(array.max())) if array.size else (0, 0)


def check_codes(codes: ArrayLike, fmt: QFormat | None, noun: str) -> NDArray[Any]:
    """Return ``codes`` as an integer array, all of them codes of ``fmt``.

    Parameters
    ----------
    codes : array_like of int
        Any shape; object arrays of Python integers too.
    fmt : QFormat or None
        None: any integer will do.
    noun : str
        What to call them in an error.

    Raises
    ------
    DataError
        They are not integers, or one is outside the format.
    """
    array = np.asarray(codes)
    if array.dtype == np.uint64 or array.dtype == np.object_:
        array = _python_integers(array, noun)
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    if array.dtype.kind not in "Oiu":
        if array.size:
            raise DataError(f"{noun} must be integers, not {array.dtype}; quantize values first")
        array = array.astype(np.int32)
    if fmt is not None and array.size:
        low, high = int(array.min()), int(array.max())
        if low < fmt.lo or high > fmt.hi:
            worst = low if low < fmt.lo else high
            index = [int(i) for i in np.argwhere(array == worst)[0]]
            raise DataError(
                f"{noun} must be {fmt.lo} to {fmt.hi} (format {fmt}), "
                f"but element {index} is {worst}"
            )
    return array


def _python_integers(array: NDArray[Any], noun: str) -> NDArray[Any]:
    """Return integers of any size as int64 where they fit, else as Python objects."""
    items = array.reshape(-1).tolist()
    if not all(isinstance(item, Integral) and not isinstance(item, bool) for item in items):
        raise DataError(f"{noun} must be integers, but an element is not")
    items = [int(item) for item in items]
    fits = all(-(1 << 63) <= item < 1 << 63 for item in items)
    return np.array(items, np.int64 if fits else np.object_).reshape(array.shape)
