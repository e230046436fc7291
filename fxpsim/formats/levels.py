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
_LIMIT = (1 << 32) - 1


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

    @classmethod
    def minifloat(
        cls, exponent_bits: int, mantissa_bits: int, largest: float | None = None
    ) -> Levels:
        """Return the values of a float of few bits; codes are its bit patterns.

        Patterns that mean infinity or no number have the largest finite value of their sign, and
        no cast makes them.

        Parameters
        ----------
        exponent_bits, mantissa_bits : int
            The exponent's bias is ``2**(exponent_bits - 1) - 1``.
        largest : float, optional
            Largest finite value; that of the highest pattern where not given.

        Examples
        --------
        OCP 8-bit Floating Point Specification (OFP8), revision 1.0, and Microscaling Formats (MX)
        Specification, version 1.0: E4M3, E5M2 and E2M1.

        >>> e4m3, e5m2 = Levels.minifloat(4, 3, 448), Levels.minifloat(5, 2, 57344)
        >>> e2m1 = Levels.minifloat(2, 1)
        >>> [entry * e2m1.scale for entry in e2m1.codebook[:8]]
        [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0]
        """
        wrong = [
            check_int("exponent bits", exponent_bits, 1, 5),
            check_int("mantissa bits", mantissa_bits, 0, 6),
        ]
        if sentences := [sentence for sentence in wrong if sentence]:
            raise FormatError("; ".join(sentences))
        implicit = 1 << mantissa_bits
        unit = 2.0 ** (2 - (1 << (exponent_bits - 1)) - mantissa_bits)
        patterns = range(1 << (exponent_bits + mantissa_bits))
        magnitudes = [
            p if p < implicit else (p % implicit + implicit) << (p // implicit - 1)
            for p in patterns
        ]
        top = magnitudes[-1] if largest is None else int(largest / unit)
        magnitudes = [min(entry, top) for entry in magnitudes]
        return cls((*magnitudes, *(-entry for entry in magnitudes)), unit)

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
        scale = "" if self.scale == 1 else f"*{self.scale}"
        return f"levels[{', '.join(shown)}]{scale}"
