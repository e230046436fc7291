"""Which arithmetic each engine's kernels have: one table, operator by kernel set.

Sources
-------
tflm: tflite-micro, ``reference_integer_ops`` as built for x86 (TFLITE_SINGLE_ROUNDING off).
reference, builtin: LiteRT 2.3 with its reference and its optimised kernels (ruy; tables for
functions of one code).  xnnpack: LiteRT's default delegate (qs8 kernels with ``fp32``
requantisation).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any

import numpy as np

from fxpsim import schemes
from fxpsim.errors import ConfigError, suggest

__all__ = ["Functions", "KernelSet", "LayerKernel", "kernel_set"]


@dataclass(frozen=True, slots=True)
class LayerKernel:
    """How a layer's sums are made and brought back to 8 bits.

    Attributes
    ----------
    scheme : type of Rescale
        The rule.
    folded : bool
        Whether the input's zero point is folded into the bias.
    bias : str
        Whether a sum starts from the bias ("first") or ends with it ("last").
    block : int
        Outputs that are rescaled together, as a vector; those left over, at the end of a pixel,
        are rescaled by ``Gemmlowp``, one by one.
    """

    scheme: type[schemes.Rescale]
    folded: bool
    bias: str
    block: int = 1


class Functions(StrEnum):
    """How functions of 8-bit codes are computed."""

    FIXED_POINT = "fixed_point"
    FLOAT_TABLE = "float_table"


@dataclass(frozen=True, slots=True)
class KernelSet:
    """The kernels of one engine.

    Attributes
    ----------
    name : str
        What to call it.
    layers : mapping of str to LayerKernel
        By operator, for 8-bit activations; 16-bit ones have ``Int16x8`` everywhere, but for
        FULLY_CONNECTED where ``dense16_float64``.
    functions : Functions
        LOGISTIC, TANH.
    softmax : Functions
        SOFTMAX.
    float_arithmetic : bool
        Whether MUL has a float32 scale, and QUANTIZE one of 8 fraction bits.
    micro_relu : bool
        RELU has a ratio of scales in float64, and RELU6 has none; otherwise both are in float32.
    block : int or None
        ADD, and QUANTIZE of 8 bits, work on vectors of so many elements, which ADD rounds once on
        the way to a common scale and QUANTIZE rounds with ties up; what is left over, and all
        where None, is rounded twice with ties away from zero.
    table_float : type
        What the tables of 16-bit SOFTMAX are computed in.
    dense16_float64 : bool
        Whether 16-bit FULLY_CONNECTED is rescaled in float64.
    """

    name: str
    layers: Mapping[str, LayerKernel]
    functions: Functions
    softmax: Functions
    float_arithmetic: bool = False
    micro_relu: bool = False
    block: int | None = None
    table_float: type[np.floating[Any]] = np.float64
    dense16_float64: bool = True


def _layers(
    conv: LayerKernel, depthwise: LayerKernel, dense: LayerKernel
) -> Mapping[str, LayerKernel]:
    return MappingProxyType(
        {"CONV_2D": conv, "DEPTHWISE_CONV_2D": depthwise, "FULLY_CONNECTED": dense}
    )


_TWICE_LAST = LayerKernel(schemes.Gemmlowp, folded=False, bias="last")
_FLOAT = LayerKernel(schemes.FloatScale, folded=True, bias="first")
_SETS = {
    kernels.name: kernels
    for kernels in (
        KernelSet(
            "tflm",
            _layers(_TWICE_LAST, _TWICE_LAST, _TWICE_LAST),
            Functions.FIXED_POINT,
            Functions.FIXED_POINT,
            micro_relu=True,
            table_float=np.float32,
            dense16_float64=False,
        ),
        KernelSet(
            "reference",
            _layers(
                _TWICE_LAST,
                _TWICE_LAST,
                LayerKernel(schemes.SingleRound, folded=False, bias="last"),
            ),
            Functions.FIXED_POINT,
            Functions.FIXED_POINT,
        ),
        KernelSet(
            "builtin",
            _layers(
                LayerKernel(schemes.HalfUpTwice, folded=True, bias="first"),
                LayerKernel(schemes.HalfUpTwice, folded=False, bias="first", block=8),
                LayerKernel(schemes.HalfUpTwice, folded=True, bias="first"),
            ),
            Functions.FLOAT_TABLE,
            Functions.FLOAT_TABLE,
            block=16,
        ),
        KernelSet(
            "xnnpack",
            _layers(_FLOAT, _FLOAT, _FLOAT),
            Functions.FLOAT_TABLE,
            Functions.FLOAT_TABLE,
            float_arithmetic=True,
            block=16,
        ),
    )
}


def kernel_set(name: str) -> KernelSet:
    """Return the kernels of an engine; ConfigError where there is none of that name."""
    if name not in _SETS:
        known = ", ".join(_SETS)
        raise ConfigError(f"kernel set must be {known}, not {name!r}{suggest(str(name), _SETS)}")
    return _SETS[name]
