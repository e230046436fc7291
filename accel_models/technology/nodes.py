"""Area and energy in other process nodes (Stillmaker and Baas, Integration 58, 2017).

Energies are those of an inverter chain at a supply voltage; real designs miss them by a factor of
1.5 or so in either direction, memories and wires by more.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

from accel_models.constants import Constant
from accel_models.errors import ConfigError
from accel_models.toml import read_toml

__all__ = ["area_factor", "energy_factor"]


@dataclass(frozen=True, slots=True)
class Node:
    """One process node."""

    area: Constant
    quadratic: Constant
    linear: Constant
    constant: Constant

    def energy(self, volts: float) -> float:
        """Return the energy of a switch at a supply voltage, in units common to all nodes."""
        square, line = self.quadratic.value * volts**2, self.linear.value * volts
        return square + line + self.constant.value


@dataclass(frozen=True, slots=True)
class Nodes:
    """All nodes, by their size in nm."""

    text: str
    nodes: dict[str, Node]


def area_factor(source_nm: float, target_nm: float) -> float:
    """Return what the area in one node has to be multiplied by to get that in another.

    Raises
    ------
    ConfigError
        If a node lies outside the published range.
    """
    areas = {nm: node.area.value for nm, node in _nodes().items()}
    return _between(areas, target_nm) / _between(areas, source_nm)


def energy_factor(source_nm: float, target_nm: float, volts: float = 0.8) -> float:
    """Return what the energy in one node has to be multiplied by to get that in another.

    Parameters
    ----------
    volts
        Supply of both.

    Raises
    ------
    ConfigError
        If a node lies outside the published range.
    """
    energies = {nm: node.energy(volts) for nm, node in _nodes().items()}
    return _between(energies, target_nm) / _between(energies, source_nm)


@functools.cache
def _nodes() -> Mapping[float, Node]:
    found = read_toml(files("accel_models.technology") / "nodes.toml", Nodes).nodes
    return {float(nm): node for nm, node in sorted(found.items(), key=lambda item: float(item[0]))}


def _between(points: Mapping[float, float], nm: float) -> float:
    """Return the value at a node: straight lines in logarithmic scales between published ones."""
    sizes = list(points)
    if not sizes[0] <= nm <= sizes[-1]:
        raise ConfigError(f"node must lie in [{sizes[0]:g}, {sizes[-1]:g}] nm, not {nm:g}")
    for left, right in itertools.pairwise(sizes):
        if left <= nm <= right:
            share = math.log(nm / left) / math.log(right / left)
            return float(points[left] * (points[right] / points[left]) ** share)
    raise AssertionError("a node inside the range lies between two nodes")
