"""ADD, MUL, QUANTIZE, DEQUANTIZE, LOGISTIC, TANH, SOFTMAX, RELU."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxpsim import schemes
from fxpsim.errors import DataError
from fxpsim.formats import Affine
from fxpsim.importers.tflite.importer import Importer, Value
from fxpsim.importers.tflite.integers import arithmetic, on_bare_integers
from fxpsim.importers.tflite.kernel_sets import Functions
from fxpsim.importers.tflite.layers import activation
from fxpsim.importers.tflite.schema import Operator, Tensor
from fxpsim.importers.tflite.tables import (
    float_function,
    interpolated16,
    logistic8,
    sigmoid16,
    softmax_exponentials,
    tanh8,
)
from fxpsim.ops import (
    Add,
    Concatenate,
    FloatTableSoftmax,
    GemmlowpSoftmax,
    LookupSoftmax,
    Multiply,
    Op,
    ReduceSum,
    Rescale,
    Reshape,
    Slice,
    Table,
)
from fxpsim.ops.op import single_scale

__all__ = ["add", "dequantize", "function", "multiply", "quantize", "reduce", "relu", "softmax"]

Array = NDArray[Any]


def _io(importer: Importer, operator: Operator, count: int = 1) -> tuple[list[Tensor], Tensor]:
    if len(operator.inputs) != count or len(operator.outputs) != 1:
        raise DataError(f"there must be {count} inputs and one output")
    return [importer.tensor(i) for i in operator.inputs], importer.tensor(operator.outputs[0])


def _pair(importer: Importer, operator: Operator) -> tuple[Any, Any]:
    values = [importer.value(index) for index in operator.inputs]
    widest = max(values, key=lambda value: len(value.shape))
    left, right = (importer.operand(index, widest) for index in operator.inputs)
    return left, right


def add(importer: Importer, operator: Operator) -> None:
    """Append a sum of two tensors."""
    if on_bare_integers(importer, operator):
        arithmetic(importer, operator)
        return
    (one, two), out = _io(importer, operator, 2)
    target = out.format()
    lift = 15 if out.type == "int16" else 20
    twice = 2 * np.float64(max(one.scale, two.scale))
    ratio = twice / ((1 << lift) * np.float64(out.scale))
    to_common = [
        schemes.Gemmlowp.from_scale(float(np.float64(t.scale) / twice)) for t in (one, two)
    ]
    limits = activation(operator.option(0, "b"), target)
    scheme = schemes.Gemmlowp.from_scale(float(ratio), **limits)
    by_one = Add(lift, to_common[0], to_common[1], scheme, target)
    left, right = _pair(importer, operator)
    batch = _batch(left, right)
    block = importer.kernels.block
    if block is None or all(t.shift == 0 for t in to_common):
        importer.emit(operator, 0, by_one, left, right, batch=batch)
        return
    # In a vector, inputs are shifted first and rounded once.
    lifted = [schemes.Gemmlowp(t.multiplier, int(t.shift) + lift) for t in to_common]  # type: ignore[arg-type]
    by_vector = Add(0, lifted[0], lifted[1], scheme, target)
    _emit_blocks(importer, operator, block, by_vector, by_one, left, right, batch=batch)


def _emit_blocks(
    importer: Importer,
    operator: Operator,
    block: int,
    by_vector: Op,
    by_one: Op,
    *values: Value,
    batch: int | None,
) -> None:
    """Append one operation for vectors of ``block`` elements and another for those left over."""
    run = _run_length(*(value.spec.shape for value in values))
    whole = run - run % block
    if whole in (0, run):
        op = by_vector if whole else by_one
        importer.emit(operator, 0, op, *values, batch=batch)
        return
    name = importer.tensor(operator.outputs[0]).name
    rows = [_rows(importer, value, run) for value in values]
    results = []
    for start, stop, op in ((0, whole, by_vector), (whole, run, by_one)):
        some = [_columns(importer, value, start, stop) for value in rows]
        results.append(importer.append(f"{name}:{start}", op, *some))
    joined = importer.append(f"{name}:joined", Concatenate(1), *results)
    spec = by_one.infer(*(value.spec for value in values))
    importer.emit(operator, 0, Reshape(spec.shape), joined, batch=batch)


def _run_length(left: tuple[int, ...], *others: tuple[int, ...]) -> int:
    """Return how many elements at the end of all tensors are next to one another, unstretched."""
    if not others:
        return prod(left)
    length, (right,) = 1, others
    for one, two in zip(reversed(left), reversed(right), strict=False):
        if one != two:
            return length
        length *= one
    return length if len(left) == len(right) else min(prod(left), prod(right))


def _rows(importer: Importer, value: Value, length: int) -> Value:
    """Return a tensor as rows of a length."""
    op = Reshape((value.spec.size // length, length))
    return importer.append(f"{value.name}:rows", op, value)


def _columns(importer: Importer, value: Value, start: int, stop: int) -> Value:
    op = Slice((0, start), (value.spec.shape[0], stop - start), (1, 1))
    return importer.append(f"{value.name}:{start}", op, value)


def _batch(left: Any, right: Any) -> int | None:
    found: int | None = left.batch if left.batch is not None else right.batch
    return found


def multiply(importer: Importer, operator: Operator) -> None:
    """Append a product of two tensors."""
    if on_bare_integers(importer, operator):
        arithmetic(importer, operator)
        return
    (one, two), out = _io(importer, operator, 2)
    target = out.format()
    limits = activation(operator.option(0, "b"), target)
    scheme: schemes.Rescale
    if importer.kernels.float_arithmetic and out.type != "int16":
        scales = (float(tensor.scale) for tensor in (one, two, out))
        scheme = schemes.FloatScale.from_scales(*scales, **limits)
    else:
        real = np.float64(one.scale) * np.float64(two.scale) / np.float64(out.scale)
        scheme = schemes.Gemmlowp.from_scale(float(real), **limits)
    op = Multiply(scheme, target)
    left, right = _pair(importer, operator)
    importer.emit(operator, 0, op, left, right, batch=_batch(left, right))


def quantize(importer: Importer, operator: Operator) -> None:
    """Append a change of scale; the edge from float32 is the graph's input already."""
    (source,), out = _io(importer, operator)
    if out.index in importer.values:
        return
    value, target = importer.value(source.index), out.format()
    scheme: schemes.Rescale
    if importer.kernels.float_arithmetic and source.type == out.type == "int8":
        # XNNPACK: 8 fraction bits, rounded once.
        multiplier = int(np.rint(np.float32(256) * (source.scale / out.scale)))
        scheme = schemes.SingleRound(multiplier, 31 - 8, zero_point=out.zero_point)
    else:
        real = float(np.float64(source.scale) / np.float64(out.scale))
        scheme = schemes.Gemmlowp.from_scale(real, zero_point=out.zero_point)
        if (block := importer.kernels.block) is not None and source.type == "int8":
            vector = schemes.HalfUpTwice(scheme.multiplier, scheme.shift, zero_point=out.zero_point)
            ops = Rescale(vector, target), Rescale(scheme, target)
            _emit_blocks(importer, operator, block, *ops, value, batch=value.batch)
            return
    importer.emit(operator, 0, Rescale(scheme, target), value, batch=value.batch)


