"""Front ends: audio samples in, rows of integer feature codes out."""

from fxpsim.frontend.contract import FrontEnd, FrontEndStream
from fxpsim.frontend.registry import create, front_end_for, list_front_ends

__all__ = ["FrontEnd", "FrontEndStream", "create", "front_end_for", "list_front_ends"]
