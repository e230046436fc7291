"""Arrays of values to codes, codes to values, codes to codes."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fxpsim.dispatch.casts import OutsideError, Stage, cast_codes
from fxpsim.dispatch.floats import quantize_floats
from fxpsim.draws import Draws
from fxpsim.errors import DataError, FormatError
from fxpsim.formats import Affine, Format, Levels, OverflowRule, QFormat, Rounding
from fxpsim.formats.modes import check_overflow, read_mode, read_overflow
from fxpsim.scaled import multiplicands, quantize_affine, quantize_levels

__all__ = [
    "CastResult",
    "cast",
    "cast_stats",
    "check_codes",
    "code_range",
    "dequantize",
    "quantize",
    "quantize_stats",
]


@dataclass(frozen=True, slots=True)
class CastResult:
    """Codes, and how many of them the overflow mode changed."""

    codes: NDArray[Any]
    changed: int


def quantize(
    x: ArrayLike,
    fmt: Format,
    rounding: Rounding | str = "nearest_even",
    overflow: OverflowRule | str = "saturate",
    *,
    seed: int = 0,
    samples: ArrayLike | None = None,
    nan: Literal["raise", "zero"] = "raise",
    threads: int = 1,
) -> NDArray[Any]:
    """Return the codes of real values.

    Parameters
    ----------
    x : array_like of float
        Any shape.  Infinities follow the overflow mode (and wrap to 0).
    fmt : QFormat, Affine or Levels
        Target.
    rounding : Rounding or str
        Applied first, to the exact value (with a scale: to the float64 ``x / scale``).
    overflow : Overflow, Wrap, WrapSignMagnitude or str
        Applied second.
    seed : int
        Of the stochastic modes.  A draw depends on the seed, the sample's id and the position
        within the sample, so batching, slicing and threads cannot change it.
    samples : array_like of int, optional
        The id of every entry of the first axis; 0, 1, 2... where not given.
    nan : {"raise", "zero"}
        What to do with NaN.
    threads : int
        How many run at a time; the codes do not depend on it.

    Returns
    -------
    int32 array (int64 where the format needs it) of the shape of ``x``

    Raises
    ------
    DataError
        An element is NaN; the message has its index.
    FormatError
        Unknown mode, or one that the format has no meaning for.
    OverflowTrap
        The mode is ``trap`` and a value does not fit; it has the first index and the value.

    Examples
    --------
    >>> quantize([0.3, -9.0], QFormat(8, 4)).tolist()
    [5, -128]
    """
    return quantize_stats(
        x, fmt, rounding, overflow, seed=seed, samples=samples, nan=nan, threads=threads
    ).codes


def quantize_stats(
    x: ArrayLike,
    fmt: Format,
    rounding: Rounding | str = "nearest_even",
    overflow: OverflowRule | str = "saturate",
    *,
    seed: int = 0,
    samples: ArrayLike | None = None,
    nan: Literal["raise", "zero"] = "raise",
    threads: int = 1,
) -> CastResult:
    """Return :func:`quantize` with a count of what overflowed; parameters as there."""
    if nan not in ("raise", "zero"):
        raise FormatError(f"nan must be 'raise' or 'zero', not {nan!r}")
    mode, rule = read_mode(rounding, Rounding, "rounding"), read_overflow(overflow, "overflow")
    values = _floats(x)
    draws = Draws(seed, samples=samples)
    if isinstance(fmt, Affine):
        result, missing = quantize_affine(values, fmt, mode, rule, draws, threads)
    elif isinstance(fmt, Levels):
        result, missing = quantize_levels(values, fmt, mode, rule)
    else:
        check_overflow(_binary(fmt, "format"), rule)
        result, missing = quantize_floats(values, fmt, mode, rule, draws, threads=threads)
    if missing and nan == "raise":
        index = [int(i) for i in np.argwhere(np.isnan(values))[0]]
        raise DataError(f"values must be numbers, but element {index} is NaN ({missing} in all)")
    return CastResult(result.codes, result.changed)


def dequantize(codes: ArrayLike, fmt: Format) -> NDArray[np.float64]:
    """Return the values that codes stand for, as float64 (rounded beyond 53 bits).

    Parameters
    ----------
    codes : array_like of int
        Codes of ``fmt``, any shape.
    fmt : QFormat, Affine or Levels
        What they mean.

    Raises
    ------
    DataError
        A code is outside the format.
    """
    checked = check_codes(codes, fmt, "codes")
    if isinstance(fmt, QFormat):
        return np.ldexp(checked.astype(np.float64), -fmt.frac)
    scale = fmt.scale if isinstance(fmt, Levels) else fmt.scales(checked.shape)
    return np.asarray(multiplicands(checked, fmt) * scale)


def cast(
    codes: ArrayLike,
    source: QFormat,
    target: QFormat,
    rounding: Rounding | str = "floor",
    overflow: OverflowRule | str = "wrap",
    *,
    seed: int = 0,
    samples: ArrayLike | None = None,
    threads: int = 1,
) -> NDArray[Any]:
    """Return codes in another format: rounded first, then brought into range.

    Parameters
    ----------
    codes : array_like of int
        Codes of ``source``, any shape.
    source, target : QFormat
        From and to.
    rounding, overflow : Rounding; Overflow, Wrap, WrapSignMagnitude; or str
        The defaults are those of hardware that does nothing: drop bits on both sides.
    seed, samples, threads
        As for :func:`quantize`.

    Raises
    ------
    DataError
        A code is outside ``source``.
    FormatError, OverflowTrap
        As in :func:`quantize`.

    Examples
    --------
    >>> cast([100, -3], QFormat(8, 4), QFormat(4, 2), "nearest_even", "saturate").tolist()
    [7, -1]
    """
    return cast_stats(
        codes, source, target, rounding, overflow, seed=seed, samples=samples, threads=threads
    ).codes


def cast_stats(
    codes: ArrayLike,
    source: QFormat,
    target: QFormat,
    rounding: Rounding | str = "floor",
    overflow: OverflowRule | str = "wrap",
    *,
    seed: int = 0,
    samples: ArrayLike | None = None,
    threads: int = 1,
) -> CastResult:
    """Return :func:`cast` with a count of what overflowed; parameters as there."""
    _binary(source, "source")
    rule = read_overflow(overflow, "overflow")
    check_overflow(_binary(target, "target"), rule)
    stage = Stage(target, read_mode(rounding, Rounding, "rounding"), rule)
    array = check_codes(codes, None, "codes")
    draws = Draws(seed, samples=samples)
    shift, ends = source.frac - target.frac, (source.lo, source.hi)
    try:
        result = cast_codes(array, shift, stage, source=ends, draws=draws, threads=threads)
    except OutsideError:
        raise _outside(array, source, "codes") from None
    return CastResult(result.codes, result.changed)


def _binary(fmt: object, noun: str) -> QFormat:
    if not isinstance(fmt, QFormat):
        raise FormatError(f"{noun} must be a QFormat, not {fmt!r}")
    return fmt


def _floats(x: ArrayLike) -> NDArray[np.floating[Any]]:
    """Return real values as they are where they are float32 or float64, else as float64."""
    given = np.asarray(x)
    if given.dtype in (np.float32, np.float64):
        return given.astype(given.dtype.newbyteorder("="), copy=False)
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
        return (-128, 127) if array.dtype.kind == "i" else (0, 255)
    return (int(array.min()), int(array.max())) if array.size else (0, 0)


def check_codes(codes: ArrayLike, fmt: Format | None, noun: str) -> NDArray[Any]:
    """Return ``codes`` as an integer array, all of them codes of ``fmt``.

    Parameters
    ----------
    codes : array_like of int
        Any shape; object arrays of Python integers too.
    fmt : QFormat, Affine, Levels or None
        None: any integer will do.
    noun : str
        What to call them in an error.

    Raises
    ------
    DataError
        They are not integers, or one is outside the format.
    """
    try:
        array = np.asarray(codes)
    except ValueError:  # lists of different lengths
        raise DataError(f"{noun} must be an array, rows of one length") from None
    if array.dtype == np.uint64 or array.dtype == np.object_:
        array = _python_integers(array, noun)
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    if array.dtype.kind not in "Oiu":
        if array.size:
            raise DataError(f"{noun} must be integers, not {array.dtype}; quantize values first")
        array = array.astype(np.int32)
    if fmt is not None and array.size:
        low, high = code_range(array)
        if (low < fmt.lo or high > fmt.hi) and not _inside(array, fmt):
            raise _outside(array, fmt, noun)
    return array


def _inside(array: NDArray[Any], fmt: Format) -> bool:
    return fmt.lo <= int(array.min()) and int(array.max()) <= fmt.hi


def _outside(array: NDArray[Any], fmt: Format, noun: str) -> DataError:
    low, high = int(array.min()), int(array.max())
    worst = low if low < fmt.lo else high
    index = [int(i) for i in np.argwhere(array == worst)[0]]
    return DataError(
        f"{noun} must be {fmt.lo} to {fmt.hi} (format {fmt}), but element {index} is {worst}"
    )


def _python_integers(array: NDArray[Any], noun: str) -> NDArray[Any]:
    """Return integers of any size as int64 where they fit, else as Python objects."""
    items = array.reshape(-1).tolist()
    if not all(isinstance(item, Integral) and not isinstance(item, bool) for item in items):
        raise DataError(f"{noun} must be integers, but an element is not")
    items = [int(item) for item in items]
    fits = all(-(1 << 63) <= item < 1 << 63 for item in items)
    return np.array(items, np.int64 if fits else np.object_).reshape(array.shape)
