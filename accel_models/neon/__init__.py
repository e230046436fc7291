"""Arm cores: which loop runs a layer, and how many cycles it takes.

A core is a file of instruction costs (`cores/*.toml`), a loop a file of instruction counts
(`loops/*.toml`). In order, a loop takes the sum of its instructions' costs, out of order as long
as its busiest pipes. Weights come from one of several memories and either wait for arithmetic or
hide behind it; loops are as compiled or tuned by hand. The estimate is the range over all of
these, with a default point.
"""

from accel_models.neon.core import (
    Core,
    Instruction,
    Order,
    Place,
    Timing,
    list_cores,
    read_core,
)
from accel_models.neon.kernel import Kernel
from accel_models.neon.layer import Layer
from accel_models.neon.loops import Epilogue, Loop, Sums, read_loop, read_loops
from accel_models.neon.mix import mix_cycles
from accel_models.neon.model import Convolution, NeonCore
from accel_models.neon.scenario import Code, Overlap, Scenario

__all__ = [
    "Code",
    "Convolution",
    "Core",
    "Epilogue",
    "Instruction",
    "Kernel",
    "Layer",
    "Loop",
    "NeonCore",
    "Order",
    "Overlap",
    "Place",
    "Scenario",
    "Sums",
    "Timing",
    "list_cores",
    "mix_cycles",
    "read_core",
    "read_loop",
    "read_loops",
]
