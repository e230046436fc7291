"""Sums of products in registers: lanes, chunks, spills, one addition at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache

from fxpsim.accumulators import Accumulator, Chunked, Interleaved, Product
from fxpsim.formats.modes import STOCHASTIC
from fxpsim.spec.casts import fit, round_shift
from fxpsim.spec.philox import Counter, draw_step

__all__ = ["Events", "Step", "Sum", "accumulate"]

#: A number: integer, and fraction bits.
Fixed = tuple[int, int]
#: The four random words of a step.
Words = Callable[[int], Counter]


@dataclass(slots=True)
class Events:
    """Overflows at one level: how many, and the first step (products count from 1)."""

    count: int = 0
    first_step: int | None = None

    def note(self, step: int) -> None:
        """Count one more."""
        self.count += 1
        self.first_step = step if self.first_step is None else self.first_step


@dataclass(frozen=True, slots=True)
class Step:
    """One addition, for who debugs hardware: the step, the register's name, what it holds after."""

    step: int
    register: str
    value: int


@dataclass(frozen=True, slots=True)
class Sum:
    """What the registers of one sum did.

    Attributes
    ----------
    value : int
        The outermost register in the end.
    exact : int
        The sum without rounding or overflow, at the products' fraction.
    levels : dict of str to Events
        Overflows by level: ``product``, ``node`` (of a chunk's tree), ``lane``, ``spill`` (of
        registers that spill), ``final`` (of the outermost register, bias and reduction included).
    lowest, highest : int
        Extremes of the exact partial sums in the order of the products (0 where nothing is added).
    steps : tuple of Step
        Every addition, in order.
    names : tuple of str
        Of the registers, lanes first, then outwards.
    states : tuple of tuple of int
        What they hold before the first product, after each of them, and in the end where
        something was left to do.
    """

    value: int
    exact: int
    levels: dict[str, Events]
    lowest: int
    highest: int
    steps: tuple[Step, ...]
    names: tuple[str, ...]
    states: tuple[tuple[int, ...], ...]

    @property
    def events(self) -> int:
        """Overflows at all levels."""
        return sum(events.count for events in self.levels.values())

    @property
    def first_step(self) -> int | None:
        """The first of them."""
        firsts = [e.first_step for e in self.levels.values() if e.first_step is not None]
        return min(firsts, default=None)


def _into(
    number: Fixed,
    register: Accumulator | Product,
    frac: int,
    events: Events,
    step: int,
    draw: int = 0,
) -> int:
    """Round and overflow an exact number into a word at ``frac``."""
    value, shift = number[0], number[1] - frac
    undeclared = register.frac is None and shift == 0  # then even ``jam`` leaves it as it is
    rounded = value if undeclared else round_shift(value, shift, register.rounding, draw)
    fitted = fit(rounded, register.lo, register.hi, register.overflow)
    if fitted != rounded:
        events.note(step)
    return fitted


def _plus(a: Fixed, b: Fixed) -> Fixed:
    frac = max(a[1], b[1])
    return (a[0] << (frac - a[1])) + (b[0] << (frac - b[1])), frac


