"""Schemes that bring a wide sum back to a narrow word."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import ArrayLike, NDArray

from fxpsim import dispatch
from fxpsim.casts import check_codes
from fxpsim.errors import FormatError
from fxpsim.formats import Overflow, QFormat, Rounding
from fxpsim.formats.modes import read_mode
from fxpsim.formats.qformat import MAX_FRAC, check_int

__all__ = ["Shift", "requantize"]


@dataclass(frozen=True, slots=True)
class Shift:
    """overflow(round(acc * 2**-bits)): requantisation by a power of two.

    Parameters
    ----------
    bits : int
        How far to the right; negative is to the left.
    rounding : Rounding or str
        What becomes of the dropped bits.  ``nearest_up`` is CMSIS-NN's rounding constant.
    overflow : Overflow or str
        What becomes of results outside the target.
    """

    bits: int
    rounding: Rounding = Rounding.FLOOR
    overflow: Overflow = Overflow.SATURATE

    def __post_init__(self) -> None:
        if sentence := check_int("shift bits", self.bits, -MAX_FRAC, MAX_FRAC):
            raise FormatError(sentence)
        object.__setattr__(self, "rounding", read_mode(self.rounding, Rounding, "shift rounding"))
        object.__setattr__(self, "overflow", read_mode(self.overflow, Overflow, "shift overflow"))


def requantize(acc: ArrayLike, scheme: Shift, target: QFormat | None = None) -> NDArray[Any]:
    """Return accumulators brought to a narrow format.

    Parameters
    ----------
    acc : array_like of int
        Any shape.
    scheme : Shift
        How.
    target : QFormat, optional
        The format whose range the result must have; signed 8 bits where not given.

    Examples
    --------
    >>> requantize([1000, -1000, 9999], Shift(4, "nearest_up")).tolist()
    [63, -62, 127]
    """
    if not isinstance(scheme, Shift):
        raise FormatError(f"requantisation scheme must be a Shift, not {scheme!r}")
    fmt = QFormat(8, 0) if target is None else target
    if fmt.narrow and scheme.overflow is Overflow.WRAP:
        raise FormatError(f"a narrow format cannot wrap (format {fmt}); use 'saturate'")
    codes = check_codes(acc, None, "accumulators")
    return dispatch.shift_codes(codes, scheme.bits, fmt, scheme.rounding, scheme.overflow)
