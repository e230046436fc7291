"""What the stages demand of the tensors they read."""

from __future__ import annotations

from fxpsim.errors import GraphError
from fxpsim.formats import QFormat
from fxpsim.ops.op import TensorSpec, binary_point

__all__ = ["check_whole", "row", "samples", "unsigned_words"]


def row(source: TensorSpec, what: str) -> int:
    """Return the length of a tensor of one axis; GraphError where it has others."""
    if len(source.shape) != 1:
        raise GraphError(f"{what} must have one axis, not shape {source.shape}")
    return source.shape[0]


def samples(source: TensorSpec, what: str) -> QFormat:
    """Return the format of signed codes of at most 16 bits; GraphError where they are others."""
    fmt = binary_point(source)
    if fmt.lo < -0x8000 or fmt.hi > 0x7FFF:
        raise GraphError(f"{what} must have at most 16 bits and a sign, not {fmt}")
    return fmt


def unsigned_words(source: TensorSpec, what: str, bits: int = 32) -> QFormat:
    """Return the format of unsigned codes of at most so many bits; GraphError otherwise."""
    fmt = binary_point(source)
    if fmt.lo < 0 or fmt.hi >= 1 << bits:
        raise GraphError(f"{what} must have at most {bits} bits and no sign, not {fmt}")
    return fmt


def check_whole(noun: str, value: int, low: int, high: int) -> None:
    """Raise GraphError where a setting lies outside of its range."""
    if not low <= value <= high:
        raise GraphError(f"{noun} must be {low} to {high}, not {value}")
