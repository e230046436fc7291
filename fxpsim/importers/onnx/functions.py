"""Functions of single elements, and what depends on their order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxpsim import ops
from fxpsim.errors import DataError
from fxpsim.formats import Affine
from fxpsim.importers.onnx.importer import Importer
from fxpsim.importers.onnx.model import Constant, Operator
from fxpsim.importers.onnx.quantization import quantized_input, quantized_output
from fxpsim.importers.onnx.values import Codes, Pending, Raw, Real, Shares, Step

__all__ = [
    "argmax",
    "batch_normalization",
    "clip",
    "function",
    "identity",
    "qlinear_function",
    "qlinear_softmax",
    "relu",
    "softmax",
]

Array = NDArray[Any]
Function = Callable[[Array, Operator], Array]
_F = np.float32


def _sigmoid(x: Array, _: Operator) -> Array:
    with np.errstate(over="ignore"):
        return np.asarray(1 / (1 + np.exp(-x.astype(np.float64))), _F)


def _leaky(x: Array, operator: Operator) -> Array:
    return np.asarray(np.where(x >= 0, x, x * _F(operator.real("alpha", 0.01))))


def _hard_sigmoid(x: Array, operator: Operator) -> Array:
    alpha, beta = _F(operator.real("alpha", 0.2)), _F(operator.real("beta", 0.5))
    return _unit(x * alpha + beta)


def _unit(x: Array) -> Array:
    return np.asarray(np.clip(x, _F(0), _F(1)))


#: Functions of one number, and whether they never fall.
FUNCTIONS: dict[str, tuple[Function, bool]] = {
    "Abs": (lambda x, _: np.abs(x), False),
    "HardSigmoid": (_hard_sigmoid, True),
    "HardSwish": (lambda x, _: x * _unit(x * _F(1 / 6) + _F(0.5)), False),
    "LeakyRelu": (_leaky, True),
    "Neg": (lambda x, _: -x, False),
    "Sigmoid": (_sigmoid, True),
    "Sign": (lambda x, _: np.sign(x), True),
    "Tanh": (lambda x, _: np.asarray(np.tanh(x.astype(np.float64)), _F), True),
}


def _then(importer: Importer, operator: Operator, step: Step) -> None:
    """Let a function follow a tensor of real numbers."""
    tensor = importer.tensor(operator.input(0))
    if isinstance(tensor, Raw):
        raise DataError("it reads the float32 input: quantise that first (QuantizeLinear, Quant)")
    if isinstance(tensor, Codes | Pending):
        raise DataError("it reads integers: dequantise them first (DequantizeLinear)")
    importer.write(operator, tensor.then(step))


def _constant_in(importer: Importer, operator: Operator) -> Array | None:
    constant = importer.constant(operator.input(0))
    return None if constant is None else constant.array.astype(np.float32)


def function(importer: Importer, operator: Operator) -> None:
    """Let a function follow."""
    compute, rises = FUNCTIONS[operator.kind]
    reals = _constant_in(importer, operator)
    if reals is not None:
        importer.write(operator, Constant(compute(reals, operator), "float32"))
        return
    rises = rises and operator.real("alpha", 0.1) >= 0
    _then(importer, operator, Step(lambda x: compute(x, operator), int(rises)))


def relu(importer: Importer, operator: Operator) -> None:
    """Let max(x, 0) follow; of integers, it is a clamp."""
    _clamp(importer, operator, 0.0, np.inf)


def clip(importer: Importer, operator: Operator) -> None:
    """Let min(max(x, low), high) follow, or narrow the range of codes (QCDQ)."""
    ends = []
    for position, attribute, default in ((1, "min", -np.inf), (2, "max", np.inf)):
        if operator.input(position):
            array = importer.known(operator, position, attribute).array
            if array.size != 1:
                raise DataError(f"{attribute} must be one number, not {array.size}")
            ends.append(float(array.reshape(-1)[0]))
        else:
            ends.append(operator.real(attribute, 0.0) if attribute in operator.attributes
                        else default)  # fmt: skip
    if not ends[0] <= ends[1]:
        raise DataError(f"min must be at most max, not {ends[0]} and {ends[1]}")
    _clamp(importer, operator, ends[0], ends[1])


def _clamp(importer: Importer, operator: Operator, low: float, high: float) -> None:
    constant = importer.constant(operator.input(0))
    if constant is not None:
        kept = constant.array.clip(low, high).astype(constant.array.dtype)
        importer.write(operator, Constant(kept, _narrow_type(constant, low, high)))
        return
    tensor = importer.tensor(operator.input(0))
    if isinstance(tensor, Codes | Pending):
        importer.write(operator, _narrowed(importer, operator, tensor, low, high))
    else:
        _then(importer, operator, Step.clip(low, high))


def _narrow_type(constant: Constant, low: float, high: float) -> str:
    """Return what integers of a smaller range are kept as: weights of few bits (QCDQ)."""
    if constant.type not in ("int8", "uint8"):
        return constant.type
    signed = constant.type == "int8"
    ends = max(low, -128 if signed else 0), min(high, 127 if signed else 255)
    return f"{constant.type[:-1]}{_bits_for(8, signed, (int(ends[0]), int(ends[1])))}"


def _bits_for(most: int, signed: bool, codes: tuple[int, ...]) -> int:
    """Return the bits of the shortest word that holds codes."""
    bits = most
    while bits > 1:
        fmt = Affine(bits - 1, 1.0, signed=signed)
        if not fmt.lo <= min(codes) <= max(codes) <= fmt.hi:
            return bits
        bits -= 1
    return bits


def _narrowed(
    importer: Importer, operator: Operator, tensor: Codes | Pending, low: float, high: float
) -> Codes | Pending:
    """Return codes of a smaller range, in a word that has no bit too many."""
    if isinstance(tensor, Codes) or isinstance(tensor.quantizer.target.scale, tuple):
        value = importer.codes(operator.input(0))
        fmt = value.spec.format
        codes = np.arange(fmt.lo, fmt.hi + 1) if fmt.bits <= 16 else np.empty(0)
        table = ops.Table(codes.clip(low, high), fmt)
        return Codes(importer.add(operator.outputs[0], table, value, axes=value.axes))
    wanted = tensor.quantizer
    ends = max(wanted.low, low), min(wanted.high, high)
    if ends[0] > ends[1]:
        raise DataError(f"no code is left of {wanted.low} to {wanted.high}")
    bottom, top = int(np.ceil(ends[0])), int(np.floor(ends[1]))
    fmt = wanted.target
    bits = _bits_for(fmt.bits, fmt.signed, (bottom, top, wanted.zero))
    return Pending(tensor.source, replace(wanted, target=replace(fmt, bits=bits),
                                          low=bottom, high=top))  # fmt: skip


def identity(importer: Importer, operator: Operator) -> None:
    """Pass a tensor on."""
    constant = importer.constant(operator.input(0))
    if constant is not None:
        importer.write(operator, constant)
    elif isinstance(importer.tensor(operator.input(0)), Pending):
        importer.write(operator, Codes(importer.codes(operator.input(0))))
    else:
        importer.write(operator, importer.tensor(operator.input(0)))


def softmax(importer: Importer, operator: Operator) -> None:
    """Remember a softmax, or leave the one at the end to the caller: it keeps the scores' order."""
    real = importer.real(operator.input(0))
    if operator.outputs[0] in importer.file.outputs:
        importer.outside.append(str(operator))
        importer.write(operator, real)
        return
    if operator.kind != "Softmax":
        raise DataError("only at the end, where it changes no decision, can it be left out")
    importer.write(operator, _shares(operator, real))


