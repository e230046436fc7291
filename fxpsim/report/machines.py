"""Pictures of estimates: roofs, what fewer weight bits buy, where energy goes, what lies where."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from fxpsim.report.drawing import COLOURS, picture, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from accel_models import Estimate, LayerEstimate, MemoryMap

__all__ = ["draw_energy", "draw_memory", "draw_roofs", "draw_weight_bits"]

_ABREAST = 3  # panels
_LETTERS = 170  # of small print that fit the width
_CURVES = ("accent", "second", "fourth", "third", "ink")


def draw_roofs(path: Path, estimates: Mapping[str, Estimate]) -> None:
    """Draw every layer of each machine under its two roofs.

    The slanted roof is the rate of the farthest memory; machines on which no layer moves anything
    there have the flat one alone.

    Parameters
    ----------
    path : Path
        A ``.png`` file.
    estimates : mapping of str to Estimate
        By the name that the panel gets.
    """
    rows = -(-len(estimates) // _ABREAST)
    with picture(path, 3.4 * rows) as figure:
        panels = figure.subplots(rows, min(len(estimates), _ABREAST), squeeze=False).flat
        for axes, (name, estimate) in zip(panels, estimates.items(), strict=False):
            _roof(axes, estimate)
            axes.set_title(name)
        for axes in list(panels)[len(estimates) :]:
            axes.axis("off")
        figure.supylabel("products a cycle", fontsize=8.5, color=COLOURS["muted"])


def _roof(axes: Axes, estimate: Estimate) -> None:
    from matplotlib.ticker import LogLocator

    memory = _farthest(estimate)
    layers = [layer for layer in estimate.layers if layer.macs and not _on_host(layer)]
    peak = max((layer.macs / layer.ideal_cycles for layer in layers), default=1.0)
    rates = [layer.memory_bytes[memory] / n for layer in layers if (n := _busy(layer, memory))]
    near: dict[tuple[str, str], list[tuple[str, tuple[float, float]]]] = {}
    intensities = [_intensity(layer, memory) for layer in layers]
    low, high = min(intensities, default=1.0) / 4, max(intensities, default=1.0) * 4
    if rates:
        ridge = min(max(peak / max(rates), low), high)
        slope = [low * max(rates), ridge * max(rates)]
        axes.plot([low, ridge], slope, color=COLOURS["muted"], linewidth=1)
        axes.hlines(peak, ridge, high, color=COLOURS["ink"], linewidth=1)
    else:
        axes.hlines(peak, low, high, color=COLOURS["ink"], linewidth=1)
    for layer, intensity in zip(layers, intensities, strict=True):
        bound = "second" if layer.binding.startswith(memory) else "accent"
        speed = layer.macs / layer.cycles
        axes.plot(intensity, speed, "o", color=COLOURS[bound], markersize=4)
        place = (intensity, speed)
        near.setdefault((f"{intensity:.1g}", f"{speed:.1g}"), []).append((layer.name, place))
    for (name, place), *others in near.values():
        text = f"{name} and {len(others)} more" if others else name
        axes.annotate(text, place, (4, -6), textcoords="offset points", fontsize=5.5)
    axes.set_xscale("log")
    axes.set_yscale("log")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter("{x:g}")
        axis.set_minor_formatter("")
    axes.tick_params(labelsize=7)
    axes.set_xlabel(f"products for each byte of {memory}")
    tidy(axes)


def _on_host(layer: LayerEstimate) -> bool:
    return "host" in layer.resource_cycles


def _farthest(estimate: Estimate) -> str:
    """Return the memory that a machine names last, its host's not counted."""
    own = [level for level in estimate.memory_bytes if not level.startswith("host_")]
    return own[-1] if own else "memory"


def _intensity(layer: LayerEstimate, memory: str) -> float:
    return layer.macs / max(layer.memory_bytes.get(memory, 0.0), 1.0)


