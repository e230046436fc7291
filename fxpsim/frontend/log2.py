"""Base-2 logarithms of whole numbers in integers, with an error that is known.

log2(v) is the place of v's leading bit plus log2 of the mantissa behind it, from 1 to 2: a table,
or a polynomial.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from fxpsim.errors import ConfigError
from fxpsim.spec.spectrum import log_polynomial

__all__ = ["Log2", "Log2Polynomial", "Log2Table"]


@dataclass(frozen=True, slots=True)
class Log2Table:
    """A table over the leading bits of the mantissa.

    Parameters
    ----------
    entries : int
        A power of two from 2 to 65536.
    bits : int
        Fraction bits of the result, and bits of an entry, 1 to 16.
    """

    entries: int = 64
    bits: int = 8

    def __post_init__(self) -> None:
        problems = _bits_problems(self.bits)
        if not 2 <= self.entries <= 1 << 16 or self.entries & (self.entries - 1):
            problems.append(
                f"log entries must be a power of two from 2 to 65536, not {self.entries}"
            )
        if problems:
            raise ConfigError("; ".join(problems))

    @property
    def mantissa_bits(self) -> int:
        """Bits behind the leading one that are looked at."""
        return self.entries.bit_length() - 1

    def codes(self) -> NDArray[np.int32]:
        """Return log2 of each mantissa, int32 (entries,), ``bits`` fraction bits, read-only.

        An entry is the middle of what the logarithm is at both ends of its stretch.
        """
        return _table(self.entries, self.bits)

    @property
    def error(self) -> float:
        """Largest error of log2 of any number, exhaustively: both ends of every stretch."""
        return _error(self.codes(), self.bits)

    @property
    def storage_bits(self) -> int:
        """Bits of all constants."""
        return self.entries * self.bits

    @property
    def multiplications(self) -> int:
        """For each logarithm."""
        return 0

    def __str__(self) -> str:
        return f"table of {self.entries}"


@dataclass(frozen=True, slots=True)
class Log2Polynomial:
    """A polynomial of the mantissa, by Horner's rule.

    Coefficients interpolate log2(1 + x) at Chebyshev's nodes, which is close to the least largest
    error.  Products are rounded to nearest; coefficients have ``bits`` fraction bits.

    Parameters
    ----------
    degree : int
        1 to 6.
    bits : int
        Fraction bits of coefficients and result, 1 to 16; the mantissa has 2 more (16 at most).
    """

    degree: int = 2
    bits: int = 8

    def __post_init__(self) -> None:
        problems = _bits_problems(self.bits)
        if not 1 <= self.degree <= 6:
            problems.append(f"log degree must be 1 to 6, not {self.degree}")
        if problems:
            raise ConfigError("; ".join(problems))

    @property
    def mantissa_bits(self) -> int:
        """Bits behind the leading one that are looked at."""
        return min(self.bits + 2, 16)

    @property
    def coefficients(self) -> tuple[int, ...]:
        """Codes with ``bits`` fraction bits, that of the highest power first."""
        return _coefficients(self.degree, self.bits)

    def codes(self) -> NDArray[np.int32]:
        """Return log2 of each mantissa, int32 (2**mantissa_bits,), read-only."""
        return _polynomial(self.coefficients, self.mantissa_bits)

    @property
    def error(self) -> float:
        """Largest error of log2 of any number, exhaustively: both ends of every mantissa."""
        return _error(self.codes(), self.bits)

    @property
    def storage_bits(self) -> int:
        """Bits of all constants; a coefficient has a sign and is below 2."""
        return (self.degree + 1) * (self.bits + 2)

    @property
    def multiplications(self) -> int:
        """For each logarithm."""
        return self.degree

    def __str__(self) -> str:
        return f"polynomial of degree {self.degree}"


Log2: TypeAlias = Log2Table | Log2Polynomial


def _bits_problems(bits: int) -> list[str]:
    return [] if 1 <= bits <= 16 else [f"log bits must be 1 to 16, not {bits}"]


@lru_cache(maxsize=64)
def _table(entries: int, bits: int) -> NDArray[np.int32]:
    ends = np.log2(1.0 + np.arange(entries + 1) / entries)
    codes = np.rint((ends[1:] + ends[:-1]) / 2 * 2.0**bits).astype(np.int32)
    codes.setflags(write=False)
    return codes


@lru_cache(maxsize=64)
def _coefficients(degree: int, bits: int) -> tuple[int, ...]:
    nodes = (1 - np.cos(np.pi * (np.arange(degree + 1) + 0.5) / (degree + 1))) / 2
    powers = np.vander(nodes, degree + 1)
    exact = np.linalg.solve(powers, np.log2(1.0 + nodes))
    return tuple(int(code) for code in np.rint(exact * 2.0**bits))


@lru_cache(maxsize=64)
def _polynomial(coefficients: tuple[int, ...], mantissa_bits: int) -> NDArray[np.int32]:
    codes = np.array(
        [log_polynomial(m, coefficients, mantissa_bits) for m in range(1 << mantissa_bits)],
        np.int32,
    )
    codes.setflags(write=False)
    return codes


def _error(codes: NDArray[np.int32], bits: int) -> float:
    values = codes * 2.0**-bits
    ends = np.log2(1.0 + np.arange(codes.size + 1) / codes.size)
    return float(max(np.abs(values - ends[:-1]).max(), np.abs(values - ends[1:]).max()))
