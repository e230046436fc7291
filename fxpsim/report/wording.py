"""Numbers as the page prints them, each in one way only."""

from __future__ import annotations

import math
from collections.abc import Callable

__all__ = [
    "Writer",
    "change",
    "change_interval",
    "cycles",
    "interval",
    "kib",
    "percent",
    "points",
    "points_interval",
    "ratio",
    "share",
]

#: How a number is written.
Writer = Callable[[float], str]

_MINUS = "\N{MINUS SIGN}"
_DASH = "\N{EN DASH}"
_MISSING = "\N{EN DASH}"


def percent(value: float) -> str:
    """``74.6`` for a share of 0.746: accuracy, in percent without the sign."""
    return _MISSING if math.isnan(value) else f"{100 * value:.1f}"


def interval(low: float, high: float) -> str:
    """``67.9-80.8``: percent, with a dash; nothing where there is none."""
    if math.isnan(low) or math.isnan(high):
        return ""
    return f"{percent(low)}{_DASH}{percent(high)}"


def points(value: float) -> str:
    """``+0.4`` for a difference of shares of 0.004: percentage points, always signed."""
    if math.isnan(value):
        return _MISSING
    rounded = round(100 * value, 1)
    return f"{_MINUS if rounded < 0 else '+' if rounded else '±'}{abs(rounded):.1f}"


def change(value: float) -> str:
    """``+12 %``: a relative change, always signed; words where there is none."""
    if math.isnan(value):
        return "not defined"
    rounded = round(100 * value)
    return f"{_MINUS if rounded < 0 else '+' if rounded else '±'}{abs(rounded)} %"


def change_interval(low: float, high: float) -> str:
    """``-3 % to +30 %``."""
    if math.isnan(low) or math.isnan(high):
        return "interval not defined"
    return f"{change(low)} to {change(high)}"


def points_interval(low: float, high: float) -> str:
    """``-1.1 to +0.5``: percentage points; nothing where there are none."""
    if math.isnan(low) or math.isnan(high):
        return ""
    return f"{points(low)} to {points(high)}"


def share(value: float) -> str:
    """``3.4 %``, ``0``, or ``< 0.1 %``: a share that may be exactly none."""
    if value == 0:
        return "0"
    return "< 0.1 %" if value < 0.001 else f"{100 * value:.1f} %"


def cycles(value: float) -> str:
    """``118 k``: cycles to three digits, since they are estimates."""
    thousands = value / 1e3
    digits = 0 if thousands >= 99.95 else 1 if thousands >= 9.995 else 2
    return f"{thousands:.{digits}f} k"


def ratio(value: float) -> str:
    """``0.33x``: times something; halves go up, so that 0.125 and 0.126 read alike."""
    if math.isnan(value):
        return _MISSING
    return f"{math.floor(100 * value + 0.5) / 100:.2f}\N{MULTIPLICATION SIGN}"


def kib(value: float) -> str:
    """``152.0``: bytes in KiB, without the unit."""
    return f"{value / 1024:.1f}"
