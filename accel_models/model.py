"""The contract of a cost model."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from accel_models.errors import ConfigError, CostError, PluginError, UnsupportedWorkError, raise_all
from accel_models.estimate import Estimate, LayerEstimate, Statement
from accel_models.keys import Key, as_text, convert, keys_of
from accel_models.presets import Preset
from accel_models.toml import read_toml
from accel_models.work import Work, Workload

__all__ = ["CostModel", "Description", "Support"]


@dataclass(frozen=True, slots=True)
class Support:
    """Whether a model can price a `Work`; true if there is no reason against it."""

    reason: str = ""

    def __bool__(self) -> bool:
        return not self.reason


@dataclass(frozen=True, slots=True)
class Description:
    """What a model is, which settings it has and which presets come with it."""

    name: str
    summary: str
    keys: tuple[Key, ...]
    presets: tuple[str, ...]

    def __str__(self) -> str:
        lines = [f"{self.name}: {self.summary}"]
        if self.presets:
            lines.append(f"presets: {', '.join(self.presets)}")
        for key in self.keys:
            choices = f" ({' | '.join(key.choices)})" if key.choices else ""
            same = key.value == key.default
            default = "" if same else f", default {as_text(key.default)}"
            value = f"{as_text(key.value)} {key.unit}{default}{choices}"
            lines.append(f"  {key.name} = {value}: {key.text}")
        return "\n".join(lines)


class CostModel(ABC):
    """Prices `Work` on one machine.

    A model is a frozen dataclass whose (init) fields are its settings, each declared with
    `accel_models.Doc` (unit and a line of help), so that ``create("name:key=value")`` and
    `describe` need no further code; values are checked and names of enumerations become members.
    (A `__post_init__` of its own has to call ``CostModel.__post_init__(self)``.) A model answers
    `supports`, `estimate_layer` and `state`.
    """

    __slots__ = ()

    name: ClassVar[str]
    summary: ClassVar[str]

    def __post_init__(self) -> None:
        good, mistakes = convert(type(self), {key.name: key.value for key in keys_of(self)})
        raise_all(ConfigError, f"cost model {self.name!r}", mistakes)
        for name, value in good.items():
            object.__setattr__(self, name, value)

    @classmethod
    def presets(cls) -> Mapping[str, Mapping[str, Any]]:
        """Return the values of the settings for each named machine."""
        return {}

    @classmethod
    def read_preset(cls, path: str) -> Mapping[str, Any]:
        """Return the values of the settings in a user's ``.toml`` file.

        Raises
        ------
        ConfigError
            If it is no file like those in ``accel_models/presets``.
        """
        preset = read_toml(path, Preset)
        return {key: setting.value for key, setting in preset.settings.items()}

    @abstractmethod
    def supports(self, work: Work) -> Support:
        """Return whether this machine can do `work`, with the reason if it cannot."""

    @abstractmethod
    def estimate_layer(self, work: Work) -> LayerEstimate:
        """Price one layer that `supports` accepts."""

    @abstractmethod
    def state(self, workload: Workload) -> Statement:
        """Say where the numbers for `workload` come from and what they assume."""

    @property
    def clock(self) -> float | None:
        """The clock in Hz; None: nothing is said about it."""
        return None

    @property
    def label(self) -> str:
        """The text that `create` makes this model of: its name and what is not the default."""
        changed = [f"{k.name}={as_text(k.value)}" for k in keys_of(self) if k.value != k.default]
        return f"{self.name}:{','.join(changed)}" if changed else self.name

    def describe(self) -> Description:
        """Return what this model is, its settings with their values, and its presets."""
        return Description(self.name, self.summary, keys_of(self), tuple(self.presets()))

    def unbinding_weight_bits(self, work: Work) -> int | None:
        """Return the most weight bits with which another resource binds a layer.

        None: no narrower weights change what binds it.
        """
        binding = self.estimate_layer(work).binding
        for bits in reversed(range(1, work.weight_bits)):
            thin = replace(
                work,
                weight_bits=bits,
                weight_magnitude=None,
                weight_histogram=None,
                weight_entropy=None,
            )
            if self.supports(thin) and self.estimate_layer(thin).binding != binding:
                return bits
        return None

    def estimate(self, work: Work | Iterable[Work]) -> Estimate:
        """Price one layer or a whole network.

        Raises
        ------
        UnsupportedWorkError
            Naming every layer that the machine cannot do, each with the reason.
        PluginError
            If the model fails by itself.
        """
        workload = Workload(work)
        try:
            refusals = [
                f"layer {item.name!r} {answer.reason}"
                for item in workload
                if not (answer := self.supports(item))
            ]
            raise_all(UnsupportedWorkError, self.label, refusals)
            layers = tuple(self.estimate_layer(item) for item in workload)
            return Estimate(self.label, layers, self.state(workload))
        except CostError:
            raise
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            raise PluginError(f"cost model {self.name!r} failed: {reason}") from error
