"""Activation functions that are comparisons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxpsim.errors import GraphError
from fxpsim.formats.qformat import check_int
from fxpsim.ops.op import Interval, Op, TensorSpec

__all__ = ["Relu"]

IntArray = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Relu(Op):
    """max(x, 0), or min(max(x, 0), maximum).

    Parameters
    ----------
    maximum : int, optional
        Highest code that passes, in the input's own format; None: no limit.
    """

    maximum: int | None = None

    def infer(self, source: TensorSpec) -> TensorSpec:
        """Return the input's shape and format."""
        if self.maximum is not None and (wrong := check_int("m", self.maximum, 1, 1 << 62)):
            raise GraphError(f"relu maximum must be a code of 1 or more{wrong[wrong.rfind(',') :]}")
        return source

    def run(self, codes: IntArray, source: TensorSpec) -> IntArray:
        """Return clipped codes."""
        return np.clip(codes, 0, self.maximum)

    def interval(self, source: TensorSpec, low: IntArray, high: IntArray) -> Interval:
        """Return clipped bounds."""
        return np.clip(low, 0, self.maximum), np.clip(high, 0, self.maximum)
