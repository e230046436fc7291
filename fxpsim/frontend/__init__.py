"""Front ends: audio samples in, rows of integer feature codes out."""

from fxpsim.frontend.contract import FrontEnd, FrontEndStream
from fxpsim.frontend.registry import create, list_front_ends

__all__ = ["FrontEnd", "FrontEndStream", "create", "list_front_ends"]
