"""Front ends by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module

from accel_models.keys import convert
from fxpsim.errors import ConfigError, suggest
from fxpsim.frontend.contract import FrontEnd

__all__ = ["create", "list_front_ends"]


@dataclass(frozen=True, slots=True)
class _Entry:
    """Where a front end's settings are declared, and which of them its name stands for."""

    module: str
    settings: str
    preset: Mapping[str, object] = field(default_factory=dict)


_FRONT_ENDS = {
    "logmel": _Entry("fxpsim.frontend.logmel", "LogMel"),
}


def list_front_ends() -> list[str]:
    """Return the names that :func:`create` knows."""
    return sorted(_FRONT_ENDS)


def create(text: str, **keywords: object) -> FrontEnd:
    """Return the front end that ``name[:key=value,...]`` describes.

    Parameters
    ----------
    text : str
        For example ``"logmel"`` or ``"logmel:bands=40,frames_per_row=2"``.
    **keywords
        Settings by name; they override the text.

    Raises
    ------
    ConfigError
        Naming everything that is wrong, with the nearest name or key.

    Examples
    --------
    >>> create("logmel:frames_per_row=2").hop
    640
    """
    from fxpsim.frontend.logmel import LogMel, LogMelRows

    name, _, rest = text.partition(":")
    if name.strip() not in _FRONT_ENDS:
        raise ConfigError(f"unknown front end {name!r}{suggest(name, _FRONT_ENDS)}")
    entry = _FRONT_ENDS[name.strip()]
    values, mistakes = dict(entry.preset), []
    for part in filter(None, (piece.strip() for piece in rest.split(","))):
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if equals:
            values[key] = value
        else:
            mistakes.append(f"{part!r} must be key=value")
    settings = getattr(import_module(entry.module), entry.settings)
    good, wrong = convert(settings, values | keywords)
    if mistakes + wrong:
        raise ConfigError(f"front end {text!r}: {'; '.join(mistakes + wrong)}")
    made = settings(**good)
    return LogMelRows(made) if isinstance(made, LogMel) else made
