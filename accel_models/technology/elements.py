"""Processing elements, small memories and registers in 45 nm, as synthesised or computed."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

from accel_models.constants import Constant
from accel_models.technology.nodes import energy_factor
from accel_models.toml import read_toml

__all__ = ["Element", "Elements", "SmallMemory", "elements_45nm", "register_pj_per_bit"]


@dataclass(frozen=True, slots=True)
class Element:
    """A multiplier with its adder and registers."""

    energy: Constant
    area: Constant


@dataclass(frozen=True, slots=True)
class SmallMemory:
    """A memory of some bytes, read and written by words of 4 bytes."""

    read: Constant
    write: Constant
    leakage: Constant
    area: Constant


@dataclass(frozen=True, slots=True)
class Elements:
    """What was synthesised, by operand bits, and computed, by bytes.

    Attributes
    ----------
    elements
        Elements for operands of one width.
    fusible
        Elements that split into four for every halving of a width, down to 2 bits.
    memories
        CACTI's memories.
    register_energy, register_area
        Of one bit, in 40 nm.
    """

    text: str
    elements: dict[str, Element]
    fusible: dict[str, Element]
    memories: dict[str, SmallMemory]
    register_energy: Constant
    register_area: Constant

    def element_pj(self, weight_bits: float, activation_bits: float) -> float:
        """Return the energy of a product and its sum in an element for these widths.

        Width is the geometric mean of both; between synthesised widths, straight lines in
        logarithmic scales (energy grows as b^1.2 from 2 to 8 bits and as b^1.6 above).
        """
        bits = math.sqrt(weight_bits * activation_bits)
        return _between({b: e.energy.value for b, e in self.elements.items()}, bits)

    def element_um2(self, weight_bits: float, activation_bits: float) -> float:
        """Return the area of an element for these widths."""
        bits = math.sqrt(weight_bits * activation_bits)
        return _between({b: e.area.value for b, e in self.elements.items()}, bits)

    def memory_pj_per_bit(self, size: float, *, write: bool = False) -> float:
        """Return the energy of a bit read from (or written to) a memory of `size` bytes."""
        points = {s: (m.write if write else m.read).value for s, m in self.memories.items()}
        return _between(points, size)

    def memory_mm2(self, size: float) -> float:
        """Return the area of a memory of `size` bytes."""
        return _between({s: m.area.value for s, m in self.memories.items()}, size)

    def memory_leakage_mw(self, size: float) -> float:
        """Return the leakage of a memory of `size` bytes."""
        return _between({s: m.leakage.value for s, m in self.memories.items()}, size)


@functools.cache
def elements_45nm() -> Elements:
    """Return the elements and memories in 45 nm."""
    return read_toml(files("accel_models.technology") / "elements-45nm.toml", Elements)


@functools.cache
def register_pj_per_bit(node_nm: float = 45.0) -> float:
    """Return the energy of a bit of a register; published for 40 nm."""
    return elements_45nm().register_energy.value * energy_factor(40.0, node_nm)


def _between(points: Mapping[str, float], at: float) -> float:
    """Return a value between published ones, or beyond them along the last line (log scales)."""
    known = sorted((float(size), value) for size, value in points.items())
    pairs = list(itertools.pairwise(known))
    (x0, y0), (x1, y1) = next((p for p in pairs if at <= p[1][0]), pairs[-1])
    return float(y0 * (y1 / y0) ** (math.log(at / x0) / math.log(x1 / x0)))
