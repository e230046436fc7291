"""For test suites of RTL, firmware and ports: strategies of Hypothesis, and checks to the bit.

Strategies take the extra ``testing`` (hypothesis); the checks take nothing more than fxpsim.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from fxpsim.testing.conformance import Mismatch, assert_bit_exact, assert_never_overflows
from fxpsim.testing.extremes import extreme_inputs

if TYPE_CHECKING:
    from fxpsim.testing.networks import graphs, inputs
    from fxpsim.testing.strategies import (
        accumulators,
        codes,
        declared_accumulators,
        formats,
        overflow_modes,
        rounding_modes,
        weight_formats,
        weights,
    )

__all__ = [
    "Mismatch",
    "accumulators",
    "assert_bit_exact",
    "assert_never_overflows",
    "codes",
    "declared_accumulators",
    "extreme_inputs",
    "formats",
    "graphs",
    "inputs",
    "overflow_modes",
    "rounding_modes",
    "weight_formats",
    "weights",
]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = "networks" if name in ("graphs", "inputs") else "strategies"
    try:
        return getattr(import_module(f"{__name__}.{home}"), name)
    except ModuleNotFoundError as error:
        if error.name != "hypothesis":
            raise
        raise ModuleNotFoundError(
            f"fxpsim.testing.{name} needs hypothesis: pip install 'fxpsim[testing]'",
            name="hypothesis",
        ) from None
