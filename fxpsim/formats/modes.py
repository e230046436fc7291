"""Rounding and overflow modes, and the one way to read them from text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from fxpsim.errors import FormatError, suggest

if TYPE_CHECKING:
    from fxpsim.formats.qformat import QFormat

__all__ = [
    "STOCHASTIC",
    "Overflow",
    "OverflowRule",
    "Rounding",
    "Wrap",
    "WrapSignMagnitude",
    "check_overflow",
    "read_mode",
    "read_overflow",
]


class Rounding(StrEnum):
    """What becomes of the bits that are dropped; the rules stand in :mod:`fxpsim.spec`."""

    FLOOR = "floor"
    CEIL = "ceil"
    TOWARD_ZERO = "toward_zero"
    AWAY_FROM_ZERO = "away_from_zero"
    NEAREST_UP = "nearest_up"
    NEAREST_DOWN = "nearest_down"
    NEAREST_TO_ZERO = "nearest_to_zero"
    NEAREST_AWAY = "nearest_away"
    NEAREST_EVEN = "nearest_even"
    NEAREST_ODD = "nearest_odd"
    TRN_MAG = "trn_mag"
    JAM = "jam"
    JAM_UNBIASED = "jam_unbiased"
    STOCHASTIC_WEIGHTED = "stochastic_weighted"
    STOCHASTIC_EQUAL = "stochastic_equal"


#: The modes that need a draw for each element.
STOCHASTIC = frozenset({Rounding.STOCHASTIC_WEIGHTED, Rounding.STOCHASTIC_EQUAL})


class Overflow(StrEnum):
    """What becomes of a value outside its format; the rules stand in :mod:`fxpsim.spec`."""

    SATURATE = "saturate"
    SATURATE_SYMMETRIC = "saturate_symmetric"
    SATURATE_TO_ZERO = "saturate_to_zero"
    WRAP = "wrap"
    WRAP_SIGN_MAGNITUDE = "wrap_sign_magnitude"
    TRAP = "trap"


@dataclass(frozen=True, slots=True)
class _SaturatedMsbs:
    """Wrapping that keeps the sign: HLS's ``n_bits``."""

    saturated_msbs: int

    def __post_init__(self) -> None:
        count = self.saturated_msbs
        if isinstance(count, bool) or not isinstance(count, int) or not 0 <= count <= 62:
            raise FormatError(f"saturated_msbs must be an integer from 0 to 62, not {count!r}")


@dataclass(frozen=True, slots=True)
class Wrap(_SaturatedMsbs):
    """Wrap with saturated most significant bits; acts only on a value that overflowed.

    Parameters
    ----------
    saturated_msbs : int
        0 is plain ``wrap``.  Signed: 1 keeps the sign bit, n also sets the n - 1 bits below it to
        its opposite.  Unsigned: the top n bits become 1.  HLS calls it ``AP_WRAP`` with
        ``n_bits``; ``Wrap(1)`` is apytypes' NUMERIC_STD for signed words.
    """

    def __str__(self) -> str:
        return f"wrap({self.saturated_msbs})"


@dataclass(frozen=True, slots=True)
class WrapSignMagnitude(_SaturatedMsbs):
    """Sign-magnitude wrapping of signed formats; acts only on a value that overflowed.

    Parameters
    ----------
    saturated_msbs : int
        0 is plain ``wrap_sign_magnitude``, a triangle wave.  From 1 on the sign is kept, lower
        bits are inverted in alternate periods.  HLS calls it ``AP_WRAP_SM`` with ``n_bits``.
    """

    def __str__(self) -> str:
        return f"wrap_sign_magnitude({self.saturated_msbs})"


OverflowRule: TypeAlias = Overflow | Wrap | WrapSignMagnitude

_PLAIN: dict[type[_SaturatedMsbs], Overflow] = {
    Wrap: Overflow.WRAP,
    WrapSignMagnitude: Overflow.WRAP_SIGN_MAGNITUDE,
}
_WITH_MSBS = re.compile(r"(wrap|wrap_sign_magnitude)\(\s*(\d+)\s*\)")

Mode = TypeVar("Mode", Rounding, Overflow)


def read_mode(mode: Mode | str, kind: type[Mode], noun: str) -> Mode:
    """Return the member of ``kind`` that ``mode`` is or names.

    Raises
    ------
    FormatError
        The name is not one of the modes; the message has the nearest that is.
    """
    try:
        return kind(mode)
    except ValueError:
        known = [member.value for member in kind]
        raise FormatError(
            f"{noun} must be one of the modes, not {mode!r}{suggest(str(mode), known)}"
        ) from None


def read_overflow(rule: OverflowRule | str, noun: str) -> OverflowRule:
    """Return the rule that ``rule`` is or names; ``wrap(3)`` is ``Wrap(3)``, ``Wrap(0)`` is plain.

    Raises
    ------
    FormatError
        The name is not one of the modes; the message has the nearest that is.
    """
    if isinstance(rule, str) and (match := _WITH_MSBS.fullmatch(rule.strip())):
        count = int(match[2])
        rule = Wrap(count) if match[1] == "wrap" else WrapSignMagnitude(count)
    if isinstance(rule, (Wrap, WrapSignMagnitude)):
        return rule if rule.saturated_msbs else _PLAIN[type(rule)]
    return read_mode(rule, Overflow, noun)


def check_overflow(fmt: QFormat, rule: OverflowRule) -> None:
    """Refuse an overflow rule that a format has no meaning for.

    Raises
    ------
    FormatError
        A narrow format should wrap, an unsigned one wrap by sign and magnitude, or more bits
        saturate than there are.
    """
    signed_only = rule == Overflow.WRAP_SIGN_MAGNITUDE or isinstance(rule, WrapSignMagnitude)
    if fmt.narrow and (signed_only or rule == Overflow.WRAP or isinstance(rule, Wrap)):
        raise FormatError(f"a narrow format cannot wrap (format {fmt}); use 'saturate'")
    if signed_only and not fmt.signed:
        raise FormatError(
            f"an unsigned format cannot wrap by sign and magnitude (format {fmt}); use 'wrap'"
        )
    if isinstance(rule, (Wrap, WrapSignMagnitude)) and rule.saturated_msbs > fmt.bits:
        raise FormatError(f"{rule} saturates more bits than format {fmt} has")
