"""The smallest register that provably never overflows, by layer and channel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fxpsim.accumulators import Accumulator
from fxpsim.bounds.intervals import LayerBounds, propagate
from fxpsim.errors import GraphError, suggest
from fxpsim.graph import Graph
from fxpsim.stats import bits_for

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Guarantee", "Shortfall", "guarantee"]


@dataclass(frozen=True, slots=True)
class Shortfall:
    """The channel of a layer that needs most, where that is more than it is given."""

    node: str
    channel: int
    needed: int
    given: Accumulator

    def __str__(self) -> str:
        return (
            f"layer {self.node!r} may overflow a {self.given.bits}-bit accumulator: "
            f"channel {self.channel} needs {self.needed} bits"
        )


@dataclass(frozen=True, slots=True)
class Guarantee:
    """Proven widths of signed accumulators.

    Attributes
    ----------
    graph : Graph
        What was proven about.
    layers : mapping of str to LayerBounds
        By node.
    """

    graph: Graph
    layers: Mapping[str, LayerBounds]

    def minimum(self, node: str | None = None) -> int:
        """Return the smallest safe width of a layer, or of all of them."""
        if node is not None and node not in self.layers:
            raise GraphError(f"no layer {node!r} with an accumulator{suggest(node, self.layers)}")
        if not self.layers:
            raise GraphError(f"graph {self.graph.name!r} has no layer with an accumulator")
        chosen = self.layers.values() if node is None else [self.layers[node]]
        return max(bits_for(int(b.lowest.min()), int(b.highest.max())) for b in chosen)

    def shortfalls(
        self, accumulators: Accumulator | Mapping[str, Accumulator] | None = None
    ) -> list[Shortfall]:
        """Return the layers whose register is not proven wide enough, in order.

        Parameters
        ----------
        accumulators : Accumulator or mapping of str to Accumulator, optional
            As for :meth:`fxpsim.graph.Graph.with_accumulators`; the graph's own where None.  As
            long as none falls short, bounds of later layers hold whatever the widths are.
        """
        found = []
        for name, op in self.graph.with_accumulators(accumulators).layers:
            layer, register = self.layers[name], op.accumulator
            if not layer.holds(register):
                moved = register.rounding_constant - layer.rounding_constant
                needs = [
                    bits_for(int(low) + moved, int(high) + moved)
                    for low, high in zip(layer.lowest, layer.highest, strict=True)
                ]
                channel = max(range(len(needs)), key=needs.__getitem__)
                found.append(Shortfall(name, channel, needs[channel], register))
        return found

    def holds(self, accumulators: Accumulator | Mapping[str, Accumulator] | None = None) -> bool:
        """Whether no sum can overflow these registers, whatever the input."""
        return not self.shortfalls(accumulators)

    @property
    def table(self) -> pd.DataFrame:
        """One row for each layer and channel."""
        import pandas as pd

        rows = [
            {
                "node": name,
                "channel": channel,
                "bound": "sign-split",
                "bits": bits_for(int(low), int(high)),
                "lowest": int(low),
                "highest": int(high),
                "input_lo": layer.input_lo,
                "input_hi": layer.input_hi,
                "range_source": "declared" if self.graph[name].source == "input" else "interval",
            }
            for name, layer in self.layers.items()
            for channel, (low, high) in enumerate(zip(layer.lowest, layer.highest, strict=True))
        ]
        return pd.DataFrame(rows)


def guarantee(graph: Graph) -> Guarantee:
    """Prove how wide every accumulator has to be.

    The bound is sign-split, valid for any order of the additions, over inputs that may be any
    code of the declared format; ranges of later layers follow by interval arithmetic, which knows
    no correlation between channels and is therefore wide.

    Parameters
    ----------
    graph : Graph
        Any.  Its own accumulators do not matter: all bounds are those of sums that do not
        overflow, and hold together once every register is as wide as they say.

    Returns
    -------
    Guarantee
    """
    return Guarantee(graph, propagate(graph, registers=False))
