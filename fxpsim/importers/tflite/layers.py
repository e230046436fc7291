"""CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED and the pools."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxpsim import schemes
from fxpsim.accumulators import Accumulator
from fxpsim.errors import DataError
from fxpsim.formats import Affine, QFormat
from fxpsim.importers.tflite.importer import Importer, Value
from fxpsim.importers.tflite.kernel_sets import LayerKernel
from fxpsim.importers.tflite.schema import Operator, Tensor
from fxpsim.ops import (
    AveragePool2D,
    Concatenate,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Layer,
    MaxPool2D,
    Rescale,
    RescaleFloat64,
    Slice,
)
from fxpsim.ops.op import single_scale
from fxpsim.ops.window import Pair, Window

__all__ = ["activation", "conv_2d", "depthwise_conv_2d", "fully_connected", "pool_2d"]

Array = NDArray[Any]
#: Sums of 16-bit activations: TensorFlow Lite keeps 64 bits, of which its rescaling allows 48.
_SUM16 = 48
_INT16 = LayerKernel(schemes.Int16x8, folded=False, bias="last")
_ACTIVATIONS = {0: "NONE", 1: "RELU", 2: "RELU_N1_TO_1", 3: "RELU6"}
_LIMITS = {"NONE": (None, None), "RELU": (0, None), "RELU_N1_TO_1": (-1, 1), "RELU6": (0, 6)}


def activation(code: int, target: Affine) -> dict[str, int]:
    """Return zero point and clamp of a fused activation, as a scheme takes them."""
    if code not in _ACTIVATIONS:
        raise DataError(f"fused activation must be one of {_ACTIVATIONS}, not {code}")
    ends = {}
    for name, limit, worst in zip(
        ("act_min", "act_max"), _LIMITS[_ACTIVATIONS[code]], (target.lo, target.hi), strict=True
    ):
        if limit is not None:
            code_of = _quantized(limit, target)
            ends[name] = max(worst, code_of) if name == "act_min" else min(worst, code_of)
    return {"zero_point": _zero(target), **ends}


def _zero(fmt: Affine) -> int:
    return fmt.zero_point if isinstance(fmt.zero_point, int) else 0


def _quantized(value: int, fmt: Affine) -> int:
    steps = float(np.float32(value) / single_scale(fmt))
    return _zero(fmt) + int(np.sign(steps) * np.floor(abs(steps) + 0.5))


def _kernel(importer: Importer, operator: Operator, source: Tensor) -> LayerKernel:
    if source.type == "int16":
        return _INT16
    if source.type != "int8":
        raise DataError(f"{source} must be int8 or int16, not {source.type}")
    return importer.kernels.layers[operator.kind]


def _weights(importer: Importer, operator: Operator) -> tuple[Tensor, Array]:
    if len(operator.inputs) < 2:
        raise DataError("there must be weights")
    tensor = importer.tensor(operator.inputs[1])
    codes = importer.constant(operator.inputs[1])
    if codes is None:
        raise DataError(f"weights must be constant, but {tensor} is computed")
    if tensor.type not in ("int8", "int4"):
        raise DataError(f"weights must be int8 or int4, but {tensor} is {tensor.type}")
    importer.reserve(codes.size)
    return tensor, codes


def _bias(importer: Importer, operator: Operator) -> dict[str, Any]:
    index = operator.inputs[2] if len(operator.inputs) > 2 else -1
    if index < 0:
        return {}
    codes = importer.constant(index)
    if codes is None or codes.dtype not in (np.int32, np.int64):
        raise DataError(f"the bias, {importer.tensor(index)}, must be constant int32 or int64")
    bits = 32 if codes.dtype == np.int32 else _SUM16
    return {"bias": codes.reshape(-1), "bias_format": QFormat(bits, 0)}


def _accumulator(kernel: LayerKernel) -> Accumulator:
    return Accumulator(_SUM16 if kernel is _INT16 else 32, bias=kernel.bias)


def _scheme(
    kernel: LayerKernel, source: Tensor, weights: Tensor, target: Affine, act: int, dense: bool
) -> schemes.Rescale:
    """Return the scheme with the constants that the engine's preparation gives it."""
    limits = activation(act, target)
    out = single_scale(target)
    scales = weights.scales.astype(np.float32)
    if issubclass(kernel.scheme, schemes.FloatScale):
        per_channel = scales.tolist() if scales.size > 1 else float(scales[0])
        return kernel.scheme.from_scales(float(source.scale), per_channel, float(out), **limits)
    if dense and scales.size == 1:  # the product of scales is a float32 there
        product = (source.scale * scales).astype(np.float64)
    else:
        product = np.float64(source.scale) * scales.astype(np.float64)
    real = product / np.float64(out)
    integer: Any = kernel.scheme
    scheme: schemes.Rescale = integer.from_scale(real.tolist(), **limits)
    return scheme


