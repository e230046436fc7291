"""The one decorator that compiles, and where compiled code is kept.

Numba's own disk cache watches the file a function stands in, not the helpers and intrinsics it
calls from other files.  So the cache lies in a folder named by the hash of *all* sources here:
any edit opens a new one.
"""

from __future__ import annotations

import functools
import hashlib
import os
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from numba import njit
from numba.core import caching

__all__ = ["cache_folder", "kernel"]


@functools.cache
def source_hash() -> str:
    """Return a hash of every source file of this folder."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def _user_cache() -> Path:
    if chosen := os.environ.get("FXPSIM_CACHE_DIR"):
        return Path(chosen)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData/Local")) / "fxpsim"
    if sys.platform == "darwin":
        return Path.home() / "Library/Caches/fxpsim"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fxpsim"


@functools.cache
def cache_folder() -> Path | None:
    """Return the folder for compiled code, or None (with one warning) where none is writable."""
    try:
        folder = _user_cache() / source_hash()
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".probe-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except (OSError, RuntimeError) as error:
        warnings.warn(
            f"compiled code is not kept ({error}); every start compiles anew. "
            "Set FXPSIM_CACHE_DIR to a writable folder.",
            RuntimeWarning,
            stacklevel=2,
        )
        return None
    return folder


class _Locator(caching._CacheLocator):
    def __init__(self, function: Callable, folder: Path) -> None:
        self._folder = folder
        self._line = function.__code__.co_firstlineno

    def get_cache_path(self) -> str:
        return str(self._folder)

    def get_source_stamp(self) -> str:
        return source_hash()

    def get_disambiguator(self) -> str:
        return str(self._line)

    @classmethod
    def from_function(cls, function: Callable, _source_path: str) -> _Locator | None:
        folder = cache_folder()
        return None if folder is None else cls(function, folder)


class _CacheImpl(caching.CompileResultCacheImpl):
    _locator_classes = (_Locator,)


class _Files(caching.IndexDataCacheFile):
    """A file for each overload, named by what it was compiled for.

    Numba numbers the files, in an index for each function.  Two processes that compile overloads of
    one function at once may choose one number, and the index then names the other one's code.
    """

    def _name(self, key: Any) -> str:
        digest = hashlib.sha256(f"{self._version} {key!r}".encode()).hexdigest()[:32]
        return self._index_name.removesuffix(".nbi") + f"-{digest}.nbc"

    def load(self, key: Any) -> Any:
        try:
            return self._load_data(self._name(key))
        except FileNotFoundError:
            return None

    def save(self, key: Any, data: Any) -> None:
        self._save_data(self._name(key), data)

    def flush(self) -> None:
        """Do nothing: what cannot be read is compiled, and written anew."""


class _Cache(caching.FunctionCache):
    _impl_class = _CacheImpl

    def __init__(self, function: Callable) -> None:
        super().__init__(function)
        base, stamp = self._impl.filename_base, self._impl.locator.get_source_stamp()
        self._cache_file = _Files(self._cache_path, base, stamp)

    def load_overload(self, sig, target_context):
        try:
            return super().load_overload(sig, target_context)
        except Exception:  # a file cut short by a full disk or a kill: compile anew
            return None


def kernel(function: Callable) -> Callable:
    """Compile ``function`` at its first call, without the GIL, kept on disk."""
    dispatcher = njit(nogil=True, boundscheck=None)(function)
    if hasattr(dispatcher, "_cache") and cache_folder() is not None:
        dispatcher._cache = _Cache(function)
    return dispatcher
