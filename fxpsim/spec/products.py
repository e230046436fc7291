"""Products of matrices, and of codes with zero points."""

from __future__ import annotations

from collections.abc import Sequence

from fxpsim.accumulators import Accumulator
from fxpsim.draws import Draws, current_draws
from fxpsim.spec.sums import Sum, accumulate

__all__ = ["fold_zero_points", "matmul"]


def matmul(
    rows: Sequence[Sequence[int]],
    columns: Sequence[Sequence[int]],
    accumulator: Accumulator,
    bias: Sequence[int] | Sequence[Sequence[int]] | None = None,
    product_frac: int = 0,
    draws: Draws | None = None,
) -> list[list[Sum]]:
    """Return every output's :class:`Sum`.

    Parameters
    ----------
    rows : (M, K)
        Rows of the left matrix.
    columns : (N, K)
        Columns of the right matrix.
    accumulator : Accumulator
        The registers.
    bias : (N,) or (M, N), optional
        At the products' fraction.
    product_frac : int
        Fraction bits of the products.
    draws : Draws, optional
        Of stochastic rounding, those of the node that runs where not given; an output's element
        is its place in its sample's outputs.
    """
    registers = [
        own
        for tile, own in accumulator.tiles(len(columns))
        for _ in range(*tile.indices(len(columns)))
    ]
    draws = draws or current_draws()
    samples, firsts = (ids.tolist() for ids in draws.rows(len(rows), len(columns)))

    def one(row: int, channel: int) -> Sum:
        return accumulate(
            [x * w for x, w in zip(rows[row], columns[channel], strict=True)],
            registers[channel],
            _start(bias, row, channel),
            product_frac,
            seed=int(draws.seed),
            stream=int(draws.stream),
            sample=samples[row],
            element=firsts[row] + channel,
        )

    return [[one(i, j) for j in range(len(columns))] for i in range(len(rows))]


def _start(
    bias: Sequence[int] | Sequence[Sequence[int]] | None, row: int, channel: int
) -> int | None:
    if bias is None:
        return None
    own = bias[channel] if isinstance(bias[0], int) else bias[row]
    return own if isinstance(own, int) else own[channel]


def fold_zero_points(
    x: Sequence[int], w: Sequence[int], x_zero: Sequence[int], w_zero: Sequence[int], bias: int = 0
) -> int:
    """Return what a sum of raw codes starts from, so that in the end the zero points are out.

    sum((x - x_zero) * (w - w_zero)) = sum(x * w) + the start without the bias, in a register
    that is wide enough; on the way there, partial sums differ.

    Parameters
    ----------
    x, w : sequence of int (K,)
        Codes.
    x_zero, w_zero : sequence of int (K,)
        The zero point of each of them.
    bias : int
        At the products' fraction.

    References
    ----------
    Jacob et al.: Quantization and Training of Neural Networks for Efficient
    Integer-Arithmetic-Only Inference. CVPR 2018, equation 7.
    """
    terms = zip(x, w, x_zero, w_zero, strict=True)
    return bias + sum(zx * zw - zx * one_w - one_x * zw for one_x, one_w, zx, zw in terms)
