"""Whether compiled code or the rules of :mod:`fxpsim.spec` run, and the types codes are kept in."""

from __future__ import annotations

import functools
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np

__all__ = ["SlowPathWarning", "code_dtype", "compiled", "interpreted", "narrow_dtype", "warn_slow"]


class SlowPathWarning(UserWarning):
    """The plain-Python rules ran because no compiled kernel holds numbers this wide."""


@functools.cache
def narrow_dtype(lo: int, hi: int) -> type[np.generic]:
    """Return the narrowest type for codes that nobody calculates with."""
    for dtype in (np.int8, np.uint8, np.int16, np.uint16):
        if np.iinfo(dtype).min <= lo and hi <= np.iinfo(dtype).max:
            return dtype
    return code_dtype(lo, hi)


@functools.cache
def code_dtype(lo: int, hi: int) -> type[np.generic]:
    """Return the type that holds all codes of a range: int32 where it fits, int64, or object."""
    for dtype in (np.int32, np.int64):
        if np.iinfo(dtype).min <= lo and hi <= np.iinfo(dtype).max:
            return dtype
    return np.object_


#: Numba itself looks once, when it is imported.
_JIT = os.environ.get("NUMBA_DISABLE_JIT", "0") == "0"
_interpreted: ContextVar[bool] = ContextVar("interpreted", default=False)


@contextmanager
def interpreted() -> Iterator[None]:
    """Run everything inside by the rules of :mod:`fxpsim.spec` themselves: slow, the authority."""
    token = _interpreted.set(True)
    try:
        yield
    finally:
        _interpreted.reset(token)


def compiled() -> bool:
    """Return whether compiled code may run."""
    return _JIT and not _interpreted.get()


def warn_slow(what: str) -> None:
    """Say that something runs slowly."""
    warnings.warn(f"{what} runs in plain Python integers", SlowPathWarning, stacklevel=4)
