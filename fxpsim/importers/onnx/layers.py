"""Conv, Gemm, MatMul, and their integer and quantised relatives."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxpsim import ops
from fxpsim.accumulators import Accumulator
from fxpsim.errors import DataError
from fxpsim.formats import Affine, QFormat
from fxpsim.importers.onnx.images import window_of
from fxpsim.importers.onnx.importer import Importer
from fxpsim.importers.onnx.model import Constant, Operator
from fxpsim.importers.onnx.quantization import (
    affine,
    code_type,
    dequantized,
    parameters,
    quantized_input,
    quantized_output,
)
from fxpsim.importers.onnx.values import Codes, Real, Step, Value

__all__ = [
    "conv",
    "conv_integer",
    "gemm",
    "matmul",
    "matmul_integer",
    "qgemm",
    "qlinear_conv",
    "qlinear_matmul",
]

Array = NDArray[Any]
MOST_GROUPS = 64
_INT32 = QFormat(32, 0)


def _register(importer: Importer, value: Value) -> Accumulator:
    """Return 32 bits that wrap, 48 for codes of 16; ONNX Runtime adds the bias as it rescales."""
    bits = 32 if value.spec.format.bits <= 8 else 48
    return Accumulator(bits, bias="last" if importer.engine == "onnx" else "first")


def _weights(constant: Constant | None, name: str) -> Constant:
    if constant is None:
        raise DataError(f"weights must be constant, but {name[:60]!r} is computed")
    if constant.codes is None or constant.format is None:
        raise DataError(
            f"weights {name[:60]!r} must be quantised, not {constant.type}: keep them as integers "
            "with DequantizeLinear, or quantise them with Quant"
        )
    if constant.format.bits > 8:
        raise DataError(f"weights {name[:60]!r} must have 1 to 8 bits, not {constant.format.bits}")
    return constant


def _along(fmt: Affine, axis: int, rank: int, moved: int) -> Affine:
    """Return the weights' format with scales along ``axis`` moved to the axis of the outputs."""
    if fmt.axis is None:
        return fmt
    if fmt.axis % rank != axis:
        raise DataError(
            f"the scales of weights must run along axis {axis}, their outputs, not {fmt.axis}"
        )
    return replace(fmt, axis=moved)


def _bias(
    importer: Importer, constant: Constant | None, scale: Array, outputs: int
) -> tuple[dict[str, Any], Array | None]:
    """Return the bias as codes of the sums' scale, or float32 where it has none such."""
    if constant is None:
        return {}, None
    if constant.array.size not in (1, outputs):
        raise DataError(
            f"the bias must have {outputs} numbers, one an output, not {constant.array.size}"
        )
    reals = np.broadcast_to(constant.array.astype(np.float64).reshape(-1), (outputs,))
    if constant.type == "int32":  # codes already, of the sums' scale
        return _coded(reals), None
    reals = reals.astype(np.float32)
    if not np.isfinite(reals).all():
        raise DataError("the bias must be finite")
    fmt = constant.format
    with np.errstate(all="ignore"):
        steps = np.rint(reals.astype(np.float64) / scale)
    if (
        constant.codes is not None
        and fmt is not None
        and fmt.bits == 32
        and not np.any(fmt.zero_point)
    ):
        close = np.isclose(np.asarray(fmt.scale, np.float32), scale, rtol=1e-3, atol=0)
        if close.all() and not np.any(fmt.zero_point):
            steps = np.broadcast_to(constant.codes.reshape(-1), (outputs,)).astype(np.float64)
            return _coded(steps), None
    exact = np.array_equal(steps * scale.astype(np.float64), reals)
    if (exact or importer.engine == "onnx") and (np.abs(steps) < 1 << 31).all():
        return _coded(steps), None
    return {}, reals


def _coded(steps: Array) -> dict[str, Any]:
    return {"bias": steps.astype(np.int64), "bias_format": _INT32}


def _shifted(sums: Real, bias: Array | None) -> Real:
    return sums if bias is None else sums.then(Step(lambda x: x + bias, np.ones(len(bias), int)))


# -- convolutions -------------------------------------------------------------------------------


