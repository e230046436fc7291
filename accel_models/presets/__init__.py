"""Settings of named machines: one TOML file a machine in a folder of the model's name."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from types import MappingProxyType

from accel_models.constants import Setting
from accel_models.toml import read_toml

__all__ = ["Preset", "preset_settings", "read_presets"]


@dataclass(frozen=True, slots=True)
class Preset:
    """One named machine.

    Attributes
    ----------
    text
        What it is, in a line.
    settings
        Values of the model's keys, each with unit, source and kind.
    """

    text: str
    settings: dict[str, Setting]


@functools.cache
def read_presets(model: str) -> Mapping[str, Preset]:
    """Return the presets that ship with `model`, by name."""
    folder = files(__name__) / model
    found = sorted(folder.iterdir(), key=lambda file: file.name)
    presets = {
        file.name.removesuffix(".toml"): read_toml(file, Preset)
        for file in found
        if file.name.endswith(".toml")
    }
    return MappingProxyType(presets)


def preset_settings(model: str) -> dict[str, dict[str, int | float | str | bool]]:
    """Return the values of the settings of each preset that ships with `model`."""
    return {
        name: {key: setting.value for key, setting in preset.settings.items()}
        for name, preset in read_presets(model).items()
    }
