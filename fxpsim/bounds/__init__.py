"""How far sums can go: all bound mathematics, in Python integers or integers proven to fit."""

from fxpsim.bounds.proofs import Guarantee, guarantee
from fxpsim.bounds.sign_split import final_range, sign_split

__all__ = ["Guarantee", "final_range", "guarantee", "sign_split"]
