"""Ways to store weights by name: ours and those of the entry-point group `accel_models.storage`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from accel_models.plugins import Plugins
from accel_models.storage.storage import WeightStorage
from accel_models.work import Work, Workload

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["STORAGES", "STORAGE_GROUP", "create_storage", "list_storages", "storage_table"]

STORAGE_GROUP = "accel_models.storage"

STORAGES = {
    name: f"accel_models.storage.formats:{cls}"
    for name, cls in {
        "block_scales": "BlockScales",
        "codebook": "Codebook",
        "container": "Container",
        "entropy": "EntropyBound",
        "ethos": "EthosStream",
        "golomb_rice": "GolombRice",
        "packed": "Packed",
        "row_aligned": "RowAligned",
        "vector_scales": "VectorScales",
    }.items()
}

_STORAGES: Plugins[WeightStorage] = Plugins(
    "weight storage",
    STORAGE_GROUP,
    STORAGES,
    WeightStorage,  # type: ignore[type-abstract]
)


def list_storages() -> list[str]:
    """Return the names of all ways to store weights."""
    return _STORAGES.names()


def create_storage(text: str, **keywords: object) -> WeightStorage:
    """Return the storage that ``name[:key=value,...]`` describes.

    Raises
    ------
    ConfigError, PluginError
        As `accel_models.create`.
    """
    return _STORAGES.create(text, keywords)


def storage_table(
    work: Work | Iterable[Work], storages: Iterable[str] | None = None
) -> pd.DataFrame:
    """Return the bytes of the weights: a row a layer, a column for each way to store them."""
    import pandas as pd

    texts = list_storages() if storages is None else list(storages)
    rows = [
        {"layer": item.name} | {text: create_storage(text).bytes(item) for text in texts}
        for item in Workload(work)
    ]
    return pd.DataFrame(rows, columns=["layer", *texts]).set_index("layer")
