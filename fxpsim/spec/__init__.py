"""Every integer rule of the project, in plain Python integers: slow, obvious, the authority.

Whatever is compiled gives the same bits as this folder, and is tested against it.
"""

from fxpsim.spec.casts import cast, fit, quantize, round_shift
from fxpsim.spec.sums import Events, Step, Sum, accumulate, matmul

__all__ = [
    "Events",
    "Step",
    "Sum",
    "accumulate",
    "cast",
    "fit",
    "matmul",
    "quantize",
    "round_shift",
]
