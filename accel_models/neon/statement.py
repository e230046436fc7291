"""What an estimate on an Arm core is made of, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accel_models.demand import LAYERS
from accel_models.estimate import Statement
from accel_models.neon.core import Order, Place
from accel_models.storage import packed_bytes
from accel_models.work import Workload

if TYPE_CHECKING:
    from accel_models.neon.model import NeonCore

__all__ = ["state"]

_UNKNOWN = 1.0  # of cores that were compared with nothing


def state(model: NeonCore, workload: Workload) -> Statement:
    """Return basis, error, sources and assumptions of a model's numbers for a network."""
    point = model.default_point
    places = ", ".join(place.upper() for place in model.spec.memory)
    error = model.spec.error
    how = "sum of all costs" if model.spec.order is Order.IN else "the busiest pipes"
    return Statement(
        basis=(
            f"instructions of the inner loops at their costs on {model.core} ({how}), epilogues, "
            f"and the weight stream; range over weights in {{{places}}} x {{additive, overlapped}} "
            f"x {{compiled, tuned}}; default point: {point.weights}, {point.overlap}, {point.code}"
        ),
        relative_error=error.value if error else _UNKNOWN,
        error_basis=(
            f"{error.source if error else 'compared with nothing'}; rates of memories add the "
            "spread of the range"
        ),
        sources=tuple(dict.fromkeys(constant.source for constant in model.spec.constants)),
        assumptions=(*_assumptions(model), *_too_large(model, workload)),
    )


def _assumptions(model: NeonCore) -> list[str]:
    point = model.default_point
    order = "in" if model.spec.order is Order.IN else "out of"
    wait = "waits for its loads" if model.spec.order is Order.IN else "fetches ahead"
    where = {
        Place.L2: "L2 because it holds a network of a few 100 kB if nothing else runs",
        Place.FLASH: "flash because a microcontroller has its weights there",
    }.get(point.weights, f"{point.weights} as asked for")
    found = [
        "default point: the same for every width, so that ratios do not profit from one network "
        f"fitting a cache that another exceeds; {where}, {point.overlap} because a core that "
        f"issues {order} order {wait}, {point.code} because few loops for narrow weights are "
        "tuned by hand",
        "kernel: the fastest, at each point, of those that give the bits asked for"
        if model.kernel is None
        else f"kernel {model.kernel} as asked for, whether or not its sums may overflow",
        "a convolution is the product of its windows and its filters, windows "
        f"{'read in place' if model.convolution == 'direct' else 'copied first'}; a depthwise one "
        "has a channel in every lane and loads its weights at every position; the error stated "
        "is that of dense layers",
        "each weight arrives once an inference: a tile stays in L1 for all vectors",
        "loops advance by 16 products; calls and loop set-up are free; clipping is part of the "
        "rescaling, other functions of one value are look-ups",
        "a register between two lane widths lives in the wider one: clamped after every addition "
        "where it may saturate, cut once at the end where it wraps",
    ]
    dram = model.rates.get(Place.DRAM)
    if dram is not None:
        found.append(
            f"DRAM at {dram:.2f} bytes a cycle; take weights=dram if other software empties the "
            "caches between two inferences"
        )
    if model.factor is not None:
        found.append(f"compute cycles times {model.factor:g}, as asked for")
    elif model.library is not None:
        found.append(f"compute cycles times the factor of {model.library}, measured on one core")
    if model.spec.energy is not None:
        found.append(
            f"energy: {model.spec.energy.value:g} pJ a cycle, a whole board running other "
            "software at another clock"
        )
    return found


def _too_large(model: NeonCore, workload: Workload) -> list[str]:
    place = model.default_point.weights
    size = model.spec.memory[place].size
    if size is None:
        return []
    held = sum(
        packed_bytes(work.weights, model.kernel_of(work).loop.stored_weight_bits)
        for work in workload
        if work.kind in LAYERS
    )
    if held <= size.value:
        return []
    return [
        f"the weights ({held} bytes) exceed {place} ({size.value:.0f} bytes): the default point is "
        "too fast, see high"
    ]
