"""Binary-point formats: value = code * 2**-frac."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral
from typing import TYPE_CHECKING

from fxpsim.errors import FormatError

if TYPE_CHECKING:
    from fxpsim.formats.text import Notation

__all__ = ["QFormat", "check_int", "refuse"]

#: The widest word that casts are compiled for.
MAX_BITS = 62
#: Far enough for any hardware, near enough that 2.0**frac stays a normal float.
MAX_FRAC = 1000


def check_int(noun: str, value: object, low: int, high: int) -> str | None:
    """Return the sentence that says why ``value`` cannot be, or None."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        return f"{noun} must be an integer, not {value!r}"
    if not low <= int(value) <= high:
        return f"{noun} must be {low} to {high}, not {value}"
    return None


def refuse(*sentences: str | None) -> None:
    """Raise a FormatError with all sentences there are, if any."""
    if wrong := [sentence for sentence in sentences if sentence]:
        raise FormatError("; ".join(wrong))


@dataclass(frozen=True, slots=True)
class QFormat:
    """A fixed-point format: ``bits`` in all, ``frac`` of them behind the binary point.

    Parameters
    ----------
    bits : int
        Word length, sign included, 1 to 62.
    frac : int
        Fraction bits; may be negative or larger than ``bits``.
    signed : bool
        Two's complement, or unsigned.
    narrow : bool
        Leave out the most negative code, so that the range is symmetric.

    Raises
    ------
    FormatError
        Naming everything that is wrong at once.

    Examples
    --------
    >>> QFormat(8, 4).lo, QFormat(8, 4).hi, QFormat(8, 4).resolution
    (-128, 127, 0.0625)
    >>> str(QFormat.parse("fixed<8,4>")), str(QFormat.parse("UQ4.4"))
    ('fxp-s8/4', 'fxp-u8/4')
    """

    bits: int
    frac: int
    signed: bool = True
    narrow: bool = False

    def __post_init__(self) -> None:
        wrong = [
            check_int("format bits", self.bits, 1, MAX_BITS),
            check_int("format frac", self.frac, -MAX_FRAC, MAX_FRAC),
        ]
        for name in ("signed", "narrow"):
            if not isinstance(getattr(self, name), bool):
                wrong.append(f"format {name} must be True or False, not {getattr(self, name)!r}")
        if self.narrow and not self.signed:
            wrong.append("a narrow format must be signed (an unsigned one has no lowest code)")
        if self.narrow and self.bits == 1:
            wrong.append("a narrow format must have 2 bits or more")
        if sentences := [sentence for sentence in wrong if sentence]:
            raise FormatError("; ".join(sentences))
        for name in ("bits", "frac"):
            object.__setattr__(self, name, int(getattr(self, name)))

    @property
    def lo(self) -> int:
        """Lowest code."""
        return -(1 << (self.bits - 1)) + self.narrow if self.signed else 0

    @property
    def hi(self) -> int:
        """Highest code."""
        return (1 << (self.bits - self.signed)) - 1

    @property
    def multiplicand_range(self) -> tuple[int, int]:
        """Lowest and highest of what enters a product: the codes themselves."""
        return self.lo, self.hi

    @property
    def resolution(self) -> float:
        """Value of one code step."""
        return 2.0**-self.frac

    @classmethod
    def parse(cls, text: str) -> QFormat:
        """Read a format from text, in any notation of :meth:`fxpsim.Target.parse`.

        Modes in the text (``fixed<8,4,RND,SAT>``) are checked, and left to ``Target.parse``.

        Raises
        ------
        FormatError
            The text is in no known notation, or can be read in two ways (``s8.4``).
        """
        from fxpsim.formats.text import Target

        return Target.parse(text).format

    def to_text(self, notation: Notation | str) -> str:
        """Return the format as ``canonical``, ``hls``, ``arm`` or ``ti`` text.

        Raises
        ------
        FormatError
            The notation cannot say it (narrow formats; unsigned ones in TI's).
        """
        from fxpsim.formats.text import write_format

        return write_format(self, notation)

    def __str__(self) -> str:
        return f"fxp-{'s' if self.signed else 'u'}{self.bits}/{self.frac}{'n' * self.narrow}"

    def __repr__(self) -> str:
        integer = self.bits - self.frac
        ti = f", TI Q{integer - 1}.{self.frac}" if self.signed else ""
        return f"QFormat({str(self)!r}: {'' if self.signed else 'U'}Q{integer}.{self.frac}{ti})"
