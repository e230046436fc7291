"""How many weights the decoder has to deliver, and what they take in memory.

Units and sub-kernels are filled up with zeros (Arm, mlw_codec of Vela 5.2.0: reorder), and every
output has 10 bytes of bias, multiplier and shift.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from accel_models.decoder_npu.machine import Accelerator
from accel_models.decoder_npu.shape import Shape
from accel_models.demand import Demand, Kind
from accel_models.elementwise import Number, ceil_div, choose, each, round_up
from accel_models.storage import EthosStream, WeightStorage
from accel_models.storage.entropy import gaussian_counts
from accel_models.storage.palette import coded_bits

__all__ = ["padded_weights", "scale_bytes", "weight_bytes"]

_SUB_KERNEL = 8
_ALIGNMENT = 16  # bytes
_SCALE_BYTES = 10


def padded_weights(machine: Accelerator, shape: Shape) -> Number:
    """Return the weights of a layer with those that fill up units."""
    cores = machine.cores.whole
    outputs = cores * round_up(ceil_div(shape.outputs, cores), machine.unit_depth.whole)
    wide = shape.activation_bits == 16
    taps: Number = 0
    for height, times_high in _parts(shape.kernel_height):
        for width, times_wide in _parts(shape.kernel_width):
            elements = height * width
            if shape.kind is Kind.DEPTHWISE:
                filled = round_up(elements, 4)
            else:
                padded = round_up(elements, choose(wide, 2, 4))
                filled = choose(shape.part_kernel, padded, elements)
            taps = taps + filled * times_high * times_wide
    if shape.kind is Kind.DEPTHWISE:
        return outputs * taps
    block = choose(wide, 16, 32)
    channels = choose(
        shape.part_kernel, round_up(shape.channels, 8), round_up(shape.channels, block)
    )
    return outputs * taps * channels


def _parts(taps: Number) -> tuple[tuple[Number, Number], tuple[Number, Number]]:
    """Return the sizes of sub-kernels along one side, and how often each occurs."""
    return (_SUB_KERNEL, taps // _SUB_KERNEL), (taps % _SUB_KERNEL, 1)


def weight_bytes(
    machine: Accelerator, storage: WeightStorage, work: Demand, shape: Shape
) -> Number:
    """Return the bytes of the weights of a layer in memory."""
    if not isinstance(storage, EthosStream):
        return round_up(storage.bytes(work), _ALIGNMENT)
    padded = padded_weights(machine, shape)
    if work.weight_histogram is not None:
        counts = dict(work.weight_histogram.counts)
        return _coded_bytes(_filled(counts, padded - work.weights), machine.cores.whole)
    if work.weight_entropy is None:
        return round_up(ceil_div(padded * work.weight_bits, 8), _ALIGNMENT)
    given = (work.weight_bits, work.weight_entropy, work.weights, padded)
    return each(_gaussian_bytes, *given, machine.cores.whole)


@lru_cache(maxsize=4096)
def _gaussian_bytes(bits: int, entropy: float, weights: int, padded: int, cores: int) -> int:
    """Return the bytes of Gaussian weights of known entropy, and of the zeros between them."""
    counts = gaussian_counts(bits, entropy, weights)
    return _coded_bytes(_filled(counts, padded - weights), cores)


def _coded_bytes(counts: Mapping[int, int], cores: int) -> int:
    """Return the bytes of one stream for each core, among which outputs are dealt out."""
    dealt = {value: ceil_div(count, cores) for value, count in counts.items()}
    return cores * coded_bits(dealt) // 8


def _filled(counts: Mapping[int, int], zeros: int) -> dict[int, int]:
    found = dict(counts)
    if zeros:
        found[0] = found.get(0, 0) + zeros
    return found


def scale_bytes(work: Demand) -> Number:
    """Return the bytes of biases, multipliers and shifts."""
    return round_up(_SCALE_BYTES * work.outputs, _ALIGNMENT)
