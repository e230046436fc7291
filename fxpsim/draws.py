"""Which random bits stochastic rounding uses: a pure function of what is rounded, not of when."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fxpsim.errors import DataError, FormatError

__all__ = ["Draws", "current_draws", "drawing"]

_WORDS = 1 << 32


@dataclass(frozen=True, slots=True, eq=False)
class Draws:
    """The counters of Philox4x32-10 for the elements of an array, or the sums of a product.

    Parameters
    ----------
    seed : int
        0 to 2**64 - 1, the key.
    stream : int
        The node in the graph; 0 in casts and products.
    samples : array_like of int, optional
        The caller's id of every entry of the first axis; 0, 1, 2... where not given.

    Raises
    ------
    FormatError
        A number is out of range.
    """

    seed: int = 0
    stream: int = 0
    samples: ArrayLike | None = None

    def __post_init__(self) -> None:
        for noun, number, end in (
            ("seed", self.seed, _WORDS**2),
            ("stream", self.stream, _WORDS),
        ):
            if isinstance(number, bool) or not isinstance(number, (int, np.integer)):
                raise FormatError(f"{noun} must be an integer, not {number!r}")
            if not 0 <= number < end:
                raise FormatError(f"{noun} must be 0 to {end - 1}, not {number}")

    def counters(self, shape: tuple[int, ...]) -> tuple[NDArray[np.uint32], int]:
        """Return the id of every sample of an array, and how many elements a sample has.

        No ids: each is the sample's index.  The first axis is the batch; an element's number is
        the flat index in what remains.

        Raises
        ------
        DataError
            There are not as many ids as samples, or more of either than counters.
        """
        batch = shape[0] if shape else 1
        size = int(np.prod(shape[1:], dtype=np.int64))
        if size > _WORDS or batch > _WORDS:
            raise DataError(f"samples, and elements of one, must be at most {_WORDS}")
        if self.samples is None:
            return np.empty(0, np.uint32), size
        ids = np.asarray(self.samples)
        if ids.shape != (batch,):
            raise DataError(
                f"samples must hold an id for each of {batch} samples, not shape {ids.shape}"
            )
        if ids.size and not (int(ids.min()) >= 0 and int(ids.max()) < _WORDS):
            raise DataError(f"samples must be 0 to {_WORDS - 1}")
        return ids.astype(np.uint32), size

    def rows(self, rows: int, outputs: int) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
        """Return, for each row of a product (rows, outputs), its sample and its first element.

        A sample may have several rows (a convolution's output positions), all of one number.

        Raises
        ------
        DataError
            The rows are not a multiple of the samples, or a sample has more elements than counters.
        """
        ids = self._ids(rows)
        each = rows // max(1, ids.size)
        if ids.ndim != 1 or each * ids.size != rows:
            raise DataError(
                f"samples must hold an id for each sample of {rows} rows, not shape {ids.shape}"
            )
        if each * outputs > _WORDS:
            raise DataError(f"a sample must have at most {_WORDS} elements, not {each * outputs}")
        first = np.arange(rows, dtype=np.int64) % max(1, each) * outputs
        return np.repeat(ids, each).astype(np.uint32), first.astype(np.uint32)

    def _ids(self, batch: int) -> NDArray[np.int64]:
        ids = np.arange(batch) if self.samples is None else np.asarray(self.samples)
        if ids.size and not (int(ids.min()) >= 0 and int(ids.max()) < _WORDS):
            raise DataError(f"samples must be 0 to {_WORDS - 1}")
        return ids


_current: ContextVar[Draws | None] = ContextVar("draws", default=None)


class drawing:  # noqa: N801 - read as a word, `with drawing(draws)`; a generator enters slower
    """Let everything inside, one product or one node of a graph, round by these draws.

    Which draws a run uses is ambient, as the engine is: no operation need pass them on.
    """

    __slots__ = ("_draws", "_token")

    def __init__(self, draws: Draws) -> None:
        self._draws = draws

    def __enter__(self) -> None:
        self._token = _current.set(self._draws)

    def __exit__(self, *_: object) -> None:
        _current.reset(self._token)


def current_draws() -> Draws:
    """Return the draws of what runs; seed 0, stream 0 and samples 0, 1, ... outside of any."""
    return _current.get() or Draws()
