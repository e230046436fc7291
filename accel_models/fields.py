"""Checks of single fields of frozen dataclasses, each a sentence if it fails."""

from __future__ import annotations

from enum import StrEnum
from numbers import Integral

from accel_models.errors import suggest

__all__ = ["member", "whole"]


def whole(record: object, label: str, low: int, high: int | None = None) -> list[str]:
    """Make a field a Python int in place, or return a sentence if it is none in [low, high]."""
    value, noun = getattr(record, label), label.replace("_", " ")
    if isinstance(value, bool) or not isinstance(value, Integral):
        return [f"{noun} must be a whole number, not {value!r}"]
    number = int(value)
    object.__setattr__(record, label, number)
    if number < low:
        return [f"{noun} must be {low} or more, not {number}"]
    if high is not None and number > high:
        return [f"{noun} must be {high} or less, not {number}"]
    return []


def member(record: object, label: str, enum: type[StrEnum]) -> list[str]:
    """Turn a name into a member of `enum` in place, or return a sentence."""
    value = getattr(record, label)
    try:
        object.__setattr__(record, label, enum(value))
    except ValueError:
        near = suggest(str(value), [str(member) for member in enum])
        return [f"{label} cannot be {value!r}{near}"]
    return []
