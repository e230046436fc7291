"""What both operands of a product, and its accumulator, must be."""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike, NDArray

from fxpsim.accumulators import Accumulator, Sequential
from fxpsim.casts import check_codes
from fxpsim.errors import DataError, FormatError
from fxpsim.formats import Format, QFormat

__all__ = ["check_accumulator", "check_bias", "matrix", "product_frac"]


def check_accumulator(accumulator: object) -> Accumulator:
    """Return an accumulator, unless no sum over one axis can be made in it."""
    if not isinstance(accumulator, Accumulator):
        raise FormatError(f"accumulator must be an Accumulator, not {accumulator!r}")
    order = accumulator.order
    if isinstance(order, Sequential) and order.axes not in (None, (0,)):
        raise FormatError(
            f"order axes must be (0,) where K is all there is to sum over, not {order.axes}"
        )
    return accumulator


def product_frac(*formats: Format | None) -> int:
    """Return the fraction bits of products of codes."""
    return sum(fmt.frac for fmt in formats if isinstance(fmt, QFormat))


def check_bias(bias: ArrayLike | None, outputs: int) -> NDArray[Any] | None:
    """Return a bias as integers, one an output."""
    if bias is None:
        return None
    start = check_codes(bias, None, "bias")
    if start.shape != (outputs,):
        raise DataError(f"bias must have shape ({outputs},), not {start.shape}")
    return start


def matrix(codes: ArrayLike, fmt: Format | None, noun: str) -> NDArray[Any]:
    """Return codes as a matrix of integers, all of them of a format."""
    array = check_codes(codes, fmt, noun)
    if array.ndim != 2:
        raise DataError(f"{noun} must be a matrix, not of shape {array.shape}")
    return array
