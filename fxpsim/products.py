"""Matrix products whose every addition happens in a declared accumulator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fxpsim import dispatch
from fxpsim.accumulators import Accumulator
from fxpsim.casts import check_codes, code_range
from fxpsim.engine import code_dtype
from fxpsim.errors import DataError, FormatError
from fxpsim.formats import Format, QFormat
from fxpsim.scaled import multiplicands
from fxpsim.stats import OverflowStatistics

__all__ = ["MatmulResult", "matmul", "matmul_stats"]

IntArray = NDArray[Any]


@dataclass(frozen=True, slots=True)
class MatmulResult:
    """Codes (M, N), and what overflowed on the way, by output channel.

    ``stats`` are those of the outermost register, ``levels`` those of all levels by name.
    """

    codes: IntArray
    stats: OverflowStatistics
    levels: dict[str, OverflowStatistics]


def matmul(
    a: ArrayLike,
    b: ArrayLike,
    accumulator: Accumulator,
    *,
    a_format: Format | None = None,
    b_format: Format | None = None,
    bias: ArrayLike | None = None,
) -> IntArray:
    """Return ``a @ b``, each sum made in ``accumulator``, in its declared order.

    Parameters
    ----------
    a : array_like of int (M, K)
        Codes.
    b : array_like of int (K, N)
        Codes.
    accumulator : Accumulator
        The registers.
    a_format, b_format : QFormat, Affine or Levels, optional
        What the codes mean: their multiplicands (code, code less zero point, codebook entry) are
        multiplied, and codes outside their format are an error.  The product's fraction is the
        sum of theirs (0 without them).
    bias : array_like of int (N,), optional
        At the product's fraction; added as the accumulator says.

    Returns
    -------
    int32 array (int64 where the accumulator needs it) (M, N)

    Raises
    ------
    DataError
        Shapes do not fit together, or codes are not integers or outside their format.

    Examples
    --------
    >>> matmul([[100, 100, -100]], [[1], [1], [1]], Accumulator(8, "saturate")).tolist()
    [[27]]
    """
    operands = _operands(a, b, accumulator, a_format, b_format, bias)
    return dispatch.product(*operands, product_frac=_frac(a_format, b_format))


def matmul_stats(
    a: ArrayLike,
    b: ArrayLike,
    accumulator: Accumulator,
    *,
    a_format: Format | None = None,
    b_format: Format | None = None,
    bias: ArrayLike | None = None,
) -> MatmulResult:
    """Return :func:`matmul` with statistics of its overflows; parameters as there."""
    left, right, register, a_range, b_range, start = _operands(
        a, b, accumulator, a_format, b_format, bias
    )
    frac = _frac(a_format, b_format)
    planes = dispatch.product_planes(
        left, right, register, a_range, b_range, start, product_frac=frac
    )
    additions = left.shape[1] + (start is not None)
    last = register.outermost
    codes = planes.register.astype(code_dtype(last.lo, last.hi), copy=False)
    levels = OverflowStatistics.of(planes, register, additions, frac - register.result_frac(frac))
    return MatmulResult(codes, levels["final"], levels)


def _frac(*formats: Format | None) -> int:
    return sum(fmt.frac for fmt in formats if isinstance(fmt, QFormat))


def _operands(
    a: ArrayLike,
    b: ArrayLike,
    accumulator: Accumulator,
    a_format: Format | None,
    b_format: Format | None,
    bias: ArrayLike | None,
) -> tuple[IntArray, IntArray, Accumulator, tuple[int, int], tuple[int, int], IntArray | None]:
    if not isinstance(accumulator, Accumulator):
        raise FormatError(f"accumulator must be an Accumulator, not {accumulator!r}")
    left, right = _matrix(a, a_format, "a"), _matrix(b, b_format, "b")
    if left.shape[1] != right.shape[0]:
        raise DataError(f"a and b must agree in K, but a is {left.shape} and b is {right.shape}")
    start = None
    if bias is not None:
        start = np.ascontiguousarray(check_codes(bias, None, "bias"))
        if start.shape != (right.shape[1],):
            raise DataError(f"bias must have shape ({right.shape[1]},), not {start.shape}")
    return left, right, accumulator, code_range(left), code_range(right), start


def _matrix(codes: ArrayLike, fmt: Format | None, noun: str) -> IntArray:
    array = check_codes(codes, fmt, noun)
    if array.ndim != 2:
        raise DataError(f"{noun} must be a matrix, not of shape {array.shape}")
    return np.ascontiguousarray(multiplicands(array, fmt))
