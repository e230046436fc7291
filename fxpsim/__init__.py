"""Bit-accurate fixed-point simulation of keyword-spotting networks.

Names are imported when first used, so that ``import fxpsim`` answers at once.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fxpsim.accumulators import Accumulator
    from fxpsim.casts import cast, dequantize, quantize
    from fxpsim.formats import Overflow, QFormat, Rounding
    from fxpsim.matmul import MatmulResult, matmul, matmul_stats
    from fxpsim.requantization import Shift, requantize

__version__ = "0.1.0"

_HOMES = {
    "Accumulator": "accumulators",
    "MatmulResult": "matmul",
    "Overflow": "formats",
    "QFormat": "formats",
    "Rounding": "formats",
    "Shift": "requantization",
    "cast": "casts",
    "dequantize": "casts",
    "matmul": "matmul",
    "matmul_stats": "matmul",
    "quantize": "casts",
    "requantize": "requantization",
}

__all__ = [
    "Accumulator",
    "MatmulResult",
    "Overflow",
    "QFormat",
    "Rounding",
    "Shift",
    "cast",
    "dequantize",
    "matmul",
    "matmul_stats",
    "quantize",
    "requantize",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
