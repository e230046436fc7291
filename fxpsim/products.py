"""Matrix products whose every addition happens in a declared accumulator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fxpsim import dispatch
from fxpsim.accumulators import Accumulator
from fxpsim.casts import code_range
from fxpsim.draws import Draws, drawing
from fxpsim.engine import code_dtype
from fxpsim.errors import DataError
from fxpsim.formats import Format
from fxpsim.matrices import check_accumulator, check_bias, matrix, product_frac
from fxpsim.packed import PackedMatrix
from fxpsim.stats import OverflowStatistics
from fxpsim.zero_points import terms

__all__ = ["MatmulResult", "matmul", "matmul_stats"]

IntArray = NDArray[Any]
Range = tuple[int, int]


@dataclass(frozen=True, slots=True)
class MatmulResult:
    """Codes (M, N), and what overflowed on the way, by output channel.

    ``stats`` are those of the outermost register, ``levels`` those of all levels by name.
    """

    codes: IntArray
    stats: OverflowStatistics
    levels: dict[str, OverflowStatistics]


def matmul(
    a: ArrayLike,
    b: ArrayLike | PackedMatrix,
    accumulator: Accumulator | None = None,
    *,
    a_format: Format | None = None,
    b_format: Format | None = None,
    bias: ArrayLike | None = None,
    zero_points: Literal["subtract", "folded"] = "subtract",
    seed: int = 0,
    samples: ArrayLike | None = None,
    stream: int = 0,
    threads: int = 1,
) -> IntArray:
    """Return ``a @ b``, each sum made in ``accumulator``, in its declared order.

    Parameters
    ----------
    a : array_like of int (M, K)
        Codes.
    b : array_like of int (K, N), or PackedMatrix
        Codes; or what :func:`fxpsim.pack` made of them, which has the accumulator, formats and
        bias already.
    accumulator : Accumulator
        The registers.
    a_format, b_format : QFormat, Affine or Levels, optional
        What the codes mean: their multiplicands (code, code less zero point, codebook entry) are
        multiplied, and codes outside their format are an error.  The product's fraction is the
        sum of theirs (0 without them).
    bias : array_like of int (N,), optional
        At the product's fraction; added as the accumulator says.
    zero_points : {"subtract", "folded"}
        Whether zero points of affine formats are taken off the codes, or raw codes are multiplied
        and the bias makes up for it (:mod:`fxpsim.zero_points`).
    seed : int
        Of registers that round stochastically.  A draw depends on the seed, the stream, the
        sample, the output and the step, so batching, slicing and threads cannot change it.
    samples : array_like of int (M,), optional
        The id of every row of ``a``; 0, 1, 2... where not given.
    stream : int
        The node of a graph whose draws to repeat.
    threads : int
        Rows are split among so many; no bit depends on it.

    Returns
    -------
    int32 array (int64 where the accumulator needs it) (M, N)

    Raises
    ------
    DataError
        Shapes do not fit together, or codes are not integers or outside their format.

    Examples
    --------
    >>> matmul([[100, 100, -100]], [[1], [1], [1]], Accumulator(8, "saturate")).tolist()
    [[27]]
    """
    if isinstance(b, PackedMatrix):
        if any(given is not None for given in (accumulator, a_format, b_format, bias)):
            raise DataError(
                "accumulator, formats and bias must not be given with a packed matrix: it has them"
            )
        with drawing(Draws(seed, stream, samples)):
            return b.product(a, threads)
    product = _Product.of(a, b, accumulator, a_format, b_format, bias, zero_points)
    with drawing(Draws(seed, stream, samples)):
        return dispatch.product(*product.operands, product_frac=product.frac, threads=threads)


def matmul_stats(
    a: ArrayLike,
    b: ArrayLike,
    accumulator: Accumulator,
    *,
    a_format: Format | None = None,
    b_format: Format | None = None,
    bias: ArrayLike | None = None,
    zero_points: Literal["subtract", "folded"] = "subtract",
    seed: int = 0,
    samples: ArrayLike | None = None,
    stream: int = 0,
) -> MatmulResult:
    """Return :func:`matmul` with statistics of its overflows; parameters as there."""
    product = _Product.of(a, b, accumulator, a_format, b_format, bias, zero_points)
    with drawing(Draws(seed, stream, samples)):
        planes = product.planes()
    additions = product.left.shape[1] + (product.start is not None)
    coarser = product.frac - product.register.result_frac(product.frac)
    levels = OverflowStatistics.of(planes, product.register, additions, coarser)
    return MatmulResult(product.codes(planes), levels["final"], levels)


@dataclass(frozen=True, slots=True)
class _Product:
    """Two matrices of multiplicands, checked, with what their sums start from."""

    left: IntArray
    right: IntArray
    register: Accumulator
    start: IntArray | None
    frac: int

    @classmethod
    def of(
        cls,
        a: ArrayLike,
        b: ArrayLike,
        accumulator: Accumulator | None,
        a_format: Format | None,
        b_format: Format | None,
        bias: ArrayLike | None,
        zero_points: str,
    ) -> _Product:
        accumulator = check_accumulator(accumulator)
        left, right = matrix(a, a_format, "a"), matrix(b, b_format, "b")
        if left.shape[1] != right.shape[0]:
            raise DataError(
                f"a and b must agree in K, but a is {left.shape} and b is {right.shape}"
            )
        start = check_bias(bias, right.shape[1])
        left, right, start = terms(left, right, a_format, b_format, start, zero_points)
        register, start = dispatch.preload(accumulator, start, right.shape[1])
        left, right = np.ascontiguousarray(left), np.ascontiguousarray(right)
        start = None if start is None else np.ascontiguousarray(start)
        return cls(left, right, register, start, product_frac(a_format, b_format))

    @property
    def operands(self) -> tuple[IntArray, IntArray, Accumulator, Range, Range, IntArray | None]:
        """What :mod:`fxpsim.dispatch` takes."""
        ranges = code_range(self.left), code_range(self.right)
        return self.left, self.right, self.register, *ranges, self.start

    def planes(self) -> dispatch.Planes:
        """Return what the registers did."""
        return dispatch.product_planes(*self.operands, product_frac=self.frac)

    def codes(self, planes: dispatch.Planes) -> IntArray:
        """Return the outermost registers in the type of their width."""
        last = self.register.outermost
        return planes.register.astype(code_dtype(last.lo, last.hi), copy=False)
