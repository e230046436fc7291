"""The tiles and the order of loops that make an array wait least for DRAM (Bit Fusion's search).

Tiles are powers of two. From the innermost loop outwards, an operand that a loop does not change
stays; one that it changes grows in its buffer until half of it is full, and from there on is
fetched in every round.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

__all__ = ["Buffers", "best_stalls"]

_SUM_BITS = 32
_LOOPS = ("vectors", "inputs", "outputs")
# The operands that a loop changes.
_CHANGES = {
    "vectors": {"input", "sum"},
    "inputs": {"weight", "input"},
    "outputs": {"weight", "sum"},
}


@dataclass(frozen=True, slots=True)
class Buffers:
    """Half of each buffer, in bits."""

    weights: int
    inputs: int
    outputs: int


@lru_cache(maxsize=65536)
def best_stalls(
    vectors: int,
    inputs: int,
    outputs: int,
    weight_bits: int,
    input_bits: int,
    together: int,
    columns: int,
    port: int,
    weight_buffer: int,
    input_buffer: int,
    sum_buffer: int,
) -> int:
    """Return the cycles that the best tiles and order leave for waiting.

    Parameters
    ----------
    together
        Products of a sum that are made at once.
    port
        Bits a cycle between DRAM and buffers.
    weight_buffer, input_buffer, sum_buffer
        Halves, in bits.
    """
    half = {"weight": weight_buffer, "input": input_buffer, "sum": sum_buffer}
    least: tuple[int, int] | None = None
    for tile in _tiles(vectors, inputs, outputs, columns):
        b, k, n = tile
        padded = -(-k // together) * together
        sizes = {
            "weight": padded * n * weight_bits,
            "input": k * b * input_bits,
            "sum": -(-n // columns) * columns * b * _SUM_BITS,
        }
        if any(sizes[operand] > half[operand] for operand in sizes):
            continue
        counts = dict(
            zip(_LOOPS, (-(-vectors // b), -(-inputs // k), -(-outputs // n)), strict=True)
        )
        rounds = counts["vectors"] * counts["inputs"] * counts["outputs"]
        compute = rounds * b * -(-n // columns) * -(-k // together)
        for order in itertools.permutations(_LOOPS):
            stalls = _stalls(sizes, half, counts, order, compute, port)
            found = (compute + stalls, stalls)
            least = found if least is None or found < least else least
    if least is None:
        return -(-(vectors * inputs * input_bits + inputs * outputs * weight_bits) // port)
    whole = vectors * -(-outputs // columns) * -(-inputs // together)
    return least[0] - whole


def _tiles(vectors: int, inputs: int, outputs: int, columns: int) -> Iterator[tuple[int, int, int]]:
    """Yield tiles of powers of two; outputs come in whole rows of the array."""
    for b, k, n in itertools.product(
        _powers(vectors), _powers(inputs), _powers(-(-outputs // columns))
    ):
        yield min(b, vectors), min(k, inputs), min(n * columns, outputs)


def _powers(size: int) -> list[int]:
    return [1 << exponent for exponent in range((size - 1).bit_length() + 1)]


def _stalls(
    sizes: dict[str, int],
    half: dict[str, int],
    counts: dict[str, int],
    order: tuple[str, ...],
    compute: int,
    port: int,
) -> int:
    """Return the cycles that wait for DRAM: first fill, last drain, and what is too slow."""
    reads, held = dict(sizes), dict(sizes)
    grows = dict.fromkeys(sizes, True)
    writes, written, drains = sizes["sum"], sizes["sum"], True
    for loop in reversed(order):
        for operand in reads:
            if not grows[operand]:
                reads[operand] *= counts[loop]
            elif operand in _CHANGES[loop]:
                reads[operand] *= counts[loop]
                grows[operand] = reads[operand] <= half[operand]
                if grows[operand]:
                    held[operand] = reads[operand]
        if not drains:
            writes *= counts[loop]
        elif "sum" in _CHANGES[loop]:
            writes *= counts[loop]
            drains = writes <= half["sum"]
            if drains:
                written = reads["sum"]
    first, last = sum(held.values()), written
    middle = sum(reads.values()) + writes - first - last
    return max(0, -(-middle // port) - compute) + -(-first // port) + -(-last // port)
