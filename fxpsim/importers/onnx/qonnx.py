"""Quant, BipolarQuant and Trunc of QONNX: quantisation and dequantisation in one.

Pappalardo et al.: QONNX: Representing Arbitrary-Precision Quantized Neural Networks.
arXiv:2206.07527.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxpsim.errors import DataError, suggest
from fxpsim.formats import Affine
from fxpsim.importers.onnx.importer import Importer
from fxpsim.importers.onnx.model import Constant, Operator
from fxpsim.importers.onnx.quantization import dequantized
from fxpsim.importers.onnx.quantizer import ROUNDINGS, Quantizer
from fxpsim.importers.onnx.values import Codes, Pending, Step

__all__ = ["bipolar_quant", "input_quantizer", "quant", "trunc"]

Array = NDArray[Any]


def _numbers(importer: Importer, operator: Operator, position: int, what: str) -> Array:
    array = importer.known(operator, position, what).array.astype(np.float64)
    if not array.size or not np.isfinite(array).all():
        raise DataError(f"{what} must be finite")
    return array


def _one(importer: Importer, operator: Operator, position: int, what: str) -> float:
    array = _numbers(importer, operator, position, what)
    if array.size != 1:
        raise DataError(f"{what} must be one number, not {array.size}")
    return float(array.reshape(-1)[0])


def _bits(importer: Importer, operator: Operator, position: int) -> int:
    bits = _one(importer, operator, position, "the bit width")
    if bits != int(bits) or not 1 <= bits <= 32:
        raise DataError(f"the bit width must be 1 to 32, not {bits}")
    return int(bits)


def _rounding(operator: Operator, default: str) -> str:
    mode = operator.text("rounding_mode", default).upper()
    if mode not in ROUNDINGS or mode == "SIGN":
        raise DataError(
            f"rounding mode must be one of QONNX's, not {mode[:20]!r}"
            f"{suggest(mode[:20], ROUNDINGS)}"
        )
    return mode


def _range(operator: Operator, bits: int) -> tuple[int, int, bool]:
    signed, narrow = operator.number("signed", 1) != 0, operator.number("narrow", 0) != 0
    if signed:
        half = 1 << (bits - 1)
        return -half + narrow, half - 1, True
    return 0, (1 << bits) - 1 - narrow, False


def _format(
    scales: Array, zeros: Array, bits: int, signed: bool, shape: tuple[int, ...] | None
) -> Affine:
    """Return a format for scales that stretch over a constant's shape, along one axis at most."""
    if scales.size == 1 and zeros.size == 1:
        scale, zero = scales.reshape(-1)[0], zeros.reshape(-1)[0]
        return Affine(bits, _float32(scale), _whole(zero), signed=signed)
    if shape is None:
        raise DataError(
            f"what is computed must have one scale and zero point, not {scales.size} and "
            f"{zeros.size}"
        )
    try:
        wide = np.broadcast_shapes(scales.shape, zeros.shape)
        if np.broadcast_shapes(wide, shape) != shape:
            raise ValueError
    except ValueError:
        raise DataError(
            f"scales of shape {scales.shape} do not stretch to the tensor's {shape}"
        ) from None
    long = [axis - len(wide) for axis, size in enumerate(wide) if size > 1]
    if len(long) != 1 or wide[long[0]] > 1 << 16:
        raise DataError(f"scales must run along one axis, but their shape is {wide}")
    each = np.broadcast_to(scales, wide).reshape(-1), np.broadcast_to(zeros, wide).reshape(-1)
    return Affine(
        bits,
        [_float32(scale) for scale in each[0]],
        [_whole(zero) for zero in each[1]],
        signed=signed,
        axis=long[0] + len(shape),
    )


def _float32(scale: Any) -> float:
    with np.errstate(over="ignore", under="ignore"):
        return float(np.float32(scale))


def _whole(zero: Any) -> int:
    if zero != int(zero) or abs(zero) > 1 << 31:
        raise DataError(f"the zero point must be a whole number, not {zero}")
    return int(zero)


def _settings(
    importer: Importer, operator: Operator, shape: tuple[int, ...] | None
) -> tuple[Affine, int, int, str]:
    """Return format, range and rounding of a Quant for a tensor of the file's shape."""
    scales = _numbers(importer, operator, 1, "the scale")
    zeros = _numbers(importer, operator, 2, "the zero point")
    bits = _bits(importer, operator, 3)
    if bits == 1 and operator.number("signed", 1):
        return _format(scales, np.zeros(1), 2, True, shape), -1, 1, "SIGN"
    low, high, signed = _range(operator, bits)
    return _format(scales, zeros, bits, signed, shape), low, high, _rounding(operator, "ROUND")


