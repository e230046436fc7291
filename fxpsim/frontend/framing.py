"""Streams of front ends whose rows depend on their own samples alone: a ring of samples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fxpsim.errors import DataError

if TYPE_CHECKING:
    from fxpsim.frontend.contract import FrontEnd

__all__ = ["FramedStream", "check_audio", "check_samples", "row_count"]


def row_count(front_end: FrontEnd, samples: int) -> int:
    """Return how many rows so many samples complete, from reset."""
    return max(0, (samples - front_end.window) // front_end.hop + 1)


def check_samples(samples: ArrayLike) -> NDArray[np.int16]:
    """Return samples of one clip, int16 (n,); DataError where they are something else."""
    array = np.asarray(samples)
    if array.dtype != np.int16 or array.ndim != 1:
        raise DataError(
            f"samples must be int16 of shape (n,), not {array.dtype} of shape {array.shape}"
        )
    return array


def check_audio(audio: ArrayLike) -> NDArray[np.int16]:
    """Return whole clips, int16 (n,) or (clips, n); DataError where they are something else."""
    array = np.asarray(audio)
    if array.dtype != np.int16 or array.ndim not in (1, 2):
        raise DataError(
            "audio must be int16 of shape (samples,) or (clips, samples), "
            f"not {array.dtype} of shape {array.shape}"
        )
    return array


class FramedStream:
    """A front end without any state but the samples that later rows still need.

    One with more overrides how rows are made.

    Parameters
    ----------
    front_end : FrontEnd
        Its ``rows`` must depend on nothing but their own ``window`` samples, and ``before`` ones.
    before : int
        Samples before its window that a row reads, zeros at the start: 1 for a pre-emphasis.

    Examples
    --------
    >>> from fxpsim.frontend import create
    >>> stream = FramedStream(create("logmel"))
    >>> stream.step(np.zeros(2000, np.int16)).shape, stream.step(np.zeros(500, np.int16)).shape
    ((1, 20), (1, 20))
    """

    def __init__(self, front_end: FrontEnd, before: int = 0) -> None:
        self.front_end, self.before = front_end, before
        self.reset()

    @property
    def buffers(self) -> dict[str, int]:
        """Bytes: a ring that holds the samples of one row."""
        return {"samples": 2 * (self.front_end.window + self.before)}

    def reset(self) -> None:
        """Go back to where the first sample is awaited."""
        self._kept = np.zeros(0, np.int16)
        self._again = 0  # rows at the front of what is kept that have been given already
        self._skip = 0  # samples to come that no row reads, where rows lie apart

    def step(self, samples: ArrayLike) -> NDArray[Any]:
        """Return the rows (rows, bands) that so many more samples complete.

        Raises
        ------
        DataError
            The samples are not int16, or have other axes.
        """
        new = check_samples(samples)
        skipped = min(self._skip, new.size)
        held = np.concatenate((self._kept, new[skipped:]))
        rows = self._rows(held)
        # A whole row more is kept where rows read what is before them, and is computed again.
        again = min(len(rows), -(-self.before // self.front_end.hop))
        used = (len(rows) - again) * self.front_end.hop
        self._skip += max(0, used - held.size) - skipped
        self._kept = held[used:].copy()
        given, self._again = self._again, again
        return rows[given:]

    def _rows(self, samples: NDArray[np.int16]) -> NDArray[Any]:
        """Return the rows of samples (n,) that begin where the next row does."""
        return self.front_end.rows(samples)
