"""Bit-accurate fixed-point simulation of keyword-spotting networks.

Names are imported when first used, so that ``import fxpsim`` answers at once.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fxpsim.accumulators import Accumulator
    from fxpsim.bounds import Guarantee, guarantee
    from fxpsim.casts import (
        CastResult,
        cast,
        cast_stats,
        dequantize,
        quantize,
        quantize_stats,
    )
    from fxpsim.errors import OverflowTrap
    from fxpsim.formats import (
        Affine,
        Levels,
        Overflow,
        QFormat,
        Rounding,
        Target,
        Wrap,
        WrapSignMagnitude,
    )
    from fxpsim.graph import Graph
    from fxpsim.models import list_models, load, save
    from fxpsim.products import MatmulResult, matmul, matmul_stats
    from fxpsim.requantization import Shift, requantize
    from fxpsim.scoring import Score, evaluate
    from fxpsim.simulation import Trace, peaks, simulate
    from fxpsim.sweeps import accumulator_grid, sweep

__version__ = "0.1.0"

_HOMES = {
    "Accumulator": "accumulators",
    "Affine": "formats",
    "CastResult": "casts",
    "FixedArray": "fixed_array",
    "Graph": "graph",
    "Guarantee": "bounds",
    "Levels": "formats",
    "MatmulResult": "products",
    "Overflow": "formats",
    "OverflowTrap": "errors",
    "QFormat": "formats",
    "Rounding": "formats",
    "Score": "scoring",
    "Shift": "requantization",
    "Target": "formats",
    "Trace": "simulation",
    "Wrap": "formats",
    "WrapSignMagnitude": "formats",
    "accumulator_grid": "sweeps",
    "array": "fixed_array",
    "cast": "casts",
    "cast_stats": "casts",
    "dequantize": "casts",
    "evaluate": "scoring",
    "guarantee": "bounds",
    "list_models": "models",
    "load": "models",
    "matmul": "products",
    "matmul_stats": "products",
    "peaks": "simulation",
    "quantize": "casts",
    "quantize_stats": "casts",
    "requantize": "requantization",
    "save": "models",
    "simulate": "simulation",
    "sweep": "sweeps",
}

__all__ = [
    "Accumulator",
    "Affine",
    "CastResult",
    "FixedArray",
    "Graph",
    "Guarantee",
    "Levels",
    "MatmulResult",
    "Overflow",
    "OverflowTrap",
    "QFormat",
    "Rounding",
    "Score",
    "Shift",
    "Target",
    "Trace",
    "Wrap",
    "WrapSignMagnitude",
    "accumulator_grid",
    "array",
    "cast",
    "cast_stats",
    "dequantize",
    "evaluate",
    "guarantee",
    "list_models",
    "load",
    "matmul",
    "matmul_stats",
    "peaks",
    "quantize",
    "quantize_stats",
    "requantize",
    "save",
    "simulate",
    "sweep",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
