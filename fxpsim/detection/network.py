"""A network as what it is to a stream: rows in, scores out, a decision every few rows."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fxpsim.errors import ConfigError, GraphError
from fxpsim.incremental import by_rows
from fxpsim.ops import Argmax, TensorSpec
from fxpsim.streaming import Stream

if TYPE_CHECKING:
    from accel_models import Workload
    from fxpsim.graph import Graph

__all__ = ["RowNetwork", "RowNetworkStream"]

IntArray = NDArray[Any]
#: Decisions that are run at once; keeps their tensors inside a cache.
_BLOCK = 256


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

    Attributes
    ----------
    running : Graph
        What a device runs, as far as the scores: with states, a row a step, so that windows share
        their work (:func:`by_rows`); the network itself where it has states already, decides only
        every few rows, or its rows cannot be told apart.

    Raises
    ------
    ConfigError
        The input is not whole rows, or ``every`` is not what the network can do.
    """

    graph: Graph
    bands: int
    every: int = 1
    running: Graph = field(init=False)

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
        scoring = _to_scores(graph)
        object.__setattr__(self, "running", scoring if self.every > 1 else self._by_rows(scoring))

    @property
    def rows(self) -> int:
        """Rows that it reads at once."""
        return self.graph.input.size // self.bands

    @property
    def stride(self) -> int:
        """Rows from one decision to the next."""
        return self.rows if self.graph.states else self.every

    @property
    def spec(self) -> TensorSpec:
        """Shape and format of the scores."""
        return self.running.specs[self.running.output]

    def last_row(self, decision: int) -> int:
        """Return the newest row, counted from 0, that a decision reads."""
        return self.rows - 1 + decision * self.stride

    def scores(self, rows: IntArray) -> IntArray:
        """Return the scores (decisions, classes) of a whole stream of rows (rows, bands)."""
        return self.stream().step(rows)

    def stream(self) -> RowNetworkStream:
        """Return a stream at reset."""
        return RowNetworkStream(self)

    def work(self) -> Workload:
        """Return what one decision asks of hardware, as ``running`` does it."""
        return self.running.work()

    @property
    def buffers(self) -> dict[str, int]:
        """Bytes that a device keeps from one decision to the next, by name."""
        kept = {state.name: _bytes(state.spec) for state in self.running.states}
        return kept or {"rows": _bytes(self.graph.input)}

    def _by_rows(self, graph: Graph) -> Graph:
        try:
            return graph if graph.states else by_rows(graph, self.rows)
        except GraphError:
            return graph


class RowNetworkStream:
    """A network with the rows or states that its next decisions need.

    What runs is :attr:`RowNetwork.running`, many decisions at once where a call brings many.
    """

    def __init__(self, network: RowNetwork) -> None:
        self.network = network
        self._reads = network.running.input.size // network.bands
        self._stream = Stream(network.running)
        self.reset()

    def reset(self) -> None:
        """Go back to before the first row."""
        self._stream.reset()
        self._rows = np.zeros((0, self.network.bands), np.int32)
        # Where windows share their work, a step that has not seen a full one decides nothing.
        self._idle = self.network.rows - self._reads

    def step(self, rows: IntArray) -> IntArray:
        """Return the scores (decisions, classes) that so many more rows (rows, bands) bring."""
        network = self.network
        held = np.concatenate((self._rows, rows))
        count = max(0, (len(held) - self._reads) // network.stride + 1)
        starts = network.stride * np.arange(count)
        self._rows = held[count * network.stride :]
        blocks = [
            self._run(held[starts[first : first + _BLOCK, None] + np.arange(self._reads)])
            for first in range(0, count, _BLOCK)
        ]
        idle = min(count, self._idle)
        self._idle -= idle
        return np.concatenate([np.zeros((0, network.spec.size), np.int32), *blocks])[idle:]

    def _run(self, windows: IntArray) -> IntArray:
        shape = self._stream.graph.input.shape
        scores = self._stream.step(windows.reshape(len(windows), *shape))
        return scores.reshape(len(windows), self.network.spec.size)


def _to_scores(graph: Graph) -> Graph:
    last = {node.name: node.op for node in graph}.get(graph.output)
    return replace(graph, output=graph.scores) if isinstance(last, Argmax) else graph


def _bytes(spec: TensorSpec) -> int:
    return spec.size * ((spec.format.bits + 7) // 8)
