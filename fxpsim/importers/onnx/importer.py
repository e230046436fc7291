"""What the operators' readers share: tensors by name, the batch axis, layouts, the graph."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxpsim import ops
from fxpsim.errors import DataError, GraphError, suggest
from fxpsim.formats import Affine, QFormat
from fxpsim.graph import Graph, Node
from fxpsim.importers.onnx import model
from fxpsim.importers.onnx.model import Constant, Operator
from fxpsim.importers.onnx.quantizer import Quantizer
from fxpsim.importers.onnx.values import Codes, Pending, Raw, Real, Tensor, Value
from fxpsim.ops import Op, TensorFormat, TensorSpec

__all__ = ["Importer", "Unread"]

Array = NDArray[Any]
LARGEST_TENSOR = 1 << 24


class Unread(Exception):  # noqa: N818 - no mistake of its own
    """A tensor that is read was to come from an operator that has a mistake already."""


class Importer:
    """A graph in the making.

    Parameters
    ----------
    graph : model.Graph
        The file.

    Attributes
    ----------
    engine : {"onnx", "qonnx"}
        Whose arithmetic the file means: ONNX Runtime's, or that of QONNX.
    lifted : set of str
        Tensors of int8 codes that ONNX Runtime on x86 keeps as uint8, 128 higher: those between
        one QuantizeLinear and one DequantizeLinear (``QDQS8ToU8Transformer``).  Only where float32
        arithmetic has the zero point in it, as in sums of two tensors, can that be seen.
    """

    def __init__(self, graph: model.Graph) -> None:
        self.file = graph
        kinds = {operator.kind for operator in graph.operators}
        self.engine = "qonnx" if kinds & {"Quant", "IntQuant", "BipolarQuant", "Trunc"} else "onnx"
        self.lifted = _lifted(graph)
        self.constants = dict(graph.constants)
        self.tensors: dict[str, Tensor] = {}
        self.failed: set[str] = set()
        self.nodes: list[Node] = []
        self.batch = 1  # its size in the file
        self.outside: list[str] = []  # what is left to the caller, before and behind the graph
        self._names = {"input"}
        self._room = model.MOST_CONSTANTS
        self._moved: dict[tuple[str, str], Value] = {}

    # -- the file's tensors ---------------------------------------------------------------------

    def tensor(self, name: str) -> Tensor:
        """Return a computed tensor."""
        if name in self.failed:
            raise Unread
        if name not in self.tensors:
            if name in self.constants:
                raise DataError(f"{name[:60]!r} is constant, where a computed tensor is needed")
            raise DataError(
                f"it reads {name[:60]!r}, which nothing before it writes"
                f"{suggest(name[:60], list(self.tensors)[:200])}"
            )
        return self.tensors[name]

    def constant(self, name: str) -> Constant | None:
        """Return what a tensor always is; None where it is computed."""
        if name in self.failed:
            raise Unread
        return self.constants.get(name)

    def known(self, operator: Operator, position: int, what: str) -> Constant:
        """Return an input that must be constant."""
        found = self.constant(operator.input(position))
        if found is None:
            raise DataError(
                f"{what} must be constant, but {operator.input(position)[:60]!r} is computed"
                if operator.input(position)
                else f"{what} must be given"
            )
        return found

    def integers(self, operator: Operator, position: int, attribute: str) -> tuple[int, ...] | None:
        """Return axes, sizes or starts: an input, an attribute in older files, or None."""
        if not operator.input(position):
            return operator.numbers(attribute)
        array = self.known(operator, position, attribute).array
        if not np.issubdtype(array.dtype, np.integer) or array.ndim > 1 or array.size > 64:
            raise DataError(f"{attribute} must be a few integers")
        return tuple(int(i) for i in array.reshape(-1))

    def codes(self, name: str) -> Value:
        """Return a tensor of integers."""
        tensor = self.tensor(name)
        if isinstance(tensor, Pending):
            value = tensor.quantizer.apply(self, name, tensor.source)
            self.tensors[name] = Codes(value)
            return value
        if not isinstance(tensor, Codes):
            raise DataError(f"{name[:60]!r} must hold integers: quantise it (QuantizeLinear)")
        return tensor.value

    def real(self, name: str) -> Real:
        """Return a tensor of real numbers that integers stand for."""
        tensor = self.tensor(name)
        if isinstance(tensor, Real):
            return tensor
        if isinstance(tensor, Raw):
            raise DataError(
                f"the input {name[:60]!r} is float32: quantise it first (QuantizeLinear, Quant)"
            )
        if isinstance(tensor, Codes | Pending):
            raise DataError(f"{name[:60]!r} holds integers: dequantise it (DequantizeLinear)")
        raise DataError(f"{name[:60]!r} is float32: quantise it first (QuantizeLinear, Quant)")

    def write(self, operator: Operator, tensor: Tensor | Constant, position: int = 0) -> None:
        """Remember what an operator writes."""
        name = operator.outputs[position]
        if name in self.tensors or name in self.constants:
            raise DataError(f"{name[:60]!r} is written twice")
        if isinstance(tensor, Constant):
            self.reserve(tensor.array.size)
            self.constants[name] = tensor
        else:
            self.tensors[name] = tensor

    def reserve(self, elements: int) -> None:
        """Count constants that an operator is about to make; DataError beyond all reason."""
        self._room -= elements
        if self._room < 0 or elements > LARGEST_TENSOR:
            raise DataError(f"operators must have at most {model.MOST_CONSTANTS:,} constants")

    # -- the graph's nodes ----------------------------------------------------------------------

    def name(self, wanted: str) -> str:
        """Return a name that nothing else has."""
        wanted = wanted[:200] or "tensor"
        name, number = wanted, 1
        while name in self._names:
            name, number = f"{wanted}#{number}", number + 1
        self._names.add(name)
        return name

    def layer_name(self, operator: Operator) -> str:
        """Return what to call the sums of an operator."""
        return operator.name or f"{operator.kind.lower()}_{operator.index}"

    def add(self, name: str, op: Op, *sources: Value, axes: tuple[int | None, ...]) -> Value:
        """Append a node; ``axes`` as for :class:`Value`."""
        spec = op.infer(*(source.spec for source in sources))
        if spec.size > LARGEST_TENSOR or len(spec.shape) > model.MOST_AXES:
            raise DataError(
                f"a tensor must have {LARGEST_TENSOR:,} elements at most, not {spec.shape}"
            )
        named = self.name(name)
        self.nodes.append(Node(named, op, tuple(source.name for source in sources)))
        return Value(named, spec, axes)

    def laid_out(self, value: Value, order: tuple[int, ...]) -> Value:
        """Return a tensor whose graph axes are the graph's axes ``order`` of before."""
        if order == tuple(range(len(order))):
            return value
        key = (value.name, f"{order}")
        if key not in self._moved:
            self._moved[key] = self.add(
                f"{value.name}:transposed", ops.Transpose(order), value, axes=()
            )
        moved = self._moved[key]
        axes = tuple(None if axis is None else order.index(axis) for axis in value.axes)
        return replace(moved, axes=axes)

    def natural(self, value: Value) -> Value:
        """Return a tensor with the axes in the file's order."""
        return self.laid_out(value, tuple(axis for axis in value.axes if axis is not None))

    def channels_last(self, value: Value) -> Value:
        """Return an image (batch, channels, height, width) with its channels last."""
        if len(value.axes) != 4 or not value.batched:
            raise DataError(
                "the input must have shape (batch, channels, height, width), the batch 1 or open, "
                f"not {value.shape}"
            )
        _, channels, height, width = value.axes
        if channels is None or height is None or width is None:
            raise DataError("the batch must be the first axis")
        return self.laid_out(value, (height, width, channels))

    def reshaped(self, value: Value, shape: tuple[int, ...]) -> Value:
        """Return a tensor in another shape of the file's."""
        if value.shape == shape:
            return value
        batched = bool(shape) and shape[0] == 1 and len(shape) > 1
        inner = shape[1:] if batched else shape
        axes = (None, *range(len(inner))) if batched else tuple(range(len(inner)))
        value = self.natural(value)
        if value.spec.shape == inner:
            return replace(value, axes=axes)
        return self.add(f"{value.name}:shape", ops.Reshape(inner), value, axes=axes)

    def reinterpreted(self, value: Value, fmt: TensorFormat) -> Value:
        """Return a tensor whose codes mean something else."""
        if value.spec.format == fmt:
            return value
        key = (value.name, str(fmt))
        if key not in self._moved:
            self._moved[key] = self.add(
                f"{value.name}:format", ops.Reinterpret(fmt), value, axes=()
            )
        return replace(self._moved[key], axes=value.axes)

    def stored(self, name: str, constant: Constant, shape: tuple[int, ...]) -> Value:
        """Return a quantised constant as a node, in a shape of the graph."""
        if constant.codes is None or constant.format is None:
            raise DataError(
                f"constant {name[:60]!r} is {constant.type}: quantise it (QuantizeLinear and "
                "DequantizeLinear, Quant)"
            )
        self.reserve(constant.codes.size)
        op = ops.Constant(constant.codes.reshape(shape), constant.format)
        source = Value("input", self.input_spec, ())
        return self.add(name, op, source, axes=tuple(range(len(shape))))

    def operand(self, real: Real) -> Value:
        """Return codes that stand for real numbers by a scale and a zero point alone."""
        fmt = real.value.spec.format
        if real.channels is not None or real.divisor != 1 or fmt.bits > 16 or not real.clamps:
            raise DataError(
                f"what it reads ({real.value.name!r}) must be quantised first "
                "(QuantizeLinear and DequantizeLinear, or Quant)"
            )
        signed = fmt.signed
        source = Affine(fmt.bits, float(real.scale), real.zero, signed=signed)
        value = self.reinterpreted(real.value, source)
        if not real.steps:
            return value
        reals = real.evaluate(np.arange(fmt.lo, fmt.hi + 1))
        steps = reals / real.scale
        codes = np.rint(steps) + real.zero
        if not np.array_equal(((codes - real.zero) * real.scale).astype(np.float32), reals):
            raise DataError(
                f"clamping {real.value.name!r} gives numbers between codes: quantise them first"
            )
        table = ops.Table(codes.astype(np.int64).clip(fmt.lo, fmt.hi), source)
        return self.add(f"{value.name}:clamped", table, value, axes=value.axes)

    # -- begin and end --------------------------------------------------------------------------

    def enter(self, given: model.Input, quantizer: Quantizer | None) -> None:
        """Make the input a tensor; ``quantizer`` is its format, where its readers tell one."""
        sizes = [1 if size is None and axis == 0 else size for axis, size in enumerate(given.shape)]
        if None in sizes or prod(size or 1 for size in sizes) > LARGEST_TENSOR:
            raise DataError(
                f"the input {given.name[:60]!r} must have known sizes but for the batch (its "
                f"first axis), {LARGEST_TENSOR:,} elements at most, not {list(given.shape)}"
            )
        images = ("Conv", "ConvInteger", "QLinearConv", "MaxPool", "AveragePool")
        shape = tuple(int(size or 1) for size in sizes)
        batched = len(shape) > 1 and (given.shape[0] in (None, 1))
        batched |= len(shape) in (3, 4) and any(o.kind in images for o in self.file.operators)
        inner = shape[1:] if batched else shape
        axes = (None, *range(len(inner))) if batched else tuple(range(len(inner)))
        self.batch = shape[0] if batched else 1
        fmt: TensorFormat
        is_float = given.type in ("float32", "float16", "float64")
        if quantizer is not None:
            fmt = quantizer.target
            if fmt.axis is not None:
                axis = fmt.axis % len(shape)
                if batched and axis == 0:
                    raise DataError("the scales of the input must not run along the batch")
                fmt = replace(fmt, axis=axis - len(shape))
        elif given.type in ("int2", "uint2", "int4", "uint4", "int8", "uint8", "int16", "uint16"):
            bits = int(given.type.removeprefix("u").removeprefix("int"))
            fmt = QFormat(bits, 0, signed=given.type[0] == "i")
        elif is_float:  # of no use, as its readers will say
            fmt = QFormat(32, 0)
        else:
            raise DataError(
                f"the input {given.name[:60]!r} must be float32 or integers of 2 to 16 bits, "
                f"not {given.type}"
            )
        self.input_spec = TensorSpec(inner, fmt)
        value = Value("input", self.input_spec, axes)
        self.tensors[given.name] = Raw(value) if is_float else Codes(value)

    def graph(self, name: str, metadata: dict[str, Any]) -> Graph:
        """Return the whole graph."""
        if len(self.file.outputs) != 1:
            raise DataError(f"there must be one output, not {len(self.file.outputs)}")
        (wanted,) = self.file.outputs
        value = self._result(wanted)
        if value.name == "input":
            value = self.add(wanted, ops.Reshape(value.spec.shape), value, axes=value.axes)
        metadata["tensors"] = {
            tensor_name: tensor.value.name
            for tensor_name, tensor in self.tensors.items()
            if isinstance(tensor, Codes | Raw) or (isinstance(tensor, Real) and not tensor.steps)
        }
        metadata["outside"] = self.outside
        nodes = _needed(self.nodes, value.name)
        return Graph(name, self.input_spec, nodes, metadata=metadata, output=value.name)

    def _result(self, wanted: str) -> Value:
        constant = self.constant(wanted)
        if constant is not None:
            if constant.codes is None and constant.integer:
                bits = 8 * constant.array.dtype.itemsize
                fmt = Affine(min(bits, 32), 1.0, signed=constant.array.dtype.kind == "i")
                constant = replace(constant, codes=constant.array, format=fmt)
            return self.stored(wanted, constant, np.shape(constant.array))
        tensor = self.tensor(wanted)
        if isinstance(tensor, Codes | Pending):
            return self.natural(self.codes(wanted))
        real = self.real(wanted)
        if not real.steps and not real.scale.ndim and real.value.spec.format.bits <= 16:
            return self.natural(self.operand(real))
        if not real.rises or real.channels is not None:
            raise DataError(
                f"the output {wanted[:60]!r} must be quantised: its codes do not compare as its "
                "numbers do (its channels have scales of their own, or a function that falls)"
            )
        return self.natural(real.value)


def _lifted(graph: model.Graph) -> set[str]:
    readers: dict[str, list[Operator]] = {}
    for operator in graph.operators:
        for name in operator.inputs:
            readers.setdefault(name, []).append(operator)
    found = set()
    for operator in graph.operators:
        if operator.kind == "QuantizeLinear" and len(operator.outputs) == 1:
            codes = operator.outputs[0]
            behind = readers.get(codes, [])
            plain = len(behind) == 1 and codes not in graph.outputs
            if plain and behind[0].kind == "DequantizeLinear" and behind[0].outputs:
                reals = behind[0].outputs[0]
                if len(readers.get(reals, [])) + (reals in graph.outputs) == 1:
                    found.add(codes)
    return found


def _needed(nodes: list[Node], output: str) -> tuple[Node, ...]:
    """Return the nodes that the output depends on, in order."""
    wanted, kept = {output}, []
    for node in reversed(nodes):
        if node.name in wanted:
            wanted.update(node.sources)
            kept.append(node)
    if not kept:
        raise GraphError("the output must depend on an operation")
    return tuple(reversed(kept))
