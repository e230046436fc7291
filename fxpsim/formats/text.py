"""Formats and modes as text: the notations of HLS, Arm, TI and fxpmath, in and out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from fxpsim.errors import FormatError, suggest
from fxpsim.formats.modes import (
    Overflow,
    OverflowRule,
    Rounding,
    Wrap,
    WrapSignMagnitude,
    check_overflow,
    read_mode,
    read_overflow,
)
from fxpsim.formats.qformat import QFormat

__all__ = ["HLS_OVERFLOW", "HLS_ROUNDING", "Notation", "Target", "write_format"]

_CANONICAL = re.compile(r"fxp-(?P<sign>[su])(?P<bits>\d+)/(?P<frac>-?\d+)(?P<narrow>n?)")
_HLS = re.compile(
    r"(?:ap_)?(?P<u>u?)fixed<\s*(?P<bits>\d+)\s*,\s*(?P<integer>-?\d+)\s*(?P<modes>(?:,[^,<>]*)*)>"
)
_ARM = re.compile(r"(?P<u>U?)Q(?P<integer>-?\d+)\.(?P<frac>-?\d+)")
_TI = re.compile(r"TIQ(?P<integer>-?\d+)\.(?P<frac>-?\d+)")
_AMBIGUOUS = re.compile(r"[su](\d+)\.(\d+)")

#: Names of IEEE 1666 (SystemC), AMD's ap_fixed and Siemens' ac_fixed, without their prefixes.
HLS_ROUNDING = {
    "TRN": Rounding.FLOOR,
    "TRN_ZERO": Rounding.TOWARD_ZERO,
    "RND": Rounding.NEAREST_UP,
    "RND_ZERO": Rounding.NEAREST_TO_ZERO,
    "RND_MIN_INF": Rounding.NEAREST_DOWN,
    "RND_INF": Rounding.NEAREST_AWAY,
    "RND_CONV": Rounding.NEAREST_EVEN,
    "RND_CONV_ODD": Rounding.NEAREST_ODD,
}
HLS_OVERFLOW = {
    "SAT": Overflow.SATURATE,
    "SAT_ZERO": Overflow.SATURATE_TO_ZERO,
    "SAT_SYM": Overflow.SATURATE_SYMMETRIC,
    "WRAP": Overflow.WRAP,
    "WRAP_SM": Overflow.WRAP_SIGN_MAGNITUDE,
}
_PREFIX = re.compile(r"^(AP|AC|SC)_")

Named = TypeVar("Named", Rounding, Overflow)


class Notation(StrEnum):
    """Ways to write a format."""

    CANONICAL = "canonical"  # fxp-s8/4: bits / fraction bits
    HLS = "hls"  # fixed<8,4>: bits, integer bits with the sign
    ARM = "arm"  # Q4.4: integer bits with the sign, fraction bits
    TI = "ti"  # TIQ3.4: integer bits without the sign, fraction bits


@dataclass(frozen=True, slots=True)
class Target:
    """Where a cast goes: a format, and what rounds and overflows on the way.

    Parameters
    ----------
    format : QFormat
        Of the result.
    rounding : Rounding or str
        Applied first.
    overflow : Overflow, Wrap, WrapSignMagnitude or str
        Applied second.

    Examples
    --------
    >>> Target.parse("fixed<8,4,RND,SAT>")
    Target(QFormat('fxp-s8/4': Q4.4, TI Q3.4), 'nearest_up', 'saturate')
    >>> Target(QFormat(8, 4), "floor", "wrap(3)").hls()
    'fixed<8,4,TRN,WRAP,3>'
    """

    format: QFormat
    rounding: Rounding = Rounding.FLOOR
    overflow: OverflowRule = Overflow.WRAP

    def __post_init__(self) -> None:
        object.__setattr__(self, "rounding", read_mode(self.rounding, Rounding, "rounding"))
        object.__setattr__(self, "overflow", read_overflow(self.overflow, "overflow"))
        check_overflow(self.format, self.overflow)

    @classmethod
    def parse(cls, text: str) -> Target:
        """Read a format with modes: floor and wrap, as in HLS, where it has none.

        A narrow format, which cannot wrap, saturates.

        Parameters
        ----------
        text : str
            ``fxp-s8/4`` (bits / fraction), ``fixed<8,4>`` or ``ufixed<8,4>`` (HLS: bits, integer
            bits with the sign), ``Q4.4`` or ``UQ4.4`` (Arm: integer bits with the sign,
            fraction), ``TIQ3.4`` (TI: integer bits without the sign, fraction).  With modes:
            ``fixed<8,4,RND,SAT>``, ``fixed<8,4,RND,WRAP,3>``, ``fxp-s8/4,nearest_up,wrap(3)``.

        Raises
        ------
        FormatError
            The text is none of these, or can be read in two ways (``s8.4``).
        """
        word = text.strip()
        if match := _HLS.fullmatch(word):
            bits, integer = int(match["bits"]), int(match["integer"])
            fmt = QFormat(bits, bits - integer, signed=not match["u"])
            return cls(fmt, *_read_hls_modes(match["modes"], text))
        name, *modes = (part.strip() for part in word.split(","))
        if len(modes) > 2:
            raise FormatError(f"a format has a rounding and an overflow mode, not more: {text!r}")
        fmt = _read_format(name, text)
        defaults = "floor", "saturate" if fmt.narrow else "wrap"
        return cls(fmt, *modes, *defaults[len(modes) :])  # type: ignore[arg-type]

    def hls(self) -> str:
        """Return the HLS type, ``fixed<8,4,RND,SAT>``.

        Raises
        ------
        FormatError
            HLS has no name for a mode, or no narrow formats.
        """
        rule, count = self.overflow, ""
        if isinstance(rule, (Wrap, WrapSignMagnitude)):
            count = f",{rule.saturated_msbs}"
            plain = Overflow.WRAP if isinstance(rule, Wrap) else Overflow.WRAP_SIGN_MAGNITUDE
        else:
            plain = rule
        rounding = _name_of(self.rounding, HLS_ROUNDING)
        overflow = _name_of(plain, HLS_OVERFLOW)
        word = write_format(self.format, Notation.HLS)
        return f"{word[:-1]},{rounding},{overflow}{count}>"

    def __str__(self) -> str:
        return f"{self.format},{self.rounding},{self.overflow}"

    def __repr__(self) -> str:
        return f"Target({self.format!r}, '{self.rounding}', '{self.overflow}')"


def _name_of(mode: Named, names: Mapping[str, Named]) -> str:
    for name, named in names.items():
        if named is mode:
            return name
    raise FormatError(f"HLS has no name for {mode.value!r}")


def _read_hls_modes(text: str, whole: str) -> tuple[Rounding, OverflowRule]:
    names = [part.strip() for part in text.split(",")[1:]]
    if len(names) > 3:
        raise FormatError(f"an HLS type has at most five parameters: {whole!r}")
    rounding, overflow, count = [*names, *("TRN", "WRAP", "0")[len(names) :]]
    if not count.isdigit():
        raise FormatError(f"saturated bits of an HLS type must be a number, not {count!r}")
    rule = _read_hls_name(overflow, HLS_OVERFLOW, "HLS overflow mode")
    mode = _read_hls_name(rounding, HLS_ROUNDING, "HLS rounding mode")
    if rule is Overflow.WRAP:
        return mode, read_overflow(Wrap(int(count)), "overflow")
    if rule is Overflow.WRAP_SIGN_MAGNITUDE:
        return mode, read_overflow(WrapSignMagnitude(int(count)), "overflow")
    return mode, rule


def _read_hls_name(name: str, known: Mapping[str, Named], noun: str) -> Named:
    """Return the mode of a name like ``RND``, ``AP_RND`` or ``AC_RND``."""
    short = _PREFIX.sub("", name)
    if short not in known:
        raise FormatError(f"{noun} must be one of {', '.join(known)}, not {name!r}")
    return known[short]


def _read_format(word: str, text: str) -> QFormat:
    if match := _CANONICAL.fullmatch(word):
        signed, narrow = match["sign"] == "s", bool(match["narrow"])
        return QFormat(int(match["bits"]), int(match["frac"]), signed, narrow)
    if match := _ARM.fullmatch(word):
        integer, frac = int(match["integer"]), int(match["frac"])
        return QFormat(integer + frac, frac, signed=not match["u"])
    if match := _TI.fullmatch(word):
        integer, frac = int(match["integer"]), int(match["frac"])
        return QFormat(1 + integer + frac, frac)
    if match := _AMBIGUOUS.fullmatch(word):
        first, second = int(match[1]), int(match[2])
        raise FormatError(
            f"format {text!r} has two readings: {first} integer bits (fxp-{word[0]}"
            f"{first + second}/{second}) or {first} bits in all (fxp-{word[0]}{first}/{second})"
        )
    raise FormatError(f"format must look like 'fxp-s8/4', 'fixed<8,4>' or 'Q4.4', not {text!r}")


def write_format(fmt: QFormat, notation: Notation | str) -> str:
    """Return a format in a notation; :meth:`Target.parse` reads it back.

    Raises
    ------
    FormatError
        The notation cannot say it (narrow formats; unsigned ones in TI's).
    """
    try:
        notation = Notation(notation)
    except ValueError:
        known = [member.value for member in Notation]
        raise FormatError(
            f"notation must be one of {', '.join(known)}, not {notation!r}"
            f"{suggest(str(notation), known)}"
        ) from None
    if notation is Notation.CANONICAL:
        return str(fmt)
    if fmt.narrow or (notation is Notation.TI and not fmt.signed):
        kind = "narrow" if fmt.narrow else "unsigned"
        raise FormatError(f"the {notation.value} notation has no {kind} formats ({fmt})")
    integer = fmt.bits - fmt.frac
    if notation is Notation.HLS:
        return f"{'' if fmt.signed else 'u'}fixed<{fmt.bits},{integer}>"
    if notation is Notation.ARM:
        return f"{'' if fmt.signed else 'U'}Q{integer}.{fmt.frac}"
    return f"TIQ{integer - 1}.{fmt.frac}"
