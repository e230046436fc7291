"""Every integer rule of the project, in plain Python integers: slow, obvious, the authority.

Whatever is compiled gives the same bits as this file, and is tested against it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from fxpsim.accumulators import Accumulator
from fxpsim.errors import FormatError
from fxpsim.formats import Overflow, QFormat, Rounding

__all__ = ["Sum", "accumulate", "cast", "fit", "matmul", "quantize", "round_shift"]


def round_shift(value: int, shift: int, rounding: Rounding) -> int:
    """Return ``value * 2**-shift``, rounded to an integer.

    Parameters
    ----------
    value : int
        Any integer.
    shift : int
        Bits to drop; 0 or less is exact (only ``jam`` still sets the last bit).
    rounding : Rounding
        How.
    """
    if shift <= 0:
        exact = value << -shift
        return exact | 1 if rounding is Rounding.JAM else exact
    floor = value >> shift
    dropped = value - (floor << shift)
    half = 1 << (shift - 1)
    negative = value < 0
    match rounding:
        case Rounding.FLOOR:
            up = False
        case Rounding.CEIL:
            up = dropped > 0
        case Rounding.TOWARD_ZERO:
            up = negative and dropped > 0
        case Rounding.AWAY_FROM_ZERO:
            up = not negative and dropped > 0
        case Rounding.NEAREST_UP:
            up = dropped >= half
        case Rounding.NEAREST_DOWN:
            up = dropped > half
        case Rounding.NEAREST_TO_ZERO:
            up = dropped > half or (dropped == half and negative)
        case Rounding.NEAREST_AWAY:
            up = dropped > half or (dropped == half and not negative)
        case Rounding.NEAREST_EVEN:
            up = dropped > half or (dropped == half and floor % 2 == 1)
        case Rounding.NEAREST_ODD:
            up = dropped > half or (dropped == half and floor % 2 == 0)
        case Rounding.TRN_MAG:
            up = negative  # exact values included
        case Rounding.JAM:
            return floor | 1
        case Rounding.JAM_UNBIASED:
            return floor | (dropped != 0)
    return floor + up


def fit(value: int, lo: int, hi: int, overflow: Overflow) -> int:
    """Return ``value`` brought into ``[lo, hi]``.

    Parameters
    ----------
    value : int
        Any integer.
    lo, hi : int
        Range of the word; to wrap is to come back modulo ``hi - lo + 1``.
    overflow : Overflow
        How.  ``saturate_symmetric`` also moves the in-range minimum of a signed word.
    """
    match overflow:
        case Overflow.SATURATE:
            return max(lo, min(hi, value))
        case Overflow.SATURATE_SYMMETRIC:
            return max(lo if lo == 0 else -hi, min(hi, value))
        case Overflow.SATURATE_TO_ZERO:
            return value if lo <= value <= hi else 0
        case Overflow.WRAP:
            return lo + (value - lo) % (hi - lo + 1)


def _fit_format(value: int, fmt: QFormat, overflow: Overflow) -> int:
    if overflow is Overflow.WRAP and fmt.narrow:
        raise FormatError(f"a narrow format cannot wrap (format {fmt}); use 'saturate'")
    return fit(value, fmt.lo, fmt.hi, overflow)


def cast(
    code: int, source: QFormat, target: QFormat, rounding: Rounding, overflow: Overflow
) -> int:
    """Return the code in ``target`` of the value that ``code`` is in ``source``.

    Rounding comes first, overflow second.
    """
    return _fit_format(round_shift(code, source.frac - target.frac, rounding), target, overflow)


def quantize(value: float, fmt: QFormat, rounding: Rounding, overflow: Overflow) -> int:
    """Return the code of a finite float, from its exact value.

    Parameters
    ----------
    value : float
        Finite; the caller decides what NaN and infinity become.
    fmt : QFormat
        Target.
    rounding, overflow : Rounding, Overflow
        In that order.  The shift counts as more than 0 even where nothing is dropped.
    """
    numerator, denominator = value.as_integer_ratio()
    shift = denominator.bit_length() - 1 - fmt.frac
    spare = max(0, 1 - shift)
    return _fit_format(round_shift(numerator << spare, shift + spare, rounding), fmt, overflow)


@dataclass(frozen=True, slots=True)
class Sum:
    """What one register did.

    Attributes
    ----------
    value : int
        The register in the end.
    exact : int
        The sum without overflow.
    events : int
        Additions whose true result lay outside the register.
    first_step : int or None
        The first of them: products count from 1, a bias is step 0.
    lowest, highest : int
        Extremes of the exact partial sums (0 where nothing is added).
    """

    value: int
    exact: int
    events: int
    first_step: int | None
    lowest: int
    highest: int


def accumulate(products: Iterable[int], accumulator: Accumulator, bias: int | None = None) -> Sum:
    """Add a bias (step 0), then products, one by one; overflow at every addition."""
    lo, hi, overflow = accumulator.lo, accumulator.hi, accumulator.overflow
    terms = [(step, product) for step, product in enumerate(products, start=1)]
    if bias is not None:
        terms.insert(0, (0, bias))
    register, exact, events = 0, 0, 0
    first_step: int | None = None
    partial_sums = []
    for step, term in terms:
        true = register + term
        register = fit(true, lo, hi, overflow)
        if register != true:
            events += 1
            first_step = step if first_step is None else first_step
        exact += term
        partial_sums.append(exact)
    return Sum(
        register,
        exact,
        events,
        first_step,
        min(partial_sums, default=0),
        max(partial_sums, default=0),
    )


def matmul(
    rows: Sequence[Sequence[int]],
    columns: Sequence[Sequence[int]],
    accumulator: Accumulator,
    bias: Sequence[int] | None = None,
) -> list[list[Sum]]:
    """Return every output's :class:`Sum`, ascending in K.

    Parameters
    ----------
    rows : (M, K)
        Rows of the left matrix.
    columns : (N, K)
        Columns of the right matrix.
    accumulator : Accumulator
        The register.
    bias : (N,), optional
        Step 0 of every sum.
    """
    starts = bias if bias is not None else [None] * len(columns)
    return [
        [
            accumulate((x * w for x, w in zip(row, column, strict=True)), accumulator, start)
            for column, start in zip(columns, starts, strict=True)
        ]
        for row in rows
    ]
