"""Ways to learn integer weights, by name."""

from fxpsim.train.quantizers.accumulator_aware import A2Q, A2QPlus
from fxpsim.train.quantizers.base import WeightFormat, WeightQuantizer
from fxpsim.train.quantizers.linear import LearnedStep
from fxpsim.train.quantizers.squashed import DoReFa, Squashed
from fxpsim.train.quantizers.unquantized import Unquantized

__all__ = [
    "A2Q",
    "A2QPlus",
    "DoReFa",
    "LearnedStep",
    "Squashed",
    "Unquantized",
    "WeightFormat",
    "WeightQuantizer",
]
