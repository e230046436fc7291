"""What the operators' readers share: tensors by number, names, constants, the batch axis."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxpsim.errors import DataError, GraphError
from fxpsim.formats import Affine
from fxpsim.graph import Graph, Node, State
from fxpsim.importers.tflite.kernel_sets import KernelSet
from fxpsim.importers.tflite.schema import Model, Operator, Tensor
from fxpsim.ops import Constant, Op, Reinterpret, Reshape, TensorFormat, TensorSpec

__all__ = ["Importer", "Value", "internal"]

Array = NDArray[Any]
Shape = tuple[int, ...]
#: Weights, biases and other constants of all operators together.
MOST_CONSTANTS = 1 << 26


@dataclass(frozen=True, slots=True)
class Value:
    """A computed tensor of the graph.

    Attributes
    ----------
    name : str
        In the graph.
    spec : TensorSpec
        Without the batch axis.
    batch : int or None
        Where the file's tensor has the batch axis, of length 1; None: it has none.
    """

    name: str
    spec: TensorSpec
    batch: int | None

    @property
    def shape(self) -> Shape:
        """Its shape in the file."""
        if self.batch is None:
            return self.spec.shape
        return (*self.spec.shape[: self.batch], 1, *self.spec.shape[self.batch :])

    def axis(self, axis: int, extra: int = 0) -> int:
        """Return an axis of the file's tensor as one of the graph's.

        ``extra`` is how many axes more the file's tensor is to have.
        """
        rank = len(self.shape) + extra
        if not -rank <= axis < rank:
            raise DataError(f"an axis must be {-rank} to {rank - 1}, not {axis}")
        axis %= rank
        if self.batch is None:
            return axis
        if axis == self.batch and not extra:
            raise DataError(f"axis {axis} is that of the batch, which is not computed along")
        return axis - (axis > self.batch)


class Importer:
    """A graph in the making.

    Parameters
    ----------
    model : Model
        The file.
    kernels : KernelSet
        Whose arithmetic.
    """

    def __init__(self, model: Model, kernels: KernelSet) -> None:
        self.model, self.kernels = model, kernels
        self.subgraph = model.subgraphs[0]
        self.nodes: list[Node] = []
        self.values: dict[int, Value] = {}
        self.folded: dict[int, Array] = {}  # constants that operators made
        self.handles: dict[int, str] = {}  # resource tensors to variables
        self.resets: dict[str, Array] = {}
        self.states: dict[str, Value] = {}
        self.current: dict[str, Value] = {}  # what a variable holds by now
        self._names = {"input"}
        self._room = MOST_CONSTANTS
        self.input = self._enter()

    def _enter(self) -> Value:
        inputs = self.subgraph.inputs
        if len(inputs) != 1 or inputs[0] < 0:
            raise DataError(f"there must be one input, not {len(inputs)}")
        tensor = self.tensor(inputs[0])
        if tensor.type == "float32":  # quantised by the first operator: begin behind it
            readers = [o for o in self.subgraph.operators if inputs[0] in o.inputs]
            if [o.kind for o in readers] != ["QUANTIZE"] or not readers[0].outputs:
                raise DataError(
                    f"the input, {tensor}, is float32 and read by "
                    f"{', '.join(o.kind for o in readers) or 'nothing'}, not by one QUANTIZE: "
                    "only networks of integers are read"
                )
            tensor = self.tensor(readers[0].outputs[0])
        value = Value("input", *internal(tensor.shape, tensor.codes_format()))
        for index in {inputs[0], tensor.index}:
            self.values[index] = value
        return value

    def tensor(self, index: int) -> Tensor:
        """Return a tensor of the file."""
        return self.subgraph.tensors[index]

    def fold(self, operator: Operator, array: Array) -> None:
        """Remember what an operator on constants gives."""
        tensor = self.tensor(operator.outputs[0])
        if array.size != prod(tensor.shape):
            raise DataError(f"{tensor} must have the {array.size} elements of {array.shape}")
        self.folded[tensor.index] = array.reshape(tensor.shape)

    def reserve(self, elements: int) -> None:
        """Count constants that an operator is about to copy; DataError beyond all reason.

        A small file can name one large constant very often.
        """
        self._room -= elements
        if self._room < 0:
            raise DataError(f"operators must have at most {MOST_CONSTANTS:,} constants in all")

    def name(self, wanted: str) -> str:
        """Return a name that nothing else has."""
        name, number = wanted, 1
        while name in self._names:
            name, number = f"{wanted}#{number}", number + 1
        self._names.add(name)
        return name

    def constant(self, index: int) -> Array | None:
        """Return what a tensor always is, in the file's shape; None where it is computed."""
        if index in self.folded:
            return self.folded[index]
        return None if index < 0 or index in self.values else self.tensor(index).data

    def integers(self, operator: Operator, position: int, what: str) -> list[int]:
        """Return an input that must be constant integers: axes, sizes, a permutation."""
        found = None
        if position < len(operator.inputs):
            found = self.constant(operator.inputs[position])
        if found is None or not np.issubdtype(found.dtype, np.integer) or found.ndim > 1:
            raise DataError(f"{what} must be constant integers")
        if found.size > 64:
            raise DataError(f"{what} must be few, not {found.size}")
        return [int(i) for i in found.reshape(-1)]

    def value(self, index: int) -> Value:
        """Return a computed tensor; a constant one becomes a node."""
        if index in self.values:
            return self.values[index]
        tensor = self.tensor(index) if index >= 0 else None
        codes = self.constant(index)
        if tensor is None or codes is None:
            raise DataError(
                f"{tensor or 'an optional tensor'} is read, but nothing before writes it"
            )
        self.reserve(codes.size)
        spec, batch = internal(tensor.shape, tensor.codes_format())
        op = Constant(codes.reshape(spec.shape), spec.format)
        value = Value(self.add(self.name(_called(tensor)), op, "input"), spec, batch)
        self.values[index] = value
        return value

    def operand(self, index: int, like: Value) -> Value:
        """Return an operand that stretches to another one's shape."""
        value = self.value(index)
        missing = len(like.shape) - len(value.shape)
        if missing < 0 or value.batch is None or value.batch + missing == like.batch:
            return value
        # The axis that looks like the batch's is none: it stretches.
        if value.batch is not None:
            shape = value.shape
            if like.batch is not None and not missing:
                raise DataError("operands have their batch on different axes")
            op = Reshape(shape)
            name = self.add(self.name(f"{value.name}:shape"), op, value.name)
            return Value(name, TensorSpec(shape, value.spec.format), None)
        return value

    def keep(self, variable: str, spec: TensorSpec) -> Value:
        """Return a new variable as it is at the beginning of a step: zeros at the first."""
        value = Value(self.name(variable), spec, None)
        self.states[value.name] = value
        return value

    def add(self, name: str, op: Op, *sources: str) -> str:
        """Append a node; return its name."""
        self.nodes.append(Node(name, op, sources))
        return name

    def append(self, wanted: str, op: Op, *sources: Value) -> Value:
        """Append a node for a tensor that the file does not have."""
        spec = op.infer(*(source.spec for source in sources))
        name = self.add(self.name(wanted), op, *(source.name for source in sources))
        return Value(name, spec, None)

    def emit(
        self, operator: Operator, position: int, op: Op, *sources: Value, batch: int | None
    ) -> None:
        """Append the operation that writes an output of an operator.

        ``batch`` is where the output has the batch axis, by the operator's meaning; the file's own
        shape and format decide, as long as the elements are as many.  Bare integers in the file
        leave the format to the operation.
        """
        tensor = self.tensor(operator.outputs[position])
        inferred = op.infer(*(source.spec for source in sources))
        named = Value("", inferred, batch)
        wanted = tensor.format() if not tensor.bare else _in_word(inferred.format, tensor)
        if prod(tensor.shape) != inferred.size:
            raise DataError(
                f"{tensor} must have the shape {named.shape} that its inputs give, "
                f"not {tensor.shape}"
            )
        chain: list[Op] = [op]
        if tensor.shape == named.shape:
            spec = TensorSpec(inferred.shape, wanted)
        else:
            spec, batch = internal(tensor.shape, wanted)
            if spec.shape != inferred.shape:
                chain.append(Reshape(spec.shape))
        if wanted != inferred.format:
            chain.append(Reinterpret(wanted))
        name, before = self.name(_called(tensor)), [source.name for source in sources]
        for number, step in enumerate(chain, start=1):
            last = number == len(chain)
            before = [self.add(name if last else self.name(f"{name}:{number}"), step, *before)]
        self.values[tensor.index] = Value(name, spec, batch)

    def graph(self, name: str, metadata: dict[str, Any]) -> Graph:
        """Return the whole graph."""
        outputs = self.subgraph.outputs
        if len(outputs) != 1:
            raise DataError(f"there must be one output, not {len(outputs)}")
        output = self.value(outputs[0])
        states = tuple(
            State(value.name, value.spec.format, self._reset(variable, value), self._next(variable))
            for variable, value in self.states.items()
        )
        if not self.nodes:
            raise DataError("there must be an operator that computes something")
        nodes = _needed(self.nodes, {output.name, *(state.update for state in states)})
        metadata["tensors"] = {str(i): value.name for i, value in self.values.items()}
        return Graph(
            name, self.input.spec, nodes, metadata=metadata, states=states, output=output.name
        )

    def _reset(self, variable: str, value: Value) -> Array:
        codes = self.resets.get(variable)
        if codes is None:
            zero = value.spec.format.zero_point if isinstance(value.spec.format, Affine) else 0
            return np.full(value.spec.shape, zero)
        if codes.size != value.spec.size:
            raise DataError(
                f"variable {variable!r} of shape {value.shape} is initialised with {codes.shape}"
            )
        return codes.reshape(value.spec.shape)

    def _next(self, variable: str) -> str:
        """Return the tensor that a variable holds at the end, in the format it is read in."""
        value, state = self.current[variable], self.states[variable]
        name = value.name
        if value.spec.shape != state.spec.shape:
            if value.spec.size != state.spec.size:
                raise DataError(
                    f"variable {variable!r} of shape {state.shape} is assigned {value.shape}"
                )
            name = self.add(self.name(f"{name}:shape"), Reshape(state.spec.shape), name)
        if value.spec.format != state.spec.format:
            op = Reinterpret(state.spec.format)
            op.infer(replace(value, spec=state.spec).spec)
            name = self.add(self.name(f"{name}:format"), op, name)
        return name


def _in_word(fmt: TensorFormat, tensor: Tensor) -> TensorFormat:
    word = np.iinfo(tensor.type)
    if fmt.lo < word.min or fmt.hi > word.max:
        raise DataError(f"{tensor} must hold codes of {fmt}, but it is {tensor.type}")
    return fmt


def _called(tensor: Tensor) -> str:
    return tensor.name or f"tensor_{tensor.index}"


def internal(shape: Shape, fmt: TensorFormat) -> tuple[TensorSpec, int | None]:
    """Return a tensor without its batch axis, which is the first if that is 1 and not the only."""
    if len(shape) > 1 and shape[0] == 1:
        return TensorSpec(shape[1:], fmt), 0
    return TensorSpec(shape, fmt), None


def _needed(nodes: list[Node], wanted: set[str]) -> tuple[Node, ...]:
    """Return the nodes that something wanted depends on, in order."""
    kept: list[Node] = []
    for node in reversed(nodes):
        if node.name in wanted:
            wanted.update(node.sources)
            kept.append(node)
    if not kept:
        raise GraphError("the output must depend on an operation")
    return tuple(reversed(kept))
