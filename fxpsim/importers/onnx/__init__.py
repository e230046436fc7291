"""ONNX files to graphs: QDQ, QLinear operators, integer operators, QONNX, Brevitas's exports.

A file of the first three kinds has the bits of ONNX Runtime, one of QONNX those of its executor.
Quantisations are named as their tensors in the file, sums as their nodes;
``metadata["tensors"]`` maps the file's names to the graph's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from fxpsim.errors import ConfigError, DataError, FxpsimError, suggest
from fxpsim.graph import Graph
from fxpsim.importers.onnx import (
    constants,
    functions,
    images,
    layers,
    model,
    movement,
    pairs,
    qonnx,
    quantization,
    shapes,
)
from fxpsim.importers.onnx.importer import Importer, Unread
from fxpsim.importers.onnx.model import Operator
from fxpsim.importers.onnx.quantizer import Quantizer
from fxpsim.npz import LARGEST

__all__ = ["OPERATORS", "read"]

#: Damage can make a mistake of every node; nobody reads them all.
LONGEST_SENTENCE = 1200
MOST_MISTAKES = 20

Reader = Callable[[Importer, Operator], None]

#: What reads each operator, of ONNX, ONNX Runtime (com.microsoft) and QONNX.
OPERATORS: Mapping[str, Reader] = MappingProxyType(
    {
        "Abs": functions.function,
        "Add": pairs.binary,
        "ArgMax": functions.argmax,
        "AveragePool": images.average_pool,
        "BatchNormalization": functions.batch_normalization,
        "BipolarQuant": qonnx.bipolar_quant,
        "Cast": quantization.cast,
        "Ceil": constants.function,
        "Clip": functions.clip,
        "Concat": movement.concat,
        "Constant": constants.constant,
        "ConstantOfShape": constants.constant_of_shape,
        "Conv": layers.conv,
        "ConvInteger": layers.conv_integer,
        "DequantizeLinear": quantization.dequantize_linear,
        "Div": pairs.binary,
        "Dropout": functions.identity,
        "DynamicQuantizeLinear": quantization.dynamic_quantize_linear,
        "Flatten": shapes.flatten,
        "Floor": constants.function,
        "Gather": movement.gather,
        "Gemm": layers.gemm,
        "GlobalAveragePool": images.global_average_pool,
        "GlobalMaxPool": images.global_max_pool,
        "HardSigmoid": functions.function,
        "HardSwish": functions.function,
        "Identity": functions.identity,
        "IntQuant": qonnx.quant,
        "LeakyRelu": functions.function,
        "LogSoftmax": functions.softmax,
        "MatMul": layers.matmul,
        "MatMulInteger": layers.matmul_integer,
        "Max": pairs.binary,
        "MaxPool": images.max_pool,
        "Min": pairs.binary,
        "Mul": pairs.binary,
        "Neg": functions.function,
        "Pad": movement.pad,
        "QGemm": layers.qgemm,
        "QLinearAdd": pairs.qlinear_binary,
        "QLinearAveragePool": images.qlinear_average_pool,
        "QLinearConcat": movement.qlinear_concat,
        "QLinearConv": layers.qlinear_conv,
        "QLinearGlobalAveragePool": images.qlinear_global_average_pool,
        "QLinearLeakyRelu": functions.qlinear_function,
        "QLinearMatMul": layers.qlinear_matmul,
        "QLinearMul": pairs.qlinear_binary,
        "QLinearSigmoid": functions.qlinear_function,
        "QLinearSoftmax": functions.qlinear_softmax,
        "Quant": qonnx.quant,
        "QuantizeLinear": quantization.quantize_linear,
        "Reciprocal": constants.function,
        "ReduceMax": constants.reduction,
        "ReduceMean": images.reduce_mean,
        "ReduceMin": constants.reduction,
        "Relu": functions.relu,
        "Reshape": shapes.reshape,
        "Round": constants.function,
        "Shape": constants.shape_of,
        "Sigmoid": functions.function,
        "Sign": functions.function,
        "Slice": movement.slice_of,
        "Softmax": functions.softmax,
        "Split": movement.split,
        "Sqrt": constants.function,
        "Squeeze": shapes.squeeze,
        "Sub": pairs.binary,
        "Tanh": functions.function,
        "Transpose": shapes.transpose,
        "Trunc": qonnx.trunc,
        "Unsqueeze": shapes.expand_dims,
    }
)
DOMAINS = (
    "",
    "com.microsoft",
    "finn.custom_op.general",
    "onnx.brevitas",
    "qonnx.custom_op.general",
)
#: What the input may pass on its way to the first quantisation.
_MOVES = (
    "Cast", "Dropout", "Flatten", "Gather", "Identity", "Reshape", "Slice", "Split", "Squeeze",
    "Transpose", "Unsqueeze",
)  # fmt: skip


def read(path: Path) -> Graph:
    """Return the network in a file.

    Parameters
    ----------
    path : Path
        A ``.onnx`` file with all data inside.

    Raises
    ------
    DataError
        The file is damaged, or has what cannot be run in integers: all such nodes at once.
    ConfigError
        The package ``onnx`` is not installed.
    """
    if not path.is_file():
        raise DataError(f"{path}: there is no such file")
    if path.stat().st_size > LARGEST:
        raise DataError(f"{path}: must have at most {LARGEST >> 20} MiB")
    try:
        file = model.parse(path.read_bytes())
        importer = Importer(file)
        if mistakes := _read_operators(importer):
            raise DataError(_sentence(mistakes))
        origin = {"file": path.name, "producer": file.producer, "engine": importer.engine}
        return importer.graph(path.stem, origin)
    except Unread:
        raise DataError(f"{path}: the output depends on nothing that is read") from None
    except ConfigError:
        raise
    except FxpsimError as error:
        raise DataError(f"{path}: {_short(str(error))}") from None


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= LONGEST_SENTENCE else f"{text[:LONGEST_SENTENCE]}..."


def _sentence(mistakes: list[str]) -> str:
    shown = mistakes[:MOST_MISTAKES]
    more = len(mistakes) - len(shown)
    return "; ".join([*shown, f"and {more} more"] if more else shown)


def _read_operators(importer: Importer) -> list[str]:
    """Read all operators, those on constants first; return what is wrong with them."""
    mistakes: list[str] = []
    computed = []
    for operator in importer.file.operators:
        names = [name for name in operator.inputs if name]
        if all(name in importer.constants for name in names):
            _attempt(importer, operator, mistakes)
        else:
            computed.append(operator)
    _enter(importer)
    for operator in computed:
        _attempt(importer, operator, mistakes)
    return mistakes


def _attempt(importer: Importer, operator: Operator, mistakes: list[str]) -> None:
    try:
        _read(importer, operator)
        return
    except Unread:
        pass
    except FxpsimError as error:
        mistakes.append(f"{operator}: {error}")
    importer.failed.update(name for name in operator.outputs if name)


def _read(importer: Importer, operator: Operator) -> None:
    reader = OPERATORS.get(operator.kind) if operator.domain in DOMAINS else None
    if reader is None:
        where = f" of {operator.domain[:40]!r}" if operator.domain else ""
        near = suggest(operator.kind[:40], OPERATORS)
        raise DataError(
            f"it{where} cannot be run in integers{near if 'did you mean' in near else ''}"
        )
    if not operator.outputs or not operator.outputs[0]:
        raise DataError("it must have an output")
    if not operator.inputs and operator.kind != "Constant":
        raise DataError("it must have inputs")
    reader(importer, operator)


def _enter(importer: Importer) -> None:
    inputs = importer.file.inputs
    if len(inputs) != 1:
        raise DataError(f"there must be one input, not {len(inputs)}")
    (given,) = inputs
    importer.enter(given, _input_quantizer(importer, given.name))


def _input_quantizer(importer: Importer, name: str) -> Quantizer | None:
    """Return what the first quantisation of the input says of its codes, or None."""
    names = {name}
    for operator in importer.file.operators:
        if operator.input(0) not in names:
            continue
        if operator.kind in _MOVES:
            names.update(operator.outputs)
        elif operator.kind in ("Quant", "IntQuant", "BipolarQuant"):
            return qonnx.input_quantizer(importer, operator)
        elif operator.kind in ("QuantizeLinear", "DequantizeLinear") or (
            operator.kind.startswith("QLinear") and operator.kind != "QLinearConcat"
        ):
            return quantization.input_quantizer(importer, operator)
    return None
