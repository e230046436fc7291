"""Convolutions: every register is that of the sum cut out by hand; bounds hold; files keep all."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import accumulators, declared_accumulators, fixed_rounding_modes

from fxpsim import (
    Accumulator,
    Affine,
    Graph,
    Levels,
    QFormat,
    Sequential,
    guarantee,
    load,
    save,
    simulate,
    spec,
    sweep,
)
from fxpsim.engine import interpreted
from fxpsim.graph import Node
from fxpsim.ops import Conv2D, Dense, DepthwiseConv2D, TensorSpec

pytestmark = pytest.mark.filterwarnings("ignore::fxpsim.engine.SlowPathWarning")
WEIGHT = QFormat(5, 2)
CODEBOOKS = [Levels.binary(), Levels([7, -300, 0, 15, 2], 0.25), Levels.dorefa(3)]


def bounded(low, high):
    return st.integers(low, high)


@st.composite
def layers(draw, bits: int | None = None):
    """One convolution over a small image, and inputs for it: (graph, codes)."""
    rng = np.random.default_rng(draw(bounded(0, 2**32 - 1)))
    size = draw(bounded(1, 3)), draw(bounded(1, 3))
    dilation = draw(bounded(1, 2)), draw(bounded(1, 2))
    before = draw(bounded(0, 2)), draw(bounded(0, 2))
    after = draw(bounded(0, 2)), draw(bounded(0, 2))
    image = tuple(
        draw(bounded(max(1, (s - 1) * d + 1 - b - a), 5))
        for s, d, b, a in zip(size, dilation, before, after, strict=True)
    )
    channels, outputs = draw(bounded(1, 4)), draw(bounded(1, 4))
    fmt = draw(
        st.sampled_from([QFormat(8, 3), QFormat(6, 0, signed=False), Affine(8, 0.5, -7)])
        | st.builds(Affine, st.just(4), st.just(0.25), bounded(-8, 7))
    )
    fixed = declared_accumulators(rounding=fixed_rounding_modes)
    register = Accumulator(bits) if bits else draw(accumulators(24) | fixed)
    weight = draw(st.sampled_from([WEIGHT, WEIGHT, *CODEBOOKS]))
    depthwise = draw(st.booleans())
    options = {"multiplier": draw(bounded(1, 2))} if depthwise else {}
    outputs = channels * options["multiplier"] if depthwise else outputs
    shape = (*size, outputs) if depthwise else (*size, channels, outputs)
    if draw(st.booleans()):
        options |= {"bias": rng.integers(-99, 99, outputs), "bias_format": QFormat(8, 0)}
    layer = (DepthwiseConv2D if depthwise else Conv2D)(
        rng.integers(weight.lo, weight.hi, shape, endpoint=True),
        weight,
        register,
        folded=draw(st.booleans()),
        stride=(draw(bounded(1, 3)), draw(bounded(1, 3))),
        dilation=dilation,
        top_left=before,
        bottom_right=after,
        **options,
    )
    graph = Graph("image", TensorSpec((*image, channels), fmt), (Node("conv", layer, "input"),))
    codes = rng.integers(fmt.lo, fmt.hi, (draw(bounded(1, 3)), *image, channels), endpoint=True)
    return graph, codes


def by_hand(graph, codes):
    """Return the registers, each sum cut out and added up by the rules."""
    layer, source = graph["conv"].op, graph.input
    zero = source.format.zero_point if isinstance(source.format, Affine) else 0
    (top, left), (height, width) = layer.top_left, layer.weights.shape[:2]
    shape = graph.specs["conv"].shape
    fmt, out = layer.weight_format, np.zeros((len(codes), *shape), object)
    factors = np.array(fmt.codebook)[layer.weights] if isinstance(fmt, Levels) else layer.weights
    frac = layer.product_frac(source)
    for n, row, column, channel in np.ndindex(out.shape):
        products = []
        for i, j in np.ndindex(height, width):
            y = row * layer.stride[0] + i * layer.dilation[0] - top
            x = column * layer.stride[1] + j * layer.dilation[1] - left
            inside = 0 <= y < codes.shape[1] and 0 <= x < codes.shape[2]
            pixel = codes[n, y, x] if inside else np.full(codes.shape[3], zero)
            taken = 0 if layer.folded else zero
            if isinstance(layer, DepthwiseConv2D):
                pixel = pixel[channel // layer.multiplier :][:1]
            weights = factors[i, j, ..., channel].reshape(-1)
            products += [(int(p) - taken) * int(w) for p, w in zip(pixel, weights, strict=True)]
        bias = None if layer.bias is None else int(layer.bias[channel]) << frac
        if layer.folded and zero:
            bias = (bias or 0) - zero * int(factors[..., channel].sum())
        out[n, row, column, channel] = spec.accumulate(
            products, layer.accumulator, bias, frac
        ).value
    return out


@given(layers())
def test_every_register_is_that_of_its_own_sum(problem):
    graph, codes = problem
    wanted = by_hand(graph, codes)
    for options in ({}, {"proofs": False}, {"engine": "spec"}):
        np.testing.assert_array_equal(simulate(graph, codes, **options).output, wanted)


@given(layers(bits=40))
def test_no_input_leaves_the_proven_width(problem):
    graph, codes = problem
    proof = guarantee(graph)
    register = Accumulator(proof.minimum("conv"), "saturate")
    statistics = simulate(graph, codes, accumulator=register).statistics("conv")
    assert statistics.events.sum() == 0
    bounds = proof.layers["conv"]
    assert (bounds.lowest <= statistics.lowest).all()
    assert (statistics.highest <= bounds.highest).all()


@given(layers(bits=40), accumulators(24))
def test_statistics_are_those_of_each_sum(problem, register):
    graph, codes = problem
    trace = simulate(graph, codes, accumulator=register)
    layer, source = trace.graph["conv"].op, graph.input
    exact = layer.planes(codes, source, exact=True)
    real = layer.planes(codes, source)
    np.testing.assert_array_equal(real.register.reshape(trace.output.shape), trace.output)
    for name in ("exact", "lowest", "highest"):
        np.testing.assert_array_equal(getattr(exact, name), getattr(real, name), err_msg=name)
    touched = (exact.lowest < register.lo) | (exact.highest > register.hi)
    np.testing.assert_array_equal(real.events["final"] > 0, touched)


@settings(max_examples=30)
@given(layers(bits=32), accumulators(20))
def test_a_sweep_point_is_a_simulation(problem, register):
    graph, codes = problem
    row = sweep(graph, codes, accumulators=[register]).iloc[0]
    statistics = simulate(graph, codes, accumulator=register).statistics("conv")
    assert row.overflow_outputs == statistics.outputs.sum() / (
        statistics.sums * graph["conv"].op.outputs
    )


@settings(max_examples=30)
@given(layers())
def test_a_saved_layer_comes_back(problem):
    graph, codes = problem
    with tempfile.TemporaryDirectory() as folder:
        save(graph, Path(folder, "a.fxp"))
        again = load(Path(folder, "a.fxp"))
    assert again.specs == graph.specs
    np.testing.assert_array_equal(simulate(again, codes).output, simulate(graph, codes).output)


def test_products_can_be_added_in_another_order():
    rng = np.random.default_rng(5)
    weights = rng.integers(-16, 16, (2, 3, 4, 2))
    codes = rng.integers(-128, 128, (3, 4, 5, 4))
    image = TensorSpec((4, 5, 4), QFormat(8, 0))
    channels_first = Accumulator(9, "saturate", order=Sequential((2, 0, 1)))
    layer = Conv2D(weights, WEIGHT, channels_first)
    # The same sums, cut out and put in order before a fully connected layer.
    windows = layer.taps.view(codes).transpose(0, 1, 2, 5, 3, 4).reshape(-1, 24)
    dense = Dense(weights.transpose(2, 0, 1, 3).reshape(24, 2), WEIGHT, Accumulator(9, "saturate"))
    wanted = dense.registers(windows, TensorSpec((24,), QFormat(8, 0)))
    got = layer.registers(codes, image)
    np.testing.assert_array_equal(got.reshape(-1, 2), wanted)
    plain = Conv2D(weights, WEIGHT, Accumulator(9, "saturate")).registers(codes, image)
    assert (got != plain).any()


@settings(max_examples=30)
@given(st.integers(8, 24), st.sampled_from(["saturate", "wrap"]), st.integers(0, 2**32 - 1))
def test_statistics_with_the_bias_last(bits, overflow, seed):
    rng = np.random.default_rng(seed)
    register, codes = Accumulator(bits, overflow, bias="last"), QFormat(8, 0)
    biases = rng.integers(-3000, 3000, 8), QFormat(16, 0)
    image, row = TensorSpec((4, 3, 8), codes), TensorSpec((20,), codes)
    layers = (
        (DepthwiseConv2D(rng.integers(-128, 128, (2, 3, 8)), codes, register, *biases), image),
        (Dense(rng.integers(-128, 128, (20, 8)), codes, register, *biases), row),
    )
    for layer, source in layers:
        inputs = rng.integers(-128, 128, (3, *source.shape))
        fast, peaks = layer.planes(inputs, source), layer.peaks(inputs, source)
        with interpreted():
            slow = layer.planes(inputs, source)
        for name in ("register", "exact", "lowest", "highest"):
            np.testing.assert_array_equal(getattr(fast, name), getattr(slow, name))
        for found, wanted in zip(peaks, (slow.exact, slow.lowest, slow.highest), strict=True):
            np.testing.assert_array_equal(found, wanted)
        events = slow.events["final"]
        np.testing.assert_array_equal(fast.events["final"], events)
        touched = events > 0
        np.testing.assert_array_equal(
            fast.first_step["final"][touched], slow.first_step["final"][touched]
        )