@dataclass
class _Sums:
    """The registers of one sum while it is made."""

    accumulator: Accumulator
    product_frac: int
    words: Words
    levels: dict[str, Events] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)

    def __post_init__(self) -> None:
        order = self.accumulator.order
        self.chain = self.accumulator.levels
        lanes = order.lanes if isinstance(order, Interleaved) else 1
        own = isinstance(order, Interleaved)  # lanes are apart from the register they end in
        product = self.accumulator.product
        frac = self.product_frac if product is None else product.frac
        self.fracs = []
        for register in self.chain:
            frac = frac if register.frac is None else register.frac
            self.fracs.append(frac)
        self.outer = [*self.chain[1:]] if self.accumulator.spill or not own else [self.chain[0]]
        self.outer_fracs = self.fracs[-len(self.outer) :] if self.outer else []
        self.product_word, *words = self.accumulator.draw_words
        self.lane_word, self.outer_words = words[0], words[len(words) - len(self.outer) :]
        self.lanes = [0] * lanes
        self.values = [0] * len(self.outer)
        self.arrived = [0] * (1 + len(self.outer))

    def events(self, level: str) -> Events:
        return self.levels.setdefault(level, Events())

    def draw(self, register: Accumulator | Product, word: int, step: int) -> int:
        """Return the 32 random bits of a register at a step; none are drawn where none count."""
        return self.words(step)[word] if register.rounding in STOCHASTIC else 0

    def lane_level(self) -> str:
        if isinstance(self.accumulator.order, Interleaved):
            return "lane"
        return "spill" if self.outer else "final"

    def outer_level(self, index: int) -> str:
        return "final" if index == len(self.outer) - 1 else "spill"

    def add_to_lane(self, lane: int, number: Fixed, step: int) -> None:
        level, frac = self.lane_level(), self.fracs[0]
        total = _plus((self.lanes[lane], frac), number)
        draw = self.draw(self.accumulator, self.lane_word, step)
        self.lanes[lane] = _into(total, self.accumulator, frac, self.events(level), step, draw)
        name = f"{level}{lane}" if level == "lane" else level
        self.steps.append(Step(step, name, self.lanes[lane]))

    def add_to_outer(self, index: int, number: Fixed, step: int) -> None:
        level, frac = self.outer_level(index), self.outer_fracs[index]
        total = _plus((self.values[index], frac), number)
        register = self.outer[index]
        draw = self.draw(register, self.outer_words[index], step)
        self.values[index] = _into(total, register, frac, self.events(level), step, draw)
        self.steps.append(Step(step, self.outer_name(index), self.values[index]))

    def reduced(self, step: int) -> Fixed:
        """Add the lanes in the register that they are flushed into; return one number."""
        order = self.accumulator.order
        numbers: list[Fixed] = [(value, self.fracs[0]) for value in self.lanes]
        if not isinstance(order, Interleaved):
            return numbers[0]
        register, frac = self.outer[0], self.outer_fracs[0]
        events = self.events(self.outer_level(0))
        draw = self.draw(register, self.outer_words[0], step)

        def node(a: Fixed, b: Fixed) -> Fixed:
            return _into(_plus(a, b), register, frac, events, step, draw), frac

        if order.reduce == "sequential":
            total = numbers[0]
            for number in numbers[1:]:
                total = node(total, number)
            return total
        return _tree(numbers, node)

    def flush_lanes(self, step: int) -> None:
        number = self.reduced(step)
        self.lanes, self.arrived[0] = [0] * len(self.lanes), 0
        self.arrive(0, number, step)

    def arrive(self, index: int, number: Fixed, step: int) -> None:
        self.add_to_outer(index, number, step)
        self.arrived[index + 1] += 1
        spill = self.outer[index].spill
        if spill and spill.every == self.arrived[index + 1]:
            self.flush_outer(index, step)

    def flush_outer(self, index: int, step: int) -> None:
        number = self.values[index], self.outer_fracs[index]
        self.values[index], self.arrived[index + 1] = 0, 0
        self.arrive(index + 1, number, step)

    def names(self) -> tuple[str, ...]:
        """Return the names of the registers in the order of :meth:`state`."""
        level = self.lane_level()
        several = level == "lane"
        lanes = [f"lane{i}" if several else level for i in range(len(self.lanes))]
        return (*lanes, *(self.outer_name(i) for i in range(len(self.outer))))

    def state(self) -> tuple[int, ...]:
        return (*self.lanes, *self.values)

    def outer_name(self, index: int) -> str:
        level = self.outer_level(index)
        return level if level == "final" else f"{level}{index + 1}"

    def result(self) -> int:
        return self.values[-1] if self.outer else self.lanes[0]

    def add_bias(self, bias: int, step: int) -> None:
        number = bias, self.product_frac
        if self.outer:
            self.add_to_outer(len(self.outer) - 1, number, step)
        else:
            self.add_to_lane(0, number, step)

    def finish(self, step: int) -> None:
        """Flush what is left, innermost first."""
        if self.outer and self.arrived[0]:
            self.flush_lanes(step)
        for index in range(len(self.outer) - 1):
            if self.arrived[index + 1]:
                self.flush_outer(index, step)


def _tree(numbers: list[Fixed], node) -> Fixed:  # type: ignore[no-untyped-def]
    """Add pairwise (0, 1), (2, 3), ... level by level; an odd one passes up."""
    while len(numbers) > 1:
        paired = [node(a, b) for a, b in zip(numbers[::2], numbers[1::2], strict=False)]
        numbers = paired + numbers[len(numbers) & ~1 :]
    return numbers[0]