def dequantize(importer: Importer, operator: Operator) -> None:
    """Pass codes on: float32 is outside of the graph."""
    (source,), out = _io(importer, operator)
    if operator.outputs != importer.subgraph.outputs:
        raise DataError("float32 must be the output only: only networks of integers are read")
    importer.values[out.index] = importer.value(source.index)


def relu(importer: Importer, operator: Operator) -> None:
    """Append RELU or RELU6 with an output scale of its own.

    TensorFlow Lite Micro's RELU6 has none: it clamps the codes of its input.
    """
    (source,), out = _io(importer, operator)
    value, target = importer.value(source.index), out.format()
    six = operator.kind == "RELU6"
    if six and importer.kernels.micro_relu:
        target = source.format()
    kind = np.float64 if importer.kernels.micro_relu else np.float32
    ratio = kind(source.scale) / kind(single_scale(target))
    scheme = schemes.Gemmlowp.from_scale(float(ratio), **activation(3 if six else 1, target))
    importer.emit(operator, 0, Rescale(scheme, target), value, batch=value.batch)


def reduce(importer: Importer, operator: Operator) -> None:
    """Append MEAN or SUM.

    TensorFlow Lite, ``QuantizedMeanOrSum``: the count is divided into the multiplier.
    """
    kernels = importer.kernels
    source, out = importer.tensor(operator.inputs[0]), importer.tensor(operator.outputs[0])
    if kernels.block is not None and source.type == "int8":
        raise DataError(
            f"kernel set {kernels.name!r} has kernels of its own for 8-bit {operator.kind}, which "
            "are not known here; 'tflm' and 'reference' are"
        )
    value, target = importer.value(source.index), out.format()
    axes = importer.integers(operator, 1, "the axes")
    op = ReduceSum(tuple(sorted({value.axis(axis) for axis in axes})))
    sums = op.infer(value.spec)
    real = np.float64(source.scale) / np.float64(out.scale)
    scheme = schemes.Gemmlowp.from_scale(float(real), zero_point=out.zero_point)
    multiplier, shift = int(scheme.multiplier), int(scheme.shift)  # type: ignore[arg-type]
    if operator.kind == "MEAN":
        count = value.spec.size // sums.size
        lift = max(0, min(count.bit_length() - 1, 32, 31 + shift))
        scheme = replace(scheme, multiplier=(multiplier << lift) // count, shift=shift - lift)
    total = importer.append(f"{out.name}:sum", op, value)
    importer.emit(operator, 0, Rescale(scheme, target), total, batch=value.batch)


def function(importer: Importer, operator: Operator) -> None:
    """Append LOGISTIC or TANH as a table of every code."""
    (source,), out = _io(importer, operator)
    value, target = importer.value(source.index), out.format()
    logistic = operator.kind == "LOGISTIC"
    if source.type != out.type or source.type not in ("int8", "int16"):
        raise DataError(f"{source} and {out} must both be int8 or int16")
    if source.type == "int16":
        if source.zero_point or out.zero_point or float(out.scale) != 2.0**-15:
            raise DataError("zero points must be 0 and the output's scale 2**-15")
        own = (2.0**-12,) if logistic else (2.0**-12, 2.0**-11)
        if importer.kernels.functions is Functions.FLOAT_TABLE and float(source.scale) in own:
            raise DataError(
                f"kernel set {importer.kernels.name!r} has a kernel of its own for a scale of "
                f"{source.scale}, which is not known here ({source})"
            )
        table = sigmoid16(float(source.scale), logistic)
    elif importer.kernels.functions is Functions.FLOAT_TABLE:
        table = float_function(source, out, logistic)
    else:
        wanted = (-128, 2.0**-8) if logistic else (0, 2.0**-7)
        if (out.zero_point, float(out.scale)) != wanted:
            raise DataError(f"the output's zero point and scale must be {wanted}")
        make = logistic8 if logistic else tanh8
        table = make(float(source.scale), source.zero_point)
    importer.emit(operator, 0, Table(table, target), value, batch=value.batch)


def softmax(importer: Importer, operator: Operator) -> None:
    """Append a softmax over the last axis."""
    (source,), out = _io(importer, operator)
    value, target = importer.value(source.index), out.format()
    beta = operator.option(0, "f")
    if not 0 < beta < 1e6:
        raise DataError(f"beta must be more than 0, not {beta}")
    importer.emit(operator, 0, _softmax(importer, source, target, beta), value, batch=value.batch)


def _softmax(importer: Importer, source: Tensor, target: Affine, beta: float) -> Op:
    scale = float(source.scale)
    if source.type == "int16":
        scheme = schemes.Gemmlowp.from_scale(scale * beta / (10.0 / 65535.0))
        kind = importer.kernels.table_float
        return LookupSoftmax(
            scheme,
            interpolated16(np.exp, -10.0, 0.0, kind),
            interpolated16(lambda x: 1 / (1 + x), 0.0, 1.0, kind),
            target,
        )
    if importer.kernels.softmax is Functions.FLOAT_TABLE:
        steps = -np.float32(scale) * np.float32(beta) * np.arange(256, dtype=np.float32)
        table = np.exp(steps.astype(np.float64)).astype(np.float32)
        return FloatTableSoftmax(table.view(np.int32), target)
    return GemmlowpSoftmax(softmax_exponentials(beta * scale), target)
