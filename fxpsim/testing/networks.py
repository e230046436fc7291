"""Strategies of whole small networks, and of inputs for them."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from fxpsim.accumulators import Accumulator
from fxpsim.formats import Format, QFormat
from fxpsim.graph import Graph, Node
from fxpsim.ops import (
    Argmax,
    BatchNorm,
    Bias,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Gain,
    Op,
    Relu,
    Requantize,
    Softmax,
    TensorSpec,
)
from fxpsim.ops.op import fraction
from fxpsim.testing.extremes import extreme_inputs
from fxpsim.testing.strategies import (
    accumulators,
    declared_accumulators,
    overflow_modes,
    rounding_modes,
    weight_formats,
    weights,
)

__all__ = ["graphs", "inputs"]


class _Builder:
    """Nodes in a row, each reading the one before."""

    def __init__(self, source: TensorSpec) -> None:
        self.input = self.spec = source
        self.nodes: list[Node] = []

    def add(self, name: str, op: Op) -> None:
        """Append an operation."""
        self.nodes.append(Node(name, op, self.nodes[-1].name if self.nodes else "input"))
        self.spec = op.infer(self.spec)


@st.composite
def graphs(
    draw: st.DrawFn,
    *,
    registers: st.SearchStrategy[Accumulator] | None = None,
    images: bool = True,
) -> Graph:
    """Return a strategy of small networks: layers, what stands between them, and an ending.

    Parameters
    ----------
    registers : strategy, optional
        Of the layers' accumulators; where not given, of up to 24 bits, with everything that can be
        declared.
    images : bool
        Some start with a convolution or a depthwise one; False: dense layers only.
    """
    chosen = accumulators(24) | declared_accumulators() if registers is None else registers
    first = QFormat(draw(st.integers(2, 8)), draw(st.integers(0, 7)), draw(st.booleans()))
    sizes = draw(st.lists(st.integers(1, 9), min_size=2, max_size=4))
    if images and draw(st.booleans()):
        height, width = draw(st.integers(1, 4)), draw(st.integers(1, 4))
        built = _Builder(TensorSpec((height, width, draw(st.integers(1, 3))), first))
        _add_convolution(draw, built, draw(chosen))
        _requantize(draw, built, "act")
    else:
        built = _Builder(TensorSpec((sizes[0],), first))
    sizes[0] = built.spec.size
    for number, (inputs, outputs) in enumerate(pairwise(sizes)):
        _add_dense(draw, built, str(number), (inputs, outputs), draw(chosen))
        _add_between(draw, built, str(number))
        _requantize(draw, built, f"act{number}")
    ending = draw(st.sampled_from(["none", "softmax", "argmax"]))
    scores = built.spec.format
    if ending == "softmax" and isinstance(scores, QFormat):
        built.add("softmax", Softmax.for_scores(scores, QFormat(8, 8, signed=False)))
    elif ending == "argmax":
        built.add("argmax", Argmax())
    return Graph("random", built.input, tuple(built.nodes))


@st.composite
def inputs(draw: st.DrawFn, graph: Graph, max_rows: int = 5) -> NDArray[Any]:
    """Return a strategy of batches (n, *graph.input.shape), 1 to ``max_rows`` inputs each.

    Half of them aim at extremes (:func:`extreme_inputs`).
    """
    rows, seed = draw(st.integers(1, max_rows)), draw(st.integers(0, 2**32 - 1))
    if draw(st.booleans()):
        return extreme_inputs(graph, rows + 3, seed=seed)[3:]
    fmt, shape = graph.input.format, (rows, *graph.input.shape)
    return np.random.default_rng(seed).integers(fmt.lo, fmt.hi, shape, endpoint=True)


def _constants(draw: st.DrawFn, shape: tuple[int, ...]) -> NDArray[Any]:
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return rng.integers(-128, 127, shape, endpoint=True)


def _bias(draw: st.DrawFn, built: _Builder, weight: Format, outputs: int) -> dict[str, Any]:
    if not draw(st.booleans()):
        return {}
    finest = fraction(built.spec.format) + fraction(weight)
    fmt = QFormat(8, min(finest, draw(st.integers(-2, 4))))
    return {"bias": _constants(draw, (outputs,)), "bias_format": fmt}


def _add_dense(
    draw: st.DrawFn, built: _Builder, number: str, shape: tuple[int, int], register: Accumulator
) -> None:
    weight = draw(weight_formats())
    array, bias = draw(weights(shape, weight)), _bias(draw, built, weight, shape[1])
    built.add(f"dense{number}", Dense(array, weight, register, **bias))


def _add_convolution(draw: st.DrawFn, built: _Builder, register: Accumulator) -> None:
    height, width, channels = built.spec.shape
    size = draw(st.integers(1, min(3, height))), draw(st.integers(1, min(3, width)))
    weight, pads = draw(weight_formats()), st.tuples(st.integers(0, 1), st.integers(0, 1))
    depthwise, multiplier = draw(st.booleans()), draw(st.integers(1, 3))
    last = (channels * multiplier,) if depthwise else (channels, multiplier)
    array = draw(weights((*size, *last), weight))
    options = _bias(draw, built, weight, last[-1]) | {
        "stride": draw(st.tuples(st.integers(1, 2), st.integers(1, 2))),
        "top_left": draw(pads),
        "bottom_right": draw(pads),
    }
    if depthwise:
        layer = DepthwiseConv2D(array, weight, register, multiplier=multiplier, **options)
        built.add("depthwise", layer)
    else:
        built.add("conv", Conv2D(array, weight, register, **options))


def _add_between(draw: st.DrawFn, built: _Builder, number: str) -> None:
    """Add batch norm, a gain, a bias or a rectifier, or nothing."""
    kind = draw(st.sampled_from(["none", "norm", "gain", "bias", "relu"]))
    eight, outputs = QFormat(8, draw(st.integers(0, 7))), built.spec.shape[-1:]
    offset = QFormat(8, min(fraction(built.spec.format), draw(st.integers(-1, 5))))
    if kind == "norm":
        gains, offsets = _constants(draw, outputs), _constants(draw, outputs)
        built.add(f"norm{number}", BatchNorm(gains, eight, offsets, offset))
    elif kind == "gain":
        built.add(f"gain{number}", Gain(_constants(draw, outputs), eight))
    elif kind == "bias":
        built.add(f"bias{number}", Bias(_constants(draw, outputs), offset))
    elif kind == "relu":
        built.add(f"relu{number}", Relu(draw(st.none() | st.integers(1, 1000))))


def _requantize(draw: st.DrawFn, built: _Builder, name: str) -> None:
    target = QFormat(8, draw(st.integers(-4, 7)), draw(st.booleans()))
    built.add(name, Requantize(target, draw(rounding_modes()), draw(overflow_modes(target))))
