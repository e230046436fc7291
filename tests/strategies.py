"""Hypothesis strategies for the project's own nouns."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

from fxpsim import (
    Accumulator,
    Chunked,
    Graph,
    Interleaved,
    Overflow,
    Product,
    QFormat,
    Rounding,
    Sequential,
    Spill,
    Wrap,
    WrapSignMagnitude,
)
from fxpsim.errors import FormatError
from fxpsim.formats.modes import STOCHASTIC, check_overflow
from fxpsim.graph import Node
from fxpsim.ops import (
    Argmax,
    BatchNorm,
    Bias,
    Dense,
    Gain,
    Relu,
    Requantize,
    Softmax,
    TensorSpec,
)

#: Examples of the usual profile.
USUAL = 60


def at_least(examples: int) -> settings:
    """Return settings for more examples than the usual profile has; others keep their number."""
    given = settings.default.max_examples
    return settings(max_examples=max(examples, given) if given >= USUAL else given)


rounding_modes = st.sampled_from(list(Rounding))
#: All that draw nothing.
fixed_rounding_modes = st.sampled_from([mode for mode in Rounding if mode not in STOCHASTIC])
#: All but ``trap``, which gives no codes; with few saturated bits, so that most formats have them.
overflow_modes = st.sampled_from(
    [
        *(mode for mode in Overflow if mode is not Overflow.TRAP),
        *(rule(count) for rule in (Wrap, WrapSignMagnitude) for count in (1, 2, 3)),
    ]
)
accumulator_modes = st.sampled_from(["saturate", "wrap"])


@st.composite
def formats(draw, max_bits: int = 62):
    signed = draw(st.booleans())
    bits = draw(st.integers(1 + signed, max_bits))
    narrow = signed and draw(st.booleans())
    return QFormat(bits, draw(st.integers(-8, 70)), signed, narrow)


def has_meaning(fmt, overflow):
    """Whether a format takes an overflow mode."""
    try:
        check_overflow(fmt, overflow)
    except FormatError:
        return False
    return True


def overflow_modes_of(fmt):
    """Return the overflow modes that a format takes."""
    return overflow_modes.filter(lambda mode: has_meaning(fmt, mode))


@st.composite
def accumulators(draw, max_bits: int = 62):
    edges = [bits for bits in (2, 8, 15, 16, 17, 31, 32, 33, 62) if bits <= max_bits]
    return Accumulator(
        draw(st.integers(2, max_bits) | st.sampled_from(edges)),
        draw(accumulator_modes),
        signed=draw(st.sampled_from([True, True, True, False])),
    )


_spills = st.none() | st.integers(1, 4)
#: After which additions the innermost register is emptied.
_schedules = st.sets(st.integers(1, 9)).map(sorted)


def _register(draw, max_bits, spill, rounding, **options):
    """One level: fraction, rounding, and perhaps a register that it spills into."""
    if draw(st.booleans()):
        options["frac"] = draw(st.integers(-3, 7))
    if draw(st.booleans()):
        options["rounding"] = draw(rounding)
    if spill and draw(st.booleans()):
        when = {"every": draw(_spills)}
        if "order" in options and draw(st.booleans()):
            when = {"at": draw(_schedules)}
        options["spill"] = Spill(into=_register(draw, max_bits, spill - 1, rounding), **when)
    signed = draw(st.sampled_from([True, True, True, False]))
    bits = draw(st.integers(2, max_bits))
    return Accumulator(bits, draw(accumulator_modes), signed=signed, **options)


@st.composite
def declared_accumulators(draw, max_bits: int = 24, rounding=rounding_modes):
    """Accumulators with everything that can be declared about them."""
    options = {"bias": draw(st.sampled_from(["first", "last"]))}
    options["rounding_constant"] = draw(st.just(0) | st.integers(-300, 300))
    options["order"] = draw(
        st.just(Sequential())
        | st.builds(Interleaved, st.integers(1, 6), st.sampled_from(["tree", "sequential"]))
        | st.builds(Chunked, st.integers(1, 6), st.none() | st.integers(2, 20))
    )
    if draw(st.booleans()):
        options["product"] = draw(
            st.builds(
                Product,
                st.integers(2, 20),
                st.integers(-3, 7),
                rounding,
                accumulator_modes,
            )
        )
    return _register(draw, max_bits, 3, rounding, **options)


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


@st.composite
def graphs(draw, bits: int | None = None):
    """Small networks of every operation, and inputs for them: (graph, codes)."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    sizes = draw(st.lists(st.integers(1, 9), min_size=2, max_size=4))
    first = QFormat(draw(st.integers(2, 8)), draw(st.integers(0, 7)), draw(st.booleans()))
    spec = TensorSpec((sizes[0],), first)
    nodes = []

    def add(name, op):
        nonlocal spec
        nodes.append(Node(name, op, nodes[-1].name if nodes else "input"))
        spec = op.infer(spec)

    for layer, (inputs, outputs) in enumerate(pairwise(sizes)):
        weight = QFormat(draw(st.integers(1, 8)), draw(st.integers(0, 8)))
        codes = rng.integers(weight.lo, weight.hi, (inputs, outputs), endpoint=True)
        bias, bias_format = None, None
        if draw(st.booleans()):
            bias_format = QFormat(8, min(spec.format.frac + weight.frac, draw(st.integers(-2, 4))))
            bias = rng.integers(-128, 128, outputs)
        register = Accumulator(bits) if bits else draw(accumulators(24) | declared_accumulators())
        add(f"dense{layer}", Dense(codes, weight, register, bias, bias_format))
        kind = draw(st.sampled_from(["none", "norm", "gain", "bias", "relu"]))
        eight = QFormat(8, draw(st.integers(0, 7)))
        constants = rng.integers(-128, 128, outputs)
        offset_format = QFormat(8, min(spec.format.frac, draw(st.integers(-1, 5))))
        if kind == "norm":
            add(f"norm{layer}", BatchNorm(constants, eight, constants[::-1], offset_format))
        elif kind == "gain":
            add(f"gain{layer}", Gain(constants, eight))
        elif kind == "bias":
            add(f"bias{layer}", Bias(constants, offset_format))
        elif kind == "relu":
            add(f"relu{layer}", Relu(draw(st.none() | st.integers(1, 1000))))
        target = QFormat(8, draw(st.integers(-4, 7)), draw(st.booleans()))
        add(
            f"act{layer}",
            Requantize(
                target,
                draw(rounding_modes),
                draw(overflow_modes_of(target)),
            ),
        )
    ending = draw(st.sampled_from(["none", "softmax", "argmax"]))
    if ending == "softmax":
        add("softmax", Softmax.for_scores(spec.format, QFormat(8, 8, signed=False)))
    elif ending == "argmax":
        add("argmax", Argmax())
    graph = Graph("random", TensorSpec((sizes[0],), first), tuple(nodes))
    batch = draw(st.integers(1, 5))
    inputs = rng.integers(first.lo, first.hi, (batch, sizes[0]), endpoint=True)
    if draw(st.booleans()):
        inputs = rng.choice([first.lo, first.hi], (batch, sizes[0]))
    return graph, inputs
