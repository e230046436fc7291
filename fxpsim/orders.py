"""Orders: which products of a sum meet where."""

from __future__ import annotations

from dataclasses import dataclass

from fxpsim.errors import FormatError, suggest
from fxpsim.formats.qformat import MAX_BITS, check_int, refuse

__all__ = ["Chunked", "Interleaved", "Order", "Sequential"]

_REDUCTIONS = ("tree", "sequential")
#: More lanes, or products in a chunk, than any machine has.
_MOST = 4096


@dataclass(frozen=True, slots=True)
class Sequential:
    """One product after the other.

    Parameters
    ----------
    axes : tuple of int, optional
        Axes of what is summed over, outermost first: of the input of a dense layer, which it reads
        as one vector, or of a kernel's window.  None: as they stand, which is row-major.

    Examples
    --------
    Down the columns of an input (time, features), not along its rows:

    >>> str(Sequential(axes=(1, 0)))
    'sequential(1, 0)'
    """

    axes: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        if self.axes is not None and sorted(self.axes) != list(range(len(self.axes))):
            raise FormatError(
                f"order axes must be 0 to {len(self.axes) - 1} in some order, not {self.axes}"
            )

    def __str__(self) -> str:
        return "sequential" if self.axes is None else f"sequential{self.axes}"


@dataclass(frozen=True, slots=True)
class Interleaved:
    """Product k goes to lane k mod ``lanes``; each lane is a register of its own.

    At a flush, and at the end, the lanes are added in the register that they are flushed into.

    Parameters
    ----------
    lanes : int
        How many.
    reduce : {"tree", "sequential"}
        Pairwise (0, 1), (2, 3), ... level by level, an odd lane passing up; or ascending.
    """

    lanes: int
    reduce: str = "tree"

    def __post_init__(self) -> None:
        known = self.reduce in _REDUCTIONS
        refuse(
            check_int("lanes", self.lanes, 1, _MOST),
            None
            if known
            else f"lane reduction must be 'tree' or 'sequential', not {self.reduce!r}"
            f"{suggest(str(self.reduce), _REDUCTIONS)}",
        )

    def __str__(self) -> str:
        return f"interleaved({self.lanes},{self.reduce})"


@dataclass(frozen=True, slots=True)
class Chunked:
    """A pairwise adder tree over each ``size`` products (the last may be fewer), then one addition.

    Parameters
    ----------
    size : int
        Products in a chunk.
    node_bits : int, optional
        Width of the tree's nodes, which overflow as the accumulator does; None: exact.
    """

    size: int
    node_bits: int | None = None

    def __post_init__(self) -> None:
        refuse(
            check_int("chunk size", self.size, 1, _MOST),
            None if self.node_bits is None else check_int("node bits", self.node_bits, 2, MAX_BITS),
        )

    def __str__(self) -> str:
        nodes = "" if self.node_bits is None else f",{self.node_bits}-bit nodes"
        return f"chunked({self.size}{nodes})"


Order = Sequential | Interleaved | Chunked
