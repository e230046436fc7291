"""Hypothesis strategies for the project's own nouns."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from fxpsim import Accumulator, Overflow, QFormat, Rounding

rounding_modes = st.sampled_from(list(Rounding))
overflow_modes = st.sampled_from(list(Overflow))
accumulator_modes = st.sampled_from(["saturate", "wrap"])


@st.composite
def formats(draw, max_bits: int = 62):
    signed = draw(st.booleans())
    bits = draw(st.integers(1 + signed, max_bits))
    narrow = signed and draw(st.booleans())
    return QFormat(bits, draw(st.integers(-8, 70)), signed, narrow)


@st.composite
def accumulators(draw, max_bits: int = 62):
    return Accumulator(
        draw(st.integers(2, max_bits)),
        draw(accumulator_modes),
        signed=draw(st.sampled_from([True, True, True, False])),
    )


@st.composite
def code_arrays(draw, shape, max_bits: int = 16):
    """Codes of one width; often only extremes, which overflow soonest."""
    bits = draw(st.integers(1, max_bits))
    signed = draw(st.booleans())
    lo, hi = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    if draw(st.booleans()):
        codes = rng.choice(np.array([lo, hi, hi], np.int64), size=shape)
    else:
        codes = rng.integers(lo, hi, size=shape, endpoint=True)
    fitting = [
        dtype
        for dtype in (np.int8, np.uint8, np.int16, np.int32, np.int64)
        if np.iinfo(dtype).min <= lo and hi <= np.iinfo(dtype).max
    ]
    return codes.astype(draw(st.sampled_from(fitting)))
