"""Operators on integers without a scale: CAST, ADD, MUL, DIV, MINIMUM, MAXIMUM."""

from __future__ import annotations

from fxpsim.errors import DataError
from fxpsim.formats import Overflow, QFormat, Rounding
from fxpsim.importers.tflite.importer import Importer
from fxpsim.importers.tflite.schema import Operator
from fxpsim.ops import Arithmetic, IntegerArithmetic, Requantize
from fxpsim.ops.op import binary_point

__all__ = ["arithmetic", "cast", "on_bare_integers"]

_FUNCTIONS = {
    "ADD": Arithmetic.ADD,
    "MUL": Arithmetic.MULTIPLY,
    "DIV": Arithmetic.DIVIDE,
    "MINIMUM": Arithmetic.MINIMUM,
    "MAXIMUM": Arithmetic.MAXIMUM,
}


def on_bare_integers(importer: Importer, operator: Operator) -> bool:
    """Whether all that an operator reads and writes has no scale."""
    used = (*operator.inputs, *operator.outputs)
    return all(index >= 0 and importer.tensor(index).bare for index in used)


def cast(importer: Importer, operator: Operator) -> None:
    """Append CAST between types of integers: what does not fit wraps."""
    if not on_bare_integers(importer, operator):
        raise DataError("both types must be integers without a scale")
    value, word = importer.value(operator.inputs[0]), importer.tensor(operator.outputs[0]).word()
    target = QFormat(word.bits, binary_point(value.spec).frac, signed=word.signed)
    op = Requantize(target, Rounding.FLOOR, Overflow.WRAP)
    importer.emit(operator, 0, op, value, batch=value.batch)


def arithmetic(importer: Importer, operator: Operator) -> None:
    """Append an operation of two tensors."""
    if len(operator.inputs) != 2 or not on_bare_integers(importer, operator):
        raise DataError("there must be two inputs and an output, of integers without a scale")
    if operator.kind in ("ADD", "MUL", "DIV") and operator.option(0, "b"):
        raise DataError("a fused activation is not supported")
    values = [importer.value(index) for index in operator.inputs]
    widest = max(values, key=lambda value: len(value.shape))
    left, right = (importer.operand(index, widest) for index in operator.inputs)
    op = IntegerArithmetic(_FUNCTIONS[operator.kind], importer.tensor(operator.outputs[0]).word())
    batch = left.batch if left.batch is not None else right.batch
    importer.emit(operator, 0, op, left, right, batch=batch)