def _layer(
    importer: Importer,
    operator: Operator,
    layer: Layer,
    scheme: schemes.Rescale | RescaleFloat64,
    kernel: LayerKernel,
    source: Value,
    batch: int | None,
) -> None:
    """Append the sums and what brings them back to codes."""
    target = importer.tensor(operator.outputs[0]).format()
    sums = layer.infer(source.spec)
    name = importer.name(f"{operator.kind.lower()}_{operator.index}")
    importer.add(name, layer, source.name)
    before = Value(name, sums, batch)
    if isinstance(scheme, RescaleFloat64):
        importer.emit(operator, 0, scheme, before, batch=batch)
        return
    whole = layer.outputs - layer.outputs % kernel.block
    if whole == layer.outputs:
        importer.emit(operator, 0, Rescale(scheme, target), before, batch=batch)
        return
    # Vectors of outputs, and what is left over.
    parts = []
    for start, stop, kind in ((0, whole, kernel.scheme), (whole, layer.outputs, schemes.Gemmlowp)):
        if start < stop:
            count = (*sums.shape[:-1], stop - start)
            cut = Slice((*(0 for _ in count[:-1]), start), count, (1,) * len(count))
            some = importer.append(f"{name}:{start}", cut, before)
            own = _narrowed(scheme, kind, start, stop)
            parts.append(importer.append(f"{name}:{start}:8bit", Rescale(own, target), some))
    importer.emit(operator, 0, Concatenate(len(sums.shape) - 1), *parts, batch=batch)


def _narrowed(
    scheme: schemes.Rescale, kind: type[schemes.Rescale], start: int, stop: int
) -> schemes.Rescale:
    """Return a scheme of a kind with the constants of some channels."""
    constants: dict[str, Any] = {
        name: value[start:stop] if isinstance(value := getattr(scheme, name), tuple) else value
        for name in scheme.ranges
    }
    ends = {name: getattr(scheme, name) for name in ("zero_point", "act_min", "act_max")}
    return kind(**constants, **ends)


def _image(importer: Importer, operator: Operator) -> tuple[Value, Tensor]:
    value, tensor = importer.value(operator.inputs[0]), importer.tensor(operator.inputs[0])
    if value.batch != 0 or len(value.spec.shape) != 3:
        raise DataError(
            f"the input must have shape (1, height, width, channels), not {value.shape}"
        )
    return value, tensor


def _window(
    code: int, size: Pair, value: Value, stride: Pair, dilation: Pair = (1, 1)
) -> dict[str, Any]:
    """Return stride, dilation and padding; code 0 is SAME, 1 VALID."""
    height, width = value.spec.shape[:2]
    if code == 0:
        window = Window.same(size, (height, width), stride, dilation)
    elif code == 1:
        window = Window(size, stride, dilation)
    else:
        raise DataError(f"padding must be 0 (SAME) or 1 (VALID), not {code}")
    return {f.name: getattr(window, f.name) for f in fields(window) if f.name != "size"}


def conv_2d(importer: Importer, operator: Operator) -> None:
    """Append a convolution."""
    value, source = _image(importer, operator)
    tensor, codes = _weights(importer, operator)
    if codes.ndim != 4:
        raise DataError(
            f"weights must have shape (outputs, height, width, inputs), not {codes.shape}"
        )
    kernel = _kernel(importer, operator, source)
    stride = operator.option(2, "i"), operator.option(1, "i")
    dilation = operator.option(5, "i", 1), operator.option(4, "i", 1)
    size = codes.shape[1:3]
    layer = Conv2D(
        codes.transpose(1, 2, 3, 0),
        _moved(tensor, 0, 3),
        _accumulator(kernel),
        **_bias(importer, operator),
        folded=kernel.folded,
        **_window(operator.option(0, "b"), size, value, stride, dilation),
    )
    target = importer.tensor(operator.outputs[0]).format()
    scheme = _scheme(kernel, source, tensor, target, operator.option(3, "b"), dense=False)
    _layer(importer, operator, layer, scheme, kernel, value, 0)


