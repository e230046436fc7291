"""Sums of products in a register."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from fxpsim.accumulators import Accumulator
from fxpsim.spec.casts import fit

__all__ = ["Sum", "accumulate", "matmul"]


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
