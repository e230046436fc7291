"""Every integer rule of the project, in plain Python integers: slow, obvious, the authority.

Whatever is compiled gives the same bits as this folder, and is tested against it.
"""

from fxpsim.spec.casts import cast, fit, quantize, round_float, round_shift
from fxpsim.spec.philox import draw
from fxpsim.spec.scaled import quantize_affine, quantize_level
from fxpsim.spec.sums import Sum, accumulate, matmul

__all__ = [
    "Sum",
    "accumulate",
    "cast",
    "draw",
    "fit",
    "matmul",
    "quantize",
    "quantize_affine",
    "quantize_level",
    "round_float",
    "round_shift",
]
