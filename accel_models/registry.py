"""Finding cost models by name: ours and those that other packages register.

A package adds a model with an entry point of the group ``accel_models`` that names a subclass
of `CostModel`. A broken one is noticed only when it is asked for.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

from accel_models.errors import ConfigError, PluginError, raise_all, suggest
from accel_models.keys import convert
from accel_models.model import CostModel, Description

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = ["BUILT_IN", "GROUP", "create", "describe", "list_models", "model_class"]

GROUP = "accel_models"

# What pyproject.toml registers; here too, so that a checkout works without being installed.
BUILT_IN = {
    "bit_serial": "accel_models.bit_serial:BitSerial",
    "channel_parallel": "accel_models.channel_parallel:ChannelParallel",
    "dataflow_fpga": "accel_models.dataflow_fpga:DataflowFpga",
    "neon": "accel_models.neon:NeonCore",
    "systolic": "accel_models.systolic:SystolicArray",
}


def list_models() -> list[str]:
    """Return the names of all registered models, without loading any."""
    return sorted(_entry_points())


def model_class(name: str) -> type[CostModel]:
    """Return the class behind a name.

    Raises
    ------
    ConfigError
        If no model has that name; the message has the nearest one.
    PluginError
        If the model of another package cannot be loaded.
    """
    points = _entry_points()
    if name not in points:
        raise ConfigError(f"unknown cost model {name!r}{suggest(name, points)}")
    if len(points[name]) > 1:
        targets = ", ".join(sorted(point.value for point in points[name]))
        raise PluginError(f"cost model {name!r} is registered more than once: {targets}")
    (point,) = points[name]
    try:
        found = point.load()
    except Exception as error:
        raise PluginError(
            f"cost model {name!r} ({point.value}) cannot be loaded: {type(error).__name__}: {error}"
        ) from error
    if not (inspect.isclass(found) and issubclass(found, CostModel)):
        raise PluginError(
            f"cost model {name!r} ({point.value}) must be a subclass of accel_models.CostModel, "
            f"not {found!r}"
        )
    return found


def create(text: str, **keywords: object) -> CostModel:
    """Return the model that ``name[:preset][,key=value]`` describes.

    Parameters
    ----------
    text
        For example ``"neon"``, ``"neon:cortex-a53"``, ``"systolic:rows=8,columns=8,dataflow=ws"``,
        ``"systolic:16x16,dataflow=os"``.
    keywords
        Settings by name; they override the text, which overrides the preset.

    Raises
    ------
    ConfigError
        Naming everything in the text and the keywords that is wrong.
    PluginError
        If the model of another package cannot be loaded.
    """
    name, _, rest = text.partition(":")
    cls = model_class(name.strip())
    presets = cls.presets()
    values: dict[str, object] = {}
    mistakes: list[str] = []
    for position, part in enumerate(filter(None, (p.strip() for p in rest.split(",")))):
        left, equals, right = (piece.strip() for piece in part.partition("="))
        if equals:
            values[left] = right
        elif position == 0 and left in presets:
            values |= presets[left]
        elif position == 0:
            mistakes.append(f"unknown preset {left!r}{suggest(left, presets)}")
        else:
            mistakes.append(f"{part!r} must be key=value")
    good, wrong = convert(cls, values | keywords)
    raise_all(ConfigError, f"cost model {text!r}", mistakes + wrong)
    return cls(**good)


def describe(text: str) -> Description:
    """Return what a model is and which settings and presets it has; takes what `create` takes."""
    return create(text).describe()


def _entry_points() -> dict[str, set[EntryPoint]]:
    from importlib.metadata import EntryPoint, entry_points

    found = {name: {EntryPoint(name, value, GROUP)} for name, value in BUILT_IN.items()}
    for point in entry_points(group=GROUP):
        same = found.setdefault(point.name, set())
        if all(point.value != known.value for known in same):
            same.add(point)
    return found
