"""Many layers at once: those that take the same kernels are priced together, as columns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from accel_models.columns import WorkColumns, work_at
from accel_models.elementwise import smaller
from accel_models.work import Work

if TYPE_CHECKING:
    import numpy as np

__all__ = ["alike"]

#: Widths of lanes whose overflow decides which kernels give the bits asked for.
_LANES = (8, 16, 32)
_WIDEST = 30


def alike(columns: WorkColumns) -> Iterator[tuple[np.ndarray | None, Work]]:
    """Yield the places of layers that differ in size only (None: all do), with one of them.

    Sizes decide on kernels in one way: whether a sum may overflow a register at all.
    """
    import numpy as np

    key = _one_key([*_widths(columns), *_fits(columns)])
    _, firsts, group = np.unique(key, return_index=True, return_inverse=True)
    if len(firsts) == 1:
        yield None, work_at(columns, 0)
        return
    order = np.argsort(group, kind="stable")
    ends = np.cumsum(np.bincount(group))
    for first, places in zip(firsts, np.split(order, ends[:-1]), strict=True):
        yield places, work_at(columns, int(first))


def _widths(columns: WorkColumns) -> list[Any]:
    accumulator = columns.accumulator
    found = [
        columns.weight_bits,
        columns.activation_bits,
        columns.output_bits,
        columns.weight_magnitude,
        columns.activation_magnitude,
        columns.spills,
        accumulator.bits,
        accumulator.outer_bits,
        accumulator.products_per_spill,
        accumulator.product_bits,
        columns.gain_bits > 0,
    ]
    return [width for width in found if width is not None]


def _fits(columns: WorkColumns) -> list[Any]:
    """Return, by width of register, which layers surely never overflow it."""
    import numpy as np

    largest, accumulator = _largest_product(columns), columns.accumulator
    outer = [] if accumulator.outer_bits is None else [accumulator.outer_bits]
    return [
        columns.inputs <= ((1 << (np.minimum(bits, 62) - 1)) - 1) // largest
        for bits in (*_LANES, accumulator.bits, *outer)
    ]


def _largest_product(columns: WorkColumns) -> Any:
    """Return the largest product of each layer, as `Work.largest_product` has it.

    Operands that no loop takes are taken for narrower ones, so that products are whole numbers of
    64 bits.
    """
    factors = (
        (columns.weight_magnitude, columns.weight_bits),
        (columns.activation_magnitude, columns.activation_bits),
    )
    weight, activation = (
        1 << (smaller(bits, _WIDEST) - 1) if magnitude is None else smaller(magnitude, 1 << _WIDEST)
        for magnitude, bits in factors
    )
    return weight * activation


def _one_key(keys: list[Any]) -> np.ndarray:
    """Return one number for each layer, the same where all its keys are."""
    import numpy as np

    found = np.zeros(1, np.int64)
    for key in keys:
        values = np.asarray(key, np.int64)
        span = int(values.max()) - int(values.min()) + 1
        if int(found.max()) >= (1 << 62) // span:
            found = np.unique(found, return_inverse=True)[1]
        found = found * span + (values - values.min())
    return found
