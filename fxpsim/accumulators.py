"""The accumulator: the registers that a layer's products are added into, and in which order."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from itertools import pairwise
from numbers import Integral

from fxpsim.errors import FormatError
from fxpsim.formats import Overflow, Rounding
from fxpsim.formats.modes import STOCHASTIC, read_mode
from fxpsim.formats.qformat import MAX_BITS, MAX_FRAC, check_int, refuse
from fxpsim.orders import Chunked, Interleaved, Order, Sequential

__all__ = ["Accumulator", "Chunked", "Interleaved", "Order", "Product", "Sequential", "Spill"]

_MODES = (Overflow.SATURATE, Overflow.WRAP)
_BIAS = ("first", "last")
#: The longest sum whose additions are counted.
_LONGEST = 1 << 40


def _word_range(bits: int, signed: bool) -> tuple[int, int]:
    return (-(1 << (bits - 1)) if signed else 0), (1 << (bits - signed)) - 1


@dataclass(frozen=True, slots=True)
class Product:
    """A register for each product: rounded and overflowed before it is added.

    Parameters
    ----------
    bits : int
        Width, 2 to 62.
    frac : int
        Fraction bits.
    rounding, overflow : Rounding, Overflow or str
        Applied in this order.
    signed : bool
        Two's complement, or unsigned.
    """

    bits: int
    frac: int
    rounding: Rounding = Rounding.FLOOR
    overflow: Overflow = Overflow.WRAP
    signed: bool = True

    def __post_init__(self) -> None:
        refuse(
            check_int("product bits", self.bits, 2, MAX_BITS),
            check_int("product frac", self.frac, -MAX_FRAC, MAX_FRAC),
        )
        object.__setattr__(self, "rounding", read_mode(self.rounding, Rounding, "product rounding"))
        object.__setattr__(self, "overflow", read_mode(self.overflow, Overflow, "product overflow"))
        if self.overflow not in _MODES:
            raise FormatError(f"product overflow must be 'saturate' or 'wrap', not {self.overflow}")

    @property
    def lo(self) -> int:
        """Lowest code."""
        return _word_range(self.bits, self.signed)[0]

    @property
    def hi(self) -> int:
        """Highest code."""
        return _word_range(self.bits, self.signed)[1]


@dataclass(frozen=True, slots=True, init=False)
class Accumulator:
    """The registers of a layer's sums.  They are part of what a layer means, never a hint.

    A register starts at 0; each addition is ``overflow(round(register + addend))`` of the exact
    sum.

    Parameters
    ----------
    bits : int
        Width, 2 to 64.
    overflow : {"wrap", "saturate"}
        What each addition does with a sum that does not fit.
    signed : bool
        Two's complement, or unsigned.
    frac : int, optional
        Fraction bits; None keeps those of what is added, and then rounding does nothing.
    rounding : Rounding or str
        What each addition does with bits below the fraction.  Stochastic modes draw at every
        step: see :attr:`draw_words`.
    product : Product, optional
        A register for each product, before it is added.
    order : Sequential, Interleaved or Chunked
        Which products meet where.
    spill : Spill, optional
        When and where the register is emptied; None: never.
    bias : {"first", "last"}
        Whether a bias is step 0 of the outermost register, or comes after all products.
    rounding_constant : int
        What hardware adds together with the bias, at the products' fraction, so that a later
        shift rounds; a sum without a bias has it as its bias.

    Raises
    ------
    FormatError
        Naming everything that is wrong at once.

    Examples
    --------
    >>> Accumulator(16, "saturate", spill=Spill(2))
    Accumulator(bits=16, overflow='saturate', spill=Spill(every=2, into=Accumulator(bits=32)))
    """

    bits: int
    overflow: Overflow
    signed: bool
    frac: int | None
    rounding: Rounding
    product: Product | None
    order: Order
    spill: Spill | None
    bias: str
    rounding_constant: int

    def __init__(
        self,
        bits: int,
        overflow: Overflow | str = "wrap",
        *,
        signed: bool = True,
        frac: int | None = None,
        rounding: Rounding | str = "floor",
        product: Product | None = None,
        order: Order | None = None,
        spill: Spill | None = None,
        bias: str = "first",
        rounding_constant: int = 0,
    ) -> None:
        wrong = [
            check_int("accumulator bits", bits, 2, 64),
            check_int("rounding constant", rounding_constant, -(1 << 62), 1 << 62),
        ]
        if frac is not None:
            wrong.append(check_int("accumulator frac", frac, -MAX_FRAC, MAX_FRAC))
        when_full, dropped = Overflow.WRAP, Rounding.FLOOR
        try:
            when_full = read_mode(overflow, Overflow, "accumulator overflow")
        except FormatError as error:
            wrong.append(str(error))
        try:
            dropped = read_mode(rounding, Rounding, "accumulator rounding")
        except FormatError as error:
            wrong.append(str(error))
        if when_full not in _MODES:
            wrong.append(
                f"accumulator overflow must be 'saturate' or 'wrap', not {when_full.value!r}"
            )
        if bias not in _BIAS:
            wrong.append(f"accumulator bias must be 'first' or 'last', not {bias!r}")
        parts = (("product", product, Product), ("order", order, Order), ("spill", spill, Spill))
        for noun, given, kind in parts:
            if given is not None and not isinstance(given, kind):
                wrong.append(f"accumulator {noun} cannot be {given!r}")
        if not isinstance(signed, bool):
            wrong.append(f"accumulator signed must be True or False, not {signed!r}")
        refuse(*wrong)
        order, start = order or Sequential(), int(rounding_constant)
        values = (int(bits), when_full, signed, frac, dropped, product, order, spill, bias, start)
        for part, value in zip(fields(self), values, strict=True):
            object.__setattr__(self, part.name, value)

    @property
    def lo(self) -> int:
        """Lowest value the register holds."""
        return _word_range(self.bits, self.signed)[0]

    @property
    def hi(self) -> int:
        """Highest value the register holds."""
        return _word_range(self.bits, self.signed)[1]

    @property
    def levels(self) -> tuple[Accumulator, ...]:
        """Return this register, the one it spills into, and so on to the outermost."""
        return tuple(self._chain())

    def _chain(self) -> Iterator[Accumulator]:
        register: Accumulator | None = self
        while register is not None:
            yield register
            register = register.spill.into if register.spill else None

    @property
    def outermost(self) -> Accumulator:
        """The register that holds the result."""
        return self.levels[-1]

    @property
    def tiled(self) -> bool:
        """Whether outputs have different schedules of spills."""
        return self.spill is not None and self.spill.tile is not None

    def for_output(self, output: int) -> Accumulator:
        """Return the registers of one output, with its own schedule of spills."""
        spill = self.spill
        if spill is None or spill.tile is None:
            return self
        own = spill.at[output // spill.tile]
        return replace(self, spill=Spill(into=spill.into, at=own))

    def tiles(self, outputs: int) -> tuple[tuple[slice, Accumulator], ...]:
        """Return the registers of so many outputs, tile by tile; one where all have the same.

        Raises
        ------
        FormatError
            There are not as many schedules as tiles.
        """
        spill = self.spill
        if spill is None or spill.tile is None:
            return ((slice(0, outputs), self),)
        first = range(0, outputs, spill.tile)
        if len(first) != len(spill.at):
            raise FormatError(
                f"{outputs} outputs in tiles of {spill.tile} need {len(first)} schedules of "
                f"spills, not {len(spill.at)}"
            )
        return tuple((slice(one, one + spill.tile), self.for_output(one)) for one in first)

    @property
    def plain(self) -> bool:
        """Whether there is one register, at the products' fraction, filled one by one."""
        return self.bias == "first" and self.plain_but_for_bias

    @property
    def plain_but_for_bias(self) -> bool:
        """Whether it is plain, or would be if the bias came first."""
        return (
            self.frac is None
            and self.product is None
            and self.spill is None
            and isinstance(self.order, Sequential)
            and self.rounding_constant == 0
        )

    @property
    def exact_where_it_fits(self) -> bool:
        """Whether registers that nothing overflows hold the exact sum, whatever the order."""
        exact = self.product is None and all(register.frac is None for register in self.levels)
        return exact and self.rounding_constant == 0

    @property
    def without_constant(self) -> Accumulator:
        """The same registers, for sums whose bias has the rounding constant in it."""
        return replace(self, rounding_constant=0) if self.rounding_constant else self

    @property
    def stochastic(self) -> bool:
        """Whether a register rounds by random draws."""
        registers = (self.product, *self.levels)
        return any(register and register.rounding in STOCHASTIC for register in registers)

    @property
    def draw_words(self) -> tuple[int, ...]:
        """Which of the four words drawn at a step rounds a product, and each of ``levels``.

        Registers that round stochastically take one word after the other, innermost first (a
        fifth takes the first again): two roundings by one word would not be independent, and
        their mean not the exact sum.
        """
        taken, words = 0, []
        for register in (self.product, *self.levels):
            words.append(taken % 4)
            taken += register is not None and register.rounding in STOCHASTIC
        return tuple(words)

    def result_frac(self, product_frac: int) -> int:
        """Return the fraction bits of the result, from those of the products."""
        frac = self.product.frac if self.product else product_frac
        for register in self.levels:
            frac = frac if register.frac is None else register.frac
        return frac

    @classmethod
    def parse(cls, text: str) -> Accumulator:
        """Read ``"16,saturate"`` or ``"16"`` (wrap); a leading ``u`` makes it unsigned.

        Raises
        ------
        FormatError
            The text is not of that form.
        """
        width, _, mode = text.strip().partition(",")
        unsigned = width.startswith("u")
        if not re.fullmatch(r"u?[0-9]{1,4}", width):
            raise FormatError(f"accumulator must look like '16,saturate' or '16', not {text!r}")
        bits = int(width.removeprefix("u"))
        return cls(bits, mode.strip() or Overflow.WRAP, signed=not unsigned)

    def __str__(self) -> str:
        return f"{'' if self.signed else 'u'}{self.bits},{self.overflow.value}"

    def __repr__(self) -> str:
        """Return the call that makes it, with what differs from a plain wrapping register."""
        usual = (Overflow.WRAP, True, None, Rounding.FLOOR, None, Sequential(), None, "first", 0)
        shown = [f"bits={self.bits}"]
        for part, common in zip(fields(self)[1:], usual, strict=True):
            value = getattr(self, part.name)
            if value != common:
                text = value.value if isinstance(value, (Overflow, Rounding)) else value
                shown.append(f"{part.name}={text!r}")
        return f"Accumulator({', '.join(shown)})"


