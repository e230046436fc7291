"""What weights of a matrix-vector unit are stored in: block memory, UltraRAM or lookup tables.

FINN's estimators (MVAU_hls at 39f0c9a); the aspect ratios of RAMB18 are those of AMD's UG573.
"""

from __future__ import annotations

from enum import StrEnum

from accel_models.elementwise import Number, ceil_div, choose

__all__ = ["MemoryMode", "RamStyle", "bram18", "uram"]

# Widths and depths of a RAMB18 in simple dual-port mode: UG573, table 1-10.
_ASPECTS = ((1, 16384), (2, 8192), (4, 4096), (9, 2048), (18, 1024))
_WIDEST = (36, 512)
_ULTRA = (72, 4096)  # UG573: UltraRAM
_EMBEDDED_DEPTH = 128  # FINN: up to here, weights in HLS code become lookup tables


class MemoryMode(StrEnum):
    """Where a unit's weights are."""

    INTERNAL_EMBEDDED = "internal_embedded"
    INTERNAL_DECOUPLED = "internal_decoupled"
    EXTERNAL = "external"


class RamStyle(StrEnum):
    """What weights are stored in."""

    AUTO = "auto"
    BLOCK = "block"
    DISTRIBUTED = "distributed"
    ULTRA = "ultra"


def bram18(wide: Number, deep: Number, mode: MemoryMode, style: RamStyle) -> Number:
    """Return the RAMB18 that hold `deep` words of `wide` bits."""
    decoupled = mode is MemoryMode.INTERNAL_DECOUPLED
    if mode is MemoryMode.EXTERNAL or (
        decoupled and style in (RamStyle.DISTRIBUTED, RamStyle.ULTRA)
    ):
        return 0 * deep
    widest, shallow = _WIDEST
    found = ceil_div(deep, shallow) * ceil_div(wide, widest)
    last_width, last_depth = _ASPECTS[-1]
    deeper = ceil_div(deep, last_depth) * ceil_div(wide, last_width)
    found = choose((wide <= last_width) | (deep > shallow), deeper, found)
    for width, depth in reversed(_ASPECTS[:-1]):
        found = choose(wide <= width, ceil_div(deep, depth) * ceil_div(wide, width), found)
    return found if decoupled else choose(deep <= _EMBEDDED_DEPTH, 0, found)


def uram(wide: Number, deep: Number, mode: MemoryMode, style: RamStyle) -> Number:
    """Return the UltraRAM blocks that hold `deep` words of `wide` bits."""
    decoupled = mode is MemoryMode.INTERNAL_DECOUPLED
    if mode is MemoryMode.EXTERNAL or (decoupled and style is not RamStyle.ULTRA):
        return 0 * deep
    width, depth = _ULTRA
    found = ceil_div(wide, width) * ceil_div(deep, depth)
    return found if decoupled else choose(deep <= _EMBEDDED_DEPTH, 0, found)
