"""One stream of inputs, step by step: what a device runs, with the states it keeps."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike, NDArray

from fxpsim.casts import check_codes
from fxpsim.errors import DataError
from fxpsim.ops.op import as_stored
from fxpsim.schedule import reset_states, schedule
from fxpsim.steps import in_steps

if TYPE_CHECKING:
    from fxpsim.graph import Graph

__all__ = ["Stream", "stream"]

IntArray = NDArray[Any]


class Stream:
    """A graph with the states that it has reached.

    Parameters
    ----------
    graph : Graph
        What to run; one without states forgets every step.

    Attributes
    ----------
    states : dict of str to integer array
        Codes that the next step begins with, by the name of the state.

    Examples
    --------
    >>> import numpy as np
    >>> from fxpsim import load
    >>> graph = load("kws250k-8bit")
    >>> Stream(graph).step(np.zeros(graph.input.shape, int)).shape
    (12,)
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        keep = frozenset({graph.output, *(state.update for state in graph.states)})
        self._schedule = schedule(graph, keep, True)
        self._steps = in_steps(graph, frozenset({graph.output}), True)
        self.reset()

    def reset(self) -> None:
        """Go back to the first step."""
        self.states = {name: codes[0] for name, codes in reset_states(self.graph, 1).items()}

    def step(self, rows: ArrayLike) -> IntArray:
        """Run one step, or several.

        Parameters
        ----------
        rows : array_like of int
            Codes of one step, ``graph.input.shape`` (axes of length 1 do not count); or of
            several: with an axis in front, or so many times as many rows.

        Returns
        -------
        integer array
            The output of the step; of several: (steps, *shape).

        Raises
        ------
        DataError
            The codes do not fit the graph.
        """
        spec = self.graph.input
        codes = as_stored(check_codes(rows, spec.format, "rows"), spec)
        steps, rest = divmod(codes.size, spec.size)
        if rest or not steps or not self._is_whole(codes.shape):
            raise DataError(
                f"rows must have the shape {spec.shape} of a step of graph {self.graph.name!r}, "
                f"or be several steps, not {codes.shape}"
            )
        if steps == 1:
            output = self._one(codes.reshape(spec.shape))
            return output if len(_long(codes.shape)) <= len(_long(spec.shape)) else output[None]
        return self._several(codes.reshape(steps, *spec.shape))

    def _is_whole(self, given: tuple[int, ...]) -> bool:
        """Whether codes are steps one after the other, whatever axes of length 1 they have."""
        row, long = _long(self.graph.input.shape[1:]), _long(given)
        return long[max(0, len(long) - len(row)) :] == row or prod(given) == self.graph.input.size

    def _one(self, codes: IntArray) -> IntArray:
        tensors = {"input": codes[None], **{n: state[None] for n, state in self.states.items()}}
        after = self._schedule.run(tensors)
        self.states = {state.name: after[state.update][0] for state in self.graph.states}
        name = self.graph.output
        output: IntArray = as_stored(after[name], self.graph.specs[name])[0]
        return output

    def _several(self, codes: IntArray) -> IntArray:
        states = {name: state[None] for name, state in self.states.items()}
        tensors, after = self._steps.run(codes[None], states)
        self.states = {name: state[0] for name, state in after.items()}
        name = self.graph.output
        outputs: IntArray = as_stored(tensors[name], self.graph.specs[name])[0]
        return outputs


def _long(shape: tuple[int, ...]) -> list[int]:
    return [size for size in shape if size != 1]


def stream(graph: Graph) -> Stream:
    """Return a stream of a graph, at its reset states."""
    return Stream(graph)
