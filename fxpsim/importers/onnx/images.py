"""Windows over images, and the pools."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from fxpsim import ops
from fxpsim.errors import DataError
from fxpsim.importers.onnx.importer import Importer
from fxpsim.importers.onnx.model import Operator
from fxpsim.importers.onnx.quantization import quantized_input, quantized_output
from fxpsim.importers.onnx.values import Average, Codes, Pending, Real, Value
from fxpsim.ops.window import Pair, Window

__all__ = [
    "average_pool",
    "global_average_pool",
    "global_max_pool",
    "max_pool",
    "qlinear_average_pool",
    "qlinear_global_average_pool",
    "reduce_mean",
    "window_of",
]

_ONES = (1, 1)


def _pair(operator: Operator, name: str, flat: bool, default: Pair = _ONES) -> Pair:
    """Return an attribute with an entry for height and width, or for width alone."""
    values = operator.numbers(name)
    if values is None:
        return default
    if flat and len(values) == 1:
        return 1, values[0]
    if flat or len(values) != 2:
        raise DataError(f"{name} must have {1 if flat else 2} entries, not {len(values)}")
    return values[0], values[1]


def window_of(operator: Operator, size: Pair, image: Pair, flat: bool) -> Window:
    """Return the window of a convolution or pool.

    Parameters
    ----------
    operator : Operator
        With attributes strides, dilations, pads, auto_pad, ceil_mode.
    size : (int, int)
        Height and width of the window.
    image : (int, int)
        Height and width of the input.
    flat : bool
        Whether the file has one dimension only, the width.
    """
    stride = _pair(operator, "strides", flat)
    dilation = _pair(operator, "dilations", flat)
    shape = operator.numbers("kernel_shape")
    if shape is not None and shape != tuple(size[1:] if flat else size):
        raise DataError(f"kernel_shape must be that of the weights, {size}, not {shape}")
    mode = operator.text("auto_pad", "NOTSET")
    if mode in ("SAME_UPPER", "SAME_LOWER"):
        window = Window((size[0], size[1]), stride, dilation)  # checks the numbers
        window = Window.same((size[0], size[1]), image, stride, dilation)
        if mode == "SAME_LOWER":
            window = replace(window, top_left=window.bottom_right, bottom_right=window.top_left)
        return window
    if mode not in ("NOTSET", "VALID"):
        raise DataError(f"auto_pad must be one of ONNX's, not {mode[:20]!r}")
    pads = None if mode == "VALID" else operator.numbers("pads")
    if pads is not None and len(pads) != (2 if flat else 4):
        raise DataError(f"pads must have {2 if flat else 4} entries, not {len(pads)}")
    if pads is None:
        pads = (0, 0, 0, 0)
    elif flat:
        pads = (0, pads[0], 0, pads[1])
    before, after = (pads[0], pads[1]), (pads[2], pads[3])
    window = Window((size[0], size[1]), stride, dilation, before, after)
    return _extended(window, image) if operator.number("ceil_mode", 0) else window


def _extended(window: Window, image: Pair) -> Window:
    """Return a window with padding for a last position that begins within the padded image."""
    more = []
    for axis in (0, 1):
        reach = (window.size[axis] - 1) * window.dilation[axis] + 1
        length = image[axis] + window.top_left[axis] + window.bottom_right[axis]
        step = window.stride[axis]
        count = -(-(length - reach) // step) + 1
        if (count - 1) * step >= image[axis] + window.top_left[axis]:
            count -= 1
        more.append(max(0, (count - 1) * step + reach - length))
    bottom, right = window.bottom_right
    return replace(window, bottom_right=(bottom + more[0], right + more[1]))


def _image(importer: Importer, operator: Operator, value: Value) -> tuple[Value, bool]:
    """Return an image with its channels last, and whether the file has the width only."""
    if operator.number("channels_last", 0):
        if len(value.axes) != 4:
            raise DataError(f"an image must have four axes, not {value.shape}")
        value = value.permuted((0, 3, 1, 2))
    flat = len(value.axes) == 3
    if flat:
        value = importer.reshaped(value, (*value.shape[:2], 1, value.shape[2]))
    return importer.channels_last(value), flat


def _back(importer: Importer, operator: Operator, value: Value, flat: bool) -> Value:
    """Return a pool's result with the axes that the file has."""
    if flat:
        return _row(importer, value)
    return value.permuted((0, 2, 3, 1)) if operator.number("channels_last", 0) else value


def _row(importer: Importer, value: Value) -> Value:
    """Return an image of height 1 without that axis."""
    op = ops.Reshape(value.spec.shape[1:])
    return importer.add(f"{value.name}:row", op, value, axes=(None, 1, 0))


def _moved(importer: Importer, name: str, change: Any) -> Codes | Real:
    """Apply a change to the integers under a tensor."""
    tensor = importer.tensor(name)
    if isinstance(tensor, Codes | Pending):
        return Codes(change(importer.codes(name)))
    real = importer.real(name)
    if not real.rises:
        raise DataError("what it reads must be quantised first")
    return replace(real, value=change(real.value))


def _kernel(operator: Operator, flat: bool) -> Pair:
    if operator.numbers("kernel_shape") is None:
        raise DataError("kernel_shape must be given")
    return _pair(operator, "kernel_shape", flat)


