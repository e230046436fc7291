"""What is known of the accelerators and of the systems around them; one TOML file for each."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from accel_models.constants import Constant
from accel_models.errors import ConfigError, suggest
from accel_models.toml import read_toml

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

__all__ = ["Accelerator", "Memory", "System", "read_accelerator", "read_system"]


class Memory(StrEnum):
    """What is outside the chip."""

    FLASH = "flash"
    DRAM = "dram"


@dataclass(frozen=True, slots=True)
class Accelerator:
    """Sizes and rates of one accelerator."""

    text: str
    unit_height: Constant
    unit_width: Constant
    unit_depth: Constant
    cores: Constant
    banks: Constant
    reserved_end_banks: Constant
    input_granule_8: Constant
    input_granule_16: Constant
    sum_granule_32: Constant
    sum_granule_40: Constant
    output_cycles: Constant
    output_cycles_40: Constant
    add_cycles: Constant
    multiply_cycles: Constant
    maximum_cycles: Constant
    wide_cycles: Constant
    activation_cycles: Constant
    look_up_cycles: Constant
    delay_cycles: Constant
    delay_cycles_40: Constant
    port_bytes: Constant

    @property
    def small(self) -> bool:
        """Whether this is the smallest machine, which waits longer for itself."""
        return self.unit_depth.whole < 8

    @property
    def peak(self) -> int:
        """Products a cycle: a unit sums 8 inputs for each of its outputs."""
        outputs = self.unit_height.whole * self.unit_width.whole * self.unit_depth.whole
        return 8 * outputs * self.cores.whole


@dataclass(frozen=True, slots=True)
class System:
    """Clock and memories around an accelerator."""

    text: str
    weights: Memory
    clock: Constant
    sram_scale: Constant
    sram_latency: Constant
    sram_burst: Constant
    weight_scale: Constant
    weight_latency: Constant


@functools.cache
def read_accelerator(name: str) -> Accelerator:
    """Return an accelerator by name, or from a ``.toml`` file like those shipped."""
    return read_toml(_file(name, "accelerators"), Accelerator)


@functools.cache
def read_system(name: str) -> System:
    """Return a system by name, or from a ``.toml`` file like those shipped."""
    return read_toml(_file(name, "systems"), System)


def _file(name: str, folder: str) -> Path | Traversable:
    if name.endswith(".toml"):
        return Path(name)
    shipped = files("accel_models.decoder_npu") / folder
    known = sorted(f.name.removesuffix(".toml") for f in shipped.iterdir())
    if name not in known:
        raise ConfigError(f"unknown {folder.removesuffix('s')} {name!r}{suggest(name, known)}")
    return shipped / f"{name}.toml"
