"""One dot product, addition by addition: what a hardware designer compares a waveform with."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fxpsim import spec
from fxpsim.accumulators import Accumulator
from fxpsim.casts import check_codes
from fxpsim.errors import DataError
from fxpsim.formats import Affine, Format
from fxpsim.matrices import check_accumulator, product_frac
from fxpsim.zero_points import terms

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MacTrace", "mac_trace"]


@dataclass(frozen=True, slots=True, eq=False)
class MacTrace:
    """What every register held after every step.

    Attributes
    ----------
    registers : int array (steps, registers)
        Step 0 is before the first product (after a bias that comes first), step k after product
        k and all flushes it causes; one more step where something is left to do at the end.
    names : tuple of str
        Of the registers: lanes first, then outwards.
    final : int
        The result.
    additions : tuple of Step
        Every single addition in order, those inside a step too.
    """

    registers: NDArray[Any]
    names: tuple[str, ...]
    final: int
    additions: tuple[spec.Step, ...]

    def table(self) -> pd.DataFrame:
        """Return the registers with their names."""
        import pandas as pd

        return pd.DataFrame(self.registers, columns=list(self.names)).rename_axis("step")


def mac_trace(
    a: ArrayLike,
    b: ArrayLike,
    accumulator: Accumulator,
    *,
    a_format: Format | None = None,
    b_format: Format | None = None,
    bias: int | None = None,
    zero_points: Literal["subtract", "folded"] = "subtract",
    seed: int = 0,
    sample: int = 0,
    element: int = 0,
    stream: int = 0,
) -> MacTrace:
    """Trace one dot product by the plain rules.

    Parameters
    ----------
    a, b : array_like of int (K,)
        Codes.
    accumulator : Accumulator
        The registers.
    a_format, b_format, zero_points
        As for :func:`fxpsim.products.matmul`; an axis that parameters run along is that of the
        products.
    bias : int, optional
        At the product's fraction.
    seed, sample, element, stream : int
        Of stochastic rounding: which row (or its id) and which output of a product this is.

    Examples
    --------
    >>> mac_trace([100, 100, -100], [1, 1, 1], Accumulator(8, "saturate")).registers.tolist()
    [[0], [100], [127], [27]]
    """
    check_accumulator(accumulator)
    left, right = check_codes(a, a_format, "a"), check_codes(b, b_format, "b")
    if left.ndim != 1 or left.shape != right.shape:
        raise DataError(f"a and b must have one shape (K,), not {left.shape} and {right.shape}")
    start = None if bias is None else np.array([bias], object)
    formats = _laid_out(a_format, 1), _laid_out(b_format, 0)
    x, w, start = terms(left[None, :], right[:, None], *formats, start, zero_points)
    products = [p * q for p, q in zip(x[0].tolist(), w[:, 0].tolist(), strict=True)]
    result = spec.accumulate(
        products,
        accumulator,
        None if start is None else start.tolist()[0],
        product_frac(a_format, b_format),
        seed=seed,
        stream=stream,
        sample=sample,
        element=element,
    )
    return MacTrace(np.array(result.states, object), result.names, result.value, result.steps)


def _laid_out(fmt: Format | None, axis: int) -> Format | None:
    """Return a format of (K,) codes for a matrix that has them along ``axis``."""
    if not isinstance(fmt, Affine) or fmt.axis is None:
        return fmt
    return replace(fmt, axis=axis)
