"""Hypothesis strategies of layers; imported by `accel_models.testing.works` only."""

from __future__ import annotations

from hypothesis import strategies as st

from accel_models.accumulator import Accumulator, Overflow
from accel_models.demand import Kind
from accel_models.work import Work

__all__ = ["accumulators", "any_work"]


@st.composite
def accumulators(draw: st.DrawFn) -> Accumulator:
    """Draw one register, or one that spills into another."""
    overflow = st.sampled_from(Overflow)
    bits = draw(st.integers(8, 32))
    if not draw(st.booleans()):
        return Accumulator(bits, draw(overflow))
    outer = draw(st.integers(max(bits, 20), 32))
    every = draw(st.none() | st.integers(1, 64))
    return Accumulator(bits, draw(overflow), outer, every, draw(overflow))


@st.composite
def any_work(draw: st.DrawFn) -> Work:
    """Draw a layer; most have 8-bit activations, which most machines take."""
    sizes = st.integers(1, 300)
    kind = draw(st.sampled_from([Kind.DENSE, Kind.CONV2D, Kind.DEPTHWISE]))
    kernel = draw(st.sampled_from([(1, 1), (3, 3), (3, 1), (5, 2)]))
    settings: dict[str, object] = {
        "weight_bits": draw(st.integers(1, 8) | st.integers(9, 16)),
        "activation_bits": draw(st.sampled_from([8, 8, 8, 4, 5, 16])),
        "accumulator": draw(accumulators()),
        "bias_bits": draw(st.sampled_from([0, 8, 16, 32])),
        "gain_bits": draw(st.sampled_from([0, 40])),
    }
    if kind is Kind.DENSE:
        return Work.dense(draw(st.integers(1, 9)), draw(sizes), draw(sizes), **settings)  # type: ignore[arg-type]
    image = draw(st.tuples(st.integers(1, 12), st.integers(1, 12), st.integers(1, 80)))
    # Every pixel is read: a window moves by no more than its size.
    settings["stride"] = [draw(st.integers(1, min(2, taps))) for taps in kernel]
    if kind is Kind.CONV2D:
        return Work.conv2d(image, kernel, draw(sizes), **settings)  # type: ignore[arg-type]
    return Work.depthwise(image, kernel, draw(st.integers(1, 3)), **settings)  # type: ignore[arg-type]
