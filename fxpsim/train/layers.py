"""Layers in training that compute, once quantised, the very integers of the simulator.

Tensors hold integer codes as floats; a format says what they mean.
"""

from __future__ import annotations

from abc import abstractmethod
from math import frexp
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from fxpsim.accumulators import Accumulator
from fxpsim.formats import QFormat
from fxpsim.ops import BatchNorm, Conv2D, Op, Relu, Requantize
from fxpsim.train.choices import Stage
from fxpsim.train.quantizers import WeightQuantizer
from fxpsim.train.straight_through import nearest_up
from fxpsim.train.sums import exact_sums, register_sums
from fxpsim.train.windows import Shape, Windows

__all__ = ["EPSILON", "FixedPointLayer", "NormalisedLayer", "QuantizedLayer", "word_for"]

#: Added to the variance, so that a channel that never changes has a gain.
EPSILON = 1e-5


def word_for(peak: float, bits: int) -> QFormat:
    """Return the signed format of ``bits`` with most fraction bits that holds ``peak``."""
    return QFormat(bits, bits - 1 - frexp(peak)[1])


def to_format(values: Tensor, fmt: QFormat) -> Tensor:
    """Return values rounded to a format, ties up, saturated; slopes pass straight through."""
    codes = nearest_up(values * 2.0**fmt.frac).clamp(fmt.lo, fmt.hi)
    return codes * 2.0**-fmt.frac


