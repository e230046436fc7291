"""Which compiled cast gives the bits of :mod:`fxpsim.spec` for an array, and the call.

Modes and formats have been checked by the caller.  With compilation switched off, and where a
value may not fit 62 bits, ``spec`` itself runs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fxpsim import spec
from fxpsim.draws import Draws, current_draws
from fxpsim.engine import code_dtype, compiled, warn_slow
from fxpsim.errors import OverflowTrap
from fxpsim.formats import Overflow, OverflowRule, QFormat, Rounding
from fxpsim.formats.modes import STOCHASTIC

if TYPE_CHECKING:
    from fxpsim.schemes import Rescale

__all__ = [
    "Cast",
    "OutsideError",
    "cast_codes",
    "draw_words",
    "quantize_floats",
    "rescale",
    "shift_codes",
]

IntArray = NDArray[Any]
Range = tuple[int, int]


class OutsideError(Exception):
    """A code is outside the range it should have; the caller knows what to call it."""


@dataclass(frozen=True, slots=True)
class Cast:
    """Codes of the target, and how many of them the overflow rule changed."""

    codes: IntArray
    changed: int


def shift_codes(
    codes: IntArray, shift: int, target: QFormat, rounding: Rounding, overflow: OverflowRule
) -> IntArray:
    """Return ``codes * 2**-shift`` as codes of ``target``: rounded, then brought into range."""
    return cast_codes(codes, shift, target, rounding, overflow).codes


def cast_codes(
    codes: IntArray,
    shift: int,
    target: QFormat,
    rounding: Rounding,
    overflow: OverflowRule,
    *,
    source: Range | None = None,
    draws: Draws | None = None,
) -> Cast:
    """Return codes times ``2**-shift``: rounded, then brought into the range of ``target``.

    Parameters
    ----------
    codes : integer array
        Any shape.
    shift : int
        Bits to drop; negative is to the left.
    target, rounding, overflow
        As in :func:`fxpsim.spec.cast`.
    source : (int, int), optional
        The range that the codes must have; for a compiled loop this is one comparison more.
    draws : Draws, optional
        For the stochastic modes.

    Raises
    ------
    OutsideError
        A code is outside ``source``.
    """
    left = max(0, -shift)
    if source is None or max(map(abs, source)) << left >= 1 << 62:
        seen = (int(codes.min()), int(codes.max())) if codes.size else (0, 0)
        if source is not None and not source[0] <= seen[0] <= seen[1] <= source[1]:
            raise OutsideError
        source = seen
    words = _words_for(rounding, codes.shape, draws)
    if compiled() and codes.dtype != np.object_ and max(map(abs, source)) << left < 1 << 62:
        from fxpsim.kernels import elementwise
        from fxpsim.kernels.words import overflow_stage

        out = np.empty(codes.shape, code_dtype(target.lo, target.hi))
        kind, word = overflow_stage(target, overflow)
        mode = elementwise.MODES[rounding]
        if shift <= 0:  # drops nothing; only jam still acts
            mode = elementwise.EXACT_JAM if rounding is Rounding.JAM else elementwise.EXACT
        narrow = (
            codes.dtype.itemsize + (codes.dtype.kind == "u") <= 4
            and codes.size < 1 << 31
            and rounding is not Rounding.STOCHASTIC_WEIGHTED
            and max(*map(abs, source), -target.lo, target.hi) << left < elementwise.LANE32
        )
        loop = elementwise.shift_codes(mode, kind, np.int32 if narrow else np.int64)
        flat = np.ascontiguousarray(codes).reshape(-1)
        # The loop's comparison wants 0 in the range, which every format has.
        ends = np.int64(min(source[0], 0)), np.int64(max(source[1], 0))
        outside, changed = loop(flat, *ends, np.int64(shift), word, words, out.reshape(-1))
        if outside < 0:
            raise OutsideError
        if changed and overflow is Overflow.TRAP:
            _spring(codes, words, _code_rule(shift, target, rounding, overflow))
        return Cast(out, int(changed))
    if compiled():
        warn_slow("a cast of values beyond 62 bits")
    if codes.size and not source[0] <= codes.min() <= codes.max() <= source[1]:
        raise OutsideError
    return _by_rule(codes, words, target, _code_rule(shift, target, rounding, overflow))


#: From an element and its draw: the rounded value, and the code it becomes.
Rule = Callable[[Any, int], tuple[float, int]]


def _code_rule(shift: int, target: QFormat, rounding: Rounding, overflow: OverflowRule) -> Rule:
    def rule(code: int, draw: int) -> tuple[int, int]:
        rounded = spec.round_shift(int(code), shift, rounding, draw)
        return rounded, spec.fit(rounded, target.lo, target.hi, overflow)

    return rule


def _by_rule(elements: NDArray[Any], words: IntArray, target: QFormat, rule: Rule) -> Cast:
    pairs = list(_apply(elements, words, rule))
    out = np.array([code for _, code in pairs], code_dtype(target.lo, target.hi))
    changed = sum(rounded != code for rounded, code in pairs)
    return Cast(out.reshape(elements.shape), changed)


def _spring(elements: NDArray[Any], words: IntArray, rule: Rule) -> None:
    """Raise the trap of the first element that springs it, in C order."""
    for _ in _apply(elements, words, rule):
        pass


def _apply(elements: NDArray[Any], words: IntArray, rule: Rule) -> Iterator[tuple[float, int]]:
    flat = elements.reshape(-1).tolist()
    for position, element in enumerate(flat):
        try:
            yield rule(element, int(words[position]) if words.size else 0)
        except OverflowTrap as trap:
            index = tuple(int(i) for i in np.unravel_index(position, elements.shape))
            raise OverflowTrap(trap.value, trap.lo, trap.hi, index) from None


def _words_for(rounding: Rounding, shape: tuple[int, ...], draws: Draws | None) -> IntArray:
    if rounding not in STOCHASTIC:
        return np.empty(0, np.uint32)
    return draw_words(shape, draws or current_draws())


def draw_words(shape: tuple[int, ...], draws: Draws) -> IntArray:
    """Return the 32 random bits (:func:`fxpsim.spec.draw`) of every element, in C order."""
    samples, elements = draws.counters(shape)
    seed = int(draws.seed)
    if not compiled():
        words = [
            spec.draw(seed, int(draws.stream), sample, element)
            for sample in samples.tolist()
            for element in range(elements)
        ]
        return np.array(words, np.uint32)
    from fxpsim.kernels import philox

    out = np.empty(samples.size * elements, np.uint32)
    key = np.uint64(seed & 0xFFFFFFFF), np.uint64(seed >> 32)
    philox.draw_words(*key, np.uint64(draws.stream), samples, elements, np.uint64(0), out)
    return out


def quantize_floats(
    values: NDArray[np.float64],
    fmt: QFormat,
    rounding: Rounding,
    overflow: OverflowRule,
    draws: Draws | None = None,
) -> tuple[Cast, int]:
    """Return the codes of floats, and how many are NaN; infinities overflow (and wrap to 0)."""
    words = _words_for(rounding, values.shape, draws)
    if compiled():
        from fxpsim.kernels import elementwise, floats
        from fxpsim.kernels.words import overflow_stage

        out = np.empty(values.shape, code_dtype(fmt.lo, fmt.hi))
        kind, word = overflow_stage(fmt, overflow)
        loop_for = elementwise.MODES[rounding], kind, rounding in STOCHASTIC
        operands = np.ascontiguousarray(values).reshape(-1), 2.0**fmt.frac, word, words
        missing, changed = 1, 0
        if fmt.frac >= 0 and fmt.bits <= 52:
            lane = np.int32 if fmt.bits <= 30 and values.size < 1 << 31 else np.int64
            plain = floats.quantize_plain(*loop_for, lane)
            missing, changed = plain(*operands, out.reshape(-1))
        if missing:
            missing, changed = floats.quantize_any(*loop_for)(*operands, out.reshape(-1))
        if changed and not missing and overflow is Overflow.TRAP:
            _spring(values, words, _float_rule(fmt, rounding, overflow))
        return Cast(out, changed), missing
    nans = np.isnan(values)
    rule = _float_rule(fmt, rounding, overflow)
    return _by_rule(np.where(nans, 0.0, values), words, fmt, rule), int(nans.sum())


def _float_rule(fmt: QFormat, rounding: Rounding, overflow: OverflowRule) -> Rule:
    def rule(value: float, draw: int) -> tuple[float, int]:
        if math.isinf(value):  # as a very large power of two
            far = 1 << 2000 if value > 0 else -(1 << 2000)
            try:
                return value, spec.fit(far, fmt.lo, fmt.hi, overflow)
            except OverflowTrap as trap:
                raise OverflowTrap(value, trap.lo, trap.hi) from None
        wide = spec.round_float(value, fmt.frac, rounding, draw)
        return wide, spec.fit(wide, fmt.lo, fmt.hi, overflow)

    return rule


def rescale(codes: IntArray, scheme: Rescale, target: QFormat) -> IntArray:
    """Return accumulators brought to ``target`` by a scheme, its channels on the last axis."""
    lo, hi = scheme.limits(target)
    out = np.empty(codes.shape, code_dtype(target.lo, target.hi))
    if compiled() and codes.dtype != np.object_:
        from fxpsim.kernels import requantize

        plan = requantize.plan(scheme, lo, hi)
        if plan is not None and _peak(codes, factor=plan.factor) < 1 << 62:
            requantize.run(plan, codes, out)
            return out
    if compiled():
        warn_slow("requantisation of products beyond 62 bits")
    constants = scheme.constants()
    for index, code in enumerate(codes.reshape(-1).tolist()):
        result = scheme.rule(code, *constants[index % len(constants)])
        out.reshape(-1)[index] = spec.offset_clamp(result, scheme.zero_point, lo, hi)
    return out


def _peak(codes: IntArray, left: int = 0, factor: int = 1) -> int:
    """Return a bound on magnitudes times a factor; codes are looked at only where it matters."""
    scale = factor << max(0, left)
    bits = 8 * codes.dtype.itemsize - int(np.issubdtype(codes.dtype, np.signedinteger))
    if scale << bits < 1 << 62:
        return scale << bits
    return 0 if not codes.size else max(abs(int(codes.max())), abs(int(codes.min()))) * scale
