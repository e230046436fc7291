"""What each bound says of the width of each register of a layer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxpsim.bounds import CLASSIC, LayerBounds, reach
from fxpsim.bounds.classic import one_register, with_bias
from fxpsim.bounds.reachability import Solved
from fxpsim.errors import ConfigError, suggest
from fxpsim.stats import bits_for

__all__ = ["BOUNDS", "PREFIX", "REACHABILITY", "Proof", "prove", "read_bounds", "width"]

IntArray = NDArray[Any]
PREFIX = "prefix-exact"
#: Names of the bounds, widest first.
BOUNDS = (*CLASSIC, PREFIX)
#: The one that takes a solver.
REACHABILITY = "reachability"


@dataclass(frozen=True, slots=True, eq=False)
class Proof:
    """One bound on one register of a layer.

    Attributes
    ----------
    bound : str
        One of ``BOUNDS``, or ``REACHABILITY``.
    register : str
        ``any``: it holds for all of them, in any order; or a name as in
        :class:`fxpsim.bounds.registers.Addition`.
    own : bool
        Whether the register has the width that the accumulator is declared with.
    signed : bool
        Of the register.
    lowest, highest : object arrays (N,)
        By channel; None where nothing is certified.
    source : str
        Of the inputs' range, or ``not certified``.
    tight : bool
        Whether an input exists that reaches every width (:meth:`Guarantee.witness`).
    """

    bound: str
    register: str
    own: bool
    signed: bool
    lowest: IntArray
    highest: IntArray
    source: str
    tight: bool

    @property
    def bits(self) -> list[int | None]:
        """Smallest safe width of each channel; None where no unsigned register will do."""
        ends = zip(self.lowest.tolist(), self.highest.tolist(), strict=True)
        return [width(low, high, self.signed) for low, high in ends]


def width(low: int | None, high: int | None, signed: bool = True) -> int | None:
    """Return the width (2 bits or more) of the smallest register that holds a range."""
    if low is None or high is None:
        return None
    if signed:
        return bits_for(low, high)
    return None if low < 0 else max(2, high.bit_length())


def read_bounds(bounds: str | Iterable[str]) -> tuple[str, ...]:
    """Return names of bounds; ``"all"`` are those that take no solver."""
    known = (*BOUNDS, REACHABILITY)
    names = (bounds,) if isinstance(bounds, str) else tuple(bounds)
    chosen = dict.fromkeys(
        name for given in names for name in (BOUNDS if given == "all" else (given,))
    )
    wrong = [f"no bound {n!r}{suggest(str(n), (*known, 'all'))}" for n in chosen if n not in known]
    if wrong:
        raise ConfigError("; ".join(wrong))
    if not chosen:
        raise ConfigError(f"bounds must be 'all' or some of {', '.join(known)}, not none")
    return tuple(chosen)


def prove(
    layer: LayerBounds, bounds: Sequence[str], solved: Solved | None = None
) -> tuple[Proof, ...]:
    """Return what bounds say of one layer, those of any order before those of registers.

    ``solved`` is what the layer before adds to that, where a solver was asked.
    """
    terms, register = layer.terms, layer.terms.accumulator
    exact = register.without_constant.exact_where_it_fits
    rows = []
    for name in bounds:
        if name not in CLASSIC or not exact:
            continue  # they know nothing of rounding
        reached = name == "sign-split" and terms.zero_in_range and terms.meet
        tight = reached and one_register(register)
        ends = CLASSIC[name](terms)
        rows.append(Proof(name, "any", True, register.signed, *ends, layer.source, tight))
    if PREFIX in bounds:
        tight = terms.meet and not register.stochastic
        for one in reach(terms):
            own = one.word is register
            ends = one.lowest, one.highest
            rows.append(
                Proof(PREFIX, one.register, own, one.word.signed, *ends, layer.source, tight)
            )
    if REACHABILITY in bounds:
        nothing = np.full(terms.weights.shape[1], None, object)
        source, ends = "not certified", (nothing, nothing)
        if solved is not None and exact:
            source, ends = REACHABILITY, with_bias(terms, solved.lowest, solved.highest)
        rows.append(Proof(REACHABILITY, "any", True, register.signed, *ends, source, False))
    return tuple(rows)
