"""How weights are stored, and how many bytes that takes.

>>> import accel_models as am
>>> layer = am.Work.dense(1, 640, 128, weight_bits=5)
>>> am.create_storage("packed").bytes(layer), am.create_storage("container").bytes(layer)
(51200, 81920)
"""

from accel_models.storage.formats import (
    BlockScales,
    Codebook,
    Container,
    EntropyBound,
    EthosStream,
    GolombRice,
    Packed,
    RowAligned,
    VectorScales,
)
from accel_models.storage.packing import container_bits, container_bytes, packed_bytes
from accel_models.storage.registry import (
    STORAGE_GROUP,
    STORAGES,
    create_storage,
    list_storages,
    storage_table,
)
from accel_models.storage.storage import WeightStorage

__all__ = [
    "STORAGES",
    "STORAGE_GROUP",
    "BlockScales",
    "Codebook",
    "Container",
    "EntropyBound",
    "EthosStream",
    "GolombRice",
    "Packed",
    "RowAligned",
    "VectorScales",
    "WeightStorage",
    "container_bits",
    "container_bytes",
    "create_storage",
    "list_storages",
    "packed_bytes",
    "storage_table",
]
