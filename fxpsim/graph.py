"""A network: named operations on named tensors, shapes and formats all known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from fxpsim.accumulators import Accumulator
from fxpsim.casts import check_codes
from fxpsim.demand import beside
from fxpsim.errors import FxpsimError, GraphError, suggest
from fxpsim.ops import (
    Argmax,
    FloatTableSoftmax,
    GemmlowpSoftmax,
    Layer,
    LookupSoftmax,
    Op,
    QLinearSoftmax,
    Softmax,
    TensorFormat,
    TensorSpec,
)
from fxpsim.ops.op import freeze

if TYPE_CHECKING:
    from accel_models import Work, Workload

__all__ = ["Graph", "Node", "State"]

IntArray = NDArray[Any]


_DECISIONS = (
    Argmax,
    FloatTableSoftmax,
    GemmlowpSoftmax,
    LookupSoftmax,
    QLinearSoftmax,
    Softmax,
)


@dataclass(frozen=True, slots=True)
class Node:
    """One operation: the tensor it writes has its name.

    Parameters
    ----------
    name : str
        Of the operation and of its output.
    op : Op
        What it does.
    sources : tuple of str
        Tensors it reads; one name will do for one.
    """

    name: str
    op: Op
    sources: tuple[str, ...]

    def __init__(self, name: str, op: Op, sources: str | Iterable[str]) -> None:
        names = (sources,) if isinstance(sources, str) else tuple(sources)
        for field_name, value in (("name", name), ("op", op), ("sources", names)):
            object.__setattr__(self, field_name, value)

    @property
    def source(self) -> str:
        """The first tensor it reads."""
        return self.sources[0]


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """A tensor that lives from one step of a stream to the next.

    Parameters
    ----------
    name : str
        Under which nodes read it.
    format : QFormat or Affine
        What its codes mean.
    reset : integer array
        Codes at the first step; their shape is the tensor's.
    update : str
        The tensor whose codes it has at the next step.
    """

    name: str
    format: TensorFormat
    reset: IntArray
    update: str

    def __post_init__(self) -> None:
        codes = check_codes(self.reset, self.format, f"reset codes of state {self.name!r}")
        object.__setattr__(self, "reset", freeze(codes))

    @property
    def spec(self) -> TensorSpec:
        """Shape and format."""
        return TensorSpec(self.reset.shape, self.format)


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """A network whose nodes stand in an order in which they can run.

    Parameters
    ----------
    name : str
        What to call it.
    input : TensorSpec
        Shape (no batch axis) and format of the input, which is the tensor ``"input"``.
    nodes : tuple of Node
        Each reads the input, states, or earlier nodes' outputs.
    labels : tuple of str
        Names of the classes; empty where there are none.
    metadata : mapping
        Anything that JSON holds: origin, licence, front end, training figures.
    states : tuple of State
        What a stream keeps from step to step.
    output : str
        The tensor that is the result; the last node's where not given.

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
    states: tuple[State, ...] = ()
    output: str = ""
    specs: dict[str, TensorSpec] = field(init=False)

    def __post_init__(self) -> None:
        if not self.nodes:
            raise GraphError(f"graph {self.name!r} must have a node")
        specs = {"input": self.input}
        for state in self.states:
            if state.name in specs:
                raise GraphError(f"tensor names must differ, but {state.name!r} comes twice")
            specs[state.name] = state.spec
        for node in self.nodes:
            if node.name in specs:
                raise GraphError(f"node names must differ, but {node.name!r} comes twice")
            specs[node.name] = _infer(node, specs)
        object.__setattr__(self, "specs", specs)
        object.__setattr__(self, "output", self.output or self.nodes[-1].name)
        if self.output not in specs:
            raise GraphError(f"no tensor {self.output!r} to put out{suggest(self.output, specs)}")
        for state in self.states:
            if specs.get(state.update) != state.spec:
                raise GraphError(
                    f"state {state.name!r} ({state.spec.shape}, {state.format}) must be updated by "
                    f"a tensor of its shape and format, not by {state.update!r}"
                )
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
    def scores(self) -> str:
        """Name of the tensor that ranks the classes: what a final softmax or argmax reads."""
        name = self.output
        nodes = {node.name: node for node in self.nodes}
        while name in nodes and isinstance(nodes[name].op, _DECISIONS):
            name = nodes[name].source
        return name

    @property
    def layers(self) -> tuple[tuple[str, Layer], ...]:
        """Nodes that add up products in an accumulator, with their names."""
        return tuple((node.name, node.op) for node in self.nodes if isinstance(node.op, Layer))

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

    def work(self, *, everything: bool = False) -> Workload:
        """Return what the layers ask of hardware, for :mod:`accel_models`.

        Parameters
        ----------
        everything
            Also what is between the layers (pools, sums, softmax) and what states keep.
        """
        from accel_models import Workload

        works: dict[str, Work] = {}
        layer_of: dict[str, str] = {}  # the layer whose hardware writes a tensor
        for node in self.nodes:
            layer = layer_of.get(node.source, "")
            sources = [self.specs[source] for source in node.sources]
            work = node.op.work(node.name, sources, works.get(layer))
            if work is not None:
                layer = work.name
                works[layer] = work
            layer_of[node.name] = layer
            if everything and node.op.operation:
                works[node.name] = beside(node, self.specs, self.states)
        return Workload(works.values())


def _infer(node: Node, specs: Mapping[str, TensorSpec]) -> TensorSpec:
    for source in node.sources:
        if source not in specs:
            raise GraphError(
                f"node {node.name!r} reads {source!r}, which nothing before it writes"
                f"{suggest(source, specs)}"
            )
    arity = node.op.arity
    if len(node.sources) < 1 or arity not in (None, len(node.sources)):
        raise GraphError(
            f"node {node.name!r} must read {arity or 'one or more'} tensors, "
            f"not {len(node.sources)}"
        )
    try:
        return node.op.infer(*(specs[source] for source in node.sources))
    except FxpsimError as error:
        raise GraphError(f"node {node.name!r}: {error}") from None


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
    if isinstance(node.op, Layer):
        for pattern, accumulator in patterns.items():
            if fnmatchcase(node.name, pattern):
                return replace(node, op=node.op.with_accumulator(accumulator))
    return node
