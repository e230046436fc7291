"""Where the zero points of affine codes go in a sum of products.

``subtract``: they are taken off the codes before these are multiplied.  ``folded``: raw codes are
multiplied, and the sum starts from what makes up for it.  A register that nothing overflows ends
the same; in a narrow one they differ, so it is part of what a layer means.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxpsim.errors import FormatError, suggest
from fxpsim.formats import Affine, Format
from fxpsim.scaled import multiplicands

__all__ = ["ZeroPoints", "fold_zero_points", "terms"]

IntArray = NDArray[Any]


class ZeroPoints(StrEnum):
    """What is multiplied: codes less their zero points, or raw codes."""

    SUBTRACT = "subtract"
    FOLDED = "folded"


_FORMS = tuple(ZeroPoints)


def terms(
    a: IntArray,
    b: IntArray,
    a_format: Format | None,
    b_format: Format | None,
    bias: IntArray | None,
    zero_points: ZeroPoints | str = ZeroPoints.SUBTRACT,
) -> tuple[IntArray, IntArray, IntArray | None]:
    """Return the multiplicands of two matrices of codes, and what their sums start from.

    Parameters
    ----------
    a, b : integer arrays (M, K), (K, N)
        Codes of their formats.
    a_format, b_format : Format or None
        None: codes are multiplicands.
    bias : integer array (N,) or None
        At the product's fraction.
    zero_points : {"subtract", "folded"}
        Of affine formats; the others have none.

    Returns
    -------
    a, b : integer arrays
        Multiplicands.
    start : integer array (N,), or (M, N) where ``b`` has zero points that are folded; or None
    """
    if zero_points not in _FORMS:
        raise FormatError(
            f"zero points must be 'subtract' or 'folded', not {zero_points!r}"
            f"{suggest(str(zero_points), _FORMS)}"
        )
    if zero_points == ZeroPoints.SUBTRACT or not (_shifted(a_format) or _shifted(b_format)):
        return multiplicands(a, a_format), multiplicands(b, b_format), bias
    a_zero, b_zero = _zeros(a, a_format), _zeros(b, b_format)
    raw = [
        codes if isinstance(fmt, Affine) else multiplicands(codes, fmt)
        for codes, fmt in ((a, a_format), (b, b_format))
    ]
    return raw[0], raw[1], fold_zero_points(raw[0], raw[1], a_zero, b_zero, bias)


def _shifted(fmt: Format | None) -> bool:
    return isinstance(fmt, Affine) and bool(np.any(fmt.zero_point))


def _zeros(codes: IntArray, fmt: Format | None) -> IntArray:
    zeros = fmt.zero_points(codes.shape) if isinstance(fmt, Affine) else np.zeros((), np.int64)
    return zeros.reshape(zeros.shape or (1, 1))


def fold_zero_points(
    a: IntArray, b: IntArray, a_zero: IntArray, b_zero: IntArray, bias: IntArray | None = None
) -> IntArray:
    """Return what sums of raw codes start from (:func:`fxpsim.spec.fold_zero_points`).

    Parameters
    ----------
    a, b : integer arrays (M, K), (K, N)
        Codes; padding is the code that stands for 0.
    a_zero : integer array (1 or M, 1 or K)
        Zero points of ``a``.
    b_zero : integer array (1 or K, 1 or N)
        Zero points of ``b``.
    bias : integer array (N,), optional
        At the product's fraction.

    Returns
    -------
    int64 array (object where it must be): (N,), or (M, N) where it depends on the row of ``a``
    """
    length, outputs = b.shape
    arrays = a, b, a_zero, b_zero
    if bias is not None:
        arrays = *arrays, bias  # type: ignore[assignment]
    peak = max(max(abs(int(x.max(initial=0))), abs(int(x.min(initial=0)))) for x in arrays)
    dtype = np.int64 if 3 * length * peak**2 + peak < 1 << 63 else np.object_
    a, b, a_zero, b_zero = (array.astype(dtype) for array in (a, b, a_zero, b_zero))
    start = np.zeros((1, outputs), dtype) if bias is None else bias.astype(dtype).reshape(1, -1)
    if a_zero.any():
        start = start - _dot(a_zero, b, length)
    if b_zero.any():
        start = start - _dot(a, b_zero, length) + _dot(a_zero, b_zero, length)
    return np.asarray(start[0] if len(start) == 1 else start)


def _dot(x: IntArray, y: IntArray, length: int) -> IntArray:
    """Multiply matrices (R or 1, K or 1) and (K or 1, C or 1), stretched to K; (R, C) or less."""
    if y.shape[0] == 1:
        total = np.broadcast_to(x, (len(x), length)).sum(axis=1, keepdims=True)
        return np.asarray(total * y)
    if x.shape[1] == 1:
        return np.asarray(x * y.sum(axis=0, keepdims=True))
    return np.asarray(x @ y)
