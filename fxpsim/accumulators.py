"""The accumulator: the registers that a layer's products are added into, and in which order."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace

from fxpsim.errors import FormatError, suggest
from fxpsim.formats import Overflow, Rounding
from fxpsim.formats.modes import STOCHASTIC, read_mode
from fxpsim.formats.qformat import MAX_BITS, MAX_FRAC, check_int

__all__ = ["Accumulator", "Chunked", "Interleaved", "Order", "Product", "Sequential", "Spill"]

_MODES = (Overflow.SATURATE, Overflow.WRAP)
_REDUCTIONS = ("tree", "sequential")
_BIAS = ("first", "last")
#: More lanes, or products in a chunk, than any machine has.
_MOST = 4096


def _refuse(*sentences: str | None) -> None:
    if wrong := [sentence for sentence in sentences if sentence]:
        raise FormatError("; ".join(wrong))


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
        _refuse(
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


@dataclass(frozen=True, slots=True)
class Sequential:
    """One product after the other.

    Parameters
    ----------
    axes : tuple of int, optional
        Axes of what is summed over, outermost first: of the input of a dense layer, which it reads
        as one vector, or of a kernel's window.  None: as they stand, which is row-major.

    Examples
    --------
    Down the columns of an input (time, features), not along its rows:

    >>> str(Sequential(axes=(1, 0)))
    'sequential(1, 0)'
    """

    axes: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        if self.axes is not None and sorted(self.axes) != list(range(len(self.axes))):
            raise FormatError(
                f"order axes must be 0 to {len(self.axes) - 1} in some order, not {self.axes}"
            )

    def __str__(self) -> str:
        return "sequential" if self.axes is None else f"sequential{self.axes}"


@dataclass(frozen=True, slots=True)
class Interleaved:
    """Product k goes to lane k mod ``lanes``; each lane is a register of its own.

    At a flush, and at the end, the lanes are added in the register that they are flushed into.

    Parameters
    ----------
    lanes : int
        How many.
    reduce : {"tree", "sequential"}
        Pairwise (0, 1), (2, 3), ... level by level, an odd lane passing up; or ascending.
    """

    lanes: int
    reduce: str = "tree"

    def __post_init__(self) -> None:
        known = self.reduce in _REDUCTIONS
        _refuse(
            check_int("lanes", self.lanes, 1, _MOST),
            None
            if known
            else f"lane reduction must be 'tree' or 'sequential', not {self.reduce!r}"
            f"{suggest(str(self.reduce), _REDUCTIONS)}",
        )

    def __str__(self) -> str:
        return f"interleaved({self.lanes},{self.reduce})"


@dataclass(frozen=True, slots=True)
class Chunked:
    """A pairwise adder tree over each ``size`` products (the last may be fewer), then one addition.

    Parameters
    ----------
    size : int
        Products in a chunk.
    node_bits : int, optional
        Width of the tree's nodes, which overflow as the accumulator does; None: exact.
    """

    size: int
    node_bits: int | None = None

    def __post_init__(self) -> None:
        _refuse(
            check_int("chunk size", self.size, 1, _MOST),
            None if self.node_bits is None else check_int("node bits", self.node_bits, 2, MAX_BITS),
        )

    def __str__(self) -> str:
        nodes = "" if self.node_bits is None else f",{self.node_bits}-bit nodes"
        return f"chunked({self.size}{nodes})"


Order = Sequential | Interleaved | Chunked


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
        _refuse(*wrong)
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


@dataclass(frozen=True, slots=True)
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
    """

    every: int | None
    into: Accumulator = field(default_factory=lambda: Accumulator(32))

    def __post_init__(self) -> None:
        _refuse(None if self.every is None else check_int("spill every", self.every, 1, 1 << 40))
        if not isinstance(self.into, Accumulator):
            raise FormatError(f"a spill must go into an Accumulator, not {self.into!r}")
        inner = self.into
        of_sums = inner.product, inner.order, inner.bias, inner.rounding_constant
        if of_sums != (None, Sequential(), "first", 0):
            raise FormatError(
                "the accumulator that is spilled into must have no product, order, bias or "
                "rounding constant of its own: those belong to the innermost register"
            )

    def __str__(self) -> str:
        when = "at the end" if self.every is None else f"every {self.every}"
        return f"{when} into {self.into}"