def _shares(operator: Operator, real: Real) -> Shares:
    value = real.value
    if not value.axes or value.position(operator.number("axis", -1)) != len(value.axes) - 1:
        raise DataError("the axis must be the last one")
    value.axis(-1)
    return Shares(real)


def qlinear_softmax(importer: Importer, operator: Operator) -> None:
    """Append ONNX Runtime's quantised softmax."""
    shares = _shares(operator, quantized_input(importer, operator, 0))
    quantized_output(importer, operator, shares, 3)


def argmax(importer: Importer, operator: Operator) -> None:
    """Append the index of the highest score along the last axis."""
    name = operator.input(0)
    tensor = importer.tensor(name)
    if isinstance(tensor, Codes | Pending):
        value = importer.codes(name)
    else:
        real = importer.real(name)
        if not real.rises or real.channels is not None:
            raise DataError("what it reads must be quantised first, with one scale")
        value = real.value
    value = importer.natural(value)
    if value.position(operator.number("axis", 0)) != len(value.axes) - 1:
        raise DataError("the axis must be the last one")
    value.axis(-1)
    if operator.number("select_last_index", 0):
        raise DataError("of equal scores the first is taken, not the last (select_last_index)")
    found = importer.add(importer.layer_name(operator), ops.Argmax(), value, axes=value.axes[:-1])
    if operator.number("keepdims", 1):
        found = importer.reshaped(found, (*found.shape, 1))
    importer.write(operator, Codes(found))


def batch_normalization(importer: Importer, operator: Operator) -> None:
    """Let a gain and an offset for each channel follow."""
    names = ("scale", "bias", "mean", "variance")
    gain, bias, mean, variance = (
        importer.known(operator, i, name).array.astype(np.float32)
        for i, name in enumerate(names, start=1)
    )
    real = importer.real(operator.input(0))
    value = real.value
    channels = value.spec.shape[-1] if value.spec.shape else 0
    if any(array.shape != (channels,) for array in (gain, bias, mean, variance)):
        raise DataError(f"there must be {channels} scales, biases, means and variances")
    if len(value.axes) < 2 or value.axes[1] != len(value.spec.shape) - 1:
        raise DataError("it must follow a convolution or a fully connected layer")
    with np.errstate(all="ignore"):
        factor = gain / np.sqrt(variance + _F(operator.real("epsilon", 1e-5)))
        offset = bias - mean * factor
    if not (np.isfinite(factor).all() and np.isfinite(offset).all()):
        raise DataError("scales, biases, means and variances must be finite, variances positive")
    step = Step(lambda x: x * factor + offset, np.where(factor >= 0, 1, -1))
    importer.write(operator, real.then(step))


def qlinear_function(importer: Importer, operator: Operator) -> None:
    """Append ONNX Runtime's quantised Sigmoid or LeakyRelu."""
    compute, rises = FUNCTIONS[operator.kind.removeprefix("QLinear")]
    step = Step(lambda x: compute(x, operator), int(rises))
    quantized_output(importer, operator, quantized_input(importer, operator, 0).then(step), 3)
