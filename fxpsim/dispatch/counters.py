"""Random bits of stochastic rounding: counters for compiled loops, or the words themselves."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fxpsim import spec
from fxpsim.draws import Draws, current_draws
from fxpsim.engine import compiled
from fxpsim.formats import Rounding
from fxpsim.formats.modes import STOCHASTIC

__all__ = ["Counters", "counters", "draw_words", "words_for"]

#: What :func:`fxpsim.kernels.philox.draw_words` counts with.
Counters: TypeAlias = tuple[NDArray[np.uint32], NDArray[np.uint32], int]

_NONE: Counters = np.zeros(3, np.uint32), np.zeros(0, np.uint32), 1


def counters(rounding: Rounding, shape: tuple[int, ...], draws: Draws | None) -> Counters:
    """Return what a compiled loop draws with for an array of ``shape``, if it draws at all."""
    if rounding not in STOCHASTIC:
        return _NONE
    draws = draws or current_draws()
    samples, elements = draws.counters(shape)
    seed = int(draws.seed)
    keys = np.array([seed & 0xFFFFFFFF, seed >> 32, int(draws.stream)], np.uint32)
    return keys, samples, elements


def draw_words(shape: tuple[int, ...], draws: Draws | None) -> NDArray[np.uint32]:
    """Return the 32 random bits (:func:`fxpsim.spec.draw`) of every element, in C order."""
    draws = draws or current_draws()
    keys, samples, elements = counters(Rounding.STOCHASTIC_EQUAL, shape, draws)
    out = np.empty(int(np.prod(shape, dtype=np.int64)), np.uint32)
    if compiled():
        from fxpsim.kernels import philox

        philox.draw_words((keys, samples, elements), 0, out)
        return out
    ids = samples.tolist() or range(out.size // max(1, elements))
    places = ((sample, element) for sample in ids for element in range(elements))
    seed, stream = int(draws.seed), int(draws.stream)
    out[:] = [spec.draw(seed, stream, *place) for place in places]
    return out


def words_for(rounding: Rounding, shape: tuple[int, ...], draws: Draws | None) -> NDArray[Any]:
    """Return :func:`draw_words` for the modes that draw, else nothing."""
    return draw_words(shape, draws) if rounding in STOCHASTIC else np.empty(0, np.uint32)
