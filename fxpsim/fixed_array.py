"""Codes and their format together, with the arithmetic of HLS fixed-point types."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fxpsim import interop
from fxpsim.accumulators import Accumulator
from fxpsim.casts import cast, check_codes, dequantize, quantize
from fxpsim.engine import code_dtype
from fxpsim.errors import DataError, FormatError
from fxpsim.formats import OverflowRule, QFormat, Rounding
from fxpsim.formats.qformat import MAX_BITS
from fxpsim.products import matmul

__all__ = ["FixedArray", "array"]


def array(
    values_or_codes: ArrayLike,
    fmt: QFormat | None = None,
    rounding: Rounding | str = "nearest_even",
    overflow: OverflowRule | str = "saturate",
    *,
    seed: int = 0,
) -> FixedArray:
    """Return an array of fixed-point numbers.

    Parameters
    ----------
    values_or_codes : array_like, fxpmath.Fxp, apytypes.APyFixed or apytypes.APyFixedArray
        Floats are values, and quantised; integers are codes, and checked.
    fmt : QFormat, optional
        Format of the numbers; not given for arrays of other libraries, which have theirs.
    rounding, overflow, seed
        How values are quantised, as for :func:`fxpsim.quantize`.

    Raises
    ------
    DataError
        A value is NaN, or a code outside the format.
    FormatError
        No format, or two.

    Examples
    --------
    >>> array([0.5, -1.25], QFormat(8, 4)) * array([3], QFormat(4, 1))
    FixedArray([ 0.75  -1.875], fxp-s12/5)
    """
    if interop.is_foreign(values_or_codes):
        if fmt is not None:
            raise FormatError("an array of another library has its format; cast it afterwards")
        return FixedArray(*interop.from_foreign(values_or_codes))
    if not isinstance(fmt, QFormat):
        raise FormatError(f"format must be a QFormat, not {fmt!r}")
    given = np.asarray(values_or_codes)
    if np.issubdtype(given.dtype, np.floating):
        return FixedArray(quantize(given, fmt, rounding, overflow, seed=seed), fmt)
    return FixedArray(given, fmt)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class FixedArray:
    """Codes of one format.  Results of arithmetic have the format that loses nothing.

    Result formats are those of AMD's ``ap_fixed``: a sum has one integer bit more than the wider
    operand, a product the sum of both operands' bits; a matrix product also the bits that count
    its terms.  Nothing is rounded or overflows before :meth:`cast`.

    Attributes
    ----------
    codes : integer array
        int32 where the format fits, else int64; read-only.
    format : QFormat
        What they mean.
    """

    codes: NDArray[Any]
    format: QFormat

    __array_ufunc__ = None  # numpy must not take the codes for values

    def __post_init__(self) -> None:
        checked = check_codes(self.codes, self.format, "codes")
        codes = checked.astype(code_dtype(self.format.lo, self.format.hi))
        codes.flags.writeable = False
        object.__setattr__(self, "codes", codes)

    @property
    def values(self) -> NDArray[np.float64]:
        """What the codes stand for (rounded beyond 53 bits)."""
        return dequantize(self.codes, self.format)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the codes."""
        return self.codes.shape

    def cast(
        self,
        fmt: QFormat,
        rounding: Rounding | str = "floor",
        overflow: OverflowRule | str = "wrap",
        *,
        seed: int = 0,
    ) -> FixedArray:
        """Return the numbers in another format; as :func:`fxpsim.cast`."""
        return FixedArray(cast(self.codes, self.format, fmt, rounding, overflow, seed=seed), fmt)

    def to_fxpmath(self) -> Any:
        """Return a ``fxpmath.Fxp`` of the same codes and format."""
        return interop.to_fxpmath(self.codes, self.format)

    def to_apytypes(self) -> Any:
        """Return an ``apytypes.APyFixedArray`` of the same values, always signed."""
        return interop.to_apytypes(self.codes, self.format)

    def __getitem__(self, index: Any) -> FixedArray:
        return FixedArray(self.codes[index], self.format)

    def __len__(self) -> int:
        return len(self.codes)

    def __add__(self, other: FixedArray) -> FixedArray:
        return self._aligned(other, np.add, "+", self._signed_with(other))

    def __sub__(self, other: FixedArray) -> FixedArray:
        return self._aligned(other, np.subtract, "-", signed=True)

    def __neg__(self) -> FixedArray:
        fmt = _full_precision("-", self.format.bits + 1, self.format.frac, signed=True)
        return FixedArray(-self.codes.astype(np.int64), fmt)

    def __mul__(self, other: FixedArray) -> FixedArray:
        fmt = self._product_format(other, "*", terms=1)
        return FixedArray(self.codes.astype(np.int64) * other.codes, fmt)

    def __matmul__(self, other: FixedArray) -> FixedArray:
        if not isinstance(other, FixedArray):
            raise _not_fixed("@", other)
        if 0 in (self.codes.ndim, other.codes.ndim) or max(self.codes.ndim, other.codes.ndim) > 2:
            raise DataError(
                f"operands of @ must be vectors or matrices, not {self.shape} and {other.shape}"
            )
        left = self.codes[None] if self.codes.ndim == 1 else self.codes
        right = other.codes[:, None] if other.codes.ndim == 1 else other.codes
        fmt = self._product_format(other, "@", terms=left.shape[1])
        sums = matmul(left, right, Accumulator(fmt.bits, signed=fmt.signed))
        return FixedArray(sums.reshape(self.shape[:-1] + other.shape[1:]), fmt)

    def __eq__(self, other: object) -> Any:
        return self._compare(other, np.equal, "==")

    def __ne__(self, other: object) -> Any:
        return self._compare(other, np.not_equal, "!=")

    def __lt__(self, other: FixedArray) -> NDArray[np.bool_]:
        return self._compare(other, np.less, "<")

    def __le__(self, other: FixedArray) -> NDArray[np.bool_]:
        return self._compare(other, np.less_equal, "<=")

    def __gt__(self, other: FixedArray) -> NDArray[np.bool_]:
        return self._compare(other, np.greater, ">")

    def __ge__(self, other: FixedArray) -> NDArray[np.bool_]:
        return self._compare(other, np.greater_equal, ">=")

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"FixedArray({np.array2string(self.values, separator=' ')}, {self.format})"

    def _signed_with(self, other: object) -> bool:
        return self.format.signed or (isinstance(other, FixedArray) and other.format.signed)

    def _aligned(
        self, other: object, operation: Callable[..., Any], symbol: str, signed: bool
    ) -> FixedArray:
        if not isinstance(other, FixedArray):
            raise _not_fixed(symbol, other)
        a, b = self.format, other.format
        frac = max(a.frac, b.frac)
        # An unsigned operand beside a signed one needs a bit for the sign.
        integer = max(
            a.bits - a.frac + (b.signed and not a.signed),
            b.bits - b.frac + (a.signed and not b.signed),
        )
        fmt = _full_precision(symbol, integer + 1 + frac, frac, signed)
        left = self.codes.astype(np.int64) << (frac - a.frac)
        right = other.codes.astype(np.int64) << (frac - b.frac)
        return FixedArray(operation(left, right), fmt)

    def _product_format(self, other: object, symbol: str, terms: int) -> QFormat:
        if not isinstance(other, FixedArray):
            raise _not_fixed(symbol, other)
        a, b = self.format, other.format
        growth = max(0, terms - 1).bit_length()
        bits, frac = a.bits + b.bits + growth, a.frac + b.frac
        return _full_precision(symbol, bits, frac, self._signed_with(other))

    def _compare(
        self, other: object, operation: Callable[..., Any], symbol: str
    ) -> NDArray[np.bool_]:
        if not isinstance(other, FixedArray):
            raise _not_fixed(symbol, other)
        a, b = self.format, other.format
        frac = max(a.frac, b.frac)
        widest = max(a.bits + frac - a.frac, b.bits + frac - b.frac)
        dtype: Any = np.int64 if widest <= MAX_BITS else np.object_
        left = self.codes.astype(dtype) << (frac - a.frac)
        right = other.codes.astype(dtype) << (frac - b.frac)
        return np.asarray(operation(left, right), np.bool_)


def _not_fixed(symbol: str, other: object) -> FormatError:
    kind = type(other).__name__
    return FormatError(f"operands of {symbol} must be fixed-point arrays (fx.array), not {kind}")


def _full_precision(symbol: str, bits: int, frac: int, signed: bool) -> QFormat:
    if bits > MAX_BITS:
        raise FormatError(
            f"the result of {symbol} needs {bits} bits, and formats have at most {MAX_BITS}; "
            "cast the operands first"
        )
    return QFormat(bits, frac, signed)
