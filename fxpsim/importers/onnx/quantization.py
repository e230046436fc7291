"""QuantizeLinear, DequantizeLinear, DynamicQuantizeLinear, and Cast, which has a scale of 1."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxpsim.errors import DataError
from fxpsim.formats import Affine
from fxpsim.importers.onnx.importer import Importer
from fxpsim.importers.onnx.model import Constant, Operator
from fxpsim.importers.onnx.quantizer import Quantizer
from fxpsim.importers.onnx.values import Codes, Pending, Real, Source, Value

__all__ = [
    "affine",
    "cast",
    "code_type",
    "dequantize_linear",
    "dequantized",
    "dynamic_quantize_linear",
    "input_quantizer",
    "parameters",
    "quantize_linear",
    "quantized_input",
    "quantized_output",
    "quantizer",
]

Array = NDArray[Any]
#: From int8 to uint8.
LIFT = 128
#: Integers of these types are codes.
_CODES = {f"{sign}int{bits}" for sign in ("", "u") for bits in range(1, 17)} | {"int32"}
_TYPE_NUMBERS = {2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 21: "uint4", 22: "int4",
                 25: "uint2", 26: "int2"}  # fmt: skip
_DTYPES = {1: np.float32, 2: np.uint8, 3: np.int8, 4: np.uint16, 5: np.int16, 6: np.int32,
           7: np.int64, 9: np.bool_, 10: np.float16, 11: np.float64, 12: np.uint32,
           13: np.uint64}  # fmt: skip


def affine(scale: Array, zero: Constant | None, kind: str, axis: int | None) -> Affine:
    """Return a format; scales of more than one entry run along ``axis``."""
    if kind not in _CODES:
        raise DataError(f"codes must be integers of 2 to 16 bits (biases: 32), not {kind}")
    bits = int(kind.removeprefix("u").removeprefix("int"))
    zeros = np.zeros(scale.shape, np.int64) if zero is None else zero.array.astype(np.int64)
    if (
        not scale.size
        or not zeros.size
        or (zeros.size != scale.size and 1 not in (zeros.size, scale.size))
    ):
        raise DataError(f"there are {scale.size} scales and {zeros.size} zero points")
    signed, scales = kind[0] == "i", scale.astype(np.float64).reshape(-1)
    if scales.size > 1 << 16:
        raise DataError("there must be at most 65536 scales")
    zeros = zeros.reshape(-1)
    if scales.size == zeros.size == 1:
        return Affine(bits, float(scales[0]), int(zeros[0]), signed=signed)
    count = max(scales.size, zeros.size)
    scales, zeros = np.broadcast_to(scales, (count,)), np.broadcast_to(zeros, (count,))
    return Affine(bits, scales, zeros, signed=signed, axis=axis)


def parameters(
    importer: Importer, operator: Operator, position: int
) -> tuple[Array, Constant | None]:
    """Return constant scales and zero points, an input each."""
    scale = importer.known(operator, position, "the scale").array
    if not np.issubdtype(scale.dtype, np.floating) or not scale.size:
        raise DataError(f"the scale must be float32, not {scale.dtype}")
    zero = None
    if operator.input(position + 1):
        zero = importer.known(operator, position + 1, "the zero point")
        if not zero.integer:
            raise DataError(f"the zero point must be an integer, not {zero.type}")
    return scale.astype(np.float32), zero


def quantizer(fmt: Affine) -> Quantizer:
    """Return ONNX's quantisation to a format."""
    return Quantizer(fmt, fmt.lo, fmt.hi)


def input_quantizer(importer: Importer, operator: Operator) -> Quantizer | None:
    """Return what an operator says of the codes of the input; None where that is not plain."""
    scale, zero = parameters(importer, operator, 1)
    number = operator.number("output_dtype", 0)
    kind = zero.type if zero else _TYPE_NUMBERS.get(number, "")
    if not kind:
        kind = "uint8" if operator.kind == "QuantizeLinear" else importer.file.inputs[0].type
    if operator.number("block_size", 0) or kind not in _CODES:
        return None
    return quantizer(affine(scale, zero, kind, operator.number("axis", 1)))


