"""Every integer rule of the project, in plain Python integers: slow, obvious, the authority.

Whatever is compiled gives the same bits as this folder, and is tested against it.
"""

from fxpsim.spec.casts import cast, fit, quantize, round_float, round_shift
from fxpsim.spec.philox import draw, draw_step
from fxpsim.spec.products import fold_zero_points, matmul
from fxpsim.spec.requantization import (
    dyadic,
    float_scale,
    gemmlowp,
    half_up_twice,
    icn,
    int16x8,
    offset_clamp,
    quantize_multiplier,
    short_multiplier,
    single_round,
)
from fxpsim.spec.scaled import quantize_affine, quantize_level
from fxpsim.spec.sums import Events, Step, Sum, accumulate

__all__ = [
    "Events",
    "Step",
    "Sum",
    "accumulate",
    "cast",
    "draw",
    "draw_step",
    "dyadic",
    "fit",
    "float_scale",
    "fold_zero_points",
    "gemmlowp",
    "half_up_twice",
    "icn",
    "int16x8",
    "matmul",
    "offset_clamp",
    "quantize",
    "quantize_affine",
    "quantize_level",
    "quantize_multiplier",
    "round_float",
    "round_shift",
    "short_multiplier",
    "single_round",
]
