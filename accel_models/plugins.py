"""Finding plug-ins by name: ours and those that other packages register with an entry point.

A broken one is noticed only when it is asked for.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from accel_models.errors import ConfigError, CostError, PluginError, raise_all, suggest
from accel_models.keys import choices_of, convert

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = ["Plugins"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Plugins(Generic[T]):
    """All plug-ins of one kind.

    Attributes
    ----------
    noun
        What one of them is, for errors.
    group
        Entry-point group in which packages register theirs.
    built_in
        What this package's pyproject.toml registers; here too, so that a checkout works without
        being installed.
    base
        What every plug-in must be a subclass of.
    """

    noun: str
    group: str
    built_in: Mapping[str, str]
    base: type[T]

    def names(self) -> list[str]:
        """Return all names, without loading any plug-in."""
        return sorted(self._points())

    def load(self, name: str) -> type[T]:
        """Return the class behind a name.

        Raises
        ------
        ConfigError
            If there is no such name; the message has the nearest one.
        PluginError
            If the plug-in of another package cannot be loaded.
        """
        points = self._points()
        if name not in points:
            raise ConfigError(f"unknown {self.noun} {name!r}{suggest(name, points)}")
        if len(points[name]) > 1:
            targets = ", ".join(sorted(point.value for point in points[name]))
            raise PluginError(f"{self.noun} {name!r} is registered more than once: {targets}")
        (point,) = points[name]
        where = f"{self.noun} {name!r} ({point.value})"
        try:
            found = point.load()
        except Exception as error:
            raise PluginError(
                f"{where} cannot be loaded: {type(error).__name__}: {error}"
            ) from error
        if not (inspect.isclass(found) and issubclass(found, self.base)):
            wanted = f"accel_models.{self.base.__name__}"
            raise PluginError(f"{where} must be a subclass of {wanted}, not {found!r}")
        return found

    def create(self, text: str, keywords: Mapping[str, object]) -> T:
        """Return the object that ``name[:preset][,key=value]`` describes; keywords override.

        A choice that only one key has stands for itself: ``ws`` for ``dataflow=ws``.

        Raises
        ------
        ConfigError
            Naming everything in the text and the keywords that is wrong.
        PluginError
            If the plug-in of another package cannot be loaded.
        """
        name, _, rest = text.partition(":")
        cls: Any = self.load(name.strip())
        values: dict[str, object] = {}
        mistakes: list[str] = []
        for position, part in enumerate(filter(None, (p.strip() for p in rest.split(",")))):
            left, equals, right = (piece.strip() for piece in part.partition("="))
            if equals:
                values[left] = right
                continue
            presets = cls.presets()
            choices = choices_of(cls)
            keys = choices.get(left, [])
            if position == 0 and left in presets:
                values |= presets[left]
            elif position == 0 and left.endswith(".toml"):
                values |= cls.read_preset(left)
            elif len(keys) == 1:
                values[keys[0]] = left
            elif keys:
                mistakes.append(f"{left!r} may be of {' or '.join(keys)}: write key={left}")
            elif position == 0:
                mistakes.append(
                    f"unknown preset or choice {left!r}{suggest(left, [*presets, *choices])}"
                )
            else:
                mistakes.append(f"{part!r} must be key=value{suggest(left, choices)}")
        good, wrong = convert(cls, values | dict(keywords))
        raise_all(ConfigError, f"{self.noun} {text!r}", mistakes + wrong)
        try:
            found: T = cls(**good)
        except CostError:
            raise
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            raise PluginError(f"{self.noun} {text!r} cannot be made: {reason}") from error
        return found

    def _points(self) -> dict[str, set[EntryPoint]]:
        from importlib.metadata import EntryPoint, entry_points

        found = {n: {EntryPoint(n, value, self.group)} for n, value in self.built_in.items()}
        for point in entry_points(group=self.group):
            same = found.setdefault(point.name, set())
            if all(point.value != known.value for known in same):
                same.add(point)
        return found
