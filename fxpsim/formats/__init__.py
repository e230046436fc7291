"""Number formats: what an integer code means, and how a value becomes one."""

from typing import TypeAlias

from fxpsim.formats.affine import Affine
from fxpsim.formats.levels import Levels
from fxpsim.formats.modes import Overflow, OverflowRule, Rounding, Wrap, WrapSignMagnitude
from fxpsim.formats.qformat import QFormat
from fxpsim.formats.text import Notation, Target

#: What the codes of a tensor may mean.
Format: TypeAlias = QFormat | Affine | Levels

__all__ = [
    "Affine",
    "Format",
    "Levels",
    "Notation",
    "Overflow",
    "OverflowRule",
    "QFormat",
    "Rounding",
    "Target",
    "Wrap",
    "WrapSignMagnitude",
]
