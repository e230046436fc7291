"""Which compiled kernel gives the bits of :mod:`fxpsim.spec`, and the call."""

from fxpsim.dispatch.depthwise import Depthwise
from fxpsim.dispatch.operands import preload
from fxpsim.dispatch.planes import Planes, joined, level_names, product_peaks, product_planes
from fxpsim.dispatch.prepared import Prepared
from fxpsim.dispatch.products import product
from fxpsim.dispatch.softmax import softmax8
from fxpsim.dispatch.summaries import count_outside, summarise

__all__ = [
    "Depthwise",
    "Planes",
    "Prepared",
    "count_outside",
    "joined",
    "level_names",
    "preload",
    "product",
    "product_peaks",
    "product_planes",
    "softmax8",
    "summarise",
]
