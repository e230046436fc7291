"""Which compiled kernel gives the bits of :mod:`fxpsim.spec`, and the call."""

from fxpsim.dispatch.planes import Planes, level_names, product_planes
from fxpsim.dispatch.products import product

__all__ = ["Planes", "level_names", "product", "product_planes"]
