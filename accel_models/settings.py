"""The keywords that every layer may have."""

from __future__ import annotations

from typing import TypedDict

from accel_models.accumulator import Accumulator
from accel_models.demand import Arithmetic
from accel_models.histogram import Histogram
from accel_models.ring import RingBuffer

__all__ = ["Settings"]


class Settings(TypedDict, total=False):
    """What every layer may have: parameters of `Work.dense`."""

    name: str
    weight_bits: int
    activation_bits: int
    output_bits: int | None
    arithmetic: Arithmetic | str
    accumulator: Accumulator | None
    spills: int | None
    weight_magnitude: int | None
    activation_magnitude: int | None
    bias_bits: int
    gain_bits: int
    weight_histogram: Histogram | None
    weight_entropy: float | None
    ring: RingBuffer | None