def _along(operator: Operator, array: Array, shape: tuple[int, ...]) -> Array:
    """Return scales or zero points, to be broadcast over a tensor: for all, an axis, or blocks."""
    if array.size == 1:
        return array.reshape(())
    axis, block = operator.number("axis", 1), operator.number("block_size", 0)
    if not -len(shape) <= axis < len(shape):
        raise DataError(f"the axis must be one of {len(shape)}, not {axis}")
    axis %= len(shape)
    if block:
        if block < 0 or array.ndim != len(shape):
            raise DataError(f"blocks must have 1 element or more, not {block}, and a scale each")
        if array.shape[axis] * block > 2 * shape[axis] + block:
            raise DataError("there are more blocks than elements")
        array = np.repeat(array, block, axis)
        array = array[tuple(slice(size) for size in shape)]
        if array.shape != shape:
            raise DataError(f"blocks of {block} along axis {axis} do not fill shape {shape}")
        return array
    if array.ndim != 1 or array.size != shape[axis]:
        raise DataError(f"{array.size} scales do not run along axis {axis} of shape {shape}")
    return array.reshape([-1 if i == axis else 1 for i in range(len(shape))])


def quantize_linear(importer: Importer, operator: Operator) -> None:
    """Remember a quantisation; that of a constant is done here and now."""
    scale, zero = parameters(importer, operator, 1)
    number = operator.number("output_dtype", 0)
    kind = zero.type if zero else _TYPE_NUMBERS.get(number, "uint8" if not number else "a float")
    fmt = affine(scale, zero, kind, operator.number("axis", 1))
    constant = importer.constant(operator.input(0))
    if constant is not None:
        reals = constant.array.astype(np.float32)
        zeros = np.zeros((), np.float64) if zero is None else zero.array.astype(np.float64)
        with np.errstate(all="ignore"):
            steps = np.rint(reals / _along(operator, scale, reals.shape))
            whole = np.nan_to_num(steps + _along(operator, zeros, reals.shape))
        codes = whole.clip(fmt.lo, fmt.hi).astype(np.int64)
        importer.write(operator, Constant(codes, kind))
        return
    if operator.number("block_size", 0):
        raise DataError("a scale for each block is read for constants only: use one for the tensor")
    source = importer.tensor(operator.input(0))
    if isinstance(source, Codes | Pending):
        raise DataError("it reads integers already")
    lift = LIFT if kind == "int8" and operator.outputs[0] in importer.lifted else 0
    importer.write(operator, Pending(source, replace(quantizer(fmt), lift=lift)))


def dequantized(value: Value, fmt: Affine) -> Real:
    """Return the numbers that codes stand for."""
    if isinstance(fmt.zero_point, tuple) or isinstance(fmt.scale, tuple):
        raise DataError("a computed tensor must have one scale and zero point, not several")
    found = value.spec.format
    if found.bits != fmt.bits and not (found.bits < fmt.bits and fmt.lo <= found.lo):
        raise DataError(f"codes of {found} are read as those of {fmt}")
    return Real(value, np.asarray(np.float32(fmt.scale)), fmt.zero_point)


def quantized_input(importer: Importer, operator: Operator, position: int) -> Real:
    """Return the numbers of codes, whose scale and zero point are the two inputs behind them."""
    value = importer.codes(operator.input(position))
    scale, zero = parameters(importer, operator, position + 1)
    return dequantized(value, affine(scale, zero, code_type(value, zero), None))


def quantized_output(importer: Importer, operator: Operator, source: Source, position: int) -> None:
    """Remember the output of an operator that has its scale and zero point as inputs."""
    scale, zero = parameters(importer, operator, position)
    fmt = affine(scale, zero, zero.type if zero is not None else "uint8", None)
    importer.write(operator, Pending(source, quantizer(fmt)))


def code_type(value: Value, zero: Constant | None) -> str:
    """Return what codes are kept as: what their zero point is, or 8 or 16 bits."""
    fmt = value.spec.format
    if zero is not None:
        return zero.type
    return f"{'' if fmt.signed else 'u'}int{8 if fmt.bits <= 8 else 16}"


