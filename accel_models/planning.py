"""Where buffers lie in one memory: those that live at the same time must not overlap."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from accel_models.errors import WorkError, raise_all

__all__ = ["Buffer", "Placed", "live_peak", "place_buffers"]


@dataclass(frozen=True, slots=True)
class Buffer:
    """Bytes that are needed from one step of a network to another.

    Attributes
    ----------
    name
        What it holds.
    size
        Bytes.
    first, last
        Steps (positions in the order of execution) between which it lives, both included.
    """

    name: str
    size: int
    first: int
    last: int

    def __post_init__(self) -> None:
        mistakes = []
        if self.size < 0:
            mistakes.append(f"size must be 0 bytes or more, not {self.size}")
        if self.last < self.first:
            mistakes.append(f"the last step must not come before the first, {self.first}")
        raise_all(WorkError, f"buffer {self.name!r}", mistakes)

    def meets(self, other: Buffer) -> bool:
        """Return whether both live at some step."""
        return self.first <= other.last and other.first <= self.last


@dataclass(frozen=True, slots=True)
class Placed:
    """A buffer and its first address."""

    buffer: Buffer
    offset: int

    @property
    def end(self) -> int:
        """The address after its last byte."""
        return self.offset + self.buffer.size


def place_buffers(buffers: Iterable[Buffer], alignment: int = 16) -> tuple[Placed, ...]:
    """Return addresses for buffers, in their order, so that none that meet overlap.

    The largest is placed first, each at the lowest address that is free while it lives. That is
    not always the smallest memory: `live_peak` is the bound that no plan can beat.

    References
    ----------
    Pisarchyk and Lee, Efficient memory management for deep neural net inference, 2020 (greedy by
    size); TensorFlow Lite for Microcontrollers plans so.
    """
    items = tuple(buffers)
    placed: dict[int, Placed] = {}
    for index in sorted(range(len(items)), key=lambda i: (-items[i].size, items[i].first, i)):
        taken = sorted(
            (other for other in placed.values() if other.buffer.meets(items[index])),
            key=lambda other: other.offset,
        )
        offset = 0
        for other in taken:
            if offset + items[index].size <= other.offset:
                break
            offset = max(offset, _aligned(other.end, alignment))
        placed[index] = Placed(items[index], offset)
    return tuple(placed[index] for index in range(len(items)))


def live_peak(buffers: Iterable[Buffer]) -> int:
    """Return the most bytes that live at one step: no plan needs fewer."""
    items = tuple(buffers)
    return max(
        (sum(b.size for b in items if b.first <= step <= b.last) for step in _steps(items)),
        default=0,
    )


def _steps(items: Iterable[Buffer]) -> set[int]:
    return {buffer.first for buffer in items}


def _aligned(address: int, alignment: int) -> int:
    return -(-address // alignment) * alignment