class QuantizedLayer(nn.Module):  # type: ignore[misc]
    """Sums of products, brought back to a narrow format.

    Parameters
    ----------
    windows : Windows
        What each sum reads.
    quantizer : WeightQuantizer
        The weights.
    source, source_format
        Shape (no batch axis) and format of the input's codes.
    target : QFormat
        Of the output.
    rectified : bool
        Whether negative outputs become 0.
    register : Accumulator
        Of the sums.
    """

    def __init__(
        self,
        windows: Windows,
        quantizer: WeightQuantizer,
        source: Shape,
        source_format: QFormat,
        target: QFormat,
        *,
        rectified: bool = True,
        register: Accumulator | None = None,
    ) -> None:
        super().__init__()
        self.windows, self.quantizer = windows, quantizer
        self.source, self.source_format, self.target = source, source_format, target
        self.rectified = rectified
        self.register = register or Accumulator(32)
        self.stage = Stage.EVERYTHING

    @property
    def channels(self) -> int:
        """N, outputs of the layer at each place."""
        return int(self.quantizer.latent.shape[1])

    @property
    def shape(self) -> Shape:
        """Shape of the output."""
        return self.windows.shape(self.source, self.channels)

    @property
    def product_frac(self) -> int:
        """Fraction bits of the products."""
        return self.source_format.frac + self.quantizer.frac

    @property
    def ranges(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """Lowest and highest factor and weight."""
        largest = self.quantizer.largest
        return (self.source_format.lo, self.source_format.hi), (-largest, largest)

    def sums(self, codes: Tensor, bias: Tensor | None = None) -> Tensor:
        """Return the registers (n, ..., N) of codes (n, *source), float32 or float64."""
        rows = self.windows.rows(codes)
        if self.stage is Stage.NOTHING:
            sums = rows @ self.quantizer.real()
            return sums if bias is None else sums + bias
        weights: Tensor = self.quantizer()
        (low, high), (_, largest) = self.ranges
        peak = float(max(-low, high) * largest * len(weights))
        if bias is not None:
            peak += float(bias.detach().abs().max())
        if self.stage is not Stage.EVERYTHING or peak <= self.register.hi:
            sums = exact_sums(rows, weights, peak)
            return sums if bias is None else sums + bias
        flat = rows.reshape(-1, rows.shape[-1])
        start = torch.zeros(self.channels) if bias is None else bias
        sums = register_sums(flat, weights, start, self.register, self.ranges)
        return sums.reshape(*rows.shape[:-1], self.channels)

    def finish(self, values: Tensor) -> Tensor:
        """Return codes of the target for values in them, not yet rounded."""
        if self.rectified:
            values = values.clamp(min=0)
        if self.stage is Stage.EVERYTHING:
            values = nearest_up(values)
        return values.clamp(self.target.lo, self.target.hi).float()

    def operations(self) -> list[tuple[str, Op]]:
        """Return what the layer is in a graph: kind and operation."""
        layer = self.windows.layer(
            self.quantizer.codes().numpy(),
            self.source,
            weight_format=self.quantizer.format,
            accumulator=self.register,
            **self.start(),
        )
        kind = "conv" if isinstance(layer, Conv2D) else "dense"
        chain: list[tuple[str, Op]] = [(kind, layer), *self.between()]
        if self.rectified:
            chain.append(("relu", Relu()))
        return [*chain, ("act", Requantize(self.target))]

    def start(self) -> dict[str, Any]:
        """Return the bias of the register and its format, where there is one."""
        return {}

    def between(self) -> list[tuple[str, Op]]:
        """Return the operations between register and activation."""
        return []

    @abstractmethod
    def forward(self, codes: Tensor) -> Tensor:
        """Return codes of the target (n, *shape) for codes (n, *source)."""


class NormalisedLayer(QuantizedLayer):
    """Sums, then gain and bias of a batch norm, each in a word of its own.

    Gain and bias are those of the batch while ``batch_moments``, and of the running moments
    otherwise and in a graph.
    """

    MOMENTUM = 0.1

    def __init__(self, *args: Any, constant_bits: int = 8, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.constant_bits = constant_bits
        self.batch_moments = True
        self.momentum = self.MOMENTUM
        self.scale = nn.Parameter(torch.ones(self.channels))
        self.shift = nn.Parameter(torch.zeros(self.channels))
        self.register_buffer("mean", torch.zeros(self.channels))
        self.register_buffer("variance", torch.ones(self.channels))

    def forward(self, codes: Tensor) -> Tensor:
        """Return codes of the target (n, *shape) for codes (n, *source)."""
        sums = self.sums(codes)
        gain, bias = self.constants(sums if self.training and self.batch_moments else None)
        step = 2.0**self.target.frac
        if self.stage is Stage.EVERYTHING:
            return self.finish(sums.double() * (gain * step).double() + (bias * step).double())
        return self.finish(sums * (gain * step) + bias * step)

    def constants(self, sums: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return gain for integer sums, and bias, float [N]; rounded when all is quantised."""
        if sums is None:
            mean, variance = self.mean, self.variance
        else:
            flat = sums.reshape(-1, self.channels).float()
            variance, mean = torch.var_mean(flat, dim=0, correction=0)
            with torch.no_grad():
                self.mean.lerp_(mean, self.momentum)
                self.variance.lerp_(variance, self.momentum)
        gain = self.scale * torch.rsqrt(variance + EPSILON)
        if self.stage is Stage.EVERYTHING:
            gain = to_format(gain, self.gain_format(gain))
        bias = self.shift - mean * gain
        if self.stage is Stage.EVERYTHING:
            bias = to_format(bias, self.bias_format(bias, gain))
        return gain, bias

    def gain_format(self, gain: Tensor) -> QFormat:
        """Return the format of gains for sums counted in ones."""
        return word_for(max(float(gain.detach().abs().max()), 1e-9), self.constant_bits)

    def bias_format(self, bias: Tensor, gain: Tensor) -> QFormat:
        """Return the format of biases: at most as fine as the products with the gain."""
        fmt = word_for(max(float(bias.detach().abs().max()), 1e-9), self.constant_bits)
        return QFormat(fmt.bits, min(fmt.frac, self.gain_format(gain).frac))

    def between(self) -> list[tuple[str, Op]]:
        """Return the batch norm."""
        with torch.no_grad():
            raw = self.scale * torch.rsqrt(self.variance + EPSILON)
            per_one = self.gain_format(raw)
            gain = to_format(raw, per_one)
            raw_bias = self.shift - self.mean * gain
            bias_format = self.bias_format(raw_bias, gain)
            bias = to_format(raw_bias, bias_format)
        # Sums have their products' fraction: the gain takes it off again.
        gain_format = QFormat(per_one.bits, per_one.frac - self.product_frac)
        codes = [
            np.asarray((values.double() * 2.0**fmt.frac).round().long())
            for values, fmt in ((gain, per_one), (bias, bias_format))
        ]
        return [("norm", BatchNorm(codes[0], gain_format, codes[1], bias_format))]


class FixedPointLayer(QuantizedLayer):
    """Sums in a narrow register, bias included, of which the output is a slice of bits.

    All layers share one shift, so none is stored: "no q-format normalisation", S. Macha et al.,
    "Fixed-point quantization aware training for on-device keyword-spotting", arXiv:2303.02284.
    """

    def __init__(self, *args: Any, bias_bits: int = 8, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.dropped, self.bias_bits = self.product_frac - self.target.frac, bias_bits
        self.bias = nn.Parameter(torch.zeros(self.channels))

    def bias_codes(self) -> Tensor:
        """Return biases in units of the output, float [N]."""
        top = (1 << (self.bias_bits - 1)) - 1
        codes = (self.bias * 2.0**self.target.frac).clamp(-top, top)
        return nearest_up(codes) if self.stage is Stage.EVERYTHING else codes

    def forward(self, codes: Tensor) -> Tensor:
        """Return codes of the target (n, *shape) for codes (n, *source)."""
        step = 2.0**self.dropped
        sums = self.sums(codes, self.bias_codes() * step)
        return self.finish(sums / step)

    def start(self) -> dict[str, Any]:
        """Return the bias, in units of the output."""
        with torch.no_grad():
            codes = self.bias_codes().long().numpy()
        return {"bias": codes, "bias_format": QFormat(self.bias_bits, self.target.frac)}