def dequantize_linear(importer: Importer, operator: Operator) -> None:
    """Say what codes stand for."""
    scale, zero = parameters(importer, operator, 1)
    constant = importer.constant(operator.input(0))
    if constant is not None:
        importer.write(operator, _dequantized_constant(operator, constant, scale, zero))
        return
    if operator.number("block_size", 0):
        raise DataError("a scale for each block is read for constants only: use one for the tensor")
    value = importer.codes(operator.input(0))
    kind = code_type(value, zero)
    if scale.size > 1 and value.name == "input":  # the edge of the graph: numbers stay codes
        importer.write(operator, _edge(importer, value, affine(scale, zero, kind, _axis(operator))))
        return
    real = dequantized(value, affine(scale, zero, kind, None))
    lifted = kind == "int8" and operator.input(0) in importer.lifted
    importer.write(operator, replace(real, lift=LIFT if lifted else 0))


def _axis(operator: Operator) -> int:
    return operator.number("axis", 1)


def _edge(importer: Importer, value: Value, fmt: Affine) -> Codes:
    axis = value.axis(fmt.axis or 0) - len(value.spec.shape)  # with or without a batch
    inner = replace(fmt, axis=axis)
    inner.scales(value.spec.shape)
    return Codes(importer.reinterpreted(value, inner))


def _dequantized_constant(
    operator: Operator, constant: Constant, scale: Array, zero: Constant | None
) -> Constant:
    """Return real numbers; codes and format with them where scales do not come in blocks."""
    if constant.type not in _CODES:
        raise DataError(f"codes must be integers of 2 to 32 bits, not {constant.type}")
    codes = constant.array.astype(np.int64)
    zeros = np.zeros((), np.int64) if zero is None else zero.array.astype(np.int64)
    shape = codes.shape
    offset = codes - _along(operator, zeros, shape)
    with np.errstate(all="ignore"):
        reals = (offset.astype(np.float32) * _along(operator, scale, shape)).astype(np.float32)
    if operator.number("block_size", 0) and scale.size > 1:
        return Constant(reals, "float32")
    axis = _axis(operator) % max(1, len(shape))
    return Constant(reals, "float32", codes, affine(scale, zero, constant.type, axis))


def dynamic_quantize_linear(importer: Importer, operator: Operator) -> None:
    """Quantise a constant; what is computed has no scale before it runs."""
    constant = importer.constant(operator.input(0))
    if constant is None:
        raise DataError(
            "its scale is known only when it runs, so that no integer format is: quantise "
            "statically (calibrate, then QuantizeLinear with a constant scale)"
        )
    if len(operator.outputs) != 3 or not constant.array.size:
        raise DataError("there must be three outputs and an input that is not empty")
    reals = constant.array.astype(np.float32)
    low, high = np.minimum(reals.min(), 0), np.maximum(reals.max(), 0)
    scale = np.float32((high - low) / np.float32(255))
    if not np.isfinite(scale) or scale <= 0:
        raise DataError("the constant must have finite numbers, not all 0")
    zero = np.rint(-low / scale).clip(0, 255)
    codes = (np.rint(reals / scale) + zero).clip(0, 255)
    importer.write(operator, Constant(codes.astype(np.int64), "uint8"), 0)
    importer.write(operator, Constant(np.asarray(scale), "float32"), 1)
    importer.write(operator, Constant(np.asarray(zero.astype(np.int64)), "uint8"), 2)


def cast(importer: Importer, operator: Operator) -> None:
    """Read integers as real numbers, or pass on what stays what it is."""
    number = operator.number("to", 0)
    dtype = _DTYPES.get(number)
    if dtype is None:
        raise DataError(f"it must be to integers or floats, not type {number}")
    constant = importer.constant(operator.input(0))
    if constant is not None:
        with np.errstate(all="ignore"):
            array: Array = constant.array.astype(dtype)
        is_float = np.issubdtype(dtype, np.floating)
        kept = replace(constant, array=array, type=np.dtype(dtype).name)
        importer.write(operator, kept if is_float else Constant(array, np.dtype(dtype).name))
        return
    tensor = importer.tensor(operator.input(0))
    to_float = np.issubdtype(dtype, np.floating)
    if isinstance(tensor, Codes | Pending) and to_float:
        value = importer.codes(operator.input(0))
        importer.write(operator, Real(value, np.asarray(np.float32(1))))
    elif to_float:
        importer.write(operator, tensor)
    else:
        raise DataError("floats become integers by QuantizeLinear, not by Cast")
