"""Number formats: what an integer code means, and how a value becomes one."""

from fxpsim.formats.modes import Overflow, OverflowRule, Rounding, Wrap, WrapSignMagnitude
from fxpsim.formats.qformat import QFormat

__all__ = ["Overflow", "OverflowRule", "QFormat", "Rounding", "Wrap", "WrapSignMagnitude"]
