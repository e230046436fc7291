"""Strategies for formats, modes, registers, codes and weights."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from fxpsim.accumulators import Accumulator, Chunked, Interleaved, Product, Sequential, Spill
from fxpsim.errors import FormatError
from fxpsim.formats import Format, Levels, Overflow, QFormat, Rounding, Wrap, WrapSignMagnitude
from fxpsim.formats.modes import STOCHASTIC, check_overflow

__all__ = [
    "accumulators",
    "codes",
    "declared_accumulators",
    "formats",
    "overflow_modes",
    "rounding_modes",
    "weight_formats",
    "weights",
]

IntArray = NDArray[Any]

_SIGNED = st.sampled_from([True, True, True, False])
_MODES = st.sampled_from([Overflow.SATURATE, Overflow.WRAP])
#: All but ``trap``, which gives no codes; few saturated bits, so that most formats have them.
OVERFLOW_MODES = (
    *(mode for mode in Overflow if mode is not Overflow.TRAP),
    *(rule(count) for rule in (Wrap, WrapSignMagnitude) for count in (1, 2, 3)),
)
#: Widths at the edges of machine words.
_EDGES = (2, 8, 15, 16, 17, 31, 32, 33, 62)


@st.composite
def formats(draw: st.DrawFn, max_bits: int = 62) -> QFormat:
    """Return a strategy of fixed-point formats, up to a width."""
    signed = draw(st.booleans())
    bits = draw(st.integers(1 + signed, max_bits))
    narrow = signed and draw(st.booleans())
    return QFormat(bits, draw(st.integers(-8, 70)), signed, narrow)


def rounding_modes(*, stochastic: bool = True) -> st.SearchStrategy[Rounding]:
    """Return a strategy of rounding modes, without those that draw if so wanted."""
    return st.sampled_from([mode for mode in Rounding if stochastic or mode not in STOCHASTIC])


def overflow_modes(
    fmt: QFormat | None = None,
) -> st.SearchStrategy[Overflow | Wrap | WrapSignMagnitude]:
    """Return a strategy of overflow modes, those that a format takes where one is given.

    ``trap`` is not among them, as it gives no codes.
    """
    modes = st.sampled_from(OVERFLOW_MODES)
    return modes if fmt is None else modes.filter(lambda mode: _has_meaning(fmt, mode))


def _has_meaning(fmt: QFormat, overflow: Overflow | Wrap | WrapSignMagnitude) -> bool:
    try:
        check_overflow(fmt, overflow)
    except FormatError:
        return False
    return True


@st.composite
def accumulators(draw: st.DrawFn, max_bits: int = 62) -> Accumulator:
    """Return a strategy of plain registers: width, overflow and sign."""
    edges = [bits for bits in _EDGES if bits <= max_bits]
    bits = draw(st.integers(2, max_bits) | st.sampled_from(edges))
    return Accumulator(bits, draw(_MODES), signed=draw(_SIGNED))


@st.composite
def declared_accumulators(
    draw: st.DrawFn,
    max_bits: int = 24,
    *,
    rounding: st.SearchStrategy[Rounding] | None = None,
    product: bool = True,
) -> Accumulator:
    """Return a strategy of registers with everything that can be declared about them.

    Parameters
    ----------
    max_bits : int
        Of any register.
    rounding : strategy, optional
        Of rounding modes; all of them where not given.
    product : bool
        Whether products may have a register.
    """
    modes = rounding_modes() if rounding is None else rounding
    options: dict[str, Any] = {
        "bias": draw(st.sampled_from(["first", "last"])),
        "rounding_constant": draw(st.just(0) | st.integers(-300, 300)),
        "order": draw(
            st.just(Sequential())
            | st.builds(Interleaved, st.integers(1, 6), st.sampled_from(["tree", "sequential"]))
            | st.builds(Chunked, st.integers(1, 6), st.none() | st.integers(2, 20))
        ),
    }
    if product and draw(st.booleans()):
        bits, frac = st.integers(2, 20), st.integers(-3, 7)
        options["product"] = draw(st.builds(Product, bits, frac, modes, _MODES))
    return _register(draw, max_bits, 3, modes, options)


def _register(
    draw: st.DrawFn,
    max_bits: int,
    spills: int,
    rounding: st.SearchStrategy[Rounding],
    options: dict[str, Any],
) -> Accumulator:
    """Draw one level: fraction, rounding, and perhaps a register that it spills into."""
    innermost = "order" in options
    if draw(st.booleans()):
        options["frac"] = draw(st.integers(-3, 7))
    if draw(st.booleans()):
        options["rounding"] = draw(rounding)
    if spills and draw(st.booleans()):
        when: dict[str, Any] = {"every": draw(st.none() | st.integers(1, 4))}
        if innermost and draw(st.booleans()):
            when = {"at": draw(st.sets(st.integers(1, 9)).map(sorted))}
        into = _register(draw, max_bits, spills - 1, rounding, {})
        options["spill"] = Spill(into=into, **when)
    signed, bits = draw(_SIGNED), draw(st.integers(2, max_bits))
    return Accumulator(bits, draw(_MODES), signed=signed, **options)


@st.composite
def codes(draw: st.DrawFn, fmt: Format, shape: tuple[int, ...]) -> IntArray:
    """Return a strategy of arrays of codes of a format: any, or mostly its extremes."""
    return _array(draw, fmt.lo, fmt.hi, shape)


def weight_formats() -> st.SearchStrategy[QFormat | Levels]:
    """Return a strategy of formats that weights of 1 to 8 bits have: binary points, codebooks.

    Codebooks are binary, ternary, of odd levels as DoReFa has them, and tables in any order; with
    scales that are a power of two and with others.
    """
    bits = st.integers(1, 8)
    points = st.builds(QFormat, bits, st.integers(0, 8))
    scales = st.integers(0, 8).map(lambda frac: 2.0**-frac) | st.sampled_from([0.3, 1 / 15])
    uniform = st.sampled_from([Levels.binary(), Levels.ternary()]) | bits.map(Levels.dorefa)
    tables = st.lists(st.integers(-300, 300), min_size=1, max_size=16).map(Levels)
    scaled = st.builds(lambda fmt, scale: Levels(fmt.codebook, scale), uniform | tables, scales)
    return points | uniform | scaled


@st.composite
def weights(draw: st.DrawFn, shape: tuple[int, ...], fmt: Format | None = None) -> IntArray:
    """Return a strategy of arrays of weights (K, N), of signed 8 bits where no format is given.

    They are uniform, only extremes, heavy-tailed with one outlier, of one sign in each column, or
    mostly 0: what bounds and schedules tell apart.
    """
    chosen = fmt or QFormat(8, 0)
    lo, hi = chosen.lo, chosen.hi
    kind = draw(st.sampled_from(["any", "heavy", "signs", "sparse"]))
    array = _array(draw, lo, hi, shape)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    if kind == "heavy":
        array = np.rint(rng.laplace(0, (hi - lo) / 16, shape)).clip(lo, hi).astype(np.int64)
        array.flat[rng.integers(array.size)] = hi
    elif kind == "signs":
        up = rng.random(shape[-1]) < 0.5
        array = np.where(up, np.maximum(array, min(0, hi)), np.minimum(array, max(0, lo)))
    elif kind == "sparse":
        array = np.where(rng.random(shape) < 0.8, min(max(0, lo), hi), array)
    return array


def _array(draw: st.DrawFn, lo: int, hi: int, shape: tuple[int, ...]) -> IntArray:
    """Draw integers in a range; often only its ends, which overflow soonest."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    if draw(st.booleans()):
        return rng.choice(np.array([lo, hi, hi], np.int64), size=shape)
    return rng.integers(lo, hi, size=shape, endpoint=True)
