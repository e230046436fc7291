"""Reading a TOML file into frozen dataclasses, strictly, with every mistake at once."""

from __future__ import annotations

import dataclasses
import functools
import math
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from accel_models.errors import ConfigError, raise_all, suggest

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

    from cattrs import Converter

__all__ = ["read_table", "read_toml", "structure"]

T = TypeVar("T")

_NOUNS: dict[type, str] = {
    int: "a whole number",
    float: "a number",
    str: "a text",
    bool: "true or false",
}

_CONTAINERS: tuple[tuple[tuple[type, ...], type, str], ...] = (
    ((list, tuple), list, "a list"),
    ((dict,), dict, "a table"),
)


def read_toml(path: str | Path | Traversable, cls: type[T]) -> T:
    """Read a TOML file into a dataclass.

    Keys that the dataclass does not have are refused, with the nearest one that it has. Types are
    taken literally: no 16.7 for a whole number, no 1 for true, no text for a number; a whole
    number is a number. A ``ValueError`` that a dataclass raises keeps its text.

    Parameters
    ----------
    path
        A file, or a resource of a package.
    cls
        A dataclass of numbers, texts, ``StrEnum`` members, dataclasses, and of tuples and
        dictionaries of these.

    Raises
    ------
    ConfigError
        If the file cannot be read; naming everything in it that is wrong.
    """
    return structure(read_table(path), cls, str(path))


def read_table(path: str | Path | Traversable) -> dict[str, Any]:
    """Read a TOML file into nested tables; errors are those of `read_toml`."""
    import tomllib

    file = Path(path) if isinstance(path, str) else path
    try:
        return tomllib.loads(file.read_bytes().decode("utf-8"))
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{file} must be UTF-8 text") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file} is not valid TOML: {error}") from None


def structure(table: Mapping[str, Any], cls: type[T], where: str) -> T:
    """Turn nested tables into a dataclass as `read_toml` does; `where` begins every message."""
    from cattrs import BaseValidationError

    try:
        return _converter().structure(table, cls)
    except (BaseValidationError, ValueError) as wrong:
        mistakes = list(dict.fromkeys(_sentences(wrong, "")))
    raise_all(ConfigError, where, mistakes)
    raise AssertionError("no mistake in a group of mistakes")


@functools.cache
def _converter() -> Converter:
    from cattrs import Converter

    converter = Converter(forbid_extra_keys=True, detailed_validation=True)
    for kind in _NOUNS:
        converter.register_structure_hook(kind, _leaf)
    converter.register_structure_hook_func(_is_scalar_union, _scalar_union)
    converter.register_structure_hook_factory(_is_dataclass, _dataclass_hook)
    return converter


def _leaf(value: object, kind: type) -> object:
    # cattrs finds hooks by subclass, and an enumeration of texts is one of `str`
    return _choice(value, kind) if issubclass(kind, StrEnum) else _scalar(value, kind)


def _scalar(value: object, kind: type) -> object:
    accepted = (int, float) if kind is float else (kind,)
    wrong_bool = isinstance(value, bool) and kind is not bool
    if wrong_bool or not isinstance(value, accepted):
        raise ValueError(f"must be {_NOUNS[kind]}, not {value!r}")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"must be finite, not {value!r}")
    return float(typing.cast(float, value)) if kind is float else value


def _scalar_union(value: object, union: object) -> object:
    kinds = typing.get_args(union)
    if not any(type(value) is kind for kind in kinds):
        raise ValueError(f"must be {' or '.join(_NOUNS[kind] for kind in kinds)}, not {value!r}")
    return value


def _choice(value: object, enum: type[StrEnum]) -> StrEnum:
    try:
        return enum(typing.cast(str, value))
    except ValueError:
        near = suggest(str(value), [str(member) for member in enum])
        raise ValueError(f"cannot be {value!r}{near}") from None


def _is_scalar_union(kind: object) -> bool:
    union = typing.get_origin(kind) in (types.UnionType, typing.Union)
    return union and all(option in _NOUNS for option in typing.get_args(kind))


def _is_dataclass(kind: object) -> bool:
    return isinstance(kind, type) and dataclasses.is_dataclass(kind)


def _dataclass_hook(cls: type, converter: Converter) -> Any:
    from cattrs.gen import make_dict_structure_fn

    inner: Callable[[dict[str, Any], type], object] = make_dict_structure_fn(
        cls, converter, _cattrs_forbid_extra_keys=True, _cattrs_detailed_validation=True
    )
    hints = typing.get_type_hints(cls)
    origins = {name: typing.get_origin(hint) for name, hint in hints.items()}

    def hook(value: object, kind: type) -> object:
        if not isinstance(value, Mapping):
            raise ValueError(f"must be a table, not {value!r}")
        # cattrs takes a text for a sequence of letters, and a number for a table
        wrong = [
            f"{name} must be {noun}, not {value[name]!r}"
            for name, origin in origins.items()
            for kinds, held, noun in _CONTAINERS
            if origin in kinds and name in value and not isinstance(value[name], held)
        ]
        if wrong:
            raise ValueError("; ".join(wrong))
        return inner(dict(value), kind)

    return hook


def _sentences(error: BaseException, path: str) -> Iterator[str]:
    """Yield one sentence for each leaf of the groups of exceptions that cattrs raises."""
    from cattrs import ForbiddenExtraKeysError

    path = _below(path, error)
    prefix = f"{path}: " if path else ""
    if isinstance(error, BaseExceptionGroup):
        for leaf in error.exceptions:
            yield from _sentences(leaf, path)
    elif isinstance(error, ForbiddenExtraKeysError):
        known = [field.name for field in dataclasses.fields(error.cl)]
        for name in sorted(error.extra_fields):
            yield f"{prefix}unknown key {name!r}{suggest(name, known)}"
    elif isinstance(error, KeyError):
        yield f"{path or error.args[0]} is missing"
    else:
        yield f"{path} {error}" if str(error).startswith(("must", "cannot")) else f"{prefix}{error}"


def _below(path: str, error: BaseException) -> str:
    """Append to `path` where cattrs noted that it was when this error arose."""
    from cattrs import AttributeValidationNote, IterableValidationNote

    for note in getattr(error, "__notes__", ()):
        if isinstance(note, AttributeValidationNote):
            return f"{path}.{note.name}" if path else note.name
        if isinstance(note, IterableValidationNote):
            index = note.index
            return f"{path}[{index}]" if isinstance(index, int) else f"{path}.{index}"
    return path
