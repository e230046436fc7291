"""Codebook formats: value = codebook[code] * scale."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxpsim.errors import FormatError
from fxpsim.formats.qformat import check_int

__all__ = ["Levels"]

#: Entries that every exact comparison and product can hold.
_LIMIT = (1 << 31) - 1


@dataclass(frozen=True, slots=True)
class Levels:
    """A format whose codes index a table of integers; what enters a product is the entry.

    Parameters
    ----------
    codebook : sequence of int
        Entry of code 0, 1, ...; in any order.
    scale : float
        Value of an entry of 1.

    Raises
    ------
    FormatError
        The table is empty or holds something else, or the scale is not more than 0.

    Examples
    --------
    >>> Levels.dorefa(2).codebook, Levels.binary().bits, Levels([0, 1, 4, 16]).hi
    ((-3, -1, 1, 3), 1, 3)
    """

    codebook: tuple[int, ...]
    scale: float = 1.0

    def __init__(self, codebook: Sequence[int] | NDArray[Any], scale: float = 1.0) -> None:
        entries = codebook.tolist() if isinstance(codebook, np.ndarray) else list(codebook)
        wrong = [check_int("codebook entry", entry, -_LIMIT, _LIMIT) for entry in entries]
        if not entries:
            wrong.append("codebook must have an entry")
        if not (isinstance(scale, (int, float)) and math.isfinite(scale) and scale > 0):
            wrong.append(f"format scale must be finite and more than 0, not {scale!r}")
        if sentences := [sentence for sentence in wrong if sentence]:
            raise FormatError("; ".join(sentences))
        object.__setattr__(self, "codebook", tuple(entries))
        object.__setattr__(self, "scale", float(scale))

    @classmethod
    def binary(cls) -> Levels:
        """Return {-1, +1}."""
        return cls((-1, 1))

    @classmethod
    def ternary(cls) -> Levels:
        """Return {-1, 0, +1}."""
        return cls((-1, 0, 1))

    @classmethod
    def dorefa(cls, bits: int) -> Levels:
        """Return the odd levels 2i - (2**bits - 1), scaled to [-1, 1].

        Zhou et al.: DoReFa-Net: Training Low Bitwidth Convolutional Neural Networks with Low
        Bitwidth Gradients. arXiv:1606.06160, equation 9.
        """
        if sentence := check_int("DoReFa bits", bits, 1, 16):
            raise FormatError(sentence)
        top = (1 << bits) - 1
        return cls(range(-top, top + 1, 2), 1 / top)

    @property
    def bits(self) -> int:
        """Bits that hold a code."""
        return max(1, (len(self.codebook) - 1).bit_length())

    @property
    def lo(self) -> int:
        """Lowest code."""
        return 0

    @property
    def hi(self) -> int:
        """Highest code."""
        return len(self.codebook) - 1

    @property
    def multiplicand_range(self) -> tuple[int, int]:
        """Lowest and highest entry."""
        return min(self.codebook), max(self.codebook)

    def __str__(self) -> str:
        shown = [str(entry) for entry in self.codebook[:4]] + ["..."] * (self.hi > 3)
        return f"levels[{', '.join(shown)}]"
