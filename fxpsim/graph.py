"""A network: named operations on named tensors, shapes and formats all known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from fxpsim.accumulators import Accumulator
from fxpsim.errors import FxpsimError, GraphError, suggest
from fxpsim.ops import Argmax, Dense, Op, Softmax, TensorSpec

if TYPE_CHECKING:
    from accel_models import Work, Workload

__all__ = ["Graph", "Node"]


@dataclass(frozen=True, slots=True)
class Node:
    """One operation: the tensor it writes has its name, ``source`` is the tensor it reads."""

    name: str
    op: Op
    source: str


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """A network whose nodes stand in the order in which they run.

    Parameters
    ----------
    name : str
        What to call it.
    input : TensorSpec
        Shape (no batch axis) and format of the input, which is the tensor ``"input"``.
    nodes : tuple of Node
        Each reads the input or an earlier node's output.
    labels : tuple of str
        Names of the classes; empty where there are none.
    metadata : mapping
        Anything that JSON holds: origin, licence, front end, training figures.

    Attributes
    ----------
    specs : dict of str to TensorSpec
        Shape and format of every tensor.

    Raises
    ------
    GraphError
        Naming the node at fault.
    """

    name: str
    input: TensorSpec
    nodes: tuple[Node, ...]
    labels: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    specs: dict[str, TensorSpec] = field(init=False)

    def __post_init__(self) -> None:
        if not self.nodes:
            raise GraphError(f"graph {self.name!r} must have a node")
        specs = {"input": self.input}
        for node in self.nodes:
            if node.name in specs:
                raise GraphError(f"node names must differ, but {node.name!r} comes twice")
            if node.source not in specs:
                raise GraphError(
                    f"node {node.name!r} reads {node.source!r}, which nothing before it writes"
                    f"{suggest(node.source, specs)}"
                )
            try:
                specs[node.name] = node.op.infer(specs[node.source])
            except FxpsimError as error:
                raise GraphError(f"node {node.name!r}: {error}") from None
        object.__setattr__(self, "specs", specs)
        if self.labels and self.specs[self.scores].shape != (len(self.labels),):
            raise GraphError(
                f"labels must name the {self.specs[self.scores].shape} scores, "
                f"but there are {len(self.labels)}"
            )

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes)

    def __getitem__(self, name: str) -> Node:
        for node in self.nodes:
            if node.name == name:
                return node
        raise GraphError(f"no node {name!r}{suggest(name, [node.name for node in self.nodes])}")

    @property
    def output(self) -> str:
        """Name of the last tensor."""
        return self.nodes[-1].name

    @property
    def scores(self) -> str:
        """Name of the tensor that ranks the classes: what a final softmax or argmax reads."""
        name = self.output
        while name != "input" and isinstance((node := self[name]).op, (Softmax, Argmax)):
            name = node.source
        return name

    @property
    def layers(self) -> tuple[tuple[str, Dense], ...]:
        """Nodes that add up products in an accumulator, with their names."""
        return tuple((node.name, node.op) for node in self.nodes if isinstance(node.op, Dense))

    @property
    def parameters(self) -> int:
        """Number of weights, gains and biases."""
        total = 0
        for node in self.nodes:
            for name in ("weights", "gain", "bias"):
                array = getattr(node.op, name, None)
                total += 0 if array is None else array.size
        return total

    @property
    def weight_bits(self) -> tuple[int, ...]:
        """Weight bits of each layer."""
        return tuple(op.weight_format.bits for _, op in self.layers)

    def with_accumulators(
        self, accumulator: Accumulator | Mapping[str, Accumulator] | None
    ) -> Graph:
        """Return the graph with other registers.

        Parameters
        ----------
        accumulator : Accumulator or mapping of str to Accumulator, or None
            One for all layers, or by pattern of node names (``fnmatch``; the first that matches
            counts); None leaves the graph as it is.

        Raises
        ------
        GraphError
            A pattern matches no layer.
        """
        if accumulator is None:
            return self
        patterns = _patterns(accumulator)
        names = [name for name, _ in self.layers]
        for pattern in patterns:
            if not any(fnmatchcase(name, pattern) for name in names):
                raise GraphError(
                    f"pattern {pattern!r} matches no layer with an accumulator"
                    f"{suggest(pattern, names)}"
                )
        return replace(self, nodes=tuple(_with(node, patterns) for node in self.nodes))

    def work(self) -> Workload:
        """Return what the layers ask of hardware, for :mod:`accel_models`."""
        from accel_models import Workload

        works: dict[str, Work] = {}
        layer_of: dict[str, str] = {}  # the layer whose hardware writes a tensor
        for node in self.nodes:
            layer = layer_of.get(node.source, "")
            work = node.op.work(node.name, self.specs[node.source], works.get(layer))
            if work is not None:
                layer = work.name
                works[layer] = work
            layer_of[node.name] = layer
        return Workload(works.values())


def _patterns(accumulator: object) -> dict[str, Accumulator]:
    if isinstance(accumulator, Accumulator):
        return {"*": accumulator}
    if not isinstance(accumulator, Mapping):
        raise GraphError(f"accumulator must be an Accumulator or a mapping, not {accumulator!r}")
    for pattern, register in accumulator.items():
        if not isinstance(register, Accumulator):
            raise GraphError(f"accumulator of {pattern!r} must be an Accumulator, not {register!r}")
    return dict(accumulator)


def _with(node: Node, patterns: Mapping[str, Accumulator]) -> Node:
    if isinstance(node.op, Dense):
        for pattern, accumulator in patterns.items():
            if fnmatchcase(node.name, pattern):
                return replace(node, op=node.op.with_accumulator(accumulator))
    return node
