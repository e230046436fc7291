"""Long arrays in slices, one a thread."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxpsim.errors import FormatError

__all__ = ["flat", "in_slices"]

#: Shorter slices take less time than it takes to start a thread.
_SHORTEST = 1 << 16

Counts = tuple[int, int]


@functools.cache
def _pool(threads: int) -> ThreadPoolExecutor:
    """Return threads that are kept: to start one takes as long as half a million casts."""
    return ThreadPoolExecutor(threads, thread_name_prefix="fxpsim")


if hasattr(os, "register_at_fork"):  # a forked child has none of its parent's threads
    os.register_at_fork(after_in_child=_pool.cache_clear)


def flat(array: NDArray[Any]) -> NDArray[Any]:
    """Return the elements in C order, read-only: one type, whether or not the array was."""
    elements = np.ascontiguousarray(array).reshape(-1).view()
    elements.flags.writeable = False
    return elements


def in_slices(
    work: Callable[[slice], Counts], size: int, threads: int, multiple: int = 1
) -> Counts:
    """Return the sums of what ``work`` counts in slices that cover ``size`` elements.

    Parameters
    ----------
    work : callable
        From a slice to two counts.  It runs without the GIL, or nothing is gained.
    size : int
        Elements in all.
    threads : int
        How many slices at most.
    multiple : int
        What every slice but the last is a multiple of.

    Raises
    ------
    FormatError
        ``threads`` is not 1 or more.
    """
    if isinstance(threads, bool) or not isinstance(threads, int) or threads < 1:
        raise FormatError(f"threads must be an integer, 1 or more, not {threads!r}")
    count = min(threads, size // max(_SHORTEST, multiple))
    if count <= 1:
        return work(slice(0, size))
    length = -(-size // (count * multiple)) * multiple
    slices = [slice(start, min(start + length, size)) for start in range(0, size, length)]
    others = _pool(len(slices) - 1).map(work, slices[1:])
    counted = [work(slices[0]), *others]
    return sum(first for first, _ in counted), sum(second for _, second in counted)
