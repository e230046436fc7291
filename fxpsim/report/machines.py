"""Pictures of estimates: layers under a roof, what fewer weight bits buy, where energy goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fxpsim.report.drawing import COLOURS, picture, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from accel_models import Estimate, LayerEstimate

__all__ = ["draw_energy", "draw_roofs", "draw_weight_bits"]

_CURVES = ("accent", "second", "fourth", "third", "ink")


def draw_roofs(path: Path, estimates: Mapping[str, Estimate], memory: str) -> None:
    """Draw every layer of each machine under its two roofs.

    Parameters
    ----------
    path : Path
        A ``.png`` file.
    estimates : mapping of str to Estimate
        By the name that the panel gets.
    memory : str
        The level whose rate is the slanted roof; machines without it have only the flat one.
    """
    with picture(path, 3.4) as figure:
        panels = figure.subplots(1, len(estimates), squeeze=False)[0]
        for axes, (name, estimate) in zip(panels, estimates.items(), strict=True):
            _roof(axes, estimate, memory)
            axes.set_title(name)
        panels[0].set_ylabel("products a cycle")


def _roof(axes: Axes, estimate: Estimate, memory: str) -> None:
    layers = [layer for layer in estimate.layers if layer.macs]
    peak = max(layer.macs / layer.ideal_cycles for layer in layers)
    rate = max(
        (
            layer.memory_bytes[memory] / layer.resource_cycles[memory]
            for layer in layers
            if layer.resource_cycles.get(memory)
        ),
        default=0.0,
    )
    intensities = [_intensity(layer, memory) for layer in layers]
    low, high = min(intensities) / 4, max(intensities) * 4
    axes.hlines(peak, low, high, color=COLOURS["ink"], linewidth=1)
    if rate:
        axes.plot([low, high], [low * rate, high * rate], color=COLOURS["muted"], linewidth=1)
    for layer, intensity in zip(layers, intensities, strict=True):
        bound = "second" if layer.binding == memory else "accent"
        axes.plot(intensity, layer.macs / layer.cycles, "o", color=COLOURS[bound], markersize=4)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel(f"products for each byte of {memory}")
    tidy(axes)


def _intensity(layer: LayerEstimate, memory: str) -> float:
    return layer.macs / max(layer.memory_bytes.get(memory, 0.0), 1.0)


def draw_weight_bits(path: Path, estimates: Mapping[str, Mapping[int, Estimate]]) -> None:
    """Draw cycles and bytes against weight bits, each relative to the widest.

    Parameters
    ----------
    path : Path
        A ``.png`` file.
    estimates : mapping of str to mapping of int to Estimate
        By machine, then by weight bits.
    """
    with picture(path, 3.4) as figure:
        left, right = figure.subplots(1, 2, sharey=True)
        for (name, found), colour in zip(estimates.items(), _CURVES, strict=False):
            bits = sorted(found)
            widest = found[bits[-1]]
            cycles = [found[b].cycles / widest.cycles for b in bits]
            far = [_far_bytes(found[b]) / _far_bytes(widest) for b in bits]
            left.plot(bits, cycles, "o-", color=COLOURS[colour], markersize=3, label=name)
            right.plot(bits, far, "o-", color=COLOURS[colour], markersize=3, label=name)
        for axes, title in ((left, "Cycles"), (right, "Bytes from the farthest memory")):
            axes.set_title(f"{title}, of those at {max(bits)} bits")
            axes.set_xlabel("weight bits")
            axes.set_ylim(0, None)
            tidy(axes)
        left.legend(frameon=False, fontsize=7)


def _far_bytes(estimate: Estimate) -> float:
    """Return the bytes of the memory that a machine names last."""
    return list(estimate.memory_bytes.values())[-1]


def draw_energy(path: Path, estimates: Mapping[str, Estimate], parts: Sequence[str]) -> None:
    """Draw the energy of each estimate as a stack of components.

    Parameters
    ----------
    path : Path
        A ``.png`` file.
    estimates : mapping of str to Estimate
        By the name that the bar gets; those without energy are left out.
    parts : sequence of str
        Components from the bottom up.
    """
    known = {name: e.energy_by_component for name, e in estimates.items() if e.energy_pj}
    with picture(path, 0.6 + 0.32 * len(known)) as figure:
        axes = figure.subplots()
        names = list(known)
        starts = [0.0] * len(names)
        for part, colour in zip(parts, _CURVES, strict=False):
            widths = [(known[name] or {}).get(part, 0.0) / 1e6 for name in names]
            axes.barh(names, widths, left=starts, color=COLOURS[colour], label=part, height=0.6)
            starts = [a + b for a, b in zip(starts, widths, strict=True)]
        axes.invert_yaxis()
        axes.set_xlabel("µJ for an inference")
        axes.legend(frameon=False, fontsize=7)
        tidy(axes, grid="x")
