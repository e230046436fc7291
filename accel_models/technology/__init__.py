"""Energy per operation, from published tables (one TOML file a technology)."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from importlib.resources import files

from accel_models.constants import Constant
from accel_models.elementwise import Number, root
from accel_models.toml import read_toml

__all__ = ["Technology", "horowitz_45nm"]


@dataclass(frozen=True, slots=True)
class Technology:
    """Picojoules of arithmetic and memory in one process node."""

    text: str
    node: Constant
    integer_multiply_quadratic: Constant
    integer_multiply_linear: Constant
    integer_add_linear: Constant
    float32_multiply: Constant
    float32_add: Constant
    sram_8_kib: Constant
    sram_32_kib: Constant
    sram_1_mib: Constant
    dram: Constant

    def multiply_pj(self, weight_bits: Number, activation_bits: Number) -> Number:
        """Return the energy of one integer product; width = geometric mean of the operands'."""
        square = weight_bits * activation_bits
        quadratic, linear = self.integer_multiply_quadratic, self.integer_multiply_linear
        return quadratic.value * square + linear.value * root(square)

    def add_pj(self, bits: Number) -> Number:
        """Return the energy of one addition into an integer register of `bits`."""
        return self.integer_add_linear.value * bits

    def sram_pj_per_bit(self, kib: float) -> float:
        """Return the energy per bit of an access to an SRAM of `kib` kibibytes.

        Straight lines between the published sizes in logarithmic scales; outside them, the
        nearest published size.
        """
        points = [
            (8.0, self.sram_8_kib.value),
            (32.0, self.sram_32_kib.value),
            (1024.0, self.sram_1_mib.value),
        ]
        size = min(max(kib, points[0][0]), points[-1][0])
        left, right = points[:2] if size <= points[1][0] else points[1:]
        share = math.log(size / left[0]) / math.log(right[0] / left[0])
        return left[1] * math.pow(right[1] / left[1], share) / 64

    def dram_pj_per_bit(self) -> float:
        """Return the energy per bit of an access to DRAM."""
        return self.dram.value / 64


@functools.cache
def horowitz_45nm() -> Technology:
    """Return the energies of Horowitz, ISSCC 2014, with the fits of QKeras between widths."""
    return read_toml(files(__name__) / "horowitz-45nm.toml", Technology)
