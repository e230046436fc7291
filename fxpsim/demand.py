"""What a network asks of hardware besides its layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fxpsim.ops import Concatenate
from fxpsim.ops.op import TensorSpec
from fxpsim.ops.pooling import Pool2D

if TYPE_CHECKING:
    from accel_models import RingBuffer, Work

__all__ = ["beside"]


def beside(node: Any, specs: Mapping[str, TensorSpec], states: Sequence[Any]) -> Work:
    """Return the work of a node that is no layer.

    Parameters
    ----------
    node : Node
        Of a graph; its operation has a name for cost models.
    specs : mapping of str to TensorSpec
        All tensors.
    states : sequence of State
        What lives from one step to the next: a node that reads one keeps it in a ring buffer.
    """
    from accel_models import Work

    source, output = specs[node.source], specs[node.name]
    bits = max(specs[name].format.bits for name in node.sources)
    if isinstance(node.op, Pool2D):
        op = node.op
        return Work.pool(
            source.shape,
            op.size,
            op.operation,
            stride=op.stride,
            padding=(op.top_left, op.bottom_right),
            name=node.name,
            activation_bits=bits,
        )
    return Work.elementwise(
        output.size,
        node.op.operation,
        operands=1 if isinstance(node.op, Concatenate) else len(node.sources),
        name=node.name,
        activation_bits=bits,
        output_bits=output.format.bits,
        ring=_ring(node, specs, states),
    )


def _ring(node: Any, specs: Mapping[str, TensorSpec], states: Sequence[Any]) -> RingBuffer | None:
    """Return what a node keeps: the states that it reads, and what comes to them in a step."""
    from accel_models import RingBuffer

    kept = sum(specs[state.name].size for state in states if state.name in node.sources)
    if not kept:
        return None
    fresh = sum(specs[name].size for name in node.sources) - kept
    return RingBuffer(kept, min(kept, fresh) or kept)
