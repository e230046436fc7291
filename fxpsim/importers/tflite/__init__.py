"""TensorFlow Lite files to graphs: 8-bit integers, per tensor or per channel, and 16x8.

The graph has the bits of one engine's kernels.  Layers are named by operator ("conv_2d_0"),
all other tensors as in the file; ``metadata["tensors"]`` has both by the file's numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from textwrap import shorten
from types import MappingProxyType

from fxpsim.errors import DataError, FxpsimError, suggest
from fxpsim.graph import Graph
from fxpsim.importers.tflite import functions, integers, layers, movement, signal, variables
from fxpsim.importers.tflite.importer import Importer
from fxpsim.importers.tflite.kernel_sets import kernel_set
from fxpsim.importers.tflite.schema import Operator, parse
from fxpsim.npz import check_file

__all__ = ["OPERATORS", "read"]

#: Damage can make a mistake of every channel; nobody reads them all.
LONGEST_SENTENCE = 400

#: What reads each operator.
OPERATORS: Mapping[str, Callable[[Importer, Operator], None]] = MappingProxyType(
    {
        "ADD": functions.add,
        "ASSIGN_VARIABLE": variables.assign_variable,
        "AVERAGE_POOL_2D": layers.pool_2d,
        "CALL_ONCE": variables.call_once,
        "CAST": integers.cast,
        "CONCATENATION": movement.concatenation,
        "CONV_2D": layers.conv_2d,
        "DEPTHWISE_CONV_2D": layers.depthwise_conv_2d,
        "DEQUANTIZE": functions.dequantize,
        "DIV": integers.arithmetic,
        "EXPAND_DIMS": movement.reshape,
        "FILL": movement.fill,
        "FULLY_CONNECTED": layers.fully_connected,
        "LOGISTIC": functions.function,
        "MAXIMUM": integers.arithmetic,
        "MAX_POOL_2D": layers.pool_2d,
        "MEAN": functions.reduce,
        "MINIMUM": integers.arithmetic,
        "MUL": functions.multiply,
        "PACK": movement.pack,
        "PAD": movement.pad,
        "QUANTIZE": functions.quantize,
        "READ_VARIABLE": variables.read_variable,
        "RELU": functions.relu,
        "RELU6": functions.relu,
        "RESHAPE": movement.reshape,
        "SHAPE": movement.shape_of,
        "SLICE": movement.slice_from,
        "SOFTMAX": functions.softmax,
        "SPLIT": movement.split,
        "SPLIT_V": movement.split,
        "SQUEEZE": movement.reshape,
        "STRIDED_SLICE": movement.strided_slice,
        "SUM": functions.reduce,
        "TANH": functions.function,
        "TRANSPOSE": movement.transpose,
        "UNPACK": movement.unpack,
        "VAR_HANDLE": variables.var_handle,
        **signal.OPERATORS,
    }
)


def read(path: Path, kernels: str = "tflm") -> Graph:
    """Return the network in a file.

    Parameters
    ----------
    path : Path
        A ``.tflite`` file.
    kernels : {"tflm", "reference", "builtin", "xnnpack"}
        Whose kernels' bits it has.

    Raises
    ------
    DataError
        The file is damaged, or has what cannot be run in integers.
    ConfigError
        There is no such kernel set.
    """
    chosen = kernel_set(kernels)
    check_file(path)
    try:
        model = parse(path.read_bytes())
        importer = Importer(model, chosen)
        for operator in importer.subgraph.operators:
            _append(importer, operator)
        origin = {"file": path.name, "description": model.description, "kernel_set": kernels}
        return importer.graph(path.stem, origin)
    except FxpsimError as error:
        raise DataError(f"{path}: {shorten(str(error), LONGEST_SENTENCE)}") from None


def _append(importer: Importer, operator: Operator) -> None:
    reader = OPERATORS.get(operator.kind)
    if reader is None:
        raise DataError(f"{operator} is not supported{suggest(operator.kind, OPERATORS)}")
    if not operator.inputs and operator.kind not in ("CALL_ONCE", "VAR_HANDLE"):
        raise DataError(f"{operator} must have inputs")
    writes = operator.kind not in ("ASSIGN_VARIABLE", "CALL_ONCE")
    if writes != bool(operator.outputs):
        raise DataError(f"{operator} must have {'outputs' if writes else 'no output'}")
    try:
        reader(importer, operator)
    except FxpsimError as error:
        raise DataError(f"{operator}: {error}") from None
