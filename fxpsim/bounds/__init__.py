"""How far sums can go: all bound mathematics, in Python integers or integers proven to fit."""

from fxpsim.bounds.classic import CLASSIC
from fxpsim.bounds.intervals import LayerBounds, propagate
from fxpsim.bounds.registers import Reach, reach
from fxpsim.bounds.sign_split import SumRange, sum_range
from fxpsim.bounds.terms import Terms

__all__ = [
    "CLASSIC",
    "LayerBounds",
    "Reach",
    "SumRange",
    "Terms",
    "propagate",
    "reach",
    "sum_range",
]
