"""Where training stands, on disk: a run that was killed ends as if it had not been."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import torch

from fxpsim.errors import DataError
from fxpsim.npz import brief, check_file

__all__ = ["Checkpoint", "Stateful"]


class Stateful(Protocol):
    """A module, an optimiser, a schedule of learning rates."""

    def state_dict(self) -> dict[str, Any]:
        """Return all that changes in training."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> Any:
        """Go back to where it was."""


Part: TypeAlias = Stateful | torch.Generator


@dataclass(slots=True)
class Checkpoint:
    """A file with the states of every phase of a run, replaced as a whole now and then.

    A run is phases one behind the other, each a number of steps.  Each asks :meth:`resume` how
    many of its steps are done, and tells :meth:`done` after every step.  The state of torch's own
    generator goes with them.  The same program on the same data with as many threads then makes
    the same bits, wherever it was stopped.

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
    _phases: dict[str, dict[str, Any]] = field(init=False)
    _written: float = field(init=False)

    def __post_init__(self) -> None:
        self._phases = self._read() if self.path.exists() else {}
        self._written = self.clock()

    def resume(self, phase: str, parts: Mapping[str, Part]) -> int:
        """Bring parts to where the file has them; return how many steps of the phase are done.

        Raises
        ------
        DataError
            The file's parts are not these.
        """
        if phase not in self._phases:
            return 0
        state = self._phases[phase]
        try:
            if state["parts"].keys() != parts.keys():
                raise KeyError(", ".join(state["parts"]))
            for name, part in parts.items():
                if isinstance(part, torch.Generator):
                    part.set_state(state["parts"][name])
                else:
                    part.load_state_dict(state["parts"][name])
            torch.set_rng_state(state["random"])
            return int(state["steps"])
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise DataError(
                f"{self.path} does not fit phase {phase!r} ({brief(error)}): "
                "delete it to start over"
            ) from None

    def done(self, phase: str, steps: int, parts: Mapping[str, Part], *, last: bool) -> None:
        """Take note that so many steps of a phase are done; write when it is time, or the last."""
        if not last and self.clock() - self._written < self.every:
            return
        self._phases[phase] = {
            "steps": steps,
            "parts": {
                # States are the parts' own tensors, which go on changing.
                name: part.get_state()
                if isinstance(part, torch.Generator)
                else deepcopy(part.state_dict())
                for name, part in parts.items()
            },
            "random": torch.get_rng_state(),
        }
        self._write()
        self._written = self.clock()

    def delete(self) -> None:
        """Remove the file, once what it is for exists."""
        self.path.unlink(missing_ok=True)

    def _write(self) -> None:
        unfinished = self.path.with_name(f".{self.path.name}-unfinished")
        with unfinished.open("wb") as file:
            torch.save({"identity": dict(self.identity), "phases": self._phases}, file)
        os.replace(unfinished, self.path)

    def _read(self) -> dict[str, dict[str, Any]]:
        check_file(self.path)
        try:
            document = torch.load(self.path, weights_only=True)
            found, phases = dict(document["identity"]), dict(document["phases"])
        except Exception as error:  # a damaged file makes its readers raise nearly anything
            raise DataError(
                f"{self.path} is no checkpoint ({brief(error)}): delete it to start over"
            ) from None
        differing = [
            name
            for name in sorted(found.keys() | self.identity.keys())
            if found.get(name) != self.identity.get(name)
        ]
        if differing:
            raise DataError(
                f"{self.path} is of an unfinished run with another {', '.join(differing)}: "
                "delete it to start over, or write to another folder"
            )
        return phases