def depthwise_conv_2d(importer: Importer, operator: Operator) -> None:
    """Append a depthwise convolution."""
    value, source = _image(importer, operator)
    tensor, codes = _weights(importer, operator)
    if codes.ndim != 4 or codes.shape[0] != 1:
        raise DataError(f"weights must have shape (1, height, width, outputs), not {codes.shape}")
    kernel = _kernel(importer, operator, source)
    stride = operator.option(2, "i"), operator.option(1, "i")
    dilation = operator.option(6, "i", 1), operator.option(5, "i", 1)
    channels = value.spec.shape[2]
    if codes.shape[3] % channels:
        raise DataError(f"{codes.shape[3]} outputs must be a multiple of the {channels} inputs")
    layer = DepthwiseConv2D(
        codes[0],
        _moved(tensor, 3, 2),
        _accumulator(kernel),
        **_bias(importer, operator),
        folded=kernel.folded,
        multiplier=codes.shape[3] // channels,
        **_window(operator.option(0, "b"), codes.shape[1:3], value, stride, dilation),
    )
    target = importer.tensor(operator.outputs[0]).format()
    scheme = _scheme(kernel, source, tensor, target, operator.option(4, "b"), dense=False)
    _layer(importer, operator, layer, scheme, kernel, value, 0)


def fully_connected(importer: Importer, operator: Operator) -> None:
    """Append a fully connected layer."""
    value, source = importer.value(operator.inputs[0]), importer.tensor(operator.inputs[0])
    tensor, codes = _weights(importer, operator)
    if codes.ndim != 2:
        raise DataError(f"weights must have shape (outputs, inputs), not {codes.shape}")
    if operator.option(1, "b"):
        raise DataError("weights must be in the default format, not shuffled")
    kernel = _kernel(importer, operator, source)
    by_row = value.spec.size != codes.shape[1]
    layer = Dense(
        codes.T,
        _moved(tensor, 0, 1),
        _accumulator(kernel),
        **_bias(importer, operator),
        folded=kernel.folded,
        by_row=by_row,
    )
    target = importer.tensor(operator.outputs[0]).format()
    act = operator.option(0, "b")
    scheme: schemes.Rescale | RescaleFloat64
    scheme = _scheme(kernel, source, tensor, target, act, dense=True)
    if kernel is _INT16 and importer.kernels.dense16_float64:
        product = np.float64(source.scale) * tensor.scales.astype(np.float64)
        scales = tuple((product / np.float64(single_scale(target))).tolist())
        scheme = RescaleFloat64(scales, target, **activation(act, target))
    batch = value.batch if by_row else 0
    _layer(importer, operator, layer, scheme, kernel, value, batch)


def _moved(tensor: Tensor, axis: int, moved: int) -> Affine:
    """Return the weights' format, whose scales run along ``axis``, once that is ``moved``."""
    fmt = tensor.format()
    if fmt.axis is None:
        return fmt
    if fmt.axis != axis or tensor.scales.size != tensor.shape[axis]:
        raise DataError(f"the scales of {tensor} must run along axis {axis}, its outputs")
    return Affine(fmt.bits, fmt.scale, fmt.zero_point, signed=fmt.signed, axis=moved)


def pool_2d(importer: Importer, operator: Operator) -> None:
    """Append a mean or maximum over windows."""
    value, _ = _image(importer, operator)
    target = importer.tensor(operator.outputs[0]).format()
    if target != value.spec.format:
        raise DataError("a pool's output must have the scale and zero point of its input")
    kind = AveragePool2D if operator.kind == "AVERAGE_POOL_2D" else MaxPool2D
    size = operator.option(4, "i"), operator.option(3, "i")
    window = _window(
        operator.option(0, "b"), size, value, (operator.option(2, "i"), operator.option(1, "i"))
    )
    del window["dilation"]
    limits: dict[str, Any] = dict(activation(operator.option(5, "b"), target))
    del limits["zero_point"]
    op = kind(size, **window, **limits)
    importer.emit(operator, 0, op, value, batch=0)
