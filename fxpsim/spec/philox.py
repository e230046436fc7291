"""Philox4x32-10: the counter-based generator behind stochastic rounding.

Salmon, Moraes, Dror, Shaw: Parallel Random Numbers: As Easy as 1, 2, 3. SC 2011, section 4.3.
"""

from __future__ import annotations

__all__ = ["ROUNDS", "draw", "draw_step", "philox4x32"]

#: Constants of the paper: two multipliers, two increments of the key (Weyl sequences).
MULTIPLIERS = 0xD2511F53, 0xCD9E8D57
INCREMENTS = 0x9E3779B9, 0xBB67AE85
ROUNDS = 10
_WORD = 0xFFFFFFFF

Counter = tuple[int, int, int, int]


def philox4x32(counter: Counter, key: tuple[int, int]) -> Counter:
    """Return four random 32-bit words for a counter of four and a key of two such words."""
    (c0, c1, c2, c3), (k0, k1) = counter, key
    for _ in range(ROUNDS):
        first, second = MULTIPLIERS[0] * c0, MULTIPLIERS[1] * c2
        c0, c1, c2, c3 = (
            (second >> 32) ^ c1 ^ k0,
            second & _WORD,
            (first >> 32) ^ c3 ^ k1,
            first & _WORD,
        )
        k0, k1 = (k0 + INCREMENTS[0]) & _WORD, (k1 + INCREMENTS[1]) & _WORD
    return c0, c1, c2, c3


def draw(seed: int, stream: int, sample: int, element: int, step: int = 0) -> int:
    """Return the 32 bits that round one element: the generator's first word.

    Parameters
    ----------
    seed : int
        0 to 2**64 - 1; its low and high word are the key.
    stream, sample, element, step : int
        The counter, each 0 to 2**32 - 1: the node in the graph, the caller's sample id, the flat
        index without the batch axis, the index of the addition (0 in a cast).
    """
    return draw_step(seed, stream, sample, element, step)[0]


def draw_step(seed: int, stream: int, sample: int, element: int, step: int) -> Counter:
    """Return all four words of a step, for sums in which several registers round; as above."""
    return philox4x32((stream, sample, element, step), (seed & _WORD, seed >> 32))
