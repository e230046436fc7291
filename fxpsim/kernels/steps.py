"""Steps: what the registers of a tile do at each multiply-accumulate.

A step is named by a text, so that it can be a literal of a compiled function; :func:`step_named`
makes it.  All products are derived from the few classes here.

Registers with a fraction below the products' are kept *scaled*, at the products' fraction with
zeros in the bits below their own: rounding then clears bits in place and shifts nothing.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import ClassVar

from llvmlite import ir

from fxpsim.kernels.lanes import Lanes

__all__ = ["FITS", "PARAMETERS", "Register", "Step", "Term", "add_into", "planes_of", "step_named"]

#: How a register takes a sum that it cannot hold: ``uwrap`` is an unsigned one's, ``full`` a
#: saturating one's that is as wide as the lane.
FITS = ("clamp", "wrap", "uwrap", "full")

#: Run-time parameters of a step: those of the accumulator, then those of the product's register or
#: of the nodes of a tree.
PARAMETERS = 6

#: AVX-512 adds with saturation, and finds maxima, on one port only: in every third cell of a tile
#: a comparison and a masked move, which have another, do the work of the maximum.
_MASKED_EVERY = 3

State = list[ir.Value]


@dataclass(frozen=True)
class Register:
    """Run-time parameters of one register, as vectors.

    Attributes
    ----------
    first, second : vector
        ``clamp``: its highest value and its lowest.  ``wrap``, ``uwrap``: lane bits minus
        register bits, and nothing.  ``lifted``: lanes hold it moved up by ``first``, so that its
        highest value is theirs; ``second`` is its lowest, moved up.  ``saturate``: ``first`` is
        the scale of the lanes over the register, in bits.
    drop : vector
        Bits that rounding clears.
    """

    first: ir.Value
    second: ir.Value
    drop: ir.Value

    def cleared(self, lanes: Lanes) -> tuple[ir.Value, ir.Value]:
        """Return a mask of the bits that rounding clears, and the unit above them."""
        unit = lanes.builder.shl(lanes.constant(1), self.drop)
        return lanes.builder.sub(unit, lanes.constant(1)), unit


@dataclass(frozen=True)
class Term:
    """One product, as its factors, its step (products count from 1) and the cell of the tile."""

    a: ir.Value
    b: ir.Value
    step: ir.Value
    cell: int


def _fit(name: str, lanes: Lanes, register: Register, value: ir.Value) -> ir.Value:
    """Bring a sum back into a register."""
    if name == "clamp":
        return lanes.call("smax", lanes.call("smin", value, register.first), register.second)
    up = lanes.builder.shl(value, register.first)
    down = lanes.builder.lshr if name == "uwrap" else lanes.builder.ashr
    return down(up, register.first)


def add_into(
    name: str, lanes: Lanes, register: Register, held: ir.Value, addend: ir.Value
) -> ir.Value:
    """Return a register after an addition."""
    # Where the sum of two registers may leave the lane, the lane itself has to saturate.
    if lanes.bits == 16 and name in ("clamp", "full"):
        total = lanes.call("sadd.sat", held, addend)
    else:
        total = lanes.builder.add(held, addend)
    return total if name == "full" else _fit(name, lanes, register, total)


def _rounded(name: str, lanes: Lanes, register: Register, value: ir.Value) -> ir.Value:
    """Clear the dropped bits of a scaled sum by a rounding mode."""
    if name == "exact":
        return value
    builder = lanes.builder
    low, unit = register.cleared(lanes)
    zero, one = lanes.constant(0), lanes.constant(1)
    half = builder.lshr(unit, one)
    below = builder.sub(half, one)
    floor = builder.and_(value, builder.not_(low))
    if name == "jam":
        return builder.or_(floor, unit)
    if name == "jam_unbiased":
        some = builder.add(builder.and_(value, low), low)
        return builder.or_(floor, builder.and_(some, unit))

    def where_negative(yes: ir.Value, no: ir.Value) -> ir.Value:
        return builder.select(builder.icmp_signed("<", value, zero), yes, no)

    def where_odd(yes: ir.Value, no: ir.Value) -> ir.Value:
        return builder.select(builder.icmp_signed("!=", builder.and_(value, unit), zero), yes, no)

    if name == "trn_mag":
        return builder.add(floor, where_negative(unit, zero))
    addend = {
        "floor": lambda: zero,
        "ceil": lambda: low,
        "toward_zero": lambda: where_negative(low, zero),
        "away_from_zero": lambda: where_negative(zero, low),
        "nearest_up": lambda: half,
        "nearest_down": lambda: below,
        "nearest_to_zero": lambda: where_negative(half, below),
        "nearest_away": lambda: where_negative(below, half),
        "nearest_even": lambda: where_odd(half, below),
        "nearest_odd": lambda: where_odd(below, half),
    }[name]()
    return builder.and_(builder.add(value, addend), builder.not_(low))


@dataclass(frozen=True)
class Cast:
    """Rounding, then overflow: ``floor-clamp``, ``exact-wrap``, ..."""

    rounding: str
    fit: str

    @classmethod
    def named(cls, name: str) -> Cast:
        return cls(*name.split("-"))

    def __call__(self, lanes: Lanes, register: Register, value: ir.Value) -> ir.Value:
        return _fit(self.fit, lanes, register, _rounded(self.rounding, lanes, register, value))


class Step:
    """One sum in one register, at each product; subclasses say how."""

    planes: ClassVar[tuple[str, ...]] = ("register",)
    #: Whether :meth:`close` ends chunks.
    chunked: ClassVar[bool] = False
    #: Words of operands that :meth:`add` takes at once.
    words: ClassVar[int] = 1

    def begin(self, lanes: Lanes, registers: list[Register], start, biased) -> State:
        """Return the state before the first product; a bias has been added as step 0."""
        return [start]

    def add(
        self, lanes: Lanes, registers: list[Register], state: State, terms: list[Term]
    ) -> State:
        """Return the state after a product (of each word)."""
        raise NotImplementedError

    def close(self, lanes: Lanes, registers: list[Register], state: State) -> State:
        """Return the state after a chunk of products."""
        return state

    def finish(self, lanes: Lanes, registers: list[Register], state: State) -> State:
        """Return what is stored, a value for each plane."""
        return state


class Saturate(Step):
    """Saturation at the lane's own limits; the register is scaled up to them."""

    def add(self, lanes, registers, state, terms):
        (term,) = terms
        return [lanes.multiply_add_saturating(state[0], term.a, term.b)]

    def finish(self, lanes, registers, state):
        return [lanes.builder.ashr(state[0], registers[0].first)]