@dataclass(frozen=True, slots=True, init=False)
class Spill:
    """When a register is emptied into a wider one.

    Parameters
    ----------
    every : int or None
        After so many additions (in each lane; at an outer level, arrivals) the register is cast
        into ``into`` as one addition and reset to 0; what is left at the end is flushed.  None:
        once, at the end.
    into : Accumulator
        The outer register; it may spill too, but says nothing of products, order or bias.
    at : sequence of int, or of such sequences
        A schedule instead of ``every``, for the register that products are added into: after
        which additions (in each lane, from the sum's first on) it is emptied.  Several schedules
        are those of the tiles that outputs fall into.
    tile : int, optional
        Outputs that share a schedule, where there are several; the last tile may have fewer.

    Attributes
    ----------
    at : tuple of tuple of int
        One schedule, or one for each tile; none where there is no schedule.

    Examples
    --------
    >>> Spill(at=(3, 7)).ends(9)
    (3, 7, 9)
    """

    every: int | None
    into: Accumulator
    at: tuple[tuple[int, ...], ...]
    tile: int | None

    def __init__(
        self,
        every: int | None = None,
        into: Accumulator | None = None,
        *,
        at: Sequence[int] | Sequence[Sequence[int]] = (),
        tile: int | None = None,
    ) -> None:
        into = Accumulator(32) if into is None else into
        if not isinstance(into, Accumulator):
            raise FormatError(f"a spill must go into an Accumulator, not {into!r}")
        schedules = _schedules(at, tile)
        of_sums = into.product, into.order, into.bias, into.rounding_constant
        refuse(
            None if every is None else check_int("spill every", every, 1, _LONGEST),
            None if tile is None else check_int("outputs in a tile", tile, 1, _LONGEST),
            "a spill must be every so many additions or at given ones, not both"
            if every is not None and schedules
            else None,
            f"{len(schedules)} schedules need a tile: how many outputs share one"
            if len(schedules) > 1 and tile is None
            else None,
            None
            if of_sums == (None, Sequential(), "first", 0)
            else "the accumulator that is spilled into must have no product, order, bias or "
            "rounding constant of its own: those belong to the innermost register",
            "the accumulator that is spilled into cannot have a schedule of its own: it spills "
            "every so many arrivals"
            if into.spill and into.spill.at
            else None,
        )
        for part, value in zip(fields(self), (every, into, schedules, tile), strict=True):
            object.__setattr__(self, part.name, value)

    def due(self, additions: int) -> bool:
        """Whether the register is emptied after so many additions, whatever follows."""
        if self.at:
            return additions in self.at[0]
        return self.every is not None and additions % self.every == 0

    def ends(self, additions: int) -> tuple[int, ...]:
        """Return after which of so many additions the register is emptied, the last included."""
        every = self.every or additions or 1
        spills = self.at[0] if self.at else range(every, additions, every)
        return (*(end for end in spills if end < additions), additions) if additions else ()

    def longest(self, additions: int) -> int:
        """Return the most additions between two spills, of any tile."""
        if not self.at:
            return min(self.every or additions, additions)
        ends = [(0, *Spill(into=self.into, at=one).ends(additions)) for one in self.at]
        return max((end - before for one in ends for before, end in pairwise(one)), default=0)

    def __repr__(self) -> str:
        """Return the call that makes it."""
        when = [f"every={self.every!r}"]
        if self.at:
            when = [f"at={self.at[0] if len(self.at) == 1 else self.at!r}"]
            when += [] if self.tile is None else [f"tile={self.tile}"]
        return f"Spill({', '.join(when)}, into={self.into!r})"

    def __str__(self) -> str:
        when = "at the end" if self.every is None else f"every {self.every}"
        if self.at:
            when = "as scheduled"
            when += "" if self.tile is None else f" for every {self.tile} outputs"
        return f"{when} into {self.into}"


def _schedules(
    at: Sequence[int] | Sequence[Sequence[int]], tile: int | None
) -> tuple[tuple[int, ...], ...]:
    """Return schedules as tuples of Python integers; FormatError where one is none."""
    flat = all(isinstance(one, Integral) for one in at)
    schedules = [_schedule(one) for one in ([at] if flat else at)]
    return () if schedules == [()] and tile is None else tuple(schedules)


def _schedule(at: object) -> tuple[int, ...]:
    ends = tuple(at) if isinstance(at, Iterable) else (at,)
    if any(check_int("", end, 1, _LONGEST) for end in ends) or any(
        later <= end for end, later in pairwise(ends)
    ):
        raise FormatError(
            f"a schedule of spills must be ascending numbers of additions, 1 or more, not {at!r}"
        )
    return tuple(int(end) for end in ends)
