"""The accumulator: the register that a layer's products are added into."""

from __future__ import annotations

import re
from dataclasses import dataclass

from fxpsim.errors import FormatError
from fxpsim.formats import Overflow
from fxpsim.formats.modes import read_mode
from fxpsim.formats.qformat import check_int

__all__ = ["Accumulator"]

_MODES = (Overflow.SATURATE, Overflow.WRAP)


@dataclass(frozen=True, slots=True)
class Accumulator:
    """One register of a layer's sums, at the products' fraction.

    It starts at 0; a bias is added first, then the products in ascending order of the reduction
    index, and *every* addition overflows as the mode says.  It is part of what a layer means.

    Parameters
    ----------
    bits : int
        Width, 2 to 64.
    overflow : {"wrap", "saturate"}
        What each addition does with a sum that does not fit.
    signed : bool
        Two's complement, or unsigned.

    Raises
    ------
    FormatError
        Naming everything that is wrong at once.

    Examples
    --------
    >>> Accumulator(16, "saturate")
    Accumulator(bits=16, overflow='saturate', signed=True)
    """

    bits: int
    overflow: Overflow = Overflow.WRAP
    signed: bool = True

    def __init__(
        self, bits: int, overflow: Overflow | str = "wrap", *, signed: bool = True
    ) -> None:
        wrong = [check_int("accumulator bits", bits, 2, 64)]
        mode = Overflow.WRAP
        try:
            mode = read_mode(overflow, Overflow, "accumulator overflow")
        except FormatError as error:
            wrong.append(str(error))
        if not isinstance(signed, bool):
            wrong.append(f"accumulator signed must be True or False, not {signed!r}")
        if mode not in _MODES:
            wrong.append(f"accumulator overflow must be 'saturate' or 'wrap', not {mode.value!r}")
        if sentences := [sentence for sentence in wrong if sentence]:
            raise FormatError("; ".join(sentences))
        object.__setattr__(self, "bits", int(bits))
        object.__setattr__(self, "overflow", mode)
        object.__setattr__(self, "signed", signed)

    @property
    def lo(self) -> int:
        """Lowest value the register holds."""
        return -(1 << (self.bits - 1)) if self.signed else 0

    @property
    def hi(self) -> int:
        """Highest value the register holds."""
        return (1 << (self.bits - self.signed)) - 1

    @classmethod
    def parse(cls, text: str) -> Accumulator:
        """Read ``"16,saturate"`` or ``"16"`` (wrap); a leading ``u`` makes it unsigned.

        Raises
        ------
        FormatError
            The text is not of that form.
        """
        width, _, mode = text.strip().partition(",")
        unsigned = width.startswith("u")
        if not re.fullmatch(r"u?[0-9]{1,4}", width):
            raise FormatError(f"accumulator must look like '16,saturate' or '16', not {text!r}")
        bits = int(width.removeprefix("u"))
        return cls(bits, mode.strip() or Overflow.WRAP, signed=not unsigned)

    def __str__(self) -> str:
        return f"{'' if self.signed else 'u'}{self.bits},{self.overflow.value}"

    def __repr__(self) -> str:
        return (
            f"Accumulator(bits={self.bits}, overflow={self.overflow.value!r}, signed={self.signed})"
        )
