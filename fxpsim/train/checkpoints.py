"""Where a run stands, on disk: one that was killed ends as if it had not been."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from fxpsim.errors import DataError
from fxpsim.npz import brief, check_file

__all__ = ["Checkpoint"]


@dataclass(slots=True)
class Checkpoint:
    """A file with the state of a run, replaced as a whole now and then.

    Attributes
    ----------
    path : Path
        The file; it need not exist.
    identity : mapping of str to str
        What makes runs different (recipe, data, seed, versions): a file of another run is refused.
    every : float
        Seconds from one writing to the next.
    clock : callable
        Returns the time, seconds.
    """

    path: Path
    identity: Mapping[str, str]
    every: float = 20.0
    clock: Callable[[], float] = time.monotonic
    _written: float = field(init=False)

    def __post_init__(self) -> None:
        self._written = self.clock()

    def read(self) -> Any:
        """Return the state that was written last; None where there is none.

        Raises
        ------
        DataError
            The file is damaged, or of another run.
        """
        if not self.path.exists():
            return None
        check_file(self.path)
        try:
            document = torch.load(self.path, weights_only=True)
            found, state = dict(document["identity"]), document["state"]
        except Exception as error:  # a damaged file makes its readers raise nearly anything
            raise DataError(
                f"{self.path} is no checkpoint ({brief(error)}): delete it to start over"
            ) from None
        names = sorted(found.keys() | self.identity.keys())
        if differing := [name for name in names if found.get(name) != self.identity.get(name)]:
            raise DataError(
                f"{self.path} is of an unfinished run with another {', '.join(differing)}: "
                "delete it to start over, or write to another folder"
            )
        return state

    def offer(self, state: Callable[[], Any]) -> None:
        """Write the state, of tensors, numbers and texts, if it is time."""
        if self.clock() - self._written >= self.every:
            self.write(state())

    def write(self, state: Any) -> None:
        """Write the state; whoever reads meanwhile finds the one before."""
        unfinished = self.path.with_name(f".{self.path.name}-unfinished")
        with unfinished.open("wb") as file:
            torch.save({"identity": dict(self.identity), "state": state}, file)
        os.replace(unfinished, self.path)
        self._written = self.clock()

    def delete(self) -> None:
        """Remove the file, once what it is for exists."""
        self.path.unlink(missing_ok=True)
