"""Bit-accurate fixed-point simulation of keyword-spotting networks.

Names are imported when first used, so that ``import fxpsim`` answers at once.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fxpsim import presets
    from fxpsim.accumulators import Accumulator, Chunked, Interleaved, Product, Sequential, Spill
    from fxpsim.casts import CastResult, cast, cast_stats, dequantize, quantize, quantize_stats
    from fxpsim.errors import OverflowTrap
    from fxpsim.fixed_array import FixedArray, array
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
    from fxpsim.guarantees import (
        Guarantee,
        SpillPlan,
        Witness,
        guarantee,
        guarantee_layer,
        plan_spills,
    )
    from fxpsim.models import list_models, load, save
    from fxpsim.packed import PackedMatrix, pack
    from fxpsim.products import MatmulResult, matmul, matmul_stats
    from fxpsim.requantization import multiply, requantize
    from fxpsim.schemes import (
        Dyadic,
        FloatScale,
        Gemmlowp,
        HalfUpTwice,
        Icn,
        Int16x8,
        Shift,
        SingleRound,
    )
    from fxpsim.scoring import Score, evaluate
    from fxpsim.simulation import Trace, peaks, simulate
    from fxpsim.streaming import stream
    from fxpsim.sweeps import accumulator_grid, sweep
    from fxpsim.traces import MacTrace, mac_trace

__version__ = "0.1.0"

_HOMES = {
    "Accumulator": "accumulators",
    "Affine": "formats",
    "CastResult": "casts",
    "Chunked": "accumulators",
    "Dyadic": "schemes",
    "FixedArray": "fixed_array",
    "FloatScale": "schemes",
    "Gemmlowp": "schemes",
    "Graph": "graph",
    "Guarantee": "guarantees",
    "HalfUpTwice": "schemes",
    "Icn": "schemes",
    "Int16x8": "schemes",
    "Interleaved": "accumulators",
    "Levels": "formats",
    "MacTrace": "traces",
    "MatmulResult": "products",
    "Overflow": "formats",
    "OverflowTrap": "errors",
    "Product": "accumulators",
    "PackedMatrix": "packed",
    "QFormat": "formats",
    "Rounding": "formats",
    "Score": "scoring",
    "Sequential": "accumulators",
    "Shift": "schemes",
    "SingleRound": "schemes",
    "Spill": "accumulators",
    "SpillPlan": "guarantees",
    "Target": "formats",
    "Trace": "simulation",
    "Witness": "guarantees",
    "Wrap": "formats",
    "WrapSignMagnitude": "formats",
    "accumulator_grid": "sweeps",
    "array": "fixed_array",
    "cast": "casts",
    "cast_stats": "casts",
    "dequantize": "casts",
    "evaluate": "scoring",
    "guarantee": "guarantees",
    "guarantee_layer": "guarantees",
    "list_models": "models",
    "load": "models",
    "mac_trace": "traces",
    "matmul": "products",
    "matmul_stats": "products",
    "multiply": "requantization",
    "peaks": "simulation",
    "plan_spills": "guarantees",
    "pack": "packed",
    "quantize": "casts",
    "quantize_stats": "casts",
    "requantize": "requantization",
    "save": "models",
    "simulate": "simulation",
    "stream": "streaming",
    "sweep": "sweeps",
}

__all__ = [
    "Accumulator",
    "Affine",
    "CastResult",
    "Chunked",
    "Dyadic",
    "FixedArray",
    "FloatScale",
    "Gemmlowp",
    "Graph",
    "Guarantee",
    "HalfUpTwice",
    "Icn",
    "Int16x8",
    "Interleaved",
    "Levels",
    "MacTrace",
    "MatmulResult",
    "Overflow",
    "OverflowTrap",
    "PackedMatrix",
    "Product",
    "QFormat",
    "Rounding",
    "Score",
    "Sequential",
    "Shift",
    "SingleRound",
    "Spill",
    "SpillPlan",
    "Target",
    "Trace",
    "Witness",
    "Wrap",
    "WrapSignMagnitude",
    "accumulator_grid",
    "array",
    "cast",
    "cast_stats",
    "dequantize",
    "evaluate",
    "guarantee",
    "guarantee_layer",
    "list_models",
    "load",
    "mac_trace",
    "matmul",
    "matmul_stats",
    "multiply",
    "pack",
    "peaks",
    "plan_spills",
    "presets",
    "quantize",
    "quantize_stats",
    "requantize",
    "save",
    "simulate",
    "stream",
    "sweep",
]


def __getattr__(name: str) -> object:
    if name == "presets":
        return import_module(f"{__name__}.presets")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
