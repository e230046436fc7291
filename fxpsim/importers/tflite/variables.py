"""VAR_HANDLE, READ_VARIABLE, ASSIGN_VARIABLE and CALL_ONCE: what lives from step to step."""

from __future__ import annotations

from fxpsim.errors import DataError
from fxpsim.importers.tflite.importer import Importer, Value
from fxpsim.importers.tflite.schema import Operator
from fxpsim.ops import TensorSpec

__all__ = ["assign_variable", "call_once", "read_variable", "var_handle"]


def _shared_name(operator: Operator) -> str:
    return "" if operator.options is None else operator.options.text(1)


def var_handle(importer: Importer, operator: Operator) -> None:
    """Remember which variable a resource stands for."""
    importer.handles[operator.outputs[0]] = _shared_name(operator)


def _variable(importer: Importer, operator: Operator) -> str:
    if not operator.inputs or operator.inputs[0] not in importer.handles:
        raise DataError("its first input must come from a VAR_HANDLE")
    return importer.handles[operator.inputs[0]]


def read_variable(importer: Importer, operator: Operator) -> None:
    """Name what a variable holds at this place of the step."""
    variable, tensor = _variable(importer, operator), importer.tensor(operator.outputs[0])
    if variable in importer.current:
        importer.values[tensor.index] = importer.current[variable]
        return
    batch = 0 if len(tensor.shape) > 1 and tensor.shape[0] == 1 else None
    shape = tensor.shape[1:] if batch == 0 else tensor.shape
    value = Value(importer.name(variable), TensorSpec(shape, tensor.codes_format()), batch)
    importer.values[tensor.index] = value
    importer.states[variable] = importer.current[variable] = value


def assign_variable(importer: Importer, operator: Operator) -> None:
    """Remember what a variable holds from here on."""
    if len(operator.inputs) != 2:
        raise DataError("there must be a variable and a value")
    importer.current[_variable(importer, operator)] = importer.value(operator.inputs[1])


def call_once(importer: Importer, operator: Operator) -> None:
    """Read the variables' first values from the subgraph that assigns them."""
    number = operator.option(0, "i")
    if not 0 < number < len(importer.model.subgraphs):
        raise DataError(f"there must be a subgraph {number} to call")
    subgraph = importer.model.subgraphs[number]
    handles: dict[int, str] = {}
    for inner in subgraph.operators:
        if inner.kind == "VAR_HANDLE" and inner.outputs:
            handles[inner.outputs[0]] = _shared_name(inner)
            continue
        known = inner.kind == "ASSIGN_VARIABLE" and len(inner.inputs) == 2
        codes = subgraph.tensors[inner.inputs[1]].data if known else None
        if codes is None or inner.inputs[0] not in handles:
            raise DataError(f"subgraph {number} must assign constants to variables, not {inner}")
        importer.resets[handles[inner.inputs[0]]] = codes
