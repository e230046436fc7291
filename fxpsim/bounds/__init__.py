"""How far sums can go: all bound mathematics, in Python integers or integers proven to fit."""

from fxpsim.bounds.intervals import LayerBounds, propagate
from fxpsim.bounds.proofs import Guarantee, guarantee
from fxpsim.bounds.sign_split import SumRange, sum_range

__all__ = ["Guarantee", "LayerBounds", "SumRange", "guarantee", "propagate", "sum_range"]
