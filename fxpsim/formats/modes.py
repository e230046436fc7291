"""Rounding and overflow modes, and the one way to read them from text."""

from __future__ import annotations

from enum import StrEnum
from typing import TypeVar

from fxpsim.errors import FormatError, suggest

__all__ = ["Overflow", "Rounding", "read_mode"]


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


class Overflow(StrEnum):
    """What becomes of a value outside its format; the rules stand in :mod:`fxpsim.spec`."""

    SATURATE = "saturate"
    SATURATE_SYMMETRIC = "saturate_symmetric"
    SATURATE_TO_ZERO = "saturate_to_zero"
    WRAP = "wrap"


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
