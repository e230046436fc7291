"""Cost models of neural-network hardware: cycles, memory and energy from plain numbers.

>>> import accel_models as am
>>> layer = am.Work.dense(1, 640, 128, weight_bits=5)
>>> am.create("systolic:rows=8,columns=8,dataflow=os").estimate(layer).compute_cycles
10464

Everything a model returns is an estimate; `Estimate.statement` says what it is made of.
"""

from accel_models.closed_form import ClosedForm, Price
from accel_models.columns import work_table
from accel_models.errors import (
    ConfigError,
    CostError,
    PluginError,
    UnsupportedWorkError,
    WorkError,
)
from accel_models.estimate import Estimate, LayerEstimate, Statement
from accel_models.histogram import Histogram
from accel_models.hosted import Hosted, with_host
from accel_models.keys import Doc, Key
from accel_models.many import estimate_many
from accel_models.memory import Footprint, LayerFootprint, footprint
from accel_models.memory_map import MemoryMap, Section, chain_buffers, memory_map
from accel_models.model import CostModel, Description, Support
from accel_models.placement import Memory, Placement, place
from accel_models.planning import Buffer, Placed, live_peak, place_buffers
from accel_models.real_time import RealTime, real_time
from accel_models.registry import create, describe, list_models
from accel_models.storage import WeightStorage, create_storage, list_storages, storage_table
from accel_models.windows import Window
from accel_models.work import (
    Accumulator,
    Arithmetic,
    Kind,
    Operation,
    Overflow,
    RingBuffer,
    Work,
    Workload,
)

__all__ = [
    "Accumulator",
    "Arithmetic",
    "Buffer",
    "ClosedForm",
    "ConfigError",
    "CostError",
    "CostModel",
    "Description",
    "Doc",
    "Estimate",
    "Footprint",
    "Histogram",
    "Hosted",
    "Key",
    "Kind",
    "LayerEstimate",
    "LayerFootprint",
    "Memory",
    "MemoryMap",
    "Operation",
    "Overflow",
    "Placed",
    "Placement",
    "PluginError",
    "Price",
    "RealTime",
    "RingBuffer",
    "Section",
    "Statement",
    "Support",
    "UnsupportedWorkError",
    "WeightStorage",
    "Window",
    "Work",
    "WorkError",
    "Workload",
    "chain_buffers",
    "create",
    "create_storage",
    "describe",
    "estimate_many",
    "footprint",
    "list_models",
    "list_storages",
    "live_peak",
    "memory_map",
    "place",
    "place_buffers",
    "real_time",
    "storage_table",
    "with_host",
    "work_table",
]
