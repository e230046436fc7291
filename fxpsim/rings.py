"""Ring buffers in a graph, which need no loop over steps.

A state that keeps the latest rows feeds back into itself, so it is a loop of two movements: new
rows are put behind the kept ones, and the oldest are dropped, before or after that.  What such a
loop holds at every step are parts of one line, the rows of all steps one after the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxpsim.graph import Node, State
from fxpsim.ops import Concatenate, Slice

__all__ = ["Ring", "ring_of"]

IntArray = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Ring:
    """A state to which rows are added at one end and dropped at the other.

    Parameters
    ----------
    state, source : str
        The tensors of kept and of new rows.
    axis : int
        Of the rows, in a tensor of one step.
    parts : tuple of (str, int, int)
        Every tensor of the loop: from which to before which of the kept and then the new rows.
    """

    state: str
    source: str
    axis: int
    parts: tuple[tuple[str, int, int], ...]

    def run(self, new: IntArray, held: IntArray) -> dict[str, IntArray]:
        """Return all tensors at every step.

        Parameters
        ----------
        new : integer array (n, steps, *shape)
        held : integer array (n, *shape)
            The state at the first step.

        Returns
        -------
        dict of str to integer array (n, steps, *shape)
        """
        axis = self.axis + 1
        before, added = held.shape[axis], new.shape[axis + 1]
        rows = np.moveaxis(new, 1, axis)
        rows = rows.reshape(*rows.shape[:axis], -1, *rows.shape[axis + 2 :])
        line = np.concatenate((held, rows), axis=axis)
        every = np.lib.stride_tricks.sliding_window_view(line, before + added, axis=axis)
        chosen = every[(*[slice(None)] * axis, slice(None, None, added))]
        windows = np.moveaxis(chosen, (axis, -1), (1, axis + 1))
        lead = [slice(None)] * (axis + 1)
        return {name: windows[(*lead, slice(*ends))] for name, *ends in self.parts}


def ring_of(
    nodes: Sequence[Node], states: Sequence[State], shapes: Mapping[str, tuple[int, ...]]
) -> Ring | None:
    """Return the ring buffer that a loop is, if it is one; ``shapes`` are those of all tensors."""
    if len(nodes) != 2 or len(states) != 1:
        return None
    (state,) = states
    joins = [node for node in nodes if isinstance(node.op, Concatenate)]
    drops = [node for node in nodes if isinstance(node.op, Slice)]
    if len(joins) != 1 or len(drops) != 1 or len(joins[0].sources) != 2:
        return None
    (join,), (drop,) = joins, drops
    old, source = join.sources
    if source in (state.name, join.name, drop.name):
        return None
    axis, held = join.op.axis, shapes[state.name]  # type: ignore[attr-defined]
    before, added = held[axis], shapes[source][axis]
    dropped_last = (old, drop.source, state.update) == (state.name, join.name, drop.name)
    dropped_first = (old, drop.source, state.update) == (drop.name, state.name, join.name)
    if not (dropped_last or dropped_first) or not _drops_first(drop, added, axis, shapes):
        return None
    parts = (
        (state.name, 0, before),
        (join.name, 0 if dropped_last else added, before + added),
        (drop.name, added, before + added if dropped_last else before),
    )
    return Ring(state.name, source, axis, parts)


def _drops_first(node: Node, rows: int, axis: int, shapes: Mapping[str, tuple[int, ...]]) -> bool:
    """Whether a slice drops so many rows at the front, and nothing else."""
    op, given = node.op, shapes[node.source]
    start = tuple(rows if a == axis else 0 for a in range(len(given)))
    count = tuple(size - first for size, first in zip(given, start, strict=True))
    return op == Slice(start, count, (1,) * len(given))
