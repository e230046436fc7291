"""One dot product, addition by addition: what a hardware designer compares a waveform with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fxpsim import spec
from fxpsim.accumulators import Accumulator
from fxpsim.casts import check_codes
from fxpsim.errors import DataError
from fxpsim.formats import QFormat

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
    a_format: QFormat | None = None,
    b_format: QFormat | None = None,
    bias: int | None = None,
) -> MacTrace:
    """Trace one dot product by the plain rules.

    Parameters
    ----------
    a, b : array_like of int (K,)
        Codes.
    accumulator : Accumulator
        The registers.
    a_format, b_format : QFormat, optional
        Where given, codes outside them are an error; the product's fraction is their sum.
    bias : int, optional
        At the product's fraction.

    Examples
    --------
    >>> mac_trace([100, 100, -100], [1, 1, 1], Accumulator(8, "saturate")).registers.tolist()
    [[0], [100], [127], [27]]
    """
    left, right = check_codes(a, a_format, "a"), check_codes(b, b_format, "b")
    if left.ndim != 1 or left.shape != right.shape:
        raise DataError(f"a and b must have one shape (K,), not {left.shape} and {right.shape}")
    frac = (a_format.frac if a_format else 0) + (b_format.frac if b_format else 0)
    products = [x * w for x, w in zip(left.tolist(), right.tolist(), strict=True)]
    result = spec.accumulate(products, accumulator, bias, frac)
    return MacTrace(np.array(result.states, object), result.names, result.value, result.steps)
