"""Rewrites of graphs that change no output bit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fxpsim.accumulators import Accumulator
from fxpsim.bounds.intervals import propagate
from fxpsim.errors import GraphError
from fxpsim.formats import QFormat
from fxpsim.graph import Graph, Node
from fxpsim.ops import BatchNorm, Dense
from fxpsim.ops.op import fraction
from fxpsim.stats import bits_for

__all__ = ["drop_needless_clamps", "fold_batch_norm"]


def fold_batch_norm(graph: Graph) -> Graph:
    """Multiply the gains of batch norms into the weights before them, in integers.

    The product of integer gains and integer weights is exact, so every output keeps its bits; the
    accumulator then holds the scaled sum.  Entries of a codebook become integers of their own.

    Parameters
    ----------
    graph : Graph
        Every batch norm must be the only reader of a dense layer.

    Returns
    -------
    Graph
        Without batch norms; each folded layer keeps its name.

    Raises
    ------
    GraphError
        The folded weights need more than 8 bits, or an accumulator may overflow before or after,
        so that outputs could differ.
    """
    by_source = {node.source: node for node in graph if isinstance(node.op, BatchNorm)}
    readers = [source for node in graph for source in node.sources]
    readers += [state.update for state in graph.states]
    nodes: list[Node] = []
    renamed: dict[str, str] = {}
    folded: list[str] = []
    for node in graph:
        norm = by_source.get(node.name)
        if isinstance(node.op, BatchNorm) and node.source in folded:
            renamed[node.name] = node.source
            continue
        node = replace(node, sources=tuple(renamed.get(name, name) for name in node.sources))
        if norm is not None and isinstance(node.op, Dense) and readers.count(node.name) == 1:
            node = replace(node, op=_fold(graph, node, norm))
            folded.append(node.name)
        nodes.append(node)
    result = replace(graph, nodes=tuple(nodes), output=renamed.get(graph.output, graph.output))
    for candidate in (graph, result):
        for name, bounds in propagate(candidate).items():
            op = candidate[name].op
            if name in folded and isinstance(op, Dense):
                register = op.accumulator
                if not bounds.holds(register):
                    raise GraphError(
                        f"batch norm after {name!r} cannot be folded exactly: a sum may overflow "
                        f"the {register.bits}-bit accumulator"
                    )
    return result


def _fold(graph: Graph, node: Node, after: Node) -> Dense:
    dense, norm = node.op, after.op
    assert isinstance(dense, Dense)
    assert isinstance(norm, BatchNorm)
    dense = replace(dense, folded=False)  # the same final sums, from the bias as it is
    gain = norm.gain.astype(np.int64)
    weights = dense.matrix().astype(np.int64) * gain
    bits = bits_for(int(weights.min()), int(weights.max()))
    if bits > 8:
        raise GraphError(
            f"batch norm after {node.name!r} cannot be folded: the weights would need {bits} bits, "
            "more than 8 bits"
        )
    weight_format = QFormat(bits, fraction(dense.weight_format) + norm.gain_format.frac)
    own = dense.sums(graph.specs[node.source]).bias  # with the rounding constant
    bias = norm.offset(graph.specs[node.name]) + (0 if own is None else own * gain)
    width = bits_for(int(bias.min()), int(bias.max()))
    bias_format = QFormat(width, fraction(graph.specs[after.name].format))
    return replace(
        dense,
        weights=weights,
        weight_format=weight_format,
        accumulator=dense.accumulator.without_constant,
        bias=bias,
        bias_format=bias_format,
    )


def drop_needless_clamps(graph: Graph) -> Graph:
    """Let every register wrap that provably never overflows.

    It holds the same bits, and hardware need not compare: this is the network to price.
    """
    wrapping = {
        name: Accumulator(op.accumulator.bits, signed=op.accumulator.signed)
        for name, op in graph.layers
        if op.accumulator.plain
    }
    if all(op.accumulator == wrapping.get(name, op.accumulator) for name, op in graph.layers):
        return graph  # they wrap already
    bounds = propagate(graph)
    calm = {name: r for name, r in wrapping.items() if bounds[name].holds(r)}
    return graph.with_accumulators(calm) if calm else graph
