"""A network as what it is to a stream: rows in, scores out, a decision every few rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fxpsim.errors import ConfigError, GraphError
from fxpsim.incremental import by_rows
from fxpsim.ops import Argmax, TensorSpec
from fxpsim.ops.op import as_stored
from fxpsim.schedule import reset_states, schedule
from fxpsim.steps import in_steps

if TYPE_CHECKING:
    from accel_models import Workload
    from fxpsim.graph import Graph

__all__ = ["RowNetwork", "RowNetworkStream"]

IntArray = NDArray[Any]
#: Windows that are run side by side; keeps their tensors inside a cache.
_BLOCK = 64


@dataclass(frozen=True, slots=True, eq=False)
class RowNetwork:
    """A network that decides on rows of features.

    A network without states decides on a window of its last rows, once every ``every`` rows, and
    first when the window is full.  A network with states decides on each step of its own.

    Parameters
    ----------
    graph : Graph
        Rows of its input lie one after the other.
    bands : int
        Columns of a row.
    every : int
        Rows from one decision to the next.

    Raises
    ------
    ConfigError
        The input is not whole rows, or ``every`` is not what the network can do.
    """

    graph: Graph
    bands: int
    every: int = 1

    def __post_init__(self) -> None:
        graph, size = self.graph, self.graph.input.size
        rows = [s for s in graph.input.shape if s != 1]
        if size % self.bands or (len(rows) > 1 and rows[-1] != self.bands):
            raise ConfigError(
                f"the input of graph {graph.name!r} must be rows of {self.bands} bands, "
                f"not {graph.input.shape}"
            )
        if isinstance(self.every, bool) or not isinstance(self.every, int) or self.every < 1:
            raise ConfigError(
                f"rows from one decision to the next must be 1 or more, not {self.every!r}"
            )
        if graph.states and self.every != 1:
            raise ConfigError(
                f"graph {graph.name!r} has states, so it decides once a step of {self.rows} "
                f"row(s), not every {self.every}"
            )

    @property
    def rows(self) -> int:
        """Rows that it reads at once."""
        return self.graph.input.size // self.bands

    @property
    def stride(self) -> int:
        """Rows from one decision to the next."""
        return self.rows if self.graph.states else self.every

    @property
    def tensor(self) -> str:
        """Name of the scores: the output, or what a final argmax reads."""
        nodes = {node.name: node for node in self.graph}
        last = nodes.get(self.graph.output)
        return self.graph.scores if last and isinstance(last.op, Argmax) else self.graph.output

    @property
    def spec(self) -> TensorSpec:
        """Shape and format of the scores."""
        return self.graph.specs[self.tensor]

    def last_row(self, decision: int) -> int:
        """Return the newest row, counted from 0, that a decision reads."""
        return self.rows - 1 + decision * self.stride

    def scores(self, rows: IntArray) -> IntArray:
        """Return the scores (decisions, classes) of a whole stream of rows (rows, bands)."""
        return self.stream().step(rows)

    def stream(self) -> RowNetworkStream:
        """Return a stream at reset."""
        return RowNetworkStream(self)

    def incremental(self) -> Graph:
        """Return the network that a device runs: with states, a row a step where it can.

        A network without states computes what windows share once (:func:`by_rows`), unless it
        decides only every few rows, or its rows cannot be told apart.
        """
        if self.graph.states or self.every > 1:
            return self.graph
        try:
            return by_rows(self.graph, self.rows)
        except GraphError:
            return self.graph

    def work(self) -> Workload:
        """Return what one decision asks of hardware, as :meth:`incremental` runs it."""
        return self.incremental().work()

    @property
    def buffers(self) -> dict[str, int]:
        """Bytes that a device keeps from one decision to the next, by name."""
        graph = self.incremental()
        kept = {state.name: _bytes(state.spec) for state in graph.states}
        return kept or {"rows": _bytes(graph.input)}


class RowNetworkStream:
    """A network with the rows or states that its next decisions need.

    All decisions that a call brings are run side by side where the network has no states: here
    that is faster than to share their overlapping work, and the bits are those of
    :meth:`RowNetwork.incremental`.
    """

    def __init__(self, network: RowNetwork) -> None:
        self.network = network
        updates = (state.update for state in network.graph.states)
        self._schedule = schedule(network.graph, frozenset({network.tensor, *updates}), True)
        self._steps = in_steps(network.graph, frozenset({network.tensor}), True)
        self.reset()

    def reset(self) -> None:
        """Go back to before the first row."""
        self._rows = np.zeros((0, self.network.bands), np.int32)
        self._states = reset_states(self.network.graph, 1)

    def step(self, rows: IntArray) -> IntArray:
        """Return the scores (decisions, classes) that so many more rows (rows, bands) bring."""
        network = self.network
        held = np.concatenate((self._rows, as_stored(rows, network.graph.input)))
        count = max(0, (len(held) - network.rows) // network.stride + 1)
        starts = network.stride * np.arange(count)
        windows = held[starts[:, None] + np.arange(network.rows)]
        self._rows = held[count * network.stride :]
        steps = self._one_by_one(windows) if network.graph.states else self._side_by_side(windows)
        if not steps:
            return np.zeros((0, network.spec.size), np.int32)
        scores = np.concatenate(steps).reshape(count, network.spec.size)
        return as_stored(scores, network.spec)

    def _side_by_side(self, windows: IntArray) -> list[IntArray]:
        return [
            self._run(windows[start : start + _BLOCK])[self.network.tensor]
            for start in range(0, len(windows), _BLOCK)
        ]

    def _one_by_one(self, windows: IntArray) -> list[IntArray]:
        graph, tensor = self.network.graph, self.network.tensor
        if len(windows) == 1:
            after = self._run(windows)
            self._states = {s.name: after[s.update] for s in graph.states}
            return [after[tensor]]
        codes = windows.reshape(1, len(windows), *graph.input.shape)
        tensors, self._states = self._steps.run(codes, self._states)
        return list(tensors[tensor])

    def _run(self, windows: IntArray) -> dict[str, IntArray]:
        codes = windows.reshape(len(windows), *self.network.graph.input.shape)
        return self._schedule.run({"input": codes, **self._states})


def _bytes(spec: TensorSpec) -> int:
    return spec.size * ((spec.format.bits + 7) // 8)