def _convolved(
    importer: Importer,
    operator: Operator,
    value: Value,
    weights: Constant,
    bias: dict[str, Any],
) -> Value:
    """Append a convolution of codes; return its sums."""
    codes, fmt = weights.codes, weights.format
    assert codes is not None
    assert fmt is not None
    flat = len(value.axes) == 3  # one dimension: an image of height 1
    if flat and codes.ndim == 3:
        value = importer.reshaped(value, (*value.shape[:2], 1, value.shape[2]))
        codes = codes[:, :, None]
    if codes.ndim != 4 or not codes.size:
        raise DataError(
            "weights must have shape (outputs, inputs, height, width) or (outputs, inputs, width), "
            f"not {codes.shape}"
        )
    importer.reserve(codes.size)
    image = importer.channels_last(value)
    inputs, groups = image.spec.shape[2], operator.number("group", 1)
    outputs, per_group = codes.shape[:2]
    if groups < 1 or inputs != groups * per_group or outputs % groups:
        raise DataError(
            f"{inputs} input channels, {outputs} outputs and weights for {per_group} inputs do not "
            f"fit {groups} groups"
        )
    size = codes.shape[2:]
    window = window_of(operator, size, (image.spec.shape[0], image.spec.shape[1]), flat)
    place = {
        name: getattr(window, name) for name in ("stride", "dilation", "top_left", "bottom_right")
    }
    common: dict[str, Any] = {"accumulator": _register(importer, value), **place}
    name = importer.layer_name(operator)
    axes = (None, 2, 0, 1)
    taps = codes.transpose(2, 3, 1, 0)
    if per_group == 1 and groups > 1:
        layer: ops.Layer = ops.DepthwiseConv2D(
            taps[:, :, 0], _along(fmt, 0, codes.ndim, 2), **bias, multiplier=outputs // groups,
            **common,
        )  # fmt: skip
        sums = importer.add(name, layer, image, axes=axes)
    else:
        if groups > MOST_GROUPS:
            raise DataError(f"there must be at most {MOST_GROUPS} groups, not {groups}")
        common["folded"] = importer.engine == "onnx"
        fmt = _along(fmt, 0, codes.ndim, 3)
        parts = []
        for group in range(groups):
            each = slice(group * outputs // groups, (group + 1) * outputs // groups)
            own = {k: v[each] if k == "bias" else v for k, v in bias.items()}
            layer = ops.Conv2D(taps[..., each], _part(fmt, each), **own, **common)
            source = image if groups == 1 else _channels(importer, image, group, per_group)
            called = name if groups == 1 else f"{name}:{group}"
            parts.append(importer.add(called, layer, source, axes=axes))
        sums = parts[0]
        if groups > 1:
            sums = importer.add(name, ops.Concatenate(2), *parts, axes=axes)
    if flat:
        sums = importer.add(
            f"{name}:row", ops.Reshape(sums.spec.shape[1:]), sums, axes=(None, 1, 0)
        )
    return sums


def _part(fmt: Affine, each: slice) -> Affine:
    if not isinstance(fmt.scale, tuple) or not isinstance(fmt.zero_point, tuple):
        return fmt
    return replace(fmt, scale=fmt.scale[each], zero_point=fmt.zero_point[each])


def _channels(importer: Importer, image: Value, group: int, count: int) -> Value:
    height, width, _ = image.spec.shape
    op = ops.Slice((0, 0, group * count), (height, width, count), (1, 1, 1))
    return importer.add(f"{image.name}:{group}", op, image, axes=image.axes)


def _convolution(
    importer: Importer, operator: Operator, real: Real, weights: Constant, bias: Constant | None
) -> Real:
    """Append a convolution of real numbers; return them as its sums."""
    value = importer.operand(real)
    assert weights.format is not None
    assert weights.codes is not None
    scale = real.scale * np.asarray(weights.format.scale, np.float32)
    outputs = weights.codes.shape[0] if weights.codes.ndim else 0
    coded, rest = _bias(importer, bias, scale, outputs)
    return _shifted(Real(_convolved(importer, operator, value, weights, coded), scale), rest)


def conv(importer: Importer, operator: Operator) -> None:
    """Append a convolution."""
    weights = _weights(importer.constant(operator.input(1)), operator.input(1))
    real = importer.real(operator.input(0))
    bias = importer.known(operator, 2, "the bias") if operator.input(2) else None
    importer.write(operator, _convolution(importer, operator, real, weights, bias))


def conv_integer(importer: Importer, operator: Operator) -> None:
    """Append a convolution whose sums are its output."""
    value, weights = _integer_operands(importer, operator, 0)
    importer.write(operator, Codes(_convolved(importer, operator, value, weights, {})))


def qlinear_conv(importer: Importer, operator: Operator) -> None:
    """Append a convolution with its rescaling."""
    real = quantized_input(importer, operator, 0)
    weights = _quantized_weights(importer, operator, 3, 0)
    bias = _integer_bias(importer, operator, 8)
    sums = _convolution(importer, operator, real, weights, bias)
    quantized_output(importer, operator, sums, 6)


# -- products of matrices -----------------------------------------------------------------------


def _multiplied(
    importer: Importer, operator: Operator, value: Value, weights: Constant, bias: dict[str, Any]
) -> Value:
    """Append products of the rows of a tensor with a constant matrix; return the sums."""
    codes, fmt = weights.codes, weights.format
    assert codes is not None
    assert fmt is not None
    if codes.ndim < 2 or not codes.size or not value.axes:
        raise DataError(
            f"weights must be a matrix (inputs, outputs) for rows of the input, not {codes.shape}"
        )
    importer.reserve(codes.size)
    value = importer.natural(value)
    name = importer.layer_name(operator)
    common: dict[str, Any] = {
        "accumulator": _register(importer, value),
        "folded": importer.engine == "onnx",
    }
    outer = codes.shape[:-2]
    value.axis(-1)
    if np.prod(outer, dtype=np.int64) == 1:
        matrix = codes.reshape(codes.shape[-2:])
        layer = ops.Dense(
            matrix, _along(fmt, codes.ndim - 1, codes.ndim, 1), **bias, by_row=True, **common
        )
        return importer.add(name, layer, value, axes=value.axes)
    return _batch_multiplied(importer, name, value, codes, fmt, common)


def _batch_multiplied(
    importer: Importer, name: str, value: Value, codes: Array, fmt: Affine, common: dict[str, Any]
) -> Value:
    """Append a product for each constant matrix of a stack (matrices, inputs, outputs)."""
    if fmt.axis is not None or codes.ndim != 3 or len(codes) > MOST_GROUPS:
        raise DataError(
            f"a stack of at most {MOST_GROUPS} matrices with one scale is read, not {codes.shape}"
        )
    if len(value.spec.shape) != 3 or value.spec.shape[0] != len(codes) or value.batched:
        raise DataError(
            f"{len(codes)} matrices need as many inputs along the first axis, not {value.shape}"
        )
    _, rows, inputs = value.spec.shape
    parts = []
    for i, matrix in enumerate(codes):
        row = ops.Slice((i, 0, 0), (1, rows, inputs), (1, 1, 1), (0,))
        source = importer.add(f"{name}:{i}:input", row, value, axes=(0, 1))
        layer = ops.Dense(matrix, fmt, by_row=True, **common)
        parts.append(importer.add(f"{name}:{i}", layer, source, axes=(0, 1)))
    return importer.add(name, ops.Stack(0), *parts, axes=(0, 1, 2))


def _product(
    importer: Importer, operator: Operator, real: Real, weights: Constant, bias: Constant | None
) -> Real:
    value = importer.operand(real)
    assert weights.format is not None
    assert weights.codes is not None
    scale = real.scale * np.asarray(weights.format.scale, np.float32)
    outputs = weights.codes.shape[-1] if weights.codes.ndim else 0
    coded, rest = _bias(importer, bias, scale, outputs)
    return _shifted(Real(_multiplied(importer, operator, value, weights, coded), scale), rest)


def matmul(importer: Importer, operator: Operator) -> None:
    """Append a product with a constant matrix."""
    weights = _weights(importer.constant(operator.input(1)), operator.input(1))
    real = importer.real(operator.input(0))
    importer.write(operator, _product(importer, operator, real, weights, None))


def _transposed(operator: Operator, weights: Constant) -> Constant:
    if operator.number("transA", 0):
        raise DataError("the input must not be transposed (transA)")
    if operator.real("alpha", 1.0) != 1.0 or operator.real("beta", 1.0) != 1.0:
        raise DataError("alpha and beta must be 1")
    codes, fmt = weights.codes, weights.format
    assert codes is not None
    assert fmt is not None
    if codes.ndim != 2:
        raise DataError(f"weights must be a matrix, not of shape {codes.shape}")
    if not operator.number("transB", 0):
        return weights
    moved = fmt if fmt.axis is None else replace(fmt, axis=1 - fmt.axis % 2)
    return replace(weights, array=weights.array.T, codes=codes.T, format=moved)


def gemm(importer: Importer, operator: Operator) -> None:
    """Append a product with a constant matrix, with a bias."""
    weights = _transposed(
        operator, _weights(importer.constant(operator.input(1)), operator.input(1))
    )
    real = importer.real(operator.input(0))
    if len(real.value.axes) != 2:
        raise DataError(f"the input must have shape (batch, inputs), not {real.value.shape}")
    bias = importer.known(operator, 2, "the bias") if operator.input(2) else None
    importer.write(operator, _product(importer, operator, real, weights, bias))


def matmul_integer(importer: Importer, operator: Operator) -> None:
    """Append a product whose sums are its output."""
    value, weights = _integer_operands(importer, operator, -1)
    importer.write(operator, Codes(_multiplied(importer, operator, value, weights, {})))


def qlinear_matmul(importer: Importer, operator: Operator) -> None:
    """Append a product with its rescaling."""
    real = quantized_input(importer, operator, 0)
    weights = _quantized_weights(importer, operator, 3, -1)
    quantized_output(importer, operator, _product(importer, operator, real, weights, None), 6)


def qgemm(importer: Importer, operator: Operator) -> None:
    """Append ONNX Runtime's quantised Gemm."""
    real = quantized_input(importer, operator, 0)
    weights = _quantized_weights(importer, operator, 3, 0 if operator.number("transB", 0) else 1)
    weights = _transposed(operator, weights)
    bias = _integer_bias(importer, operator, 6)
    sums = _product(importer, operator, real, weights, bias)
    if operator.input(7):
        quantized_output(importer, operator, sums, 7)
    else:
        importer.write(operator, sums)


# -- operands of the quantised forms ------------------------------------------------------------


def _quantized_weights(
    importer: Importer, operator: Operator, position: int, axis: int
) -> Constant:
    scale, zero = parameters(importer, operator, position + 1)
    return _coded_weights(importer, operator, position, scale, zero, axis)


def _coded_weights(
    importer: Importer,
    operator: Operator,
    position: int,
    scale: Array,
    zero: Constant | None,
    axis: int,
) -> Constant:
    name = operator.input(position)
    constant = importer.constant(name)
    if constant is None:
        raise DataError(f"weights must be constant, but {name[:60]!r} is computed")
    if zero is not None and zero.type != constant.type:
        raise DataError(f"zero points must be {constant.type} as the weights are, not {zero.type}")
    if not constant.integer or not constant.array.ndim:
        raise DataError(f"weights must be integers, not {constant.type}")
    fmt = affine(scale, zero, constant.type, axis % constant.array.ndim)
    return _weights(replace(constant, codes=constant.array.astype(np.int64), format=fmt), name)


def _integer_operands(importer: Importer, operator: Operator, axis: int) -> tuple[Value, Constant]:
    """Return codes with their zero point, and weights with theirs, of scale 1."""
    value = importer.codes(operator.input(0))
    zeros = [
        importer.known(operator, i, "the zero point") if operator.input(i) else None for i in (2, 3)
    ]
    one = np.ones(1, np.float32)
    fmt = affine(one, zeros[0], code_type(value, zeros[0]), None)
    real = dequantized(value, fmt)
    weights = _coded_weights(importer, operator, 1, one, zeros[1], axis)
    return importer.operand(real), weights


def _integer_bias(importer: Importer, operator: Operator, position: int) -> Constant | None:
    """Return an int32 bias, which has the scale of the sums."""
    if not operator.input(position):
        return None
    constant = importer.known(operator, position, "the bias")
    if constant.type != "int32":
        raise DataError(f"the bias must be int32, not {constant.type}")
    return constant
