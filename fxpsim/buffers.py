"""Which tensors of a network a device keeps, and for how long."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accel_models.storage import container_bytes
from fxpsim.graph import Graph
from fxpsim.ops.layer import Layer

if TYPE_CHECKING:
    from accel_models import Buffer

__all__ = ["live_buffers"]


def live_buffers(graph: Graph) -> tuple[Buffer, ...]:
    """Return the tensors of a graph with their sizes in bytes and the steps that they live.

    A step is a layer with weights: what follows it (rescaling, activation functions, pooling) runs
    where its sums are, so that sums with a single reader are never stored. States live all the
    time. The input lives until its last reader.
    """
    from accel_models import Buffer

    readers: dict[str, list[int]] = {name: [] for name in graph.specs}
    steps: dict[str, int] = {"input": 0}
    step = -1
    for node in graph:
        step += isinstance(node.op, Layer)
        steps[node.name] = max(step, 0)
        for source in node.sources:
            readers[source].append(steps[node.name])
    last = max(step, 0)
    states = {state.name for state in graph.states}
    kept = {state.update for state in graph.states} | {graph.output}
    fused = {
        node.name
        for node in graph
        if len(readers[node.name]) == 1
        and readers[node.name] == [steps[node.name]]
        and node.name not in kept
    }
    return tuple(
        Buffer(
            name,
            container_bytes(spec.size, spec.format.bits),
            0 if name in states else steps[name],
            last if name in states or name in kept else max(readers[name], default=steps[name]),
        )
        for name, spec in graph.specs.items()
        if name not in fused
    )