class Lifted(Step):
    """Saturation above at the lane's limit, below by a maximum."""

    def begin(self, lanes, registers, start, biased):
        return [lanes.builder.add(start, registers[0].first)]

    def add(self, lanes, registers, state, terms):
        (term,) = terms
        clipped = lanes.multiply_add_saturating(state[0], term.a, term.b)
        if term.cell % _MASKED_EVERY == 0 and lanes.masked_moves:
            return [lanes.raise_to(clipped, registers[0].second)]
        return [lanes.call("smax", clipped, registers[0].second)]

    def finish(self, lanes, registers, state):
        return [lanes.builder.sub(state[0], registers[0].first)]


@dataclass(frozen=True)
class Modular(Step):
    """Sums modulo the lane, cut to the register at the end."""

    fit: str

    def add(self, lanes, registers, state, terms):
        (term,) = terms
        return [lanes.multiply_add(state[0], term.a, term.b)]

    def finish(self, lanes, registers, state):
        return [_fit(self.fit, lanes, registers[0], state[0])]


class Chunk(Step):
    """Products of a chunk are added exactly, then the register saturates."""

    chunked = True

    def add(self, lanes, registers, state, terms):
        (term,) = terms
        return [lanes.multiply_add(state[0], term.a, term.b)]

    def close(self, lanes, registers, state):
        return [_fit("clamp", lanes, registers[0], state[0])]


@dataclass(frozen=True)
class Declared(Step):
    """Every addition is cast into the register, and every product before into its own."""

    register: Cast
    product: Cast | None = None

    def add(self, lanes, registers, state, terms):
        (term,) = terms
        if self.product is None:
            total = lanes.multiply_add(state[0], term.a, term.b)
        else:
            exact = lanes.multiply(term.a, term.b)
            total = lanes.builder.add(state[0], self.product(lanes, registers[1], exact))
        return [self.register(lanes, registers[0], total)]

    def finish(self, lanes, registers, state):
        return [lanes.builder.ashr(state[0], registers[0].drop)]