def quant(importer: Importer, operator: Operator) -> None:
    """Quantise, then say what the codes stand for."""
    constant = importer.constant(operator.input(0))
    if constant is not None:
        shape = np.shape(constant.array)
        importer.write(operator, _constant(constant, *_settings(importer, operator, shape)))
        return
    _computed(importer, operator, *_settings(importer, operator, None))


def bipolar_quant(importer: Importer, operator: Operator) -> None:
    """Quantise to -1 and +1."""
    scales = _numbers(importer, operator, 1, "the scale")
    constant = importer.constant(operator.input(0))
    shape = np.shape(constant.array) if constant is not None else None
    fmt = _format(scales, np.zeros(1), 2, True, shape)
    if constant is not None:
        importer.write(operator, _constant(constant, fmt, -1, 1, "SIGN"))
    else:
        _computed(importer, operator, fmt, -1, 1, "SIGN")


def _constant(constant: Constant, fmt: Affine, low: int, high: int, rounding: str) -> Constant:
    shape = np.shape(constant.array)
    scales = fmt.scales(shape).astype(np.float32)
    zeros = fmt.zero_points(shape)
    with np.errstate(all="ignore"):
        steps = constant.array.astype(np.float32) / scales + zeros.astype(np.float32)
    if rounding != "SIGN":
        steps = np.nan_to_num(steps).clip(low, high)
    codes = ROUNDINGS[rounding](steps).astype(np.int64).clip(low, high)
    reals = ((codes - zeros).astype(np.float32) * scales).astype(np.float32)
    return Constant(reals, "float32", codes, fmt)


def _computed(
    importer: Importer, operator: Operator, fmt: Affine, low: int, high: int, rounding: str
) -> None:
    wanted = Quantizer(fmt, low, high, rounding, zero_inside=True)
    source = importer.tensor(operator.input(0))
    if isinstance(source, Codes | Pending):
        raise DataError("it reads integers, not real numbers")
    value = wanted.apply(importer, operator.outputs[0], source)
    importer.write(operator, dequantized(value, fmt))


def input_quantizer(importer: Importer, operator: Operator) -> Quantizer:
    """Return the quantisation of the input."""
    if operator.kind == "BipolarQuant":
        fmt = _format(_numbers(importer, operator, 1, "the scale"), np.zeros(1), 2, True, None)
        return Quantizer(fmt, -1, 1, "SIGN", zero_inside=True)
    return Quantizer(*_settings(importer, operator, None), zero_inside=True)


def trunc(importer: Importer, operator: Operator) -> None:
    """Drop low bits, keep the scale of those that are left.

    Version 1 has inputs x, scale, zero point, input and output bits, and gives integers times the
    scale of its input; version 2 has the output's scale besides, and clamps.
    """
    real = importer.real(operator.input(0))
    scale = _one(importer, operator, 1, "the scale")
    zero = _one(importer, operator, 2, "the zero point")
    bits = _bits(importer, operator, 3)
    rounding = _rounding(operator, "FLOOR")
    if zero:
        raise DataError("the zero point must be 0")
    if len(operator.inputs) > 5:
        out_scale = _one(importer, operator, 4, "the output's scale")
        out_bits = _bits(importer, operator, 5)
        if not (scale > 0 and out_scale > 0):
            raise DataError("scales must be more than 0")
        dropped = int(np.rint(np.log2(out_scale / scale)))
        low, high, signed = _range(operator, out_bits)
    else:
        out_bits = _bits(importer, operator, 4)
        dropped, out_scale = bits - out_bits, scale
        if dropped < 0:
            raise DataError(f"output bits must be at most the {bits} input bits, not {out_bits}")
        signed = real.value.spec.format.signed
        low = -(1 << (out_bits - 1)) if signed else 0
        high = (1 << (out_bits - signed)) - 1
    if not 0 <= dropped <= 32:
        raise DataError(f"0 to 32 bits must be dropped, not {dropped}")
    fmt = Affine(out_bits, _float32(out_scale), signed=signed)
    whole = Step(lambda x: np.rint(x / np.float32(scale)), 1)
    shifted = Quantizer(replace(fmt, scale=2.0**dropped), low, high, rounding, zero_inside=True)
    value = shifted.apply(importer, operator.outputs[0], real.then(whole))
    importer.write(operator, dequantized(value, fmt))
