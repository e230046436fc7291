"""What is proven of the registers of a network: widths, witnesses, certificates, repairs."""

from fxpsim.guarantees.planner import LayerSpills, SpillPlan, plan_spills
from fxpsim.guarantees.proofs import BOUNDS, Guarantee, Shortfall, guarantee, guarantee_layer
from fxpsim.guarantees.witnesses import Witness

__all__ = [
    "BOUNDS",
    "Guarantee",
    "LayerSpills",
    "Shortfall",
    "SpillPlan",
    "Witness",
    "guarantee",
    "guarantee_layer",
    "plan_spills",
]
