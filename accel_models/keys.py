"""The settings of a cost model: declared once as dataclass fields, read from text or keywords."""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from accel_models.errors import suggest

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = ["Doc", "Key", "convert", "keys_of"]


@dataclass(frozen=True, slots=True)
class Doc:
    """What a setting counts and means: ``rows: Annotated[int, Doc("elements", "rows")] = 8``."""

    unit: str
    text: str


@dataclass(frozen=True, slots=True)
class Key:
    """One setting of a model: what it is called, counts and holds."""

    name: str
    unit: str
    default: object
    value: object
    text: str
    choices: tuple[str, ...] = ()


def keys_of(model: DataclassInstance) -> tuple[Key, ...]:
    """Return the settings of a model with the values that it has.

    Raises
    ------
    TypeError
        If a field says neither unit nor meaning.
    """
    cls = type(model)
    hints = typing.get_type_hints(cls, include_extras=True)
    keys = []
    for field in dataclasses.fields(cls):
        hint = hints[field.name]
        docs = [extra for extra in getattr(hint, "__metadata__", ()) if isinstance(extra, Doc)]
        if not docs:
            raise TypeError(f"{cls.__name__}.{field.name} must be Annotated[..., Doc(unit, text)]")
        choices = [str(member) for kind in _options(hint.__origin__) for member in _members(kind)]
        value = getattr(model, field.name)
        keys.append(
            Key(field.name, docs[0].unit, field.default, value, docs[0].text, tuple(choices))
        )
    return tuple(keys)


def convert(cls: type, values: Mapping[str, object]) -> tuple[dict[str, Any], list[str]]:
    """Give each value the type of the key it is meant for.

    Text is read as a number where the key is one; numbers are taken as they are, but never 16.7
    for a whole number nor True for 1.

    Returns
    -------
    tuple
        The converted values, and one sentence for each that is wrong.
    """
    hints = typing.get_type_hints(cls)
    known = {field.name for field in dataclasses.fields(cls)}
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
    return good, mistakes


def _options(hint: object) -> tuple[type, ...]:
    """Return the types that a hint such as ``float | None`` allows."""
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        return typing.get_args(hint)
    return (typing.cast(type, hint),)


def _members(candidate: type) -> tuple[StrEnum, ...]:
    return tuple(candidate) if issubclass(candidate, StrEnum) else ()


def _as(options: tuple[type, ...], value: object) -> object:
    if value is None and types.NoneType in options:
        return None
    (kind, *_) = (option for option in options if option is not types.NoneType)
    if issubclass(kind, StrEnum):
        try:
            return kind(str(value))
        except ValueError:
            near = suggest(str(value), [str(member) for member in kind])
            raise ValueError(f"cannot be {value!r}{near}") from None
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
