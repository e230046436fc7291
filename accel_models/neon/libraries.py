"""Kernel libraries for Cortex-M: one measured factor each on top of these loops.

The same silicon ran the same network four times as fast after three years of software, so that
cycles belong to a library and its version, not to a core. Each factor is calibrated on one core;
`docs/explanation/arm-cores.md` has the errors on that library's other cores.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

from accel_models.constants import Constant
from accel_models.errors import ConfigError, suggest
from accel_models.toml import read_toml

__all__ = ["Library", "factor_of", "library_names", "read_libraries"]


@dataclass(frozen=True, slots=True)
class Library:
    """One library and version: what it takes, over what the instructions of our loops take."""

    text: str
    factor: Constant


@dataclass(frozen=True, slots=True)
class _Libraries:
    libraries: dict[str, Library]


@functools.cache
def read_libraries() -> Mapping[str, Library]:
    """Return the libraries by name."""
    return read_toml(files(__package__) / "libraries.toml", _Libraries).libraries


def library_names() -> tuple[str, ...]:
    """Return the names of the libraries."""
    return tuple(sorted(read_libraries()))


def factor_of(name: str | None) -> float:
    """Return the factor of a library; 1 for none.

    Raises
    ------
    ConfigError
        If there is no such library.
    """
    if name is None:
        return 1.0
    if name not in read_libraries():
        raise ConfigError(f"unknown library {name!r}{suggest(name, read_libraries())}")
    return read_libraries()[name].factor.value
