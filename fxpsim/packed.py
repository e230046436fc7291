"""The right operand of many products, packed once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fxpsim.accumulators import Accumulator
from fxpsim.casts import code_range
from fxpsim.dispatch import Prepared
from fxpsim.errors import DataError
from fxpsim.formats import Format, QFormat
from fxpsim.matrices import check_accumulator, check_bias, matrix, product_frac
from fxpsim.scaled import multiplicands

__all__ = ["PackedMatrix", "pack"]

_INT8 = QFormat(8, 0)


@dataclass(frozen=True, slots=True, eq=False)
class PackedMatrix:
    """What :func:`fxpsim.matmul` takes for its right operand; made by :func:`pack`.

    Attributes
    ----------
    shape : (int, int)
        K and N.
    a_format : QFormat, Affine or Levels
        Of the left operands it may meet.
    """

    shape: tuple[int, int]
    a_format: Format
    prepared: Prepared

    def product(self, a: ArrayLike, threads: int = 1) -> NDArray[Any]:
        """Return the registers of codes ``a`` (M, K) times this matrix, (M, N)."""
        left = matrix(a, self.a_format, "a")
        if left.shape[1] != self.shape[0]:
            raise DataError(f"a and b must agree in K, but a is {left.shape} and b is {self.shape}")
        left = np.ascontiguousarray(multiplicands(left, self.a_format))
        return self.prepared.product(left, threads, always=True)


def pack(
    b: ArrayLike,
    accumulator: Accumulator,
    *,
    a_format: Format | None = None,
    b_format: Format | None = None,
    bias: ArrayLike | None = None,
) -> PackedMatrix:
    """Lay out a right operand once, for many calls of :func:`fxpsim.matmul`.

    Parameters
    ----------
    b : array_like of int (K, N)
        Codes.
    accumulator : Accumulator
        The registers.
    a_format : QFormat, Affine or Levels, optional
        Of the left operands, whose range decides how products are made; None: any 8-bit integer.
    b_format : QFormat, Affine or Levels, optional
        None: any integer.
    bias : array_like of int (N,), optional
        At the products' fraction.

    Examples
    --------
    >>> from fxpsim import matmul
    >>> weights = pack([[1], [1], [1]], Accumulator(8, "saturate"))
    >>> matmul([[100, 100, -100]], weights).tolist()
    [[27]]
    """
    check_accumulator(accumulator)
    left = a_format or _INT8
    right = matrix(b, b_format, "b")
    start = check_bias(bias, right.shape[1])
    codes = np.ascontiguousarray(multiplicands(right, b_format))
    a_range = left.multiplicand_range
    prepared = Prepared(
        codes, accumulator, a_range, code_range(codes), start,
        product_frac=product_frac(left, b_format),
    )  # fmt: skip
    return PackedMatrix((codes.shape[0], codes.shape[1]), left, prepared)
