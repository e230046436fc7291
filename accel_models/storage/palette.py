"""The weight stream of Ethos-U: a palette, Golomb-Rice codes and runs of zeros.

What Arm's encoder (mlw_codec of Vela 5.2.0) writes depends on the order of the weights; here the
bits follow from how often each value occurs, with one set of parameters for a whole layer.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["coded_bits"]

_PALETTE = 32  # entries at most
_ZERO_RUNS = 4  # zero so many times as frequent as the next value: runs of it are coded
_DIVISORS = range(6)
_RUN_DIVISORS = range(4)
_UNARY = 31  # longest quotient
_SLICE = 32767  # weights with one header
_HEADER_BITS = 23
_PALETTE_HEADER_BITS = 13
_ALIGNMENT = 128  # bits


def coded_bits(counts: Mapping[int, int]) -> int:
    """Return the bits of a stream of weights, its headers and alignment included.

    Parameters
    ----------
    counts
        Occurrences of each value, from -255 to 255.
    """
    ranked = sorted(counts, key=lambda value: -counts[value])
    most, following = counts[ranked[0]], counts[ranked[1]] if len(ranked) > 1 else 0
    runs = ranked[0] == 0 and most > _ZERO_RUNS * following and len(ranked) > 1
    coded = {value: n for value, n in counts.items() if not (runs and value == 0)}
    total = sum(coded.values())
    bits = _run_bits(most, total) if runs else 0
    palette = sorted(coded, key=lambda value: -coded[value])[:_PALETTE]
    if sum(coded[value] for value in palette) * 2 <= total:
        palette = []
    bits += _value_bits(coded, palette)
    entry = max(2, max((_folded(v) for v in palette or coded), default=0).bit_length())
    bits += _PALETTE_HEADER_BITS + len(palette) * entry
    bits += -(-total // _SLICE) * _HEADER_BITS
    return -(-int(bits) // _ALIGNMENT) * _ALIGNMENT


def _folded(value: int) -> int:
    """Return a signed value as 0, -1, 1, -2, 2... in order."""
    return 2 * value if value >= 0 else -2 * value + 1


def _value_bits(coded: Mapping[int, int], palette: list[int]) -> float:
    """Return the bits of the values with the best of all parameters."""
    lowest = min(map(_folded, coded))
    place = {value: rank for rank, value in enumerate(palette)}
    index = {v: place.get(v, _folded(v) + len(palette) - min(lowest, _PALETTE - 1)) for v in coded}
    total = sum(coded.values())
    choices = []
    if len(palette) == len(coded):
        choices.append(total * max(1, (len(palette) - 1).bit_length()))
    elif not palette:
        choices.append(total * max(2, max(map(_folded, coded)).bit_length()))
    for divisor in _DIVISORS:
        quotients = {value: at >> divisor for value, at in index.items()}
        longest = max(quotients.values())
        if longest <= _UNARY:
            choices.append(sum(n * (quotients[v] + 1 + divisor) for v, n in coded.items()))
        if longest <= 2:
            choices.append(sum(n * (min(quotients[v] + 1, 2) + divisor) for v, n in coded.items()))
    return min(choices)


def _run_bits(zeros: int, others: int) -> float:
    """Return the bits of the lengths of runs, for zeros that stand anywhere."""
    share = zeros / (zeros + others)

    def run(divisor: int) -> float:
        # The quotient of a geometric length is geometric, too.
        step = share ** (1 << divisor)
        return 1 + divisor + step / (1 - step)

    return (others + 1) * min(run(divisor) for divisor in _RUN_DIVISORS)