def max_pool(importer: Importer, operator: Operator) -> None:
    """Append the highest codes of windows."""
    if len(operator.outputs) > 1 and operator.outputs[1]:
        raise DataError("indices of maxima are not read")

    def change(value: Value) -> Value:
        image, flat = _image(importer, operator, value)
        size = _kernel(operator, flat)
        window = window_of(operator, size, image.spec.shape[:2], flat)  # type: ignore[arg-type]
        if window.dilation != _ONES:
            raise DataError("the dilation of a pool must be 1")
        op = ops.MaxPool2D(window.size, window.stride, window.top_left, window.bottom_right)
        pooled = importer.add(importer.layer_name(operator), op, image, axes=image.axes)
        return _back(importer, operator, pooled, flat)

    importer.write(operator, _moved(importer, operator.input(0), change))


def global_max_pool(importer: Importer, operator: Operator) -> None:
    """Append the highest code of every channel."""

    def change(value: Value) -> Value:
        image, flat = _image(importer, operator, value)
        op = ops.MaxPool2D(image.spec.shape[:2], _ONES)  # type: ignore[arg-type]
        pooled = importer.add(importer.layer_name(operator), op, image, axes=image.axes)
        return _back(importer, operator, pooled, flat)

    importer.write(operator, _moved(importer, operator.input(0), change))


def _averaged(importer: Importer, operator: Operator, real: Real) -> Average | Real:
    image, flat = _image(importer, operator, importer.operand(real))
    size = _kernel(operator, flat)
    window = window_of(operator, size, image.spec.shape[:2], flat)  # type: ignore[arg-type]
    if window.dilation != _ONES:
        raise DataError("the dilation of a pool must be 1")
    counts = operator.number("count_include_pad", 0) != 0
    if counts and operator.number("ceil_mode", 0):
        raise DataError("count_include_pad must be 0 where ceil_mode is 1")
    plain = replace(real, value=image, steps=())
    if importer.engine == "onnx":
        return Average(plain, window, counts, lambda v: _back(importer, operator, v, flat))
    if window.padded and not counts:
        raise DataError("padding must count (count_include_pad=1): means differ in what they count")
    op = ops.SumPool2D(window.size, window.stride, window.top_left, window.bottom_right)
    sums = importer.add(importer.layer_name(operator), op, image, axes=image.axes)
    back = _back(importer, operator, sums, flat)
    return Real(back, real.scale, 0, np.float32(window.size[0] * window.size[1]))


def average_pool(importer: Importer, operator: Operator) -> None:
    """Remember the mean of windows, which the next quantisation makes codes of."""
    importer.write(operator, _averaged(importer, operator, importer.real(operator.input(0))))


def _mean(importer: Importer, operator: Operator, real: Real) -> Real:
    """Append the sum of every channel of (batch, channels, ...); return the mean it stands for."""
    value = importer.operand(real)
    if len(value.axes) not in (3, 4):
        raise DataError(f"an image must have three or four axes, not {value.shape}")
    flat = len(value.axes) == 3
    if flat:
        value = importer.reshaped(value, (*value.shape[:2], 1, value.shape[2]))
    image = importer.channels_last(value)
    size = image.spec.shape[0], image.spec.shape[1]
    sums = importer.add(
        importer.layer_name(operator), ops.SumPool2D(size, _ONES), image, axes=image.axes
    )
    if flat:
        sums = _row(importer, sums)
    return Real(sums, real.scale, 0, np.float32(size[0] * size[1]))


def global_average_pool(importer: Importer, operator: Operator) -> None:
    """Append the sum of every channel."""
    importer.write(operator, _mean(importer, operator, importer.real(operator.input(0))))


def reduce_mean(importer: Importer, operator: Operator) -> None:
    """Append the sum of every channel, where the mean is over height and width."""
    real = importer.real(operator.input(0))
    axes = importer.integers(operator, 1, "axes")
    if axes is None:
        raise DataError("axes must be given")
    value = real.value
    axes = tuple(sorted(value.position(axis) for axis in axes))
    over_time = len(value.axes) == 3 and axes == (1,)  # of (batch, time, channels)
    if over_time:
        real = replace(real, value=value.permuted((0, 2, 1)))
    elif axes != tuple(range(2, len(value.axes))):
        raise DataError(f"means are over height and width, not over axes {axes} of {value.shape}")
    mean = _mean(importer, operator, real)
    if over_time:
        mean = replace(mean, value=mean.value.permuted((0, 2, 1)))
    if operator.number("keepdims", 1):
        importer.write(operator, mean)
        return
    shape = tuple(size for axis, size in enumerate(mean.value.shape) if axis not in axes)
    importer.write(operator, replace(mean, value=importer.reshaped(mean.value, shape)))


def qlinear_average_pool(importer: Importer, operator: Operator) -> None:
    """Append ONNX Runtime's quantised mean of windows."""
    real = quantized_input(importer, operator, 0)
    quantized_output(importer, operator, _averaged(importer, operator, real), 3)


def qlinear_global_average_pool(importer: Importer, operator: Operator) -> None:
    """Append ONNX Runtime's quantised mean of every channel."""
    real = quantized_input(importer, operator, 0)
    if operator.number("channels_last", 0):
        axes = tuple(range(1, len(real.value.axes) - 1))
        moved = real.value.permuted((0, len(real.value.axes) - 1, *axes))
        mean = _mean(importer, operator, replace(real, value=moved))
        back = mean.value.permuted((0, *range(2, len(moved.axes)), 1))
        mean = replace(mean, value=back)
    else:
        mean = _mean(importer, operator, real)
    quantized_output(importer, operator, mean, 3)
