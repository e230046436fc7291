"""Codes and formats from and to the arrays of fxpmath and apytypes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxpsim.casts import check_codes
from fxpsim.errors import DataError
from fxpsim.formats import QFormat

__all__ = ["from_foreign", "is_foreign", "to_apytypes", "to_fxpmath"]

_APYTYPES = ("APyFixed", "APyFixedArray")


def is_foreign(x: object) -> bool:
    """Whether ``x`` is an array of one of the two libraries (neither is imported to see)."""
    return _library(x) in ("fxpmath", "apytypes")


def _library(x: object) -> str:
    return type(x).__module__.partition(".")[0]


def from_foreign(x: Any) -> tuple[NDArray[Any], QFormat]:
    """Return codes and format of a ``Fxp``, ``APyFixed`` or ``APyFixedArray``.

    Raises
    ------
    DataError
        It is complex, scaled, or another of their types.
    FormatError
        Its words have more than 62 bits.
    """
    if _library(x) == "fxpmath":
        return _from_fxpmath(x)
    if type(x).__name__ not in _APYTYPES:
        raise DataError(f"an apytypes array must be of APyFixed, not {type(x).__name__}")
    fmt = QFormat(x.bits, x.frac_bits)
    bits = np.array(x.to_bits(), np.int64)
    return bits - ((bits > fmt.hi).astype(np.int64) << fmt.bits), fmt


def _from_fxpmath(x: Any) -> tuple[NDArray[Any], QFormat]:
    if np.issubdtype(x.vdtype, np.complexfloating) or x.scaled:
        raise DataError("a Fxp must be real and without scale and bias")
    fmt = QFormat(int(x.n_word), int(x.n_frac), bool(x.signed))
    return check_codes(x.val, fmt, "codes"), fmt


def to_fxpmath(codes: NDArray[Any], fmt: QFormat) -> Any:
    """Return a ``fxpmath.Fxp`` of the same codes and format."""
    from fxpmath import Fxp

    return Fxp(codes, fmt.signed, fmt.bits, fmt.frac, raw=True)


def to_apytypes(codes: NDArray[Any], fmt: QFormat) -> Any:
    """Return an ``apytypes.APyFixedArray`` of the same values.

    It knows signed words only, so an unsigned format gains a sign bit.
    """
    from apytypes import APyFixedArray

    bits = fmt.bits + (not fmt.signed)
    words = codes.astype(np.int64) & np.int64((1 << bits) - 1)
    return APyFixedArray(words.tolist(), int_bits=bits - fmt.frac, frac_bits=fmt.frac)
