"""Energy of a layer on a machine without any overhead, as QKeras' qtools counts it.

Operands cross from their memory once, every sum is written once at its own width. Good for what a
bit more or less is worth; no machine is that good.

References
----------
Coelho et al., Nature Machine Intelligence 3, 2021; google/qkeras at 78ea90f, qtools/qenergy.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files

from accel_models.constants import Constant
from accel_models.technology import horowitz_45nm
from accel_models.toml import read_toml
from accel_models.work import Work

__all__ = ["LayerEnergy", "Place", "Weights", "ideal_energy"]


class Place(StrEnum):
    """Where an operand comes from; fixed: it is wired and costs nothing."""

    DRAM = "dram"
    SRAM = "sram"
    FIXED = "fixed"


class Weights(StrEnum):
    """What multiplies: a multiplier, or a choice between values."""

    INTEGER = "integer"
    BINARY = "binary"
    TERNARY = "ternary"


@dataclass(frozen=True, slots=True)
class Fits:
    """QKeras' fits, in 45 nm."""

    text: str
    sram_cubic: Constant
    sram_square: Constant
    sram_linear: Constant
    sram_word: Constant
    dram: Constant
    select_one_bit: Constant
    select_ternary: Constant


@dataclass(frozen=True, slots=True)
class LayerEnergy:
    """Picojoules of one layer."""

    inputs: float
    outputs: float
    parameters: float
    operations: float

    @property
    def total(self) -> float:
        """Everything together."""
        return self.inputs + self.outputs + self.parameters + self.operations


def ideal_energy(
    work: Work,
    *,
    weights: Weights = Weights.INTEGER,
    weights_on: Place = Place.SRAM,
    activations_on: Place = Place.SRAM,
    least_sram_bits: int = 16 * 8192,
) -> LayerEnergy:
    """Return the energy of a layer whose operands each cross once.

    Parameters
    ----------
    work
        Sums leave at the width of the accumulator.
    weights
        Binary and ternary weights choose instead of multiplying.
    weights_on, activations_on
        Where they come from.
    least_sram_bits
        Size of the smallest memory; larger operands have a memory of their own size.
    """
    sums = work.accumulator.final_bits
    parameters = sum(
        _access(bits, weights_on, least_sram_bits)
        for bits in (work.weights * work.weight_bits, work.outputs * work.bias_bits)
    )
    return LayerEnergy(
        inputs=_access(work.input_values * work.activation_bits, activations_on, least_sram_bits),
        outputs=_access(work.output_values * sums, activations_on, least_sram_bits),
        parameters=parameters,
        operations=work.macs * (_product(work, weights) + horowitz_45nm().add_pj(sums)),
    )


@functools.cache
def _fits() -> Fits:
    return read_toml(files("accel_models.technology") / "qkeras-45nm.toml", Fits)


def _product(work: Work, weights: Weights) -> float:
    table, fits = horowitz_45nm(), _fits()
    addition: float = table.add_pj(work.activation_bits)
    if weights is Weights.BINARY:
        return fits.select_one_bit.value * addition
    if weights is Weights.TERNARY:
        return fits.select_ternary.value * addition
    return float(table.multiply_pj(work.weight_bits, work.activation_bits))


def _access(bits: int, place: Place, least: int) -> float:
    """Return the energy of moving `bits` to or from a memory that holds as many."""
    fits = _fits()
    if place is Place.FIXED or not bits:
        return 0.0
    if place is Place.DRAM:
        return fits.dram.value * bits
    size = math.log2(max(bits, least))
    word = fits.sram_cubic.value * size**3 + fits.sram_square.value * size**2
    word += fits.sram_linear.value * size
    return math.ceil(bits / fits.sram_word.value) * max(word, 0.0)
