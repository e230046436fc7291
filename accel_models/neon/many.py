"""Many layers at once: those that take the same kernels are priced together, as columns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from accel_models.columns import WorkColumns, work_at
from accel_models.work import Work

if TYPE_CHECKING:
    import numpy as np

__all__ = ["alike"]

#: Widths of lanes whose overflow decides which kernels give the bits asked for.
_LANES = (8, 16, 32)


def alike(columns: WorkColumns) -> Iterator[tuple[np.ndarray, Work]]:
    """Yield the places of layers that differ in size only, with one of them.

    Sizes decide on kernels in one way: whether a sum may overflow a register at all.
    """
    import numpy as np

    inputs = np.asarray(columns.inputs)
    largest = _largest_product(columns)
    register, outer = columns.accumulator.bits, columns.accumulator.outer_bits
    keys: list[Any] = [
        getattr(columns, name)
        for name in (
            "weight_bits", "activation_bits", "weight_magnitude", "activation_magnitude", "spills",
        )
    ]  # fmt: skip
    keys += [
        register,
        outer,
        columns.accumulator.products_per_spill,
        columns.accumulator.product_bits,
    ]
    keys += [np.asarray(columns.gain_bits) > 0]
    for bits in (*_LANES, register, *([] if outer is None else [outer])):
        most = ((1 << (np.minimum(bits, 62) - 1)) - 1) // largest
        keys.append(inputs <= most)
    _, firsts, group = np.unique(
        _one_key([key for key in keys if key is not None], inputs.shape),
        return_index=True,
        return_inverse=True,
    )
    order = np.argsort(group, kind="stable")
    ends = np.cumsum(np.bincount(group))
    for first, places in zip(firsts, np.split(order, ends[:-1]), strict=True):
        yield places, work_at(columns, int(first))


def _largest_product(columns: WorkColumns) -> Any:
    """Return the largest product of each layer, as `Work.largest_product` has it."""
    factors = (
        (columns.weight_magnitude, columns.weight_bits),
        (columns.activation_magnitude, columns.activation_bits),
    )
    weight, activation = (
        1 << (bits - 1) if magnitude is None else magnitude for magnitude, bits in factors
    )
    return weight * activation


def _one_key(keys: list[Any], shape: tuple[int, ...]) -> np.ndarray:
    """Return one number for each layer, the same where all its keys are."""
    import numpy as np

    found = np.zeros(shape, np.int64)
    for key in keys:
        values = np.asarray(key, np.int64)
        span = int(values.max()) - int(values.min()) + 1
        if int(found.max()) >= (1 << 62) // span:
            found = np.unique(found, return_inverse=True)[1]
        found = found * span + (values - values.min())
    return found
