"""A network over a window of rows, as one that reads a row a step and keeps what it needs again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fxpsim.errors import GraphError
from fxpsim.graph import Graph, Node, State
from fxpsim.ops import (
    BatchNorm,
    Bias,
    Concatenate,
    Conv2D,
    DepthwiseConv2D,
    Gain,
    Relu,
    Requantize,
    Rescale,
    Slice,
    Table,
    TensorSpec,
)
from fxpsim.ops.op import zero_code

__all__ = ["by_rows"]

#: What they write depends on nothing but the same place of what they read, and its channel.
_IN_PLACE = (BatchNorm, Bias, Gain, Relu, Requantize, Rescale, Table)


def by_rows(graph: Graph, rows: int) -> Graph:
    """Return a network that reads one row a step, for one that reads a window of the last rows.

    Convolutions along time at the front of the network, without padding and a row a step, are
    computed for the newest row only: a state before each keeps the rows that its kernel reaches
    back to.  Behind them a state keeps what the rest of the network reads of the window.

    Parameters
    ----------
    graph : Graph
        Without states; the rows of its input lie one after the other.
    rows : int
        Rows of the window.

    Returns
    -------
    Graph
        With states, all reset to the value 0.  From its step ``rows`` on (counted from 1) every
        output has the bits that the window of the last ``rows`` rows gives; before, it is
        meaningless.

    Raises
    ------
    GraphError
        The network has states already, or its input is not so many rows.

    Notes
    -----
    O. Rybakov et al., "Streaming keyword spotting on mobile devices", Interspeech 2020, section
    2: the same states, there made from a trained float model.
    """
    if graph.states:
        raise GraphError(f"graph {graph.name!r} has states: it reads rows as they come already")
    height = graph.input.shape[0] if graph.input.shape else 0
    if rows < 1 or height % rows or not height:
        raise GraphError(
            f"rows must divide the first axis of the input {graph.input.shape} of graph "
            f"{graph.name!r}, but {rows} do not"
        )
    source = TensorSpec((height // rows, *graph.input.shape[1:]), graph.input.format)
    builder = _Builder(graph, source)
    if source.shape[0] == 1 and len(source.shape) == 3:
        while builder.takes_next():
            pass
    return builder.finish()


class _Builder:
    """The network made so far: what it has computed of the newest row is the tensor ``name``."""

    def __init__(self, graph: Graph, source: TensorSpec) -> None:
        self.graph, self.source = graph, source
        self.name, self.spec = "input", source
        self.nodes: list[Node] = []
        self.states: list[State] = []
        readers = [name for node in graph for name in set(node.sources)]
        self._read_once = {name for name in readers if readers.count(name) == 1} - {graph.output}

    def takes_next(self) -> bool:
        """Compute the next node for the newest row too, if its bits allow it."""
        taken = sum(node.name in self.graph.specs for node in self.nodes)
        if taken == len(self.graph.nodes):
            return False
        node = self.graph.nodes[taken]
        op = node.op
        if node.sources != (self.name,) or self.name not in self._read_once or op.draws:
            return False
        reads = self.name
        if isinstance(op, (Conv2D, DepthwiseConv2D)):
            if op.stride[0] > 1 or op.top_left[0] or op.bottom_right[0]:
                return False
            reach = (op.weights.shape[0] - 1) * op.dilation[0]
            reads = self._with_past(reach, node.name)
        elif not isinstance(op, _IN_PLACE):
            return False
        self.nodes.append(Node(node.name, op, reads))
        whole = self.graph.specs[node.name]
        self.name, self.spec = node.name, TensorSpec((1, *whole.shape[1:]), whole.format)
        return True

    def finish(self) -> Graph:
        """Return the network with the rest of its nodes, which read the whole window."""
        window, newest = self.graph.specs[self.name].shape[0], self.spec.shape[0]
        front = self.name
        whole = self._with_past(window - newest, "window")
        taken = {node.name for node in self.nodes}
        rest = [
            Node(n.name, n.op, [whole if source == front else source for source in n.sources])
            for n in self.graph
            if n.name not in taken
        ]
        return replace(
            self.graph,
            input=self.source,
            nodes=(*self.nodes, *rest),
            states=tuple(self.states),
            output=self.graph.output,
        )

    def _with_past(self, reach: int, label: str) -> str:
        """Return the tensor of the newest row behind so many that a state keeps."""
        if not reach:
            return self.name
        past, whole, kept = (f"{label}/{what}" for what in ("past", "rows", "next"))
        shape = (reach, *self.spec.shape[1:])
        self.nodes.append(Node(whole, Concatenate(0), (past, self.name)))
        zeros = (0,) * (len(shape) - 1)
        cut = Slice((self.spec.shape[0], *zeros), shape, (1,) * len(shape))
        self.nodes.append(Node(kept, cut, whole))
        reset = np.full(shape, zero_code(self.spec))
        self.states.append(State(past, self.spec.format, reset, kept))
        return whole
