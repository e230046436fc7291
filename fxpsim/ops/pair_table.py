"""Tables of functions of two codes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxpsim.casts import check_codes
from fxpsim.errors import GraphError
from fxpsim.ops.elementwise import LARGEST_TABLE, broadcast, stretched
from fxpsim.ops.op import Interval, Op, TensorFormat, TensorSpec, freeze, whole_range

__all__ = ["PairTable"]

IntArray = NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class PairTable(Op):
    """A function of two codes, a row for each code of the first: ``table[left, right]``.

    Rows and columns begin with the lowest code.  Shapes stretch as numpy's do.

    Parameters
    ----------
    table : integer array (2**bits of the left, 2**bits of the right)
        Codes of ``target``.
    target : Affine or QFormat
        Format of the output.
    """

    operation = "look_up"

    table: IntArray
    target: TensorFormat

    arity = 2

    def __post_init__(self) -> None:
        table = check_codes(self.table, self.target, "table")
        if table.ndim != 2 or not 4 <= table.size <= LARGEST_TABLE:
            raise GraphError(
                f"a table of pairs must have rows and columns, {LARGEST_TABLE} codes at most, "
                f"not {table.shape}"
            )
        object.__setattr__(self, "table", freeze(table))

    def infer(self, *sources: TensorSpec) -> TensorSpec:
        """Return the common shape in the target format."""
        codes = tuple(source.format.hi - source.format.lo + 1 for source in sources)
        if codes != self.table.shape:
            raise GraphError(
                f"a table for {' and '.join(str(s.format) for s in sources)} must have "
                f"{codes[0]} x {codes[1]} entries, not {self.table.shape}"
            )
        return TensorSpec(broadcast(sources), self.target)

    def run(self, inputs: Sequence[IntArray], sources: Sequence[TensorSpec]) -> IntArray:
        """Return the entries."""
        axes = len(broadcast(sources))
        left, right = (
            stretched(codes.astype(np.intp) - source.format.lo, axes)
            for codes, source in zip(inputs, sources, strict=True)
        )
        return np.asarray(self.table.reshape(-1)[left * self.table.shape[1] + right])

    def interval(self, ranges: Sequence[Interval], sources: Sequence[TensorSpec]) -> Interval:
        """Return the extremes of the four entries at the ends, where they are that."""
        if not self._only_corners:
            return whole_range(self.infer(*sources))
        corners = [
            self.run([end[None] for end in ends], sources)[0].astype(np.int64)
            for ends in product(*ranges)
        ]
        return np.minimum.reduce(corners), np.maximum.reduce(corners)

    @property
    def _only_corners(self) -> bool:
        """Whether every row and every column rises, or falls, all along."""
        for axis in (0, 1):
            steps = np.diff(self.table.astype(np.int64), axis=axis)
            if ((steps > 0).any(axis=axis) & (steps < 0).any(axis=axis)).any():
                return False
        return True