@dataclass(frozen=True)
class Tree(Step):
    """A chunk's products go through a pairwise tree whose nodes overflow as the register does."""

    size: int
    fit: str
    node_fit: str

    @property
    def words(self) -> int:
        return self.size

    def add(self, lanes, registers, state, terms):
        total = self._sum(lanes, registers, terms)
        return [add_into(self.fit, lanes, registers[0], state[0], total)]

    def _sum(self, lanes, registers, terms):
        """Add depth first, so that few sums are alive at once; an odd one passes up."""
        if len(terms) == 1:
            return lanes.multiply(terms[0].a, terms[0].b)
        half = 1 << ((len(terms) - 1).bit_length() - 1)
        left, right = (self._sum(lanes, registers, part) for part in (terms[:half], terms[half:]))
        return add_into(self.node_fit, lanes, registers[1], left, right)


class Peaks(Step):
    """Exact sums, with their lowest and highest."""

    planes = ("exact", "lowest", "highest")

    def begin(self, lanes, registers, start, biased):
        # Without a bias no partial sum exists yet: the first product sets both peaks.
        lowest = lanes.builder.select(biased, start, lanes.constant(lanes.most))
        highest = lanes.builder.select(biased, start, lanes.constant(-lanes.most - 1))
        return [start, lowest, highest]

    def add(self, lanes, registers, state, terms):
        (term,) = terms
        exact = lanes.multiply_add(state[0], term.a, term.b)
        return [exact, lanes.call("smin", state[1], exact), lanes.call("smax", state[2], exact)]


@dataclass(frozen=True)
class Tally(Step):
    """The register, how often it overflowed and when first.

    An event is an addition whose exact sum the register does not hold.  Where lanes are as wide
    as the register (``full``, ``around``) or it is ``lifted``, the exact sum may leave them; but
    wrapping and saturating then differ.
    """

    fit: str

    planes = ("register", "events", "first_step")

    def begin(self, lanes, registers, start, biased):
        zero, never = lanes.constant(0), lanes.constant(lanes.most)
        if self.fit == "lifted":
            return [lanes.builder.add(start, registers[0].first), zero, never]
        if self.fit in ("full", "around"):
            return [start, zero, never]
        new = _fit(self.fit, lanes, registers[0], start)
        return [new, *self._note(lanes, start, new, zero, never, zero)]

    def add(self, lanes, registers, state, terms):
        (term,) = terms
        old, events, first = state
        true = lanes.multiply_add(old, term.a, term.b)
        if self.fit in ("full", "around", "lifted"):
            new = lanes.call("sadd.sat", old, lanes.multiply(term.a, term.b))
            if self.fit == "lifted":
                new = lanes.call("smax", new, registers[0].second)
            if self.fit == "around":
                true, new = new, true
        else:
            new = _fit(self.fit, lanes, registers[0], true)
        return [new, *self._note(lanes, true, new, events, first, term.step)]

    def finish(self, lanes, registers, state):
        value, events, first = state
        if self.fit == "lifted":
            value = lanes.builder.sub(value, registers[0].first)
        none = lanes.builder.icmp_signed("==", events, lanes.constant(0))
        return [value, events, lanes.builder.select(none, lanes.constant(-1), first)]

    @staticmethod
    def _note(lanes: Lanes, true, new, events, first, step) -> State:
        event = lanes.builder.icmp_signed("!=", new, true)
        more = lanes.builder.add(events, lanes.constant(1))
        earlier = lanes.call("smin", first, step)
        select = lanes.builder.select
        return [select(event, more, events), select(event, earlier, first)]


def step_named(name: str) -> Step:
    """Make a step of its name.

    ``saturate``, ``lifted``, ``chunk``, ``peaks``; ``modular:FIT`` and ``tree:N:FIT:NODE_FIT``
    with each FIT of :data:`FITS`; ``tally:FIT`` with one of them, ``lifted`` or ``around``;
    ``declared:CAST`` or ``declared:CAST:PRODUCT_CAST`` with CAST a rounding (or ``exact``), a
    dash and a FIT.
    """
    kind, *options = name.split(":")
    if kind == "declared":
        return Declared(*map(Cast.named, options))
    if kind == "tree":
        return Tree(int(options[0]), *options[1:])
    plain = {"saturate": Saturate, "lifted": Lifted, "chunk": Chunk, "peaks": Peaks}
    fitted = {"modular": Modular, "tally": Tally}
    return plain[kind]() if kind in plain else fitted[kind](*options)


@functools.cache
def planes_of(name: str) -> tuple[str, ...]:
    """Return what a step stores, one plane of the output an entry."""
    return step_named(name).planes
