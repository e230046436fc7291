"""Strategies of the project's own tests: those that it offers others, in the shapes wanted here."""

from __future__ import annotations

from itertools import cycle, product

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

from fxpsim import Accumulator, Overflow, QFormat, Rounding, Wrap, WrapSignMagnitude
from fxpsim import testing as offered
from fxpsim.errors import FormatError
from fxpsim.formats.modes import check_overflow
from fxpsim.testing import accumulators, codes, declared_accumulators, formats

__all__ = [
    "accumulators",
    "at_least",
    "code_arrays",
    "declared_accumulators",
    "fixed_rounding_modes",
    "formats",
    "graphs",
    "has_meaning",
    "mode_pairs",
    "overflow_modes",
    "overflow_modes_of",
    "rounding_modes",
]

#: Examples of the usual profile.
USUAL = 60


def at_least(examples: int) -> settings:
    """Return settings for more examples than the usual profile has; others keep their number."""
    given = settings.default.max_examples
    return settings(max_examples=max(examples, given) if given >= USUAL else given)


rounding_modes = offered.rounding_modes()
#: All that draw nothing.
fixed_rounding_modes = offered.rounding_modes(stochastic=False)
overflow_modes = offered.overflow_modes()
overflow_modes_of = offered.overflow_modes
#: Rounding and overflow: every pair in the long profile; else each of either in some, because each
#: pair is compiled for itself, and that takes longer than all its examples.
_OVERFLOW = [
    *(mode for mode in Overflow if mode is not Overflow.TRAP),
    *(rule(count) for rule in (Wrap, WrapSignMagnitude) for count in (1, 2, 3)),
]
mode_pairs = st.sampled_from(
    list(product(Rounding, _OVERFLOW))
    if settings.default.max_examples > USUAL
    else list(zip(Rounding, cycle(_OVERFLOW), strict=False))
)


def has_meaning(fmt, overflow):
    """Whether a format takes an overflow mode."""
    try:
        check_overflow(fmt, overflow)
    except FormatError:
        return False
    return True


@st.composite
def code_arrays(draw, shape, max_bits: int = 16):
    """Codes of one width, in any type that holds them; often only extremes."""
    signed = draw(st.booleans())
    fmt = QFormat(draw(st.integers(1 + signed, max_bits)), 0, signed)
    array = draw(codes(fmt, shape))
    fitting = [
        dtype
        for dtype in (np.int8, np.uint8, np.int16, np.int32, np.int64)
        if np.iinfo(dtype).min <= fmt.lo and fmt.hi <= np.iinfo(dtype).max
    ]
    return array.astype(draw(st.sampled_from(fitting)))


@st.composite
def graphs(draw, bits: int | None = None, images: bool = False):
    """Small networks of every operation, and inputs for them: (graph, codes)."""
    registers = st.just(Accumulator(bits)) if bits else None
    graph = draw(offered.graphs(registers=registers, images=images))
    return graph, draw(offered.inputs(graph))
