"""Cost models of neural-network hardware: cycles, memory and energy from plain numbers.

>>> import accel_models as am
>>> layer = am.Work.dense(1, 640, 128, weight_bits=5)
>>> am.create("systolic:rows=8,columns=8,dataflow=os").estimate(layer).compute_cycles
10464

Everything a model returns is an estimate; `Estimate.statement` says what it is made of.
"""

from accel_models.errors import (
    ConfigError,
    CostError,
    PluginError,
    UnsupportedWorkError,
    WorkError,
)
from accel_models.estimate import Estimate, LayerEstimate, Statement
from accel_models.keys import Doc, Key
from accel_models.memory import Footprint, LayerFootprint, footprint
from accel_models.memory_map import MemoryMap, Section, chain_buffers, memory_map
from accel_models.model import CostModel, Description, Support
from accel_models.planning import Buffer, Placed, live_peak, place_buffers
from accel_models.real_time import RealTime, real_time
from accel_models.registry import create, describe, list_models
from accel_models.work import Accumulator, Arithmetic, Kind, Overflow, Work, Workload

__all__ = [
    "Accumulator",
    "Arithmetic",
    "Buffer",
    "ConfigError",
    "CostError",
    "CostModel",
    "Description",
    "Doc",
    "Estimate",
    "Footprint",
    "Key",
    "Kind",
    "LayerEstimate",
    "LayerFootprint",
    "MemoryMap",
    "Overflow",
    "Placed",
    "PluginError",
    "RealTime",
    "Section",
    "Statement",
    "Support",
    "UnsupportedWorkError",
    "Work",
    "WorkError",
    "Workload",
    "chain_buffers",
    "create",
    "describe",
    "footprint",
    "list_models",
    "live_peak",
    "memory_map",
    "place_buffers",
    "real_time",
]
