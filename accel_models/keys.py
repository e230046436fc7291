"""The settings of a cost model: declared once as dataclass fields, read from text or keywords."""

from __future__ import annotations

import dataclasses
import functools
import math
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from accel_models.errors import suggest

__all__ = ["Doc", "Key", "as_text", "choices_of", "convert", "keys_of"]


@dataclass(frozen=True, slots=True)
class Doc:
    """What a setting counts and means: ``rows: Annotated[int, Doc("elements", "rows")] = 8``.

    Attributes
    ----------
    unit
        What one of it is.
    text
        What it means, in a line.
    positive
        Whether it must be more than 0; no documented setting is less than 0.
    """

    unit: str
    text: str
    positive: bool = False


@dataclass(frozen=True, slots=True)
class Key:
    """One setting of a model: what it is called, counts and holds."""

    name: str
    unit: str
    default: object
    value: object
    text: str
    choices: tuple[str, ...] = ()


def keys_of(model: Any) -> tuple[Key, ...]:
    """Return the settings of a model with the values that it has.

    Raises
    ------
    TypeError
        If a field says neither unit nor meaning.
    """
    cls: type = type(model)
    hints = _hints(cls)
    keys = []
    for field in _settings(cls):
        doc = _doc(hints[field.name])
        if doc is None:
            raise TypeError(f"{cls.__name__}.{field.name} must be Annotated[..., Doc(unit, text)]")
        kinds = _options(hints[field.name].__origin__)
        choices = tuple(str(member) for kind in kinds for member in _members(kind))
        value = getattr(model, field.name)
        keys.append(Key(field.name, doc.unit, field.default, value, doc.text, choices))
    return tuple(keys)


def choices_of(cls: type) -> dict[str, list[str]]:
    """Return the names of the settings that have each choice."""
    hints, found = _hints(cls), dict[str, list[str]]()
    for field in _settings(cls):
        for kind in _options(_bare(hints[field.name])):
            for member in _members(kind) if isinstance(kind, type) else ():
                found.setdefault(str(member), []).append(field.name)
    return found


def as_text(value: object) -> str:
    """Return a value as it is written in the text that describes a model."""
    return str(value).lower() if value is None or isinstance(value, bool) else str(value)


def convert(cls: type, values: Mapping[str, object]) -> tuple[dict[str, Any], list[str]]:
    """Give each value the type of the key it is meant for.

    Text is read as a number where the key is one; numbers are taken as they are, but never 16.7
    for a whole number nor True for 1.

    Returns
    -------
    tuple
        The converted values, and one sentence for each that is wrong.
    """
    hints = {name: _bare(hint) for name, hint in _hints(cls).items()}
    docs = _hints(cls)
    known = {field.name for field in _settings(cls)}
    good: dict[str, Any] = {}
    mistakes: list[str] = []
    for name, value in values.items():
        if name not in known:
            mistakes.append(f"unknown key {name!r}{suggest(name, known)}")
            continue
        try:
            good[name] = _as(_options(hints[name]), value)
        except ValueError as error:
            mistakes.append(f"{name} {error}")
            continue
        doc, number = _doc(docs[name]), good[name]
        if doc is None or not isinstance(number, (int, float)):
            continue
        if doc.positive and number <= 0:
            mistakes.append(f"{name} must be more than 0, not {number}")
        elif number < 0:
            mistakes.append(f"{name} must be 0 or more, not {number}")
    return good, mistakes


@functools.cache
def _hints(cls: type) -> dict[str, Any]:
    return typing.get_type_hints(cls, include_extras=True)


def _bare(hint: Any) -> Any:
    return hint.__origin__ if hasattr(hint, "__metadata__") else hint


def _settings(cls: Any) -> list[dataclasses.Field[Any]]:
    return [field for field in dataclasses.fields(cls) if field.init]


def _doc(hint: object) -> Doc | None:
    extras = getattr(hint, "__metadata__", ())
    return next((extra for extra in extras if isinstance(extra, Doc)), None)


def _options(hint: object) -> tuple[type, ...]:
    """Return the types that a hint such as ``float | None`` allows."""
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        return typing.get_args(hint)
    return (typing.cast(type, hint),)


def _members(candidate: type) -> tuple[StrEnum, ...]:
    return tuple(candidate) if issubclass(candidate, StrEnum) else ()


def _as(options: tuple[type, ...], value: object) -> object:
    if value in (None, "none") and types.NoneType in options:
        return None
    (kind, *_) = (option for option in options if option is not types.NoneType)
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        try:
            return kind(str(value))
        except ValueError:
            near = suggest(str(value), [str(member) for member in kind])
            raise ValueError(f"cannot be {value!r}{near}") from None
    if typing.get_origin(kind) or not issubclass(kind, (str, int, float)):
        if isinstance(value, str):
            raise ValueError(f"cannot be written as text, so not as {value!r}")
        return value
    if kind is str:
        return str(value)
    if kind is bool:
        return _switch(value)
    return _number(value, whole=kind is int)


def _switch(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        return value == "true"
    raise ValueError(f"must be true or false, not {value!r}")


def _number(value: object, *, whole: bool) -> int | float:
    accepted = (int, str) if whole else (int, float, str)
    if isinstance(value, accepted) and not isinstance(value, bool):
        try:
            number = int(value) if whole else float(value)
        except ValueError:
            pass
        else:
            if math.isfinite(number):
                return number
    noun = "a whole number" if whole else "a finite number"
    raise ValueError(f"must be {noun}, not {value!r}")
