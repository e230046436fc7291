"""What lies where: constants in flash, activations, states and scratch in RAM."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from accel_models.planning import Buffer, Placed, live_peak, place_buffers
from accel_models.storage import container_bytes, packed_bytes
from accel_models.work import Work, Workload

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MemoryMap", "Section", "chain_buffers", "memory_map"]


@dataclass(frozen=True, slots=True)
class Section:
    """Constants in flash: what they are, whose, where."""

    layer: str
    kind: str
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class MemoryMap:
    """Addresses of everything that a network occupies.

    Attributes
    ----------
    flash
        Weights, biases, gains and code, in order.
    ram
        Activations, states and scratch.
    """

    flash: tuple[Section, ...]
    ram: tuple[Placed, ...]

    @property
    def flash_bytes(self) -> int:
        """Bytes from the first to the last address of flash, gaps of alignment included."""
        return max((section.offset + section.size for section in self.flash), default=0)

    @property
    def padding_bytes(self) -> int:
        """Bytes of flash that only align what follows."""
        return self.flash_bytes - sum(section.size for section in self.flash)

    @property
    def ram_bytes(self) -> int:
        """Bytes from the first to the last address of RAM."""
        return max((placed.end for placed in self.ram), default=0)

    @property
    def ram_bound(self) -> int:
        """Bytes that live together at the fullest step: no plan needs fewer."""
        return live_peak(placed.buffer for placed in self.ram)

    @property
    def table(self) -> pd.DataFrame:
        """One row for each section and buffer, with its address and size in bytes."""
        import pandas as pd

        rows = [
            {"memory": "flash", "what": f"{s.layer} {s.kind}", "address": s.offset, "bytes": s.size}
            for s in self.flash
        ]
        rows += [
            {
                "memory": "ram",
                "what": placed.buffer.name,
                "address": placed.offset,
                "bytes": placed.buffer.size,
                "first_step": placed.buffer.first,
                "last_step": placed.buffer.last,
            }
            for placed in self.ram
        ]
        return pd.DataFrame(rows)

    def draw(self, width: int = 64) -> str:
        """Return both memories as text: flash by section, RAM with a line for each step."""
        lines = [f"flash {self.flash_bytes:,} bytes, {self.padding_bytes:,} of them alignment"]
        for section in self.flash:
            if section.size:
                bar = _bar([(section.offset, section.size, "#")], self.flash_bytes, width)
                lines.append(f"  {bar} {section.size:>9,}  {section.layer} {section.kind}")
        lines.append(f"RAM {self.ram_bytes:,} bytes (at least {self.ram_bound:,} live together)")
        letters = {placed: chr(ord("a") + i % 26) for i, placed in enumerate(self.ram)}
        for step in range(max((p.buffer.last for p in self.ram), default=-1) + 1):
            alive = [p for p in self.ram if p.buffer.first <= step <= p.buffer.last]
            spans = [(p.offset, p.buffer.size, letters[p]) for p in alive]
            lines.append(f"  {_bar(spans, self.ram_bytes, width)} step {step}")
        lines += [
            f"  {letter} {placed.buffer.size:>9,}  {placed.buffer.name}"
            for placed, letter in letters.items()
        ]
        return "\n".join(lines)


def memory_map(
    work: Work | Iterable[Work],
    *,
    stored_bits: Callable[[Work], int] | None = None,
    buffers: Iterable[Buffer] | None = None,
    scratch: Callable[[Work], int] | None = None,
    code: Iterable[tuple[str, int]] = (),
    alignment: int = 16,
) -> MemoryMap:
    """Return the addresses of a network's constants and activations.

    Parameters
    ----------
    stored_bits
        Bits that each weight of a layer takes; None: packed at its own width.
    buffers
        Tensors with their lives, where the network is no chain; None: those of a chain. Ring
        buffers of streaming layers come on top: they live all the time.
    scratch
        Bytes that a layer needs while it runs.
    code
        Names and bytes of kernels.
    alignment
        Of every address, in bytes.
    """
    workload = Workload(work)
    sections: list[Section] = []

    def add(layer: str, kind: str, size: int) -> None:
        end = sections[-1].offset + sections[-1].size if sections else 0
        sections.append(Section(layer, kind, -(-end // alignment) * alignment, size))

    for item in workload:
        bits = item.weight_bits if stored_bits is None else stored_bits(item)
        add(item.name, "weights", packed_bytes(item.weights, bits))
        add(item.name, "biases", packed_bytes(item.outputs, item.bias_bits))
        add(item.name, "gains", packed_bytes(item.outputs, item.gain_bits))
    for name, size in code:
        add(name, "code", size)
    alive = list(chain_buffers(workload) if buffers is None else buffers)
    alive += [
        Buffer(
            f"{item.name} ring",
            container_bytes(item.ring.values, item.activation_bits),
            0,
            len(workload) - 1,
        )
        for item in workload
        if item.ring is not None
    ]
    if scratch is not None:
        alive += [
            Buffer(f"{item.name} scratch", scratch(item), step, step)
            for step, item in enumerate(workload)
            if scratch(item)
        ]
    return MemoryMap(
        tuple(section for section in sections if section.size),
        place_buffers(alive, alignment),
    )


def chain_buffers(work: Work | Iterable[Work]) -> tuple[Buffer, ...]:
    """Return the activations of a chain of layers: each is read by the next one only."""
    workload = Workload(work)
    inputs = [
        Buffer("input", container_bytes(item.input_values, item.activation_bits), 0, 0)
        for item in workload[:1]
    ]
    last = len(workload) - 1
    return (
        *inputs,
        *(
            Buffer(
                f"{item.name} output",
                container_bytes(item.output_values, item.output_bits),
                step,
                min(step + 1, last),
            )
            for step, item in enumerate(workload)
        ),
    )


def _bar(spans: Iterable[tuple[int, int, str]], total: int, width: int) -> str:
    """Return a line in which each span of addresses has its letter; at least one."""
    cells = [" "] * width
    for offset, size, letter in spans:
        first = min(offset * width // total, width - 1) if total else 0
        end = max(first + 1, -(-(offset + size) * width // total)) if total else 0
        cells[first:end] = letter * (min(end, width) - first)
    return f"|{''.join(cells)}|"