def accumulate(
    products: Iterable[int],
    accumulator: Accumulator,
    bias: int | None = None,
    product_frac: int = 0,
    *,
    seed: int = 0,
    stream: int = 0,
    sample: int = 0,
    element: int = 0,
) -> Sum:
    """Add a bias and products, in the declared order; round and overflow at every addition.

    Whatever is rounded at a step (products count from 1; a bias that comes first is step 0, one
    that comes last follows the last product; a flush belongs to the product that causes it) uses
    the four words that :func:`fxpsim.spec.draw_step` gives for it; which register takes which
    word is :attr:`fxpsim.accumulators.Accumulator.draw_words`.

    Parameters
    ----------
    products : iterable of int
        In order of the reduction.
    accumulator : Accumulator
        The registers of one output.
    bias : int, optional
        At the products' fraction; step 0 of the outermost register, or after all products.
    product_frac : int
        Fraction bits of the products.
    seed, stream, sample, element : int
        Key and counter of the draws of stochastic rounding; ``element`` is the sum's flat index
        without the batch axis.
    """
    terms = list(products)
    ((_, accumulator),) = accumulator.tiles(1)
    if accumulator.rounding_constant:
        bias = (bias or 0) + accumulator.rounding_constant
    words = cache(lambda step: draw_step(seed, stream, sample, element, step))
    sums = _Sums(accumulator, product_frac, words)
    last = len(terms)
    if bias is not None and accumulator.bias == "first":
        sums.add_bias(bias, 0)
    states = [sums.state()]
    numbers = [(_product(sums, term, step), step) for step, term in enumerate(terms, start=1)]
    for additions, group in enumerate(_groups(accumulator, numbers), start=1):
        step = group[-1][1]
        number = _combined(sums, [n for n, _ in group], step)
        lane = (step - 1) % len(sums.lanes)
        sums.add_to_lane(lane, number, step)
        sums.arrived[0] += 1
        in_each_lane, rest = divmod(additions, len(sums.lanes))
        if accumulator.spill and rest == 0 and accumulator.spill.due(in_each_lane):
            sums.flush_lanes(step)
        states += [sums.state()] * len(group)
    sums.finish(last)
    if bias is not None and accumulator.bias == "last":
        sums.add_bias(bias, last + 1)
    if sums.state() != states[-1]:
        states.append(sums.state())
    partial_sums = _partial_sums(terms, bias, accumulator.bias)
    return Sum(
        sums.result(),
        sum(terms) + (bias or 0),
        sums.levels,
        min(partial_sums, default=0),
        max(partial_sums, default=0),
        tuple(sums.steps),
        sums.names(),
        tuple(states),
    )


def _product(sums: _Sums, term: int, step: int) -> Fixed:
    register = sums.accumulator.product
    if register is None:
        return term, sums.product_frac
    exact, events = (term, sums.product_frac), sums.events("product")
    draw = sums.draw(register, sums.product_word, step)
    return _into(exact, register, register.frac, events, step, draw), register.frac


def _groups(
    accumulator: Accumulator, numbers: list[tuple[Fixed, int]]
) -> Iterable[list[tuple[Fixed, int]]]:
    order = accumulator.order
    size = order.size if isinstance(order, Chunked) else 1
    return (numbers[start : start + size] for start in range(0, len(numbers), size))


def _combined(sums: _Sums, numbers: list[Fixed], step: int) -> Fixed:
    """Add a chunk in its tree; nodes are exact, or words that overflow as the accumulator does."""
    order, overflow = sums.accumulator.order, sums.accumulator.overflow
    bits = order.node_bits if isinstance(order, Chunked) else None
    if bits is None:
        return _tree(numbers, _plus)
    word = Accumulator(bits, overflow, signed=sums.accumulator.signed)

    def node(a: Fixed, b: Fixed) -> Fixed:
        total = _plus(a, b)
        return _into(total, word, total[1], sums.events("node"), step), total[1]

    return _tree(numbers, node)


def _partial_sums(terms: list[int], bias: int | None, position: str) -> list[int]:
    ordered = list(terms)
    if bias is not None:
        ordered.insert(0 if position == "first" else len(ordered), bias)
    total, seen = 0, []
    for term in ordered:
        total += term
        seen.append(total)
    return seen
