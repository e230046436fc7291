"""The contract of a way to store weights."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from accel_models.demand import Demand
from accel_models.elementwise import Number, ceil_div
from accel_models.errors import ConfigError, raise_all
from accel_models.keys import convert, keys_of

__all__ = ["WeightStorage"]


class WeightStorage(ABC):
    """Says how many bits the weights of a layer take; a frozen dataclass of settings.

    `bits` works on one layer and on columns of them.
    """

    __slots__ = ()

    name: ClassVar[str]
    summary: ClassVar[str]

    def __post_init__(self) -> None:
        good, mistakes = convert(type(self), {key.name: key.value for key in keys_of(self)})
        raise_all(ConfigError, f"weight storage {self.name!r}", mistakes)
        for name, value in good.items():
            object.__setattr__(self, name, value)

    @classmethod
    def presets(cls) -> Mapping[str, Mapping[str, Any]]:
        """Return the values of the settings for each named storage."""
        return {}

    @abstractmethod
    def bits(self, work: Demand) -> Number:
        """Return the bits that the weights take, everything that is stored to read them included.

        Biases and the gains of outputs are not weights.
        """

    def bytes(self, work: Demand) -> Number:
        """Return the bytes that the weights take."""
        return ceil_div(self.bits(work), 8)
