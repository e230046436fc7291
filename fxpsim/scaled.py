"""Arrays in formats with a scale: quantised, and as what enters a product."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxpsim.dispatch.casts import Stage, cast_codes
from fxpsim.dispatch.floats import quantize_floats
from fxpsim.dispatch.rules import Cast
from fxpsim.draws import Draws
from fxpsim.engine import code_dtype
from fxpsim.errors import FormatError
from fxpsim.formats import Affine, Format, Levels, Overflow, OverflowRule, QFormat, Rounding

__all__ = ["LEVEL_ROUNDING", "multiplicands", "quantize_affine", "quantize_levels"]

_WIDE = QFormat(62, 0)
_AFFINE_OVERFLOW = (
    Overflow.SATURATE,
    Overflow.SATURATE_SYMMETRIC,
    Overflow.WRAP,
    Overflow.TRAP,
)
#: Rounding modes that pick a neighbour; the others work on bits.
LEVEL_ROUNDING = tuple(Rounding)[:10]


def quantize_affine(
    values: NDArray[np.floating[Any]],
    fmt: Affine,
    rounding: Rounding,
    overflow: OverflowRule,
    draws: Draws,
    threads: int = 1,
) -> tuple[Cast, int]:
    """Return the codes :func:`fxpsim.spec.quantize_affine` gives, and how many values are NaN.

    Raises
    ------
    FormatError
        An overflow mode that only words without a zero point have.
    """
    if overflow not in _AFFINE_OVERFLOW:
        raise FormatError(
            f"an affine format must saturate, saturate_symmetric, wrap or trap, not {overflow}"
        )
    word = QFormat(fmt.bits, 0, fmt.signed)
    scales, zeros = fmt.scales(values.shape), fmt.zero_points(values.shape)
    if fmt.axis is None:
        return quantize_floats(
            values,
            word,
            rounding,
            overflow,
            draws,
            scale=scales.item(),
            zero_point=zeros.item(),
            threads=threads,
        )
    quotients = np.asarray(values / scales)
    # 62 bits hold every quotient that matters: beyond them all saturate, or wrap as the word does.
    wide_overflow = Overflow.WRAP if overflow is Overflow.WRAP else Overflow.SATURATE
    wide, missing = quantize_floats(
        quotients, _WIDE, rounding, wide_overflow, draws, threads=threads
    )
    result = cast_codes(
        np.asarray(wide.codes + zeros), 0, Stage(word, Rounding.FLOOR, overflow), threads=threads
    )
    if wide.changed and overflow is Overflow.WRAP:  # some came back into range: count once more
        clamped, _ = quantize_affine(values, fmt, rounding, Overflow.SATURATE, draws, threads)
        return Cast(result.codes, clamped.changed), missing
    return result, missing


def quantize_levels(
    values: NDArray[np.floating[Any]], fmt: Levels, rounding: Rounding, overflow: OverflowRule
) -> tuple[Cast, int]:
    """Return the codes :func:`fxpsim.spec.quantize_level` gives, and how many values are NaN.

    Raises
    ------
    FormatError
        Modes that work on bits.
    """
    if overflow is not Overflow.SATURATE:
        raise FormatError(f"a codebook format must saturate, not {overflow}")
    if rounding not in LEVEL_ROUNDING:
        raise FormatError(f"a codebook format must round to a neighbour, not {rounding}")
    entries, first_codes = np.unique(np.array(fmt.codebook, np.int64), return_index=True)
    missing = np.isnan(values)
    quotients = np.where(missing, 0.0, values.astype(np.float64)) / fmt.scale
    number = np.searchsorted(entries, quotients, side="right") - 1
    number = number.clip(0, max(0, entries.size - 2))
    low, high = entries[number], entries[np.minimum(number + 1, entries.size - 1)]
    middle = (low + high) / 2
    negative, tie = quotients < 0, quotients == middle
    odd = first_codes[number] % 2 == 1
    inexact = quotients > low
    up = {
        Rounding.FLOOR: quotients >= high,
        Rounding.CEIL: inexact,
        Rounding.TOWARD_ZERO: (quotients >= high) | (inexact & negative),
        Rounding.AWAY_FROM_ZERO: (quotients >= high) | (inexact & ~negative),
        Rounding.NEAREST_UP: tie,
        Rounding.NEAREST_DOWN: np.False_,
        Rounding.NEAREST_TO_ZERO: tie & negative,
        Rounding.NEAREST_AWAY: tie & ~negative,
        Rounding.NEAREST_EVEN: tie & odd,
        Rounding.NEAREST_ODD: tie & ~odd,
    }[rounding]
    if rounding.startswith("nearest"):
        up = up | (quotients > middle)
    chosen = np.minimum(number + up, entries.size - 1)
    changed = np.count_nonzero((quotients < entries[0]) | (quotients > entries[-1]))
    codes = first_codes[chosen].astype(np.int32)
    return Cast(codes, int(changed)), int(missing.sum())


def multiplicands(codes: NDArray[Any], fmt: Format | None) -> NDArray[Any]:
    """Return what enters a product: the code, the code less its zero point, or the table's entry.

    Parameters
    ----------
    codes : integer array
        Codes of ``fmt``.
    fmt : QFormat, Affine, Levels or None
        None: codes are multiplicands.
    """
    if fmt is None or isinstance(fmt, QFormat):
        return codes
    dtype = _narrowest(*fmt.multiplicand_range)
    if isinstance(fmt, Levels):
        return np.asarray(np.array(fmt.codebook, dtype)[codes])
    return np.asarray(codes - fmt.zero_points(codes.shape)).astype(dtype)


def _narrowest(lo: int, hi: int) -> type[np.generic]:
    for dtype in (np.int8, np.int16):
        if np.iinfo(dtype).min <= lo and hi <= np.iinfo(dtype).max:
            return dtype
    return code_dtype(lo, hi)
