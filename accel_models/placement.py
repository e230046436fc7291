"""Where weights lie: a hierarchy of memories, filled from the nearest outwards."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from accel_models.errors import ConfigError, raise_all
from accel_models.memory import footprint
from accel_models.storage import WeightStorage, create_storage
from accel_models.work import Work, Workload

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Memory", "Placement", "place"]


@dataclass(frozen=True, slots=True)
class Memory:
    """One memory of a hierarchy.

    Attributes
    ----------
    name
        As tables print it.
    capacity
        Bytes.
    bytes_per_cycle
        Rate at which it delivers weights.
    """

    name: str
    capacity: int
    bytes_per_cycle: float

    def __post_init__(self) -> None:
        mistakes = [
            f"{noun} must be more than 0, not {value}"
            for noun, value in (
                ("capacity", self.capacity),
                ("bytes_per_cycle", self.bytes_per_cycle),
            )
            if not value > 0
        ]
        raise_all(ConfigError, f"memory {self.name!r}", mistakes)


@dataclass(frozen=True, slots=True)
class Placed:
    """The weights of one layer."""

    layer: str
    bytes: int
    memory: str | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Placement:
    """Where the weights of a network are, and why some are nowhere.

    Attributes
    ----------
    layers
        One entry a layer, in order.
    activations
        Bytes that the nearest memory keeps free for activations.
    memories
        The hierarchy.
    """

    layers: tuple[Placed, ...]
    activations: int
    memories: tuple[Memory, ...]

    @property
    def fits(self) -> bool:
        """Whether all weights have a place."""
        return not self.reasons

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why layers have none, and what would fit."""
        return tuple(layer.reason for layer in self.layers if layer.reason)

    @property
    def used(self) -> dict[str, int]:
        """Bytes of weights in each memory."""
        return {
            memory.name: sum(layer.bytes for layer in self.layers if layer.memory == memory.name)
            for memory in self.memories
        }

    @property
    def cycles(self) -> dict[str, float]:
        """Cycles in which each memory delivers its weights once."""
        used = self.used
        return {memory.name: used[memory.name] / memory.bytes_per_cycle for memory in self.memories}

    @property
    def table(self) -> pd.DataFrame:
        """One row a layer."""
        import pandas as pd

        rows = [
            {"layer": p.layer, "bytes": p.bytes, "memory": p.memory, "reason": p.reason}
            for p in self.layers
        ]
        return pd.DataFrame(rows, columns=["layer", "bytes", "memory", "reason"]).set_index("layer")


def place(
    work: Work | Iterable[Work],
    memories: Sequence[Memory],
    *,
    storage: str | WeightStorage = "packed",
) -> Placement:
    """Place the weights of a network, each layer's whole, in the nearest memory with room.

    The nearest memory first keeps room for the activations of the largest layer and for what
    streaming layers keep. Every weight is read once in an inference, so that it does not matter
    which layers are near; they are taken in order.

    Parameters
    ----------
    memories
        From the nearest outwards.
    storage
        How weights are stored.

    Raises
    ------
    ConfigError
        If there is no memory.
    """
    if not memories:
        raise ConfigError("a placement needs one memory or more")
    workload = Workload(work)
    stored = create_storage(storage) if isinstance(storage, str) else storage
    rings = sum(-(-w.ring.values * w.activation_bits // 8) for w in workload if w.ring is not None)
    activations = footprint(workload).activations_peak + rings
    free = {memory.name: memory.capacity for memory in memories}
    free[memories[0].name] -= activations
    layers = []
    for item in workload:
        size = int(stored.bytes(item)) if item.weights else 0
        size += -(-item.parameter_bits // 8)
        home = next((m.name for m in memories if free[m.name] >= size), None)
        if home is not None:
            free[home] -= size
        reason = "" if home is not None else _reason(item, size, max(free.values()), stored)
        layers.append(Placed(item.name, size, home, reason))
    return Placement(tuple(layers), activations, tuple(memories))


def _reason(work: Work, size: int, room: int, storage: WeightStorage) -> str:
    """Say why a layer has no place, and what would."""
    text = f"layer {work.name!r} has {size} bytes of weights, but at most {max(room, 0)} are free"
    parameters = -(-work.parameter_bits // 8)
    for bits in reversed(range(1, work.weight_bits)):
        thin = replace(work, weight_bits=bits, weight_histogram=None, weight_entropy=None)
        if int(storage.bytes(thin)) + parameters <= room:
            return f"{text}: {bits}-bit weights would fit"
    return f"{text}: not even 1-bit weights would fit"
