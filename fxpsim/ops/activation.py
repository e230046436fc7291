"""Activation functions that are comparisons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxpsim.errors import GraphError
from fxpsim.formats.qformat import check_int
from fxpsim.ops.op import Op, TensorSpec, zero_code

__all__ = ["Relu"]

IntArray = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Relu(Op):
    """max(x, 0), or min(max(x, 0), maximum), where 0 is the code of the value 0.

    Parameters
    ----------
    maximum : int, optional
        Highest code that passes, in the input's own format; None: no limit.
    """

    maximum: int | None = None

    monotone = True

    def infer(self, *sources: TensorSpec) -> TensorSpec:
        """Return the input's shape and format."""
        (source,) = sources
        zero_code(source)
        if self.maximum is not None and (wrong := check_int("m", self.maximum, 1, 1 << 62)):
            raise GraphError(f"relu maximum must be a code of 1 or more{wrong[wrong.rfind(',') :]}")
        return source

    def run(self, inputs: Sequence[IntArray], sources: Sequence[TensorSpec]) -> IntArray:
        """Return clipped codes."""
        return np.clip(inputs[0], zero_code(sources[0]), self.maximum)