def _busy(layer: LayerEstimate, memory: str) -> float:
    """Return the cycles for which a layer keeps a memory busy."""
    return next((n for name, n in layer.resource_cycles.items() if name.startswith(memory)), 0.0)


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
        colours = itertools.cycle(_CURVES)
        for (name, found), colour in zip(estimates.items(), colours, strict=False):
            bits = sorted(found)
            widest = found[bits[-1]]
            cycles = [found[b].cycles / widest.cycles for b in bits]
            left.plot(bits, cycles, "o-", color=COLOURS[colour], markersize=3, label=name)
            if _far_bytes(widest):
                far = [_far_bytes(found[b]) / _far_bytes(widest) for b in bits]
                right.plot(bits, far, "o-", color=COLOURS[colour], markersize=3, label=name)
        for axes, title in ((left, "Cycles"), (right, "Bytes from the farthest memory")):
            axes.set_title(f"{title}, of those at the most bits")
            axes.set_xlabel("weight bits")
            axes.set_ylim(0, None)
            tidy(axes)
        left.legend(frameon=False, fontsize=7)


def _far_bytes(estimate: Estimate) -> float:
    return estimate.memory_bytes.get(_farthest(estimate), 0.0)


def draw_energy(path: Path, estimates: Mapping[str, Estimate]) -> None:
    """Draw the energy of each estimate as a stack of components.

    Parameters
    ----------
    path : Path
        A ``.png`` file.
    estimates : mapping of str to Estimate
        By the name that the bar gets; one without sourced energy says so.
    """
    stacks = {name: e.energy_by_component or {} for name, e in estimates.items()}
    parts = sorted({part for stack in stacks.values() for part in stack}, key=_outwards)
    with picture(path, 0.9 + 0.32 * len(stacks)) as figure:
        axes = figure.subplots()
        starts = dict.fromkeys(stacks, 0.0)
        for part, colour in zip(parts, itertools.cycle(_CURVES), strict=False):
            widths = [stack.get(part, 0.0) / 1e6 for stack in stacks.values()]
            left = list(starts.values())
            axes.barh(list(stacks), widths, 0.6, left, color=COLOURS[colour], label=part)
            starts = {name: a + b for name, a, b in zip(stacks, left, widths, strict=True)}
        for place, (name, stack) in enumerate(stacks.items()):
            if not stack:
                axes.barh([name], [0.0])
                axes.text(0, place, " no sourced energy", va="center", fontsize=7)
        axes.invert_yaxis()
        axes.set_xlim(0, None)
        axes.set_xlabel("µJ for an inference")
        if parts:
            axes.legend(frameon=False, fontsize=7)
        tidy(axes, grid="x")


def _outwards(part: str) -> tuple[int, str]:
    """Order components from the arithmetic to the farthest memory."""
    order = ("mac", "elements", "register", "sram", "dram")
    return (order.index(part) if part in order else len(order), part)


def draw_memory(path: Path, memory: MemoryMap) -> None:
    """Draw what lies where: flash from the first address to the last, RAM step by step.

    Parameters
    ----------
    path : Path
        A ``.png`` file.
    memory : MemoryMap
        Of one network.
    """
    kinds = dict.fromkeys(section.kind for section in memory.flash)
    colours = dict(zip(kinds, itertools.cycle(_CURVES), strict=False))
    steps = max((placed.buffer.last for placed in memory.ram), default=0) + 1
    with picture(path, 4.4) as figure:
        flash, ram = figure.subplots(2, 1, height_ratios=[1, 3])
        for kind, colour in colours.items():
            spans = [(s.offset, s.size) for s in memory.flash if s.kind == kind]
            flash.broken_barh(spans, (0, 1), color=COLOURS[colour], label=kind)
        flash.set_title(f"Flash, {memory.flash_bytes:,} bytes")
        flash.set_yticks([])
        flash.legend(frameon=False, fontsize=7, loc="upper left", bbox_to_anchor=(1, 1))
        for placed, colour in zip(memory.ram, itertools.cycle(_CURVES), strict=False):
            buffer = placed.buffer
            width = buffer.last - buffer.first + 1
            span = [(buffer.first - 0.5, width)]
            ram.broken_barh(
                span, (placed.offset, buffer.size), color=COLOURS[colour], edgecolor="white"
            )
            if buffer.size > memory.ram_bytes / 30:
                middle = buffer.first - 0.5 + width / 2, placed.offset + buffer.size / 2
                name = buffer.name[: max(1, _LETTERS * width // steps)]
                ram.text(*middle, name, ha="center", va="center", fontsize=6, color="white")
        ram.set_title(f"RAM, {memory.ram_bytes:,} bytes, by step")
        ram.set_xlim(-0.5, steps - 0.5)
        ram.set_xlabel("step")
        ram.set_ylabel("address")
        tidy(flash, grid="x")
        tidy(ram)
