"""What tensors of an ONNX file become while it is read.

Between two quantisations a file computes in float32 what the hardware computes in integers.  So a
float tensor is held back as integers of the graph and the real numbers they stand for, until the
next quantisation says what becomes of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from fxpsim.errors import DataError
from fxpsim.ops import TensorSpec
from fxpsim.ops.window import Window

if TYPE_CHECKING:
    from fxpsim.importers.onnx.quantizer import Quantizer

__all__ = [
    "Average",
    "Codes",
    "Joined",
    "Pair",
    "Pending",
    "Raw",
    "Real",
    "Shares",
    "Source",
    "Step",
    "Tensor",
    "Value",
]

Array = NDArray[Any]
_ONE = np.float32(1)


@dataclass(frozen=True, slots=True)
class Value:
    """A computed tensor of the graph.

    Attributes
    ----------
    name : str
        In the graph.
    spec : TensorSpec
        Without the batch axis; images have their channels last.
    axes : tuple of int or None
        For every axis of the file's tensor the graph's; None: the batch, which the file has once.
    """

    name: str
    spec: TensorSpec
    axes: tuple[int | None, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """The file's shape, for a batch of one."""
        return tuple(1 if axis is None else self.spec.shape[axis] for axis in self.axes)

    @property
    def batched(self) -> bool:
        """Whether the file's first axis is the batch."""
        return bool(self.axes) and self.axes[0] is None

    @property
    def natural(self) -> bool:
        """Whether the graph has the file's order of axes."""
        kept = [axis for axis in self.axes if axis is not None]
        return kept == sorted(kept) and None not in self.axes[1:]

    def position(self, axis: int, extra: int = 0) -> int:
        """Return an axis of the file's tensor, counted from the first."""
        rank = len(self.axes) + extra
        if not -rank <= axis < rank:
            raise DataError(f"an axis must be {-rank} to {rank - 1}, not {axis}")
        return axis % rank

    def axis(self, axis: int) -> int:
        """Return the graph's axis for one of the file's; DataError where it is the batch's."""
        found = self.axes[self.position(axis)]
        if found is None:
            raise DataError(f"axis {axis} is that of the batch, which is not computed along")
        return found

    def permuted(self, order: tuple[int, ...]) -> Value:
        """Return the file's tensor with its axes in another order; the graph's stays."""
        return replace(self, axes=tuple(self.axes[axis] for axis in order))


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """A float32 function of single elements.

    Attributes
    ----------
    apply : function of a float32 array
        Where it has a constant for each channel, channels are the last axis.
    trend : int or array
        1 where it never falls, -1 where it never rises, 0 where it does both.
    clamp : (low, high) or None
        Where it is the nearest number in a range.
    """

    apply: Callable[[Array], Array]
    trend: int | Array
    clamp: tuple[float, float] | None = None

    @classmethod
    def clip(cls, low: float, high: float) -> Step:
        """Return min(max(x, low), high)."""
        ends = np.float32(low), np.float32(high)
        return cls(lambda x: np.minimum(np.maximum(x, ends[0]), ends[1]), 1, (low, high))


@dataclass(frozen=True, slots=True, eq=False)
class Codes:
    """Integers of the file: codes whose meaning their readers tell."""

    value: Value


@dataclass(frozen=True, slots=True, eq=False)
class Raw:
    """The float32 input, of which the graph sees codes only."""

    value: Value


@dataclass(frozen=True, slots=True, eq=False)
class _Steps:
    """A float tensor that further functions may follow."""

    def then(self, step: Step) -> Self:
        """Return what ``step`` makes of it."""
        return replace(self, steps=(*self.steps, step))  # type: ignore[attr-defined,call-arg]


@dataclass(frozen=True, slots=True, eq=False)
class Real(_Steps):
    """Integers and the numbers they stand for: steps of (code - zero) * scale / divisor.

    Attributes
    ----------
    value : Value
        The integers, codes or sums.
    scale : float32 array
        One, or one for each entry of the graph's last axis.
    zero : int
        The code of the value 0.
    divisor : float32
        Of a mean.
    lift : int
        How much higher than here ONNX Runtime keeps the codes (see :attr:`Importer.lifted`).
    steps : tuple of Step
        What float operators made of it since.
    """

    value: Value
    scale: Array
    zero: int = 0
    divisor: np.float32 = _ONE
    lift: int = 0
    steps: tuple[Step, ...] = ()

    def evaluate(self, codes: Array) -> Array:
        """Return the float32 numbers of codes, channels (or 1) last."""
        reals = (codes - self.zero).astype(np.float32) * self.scale
        if self.divisor != 1:
            reals = reals / self.divisor
        for step in self.steps:
            reals = step.apply(reals).astype(np.float32, copy=False)
        return np.asarray(reals)

    @property
    def channels(self) -> int | None:
        """How many channels the constants are for; None: any."""
        arrays = [self.scale, *(np.asarray(step.trend) for step in self.steps)]
        return next((array.size for array in arrays if array.ndim), None)

    @property
    def trend(self) -> Array:
        """1 where a higher code is no lower number, -1 where no higher, 0 where it may be both."""
        trend = np.ones(self.channels or 1, np.int64)
        for step in self.steps:
            trend = trend * step.trend
        return trend

    @property
    def rises(self) -> bool:
        """Whether a higher code of any channel is nowhere a lower number."""
        return bool((self.trend == 1).all())

    @property
    def clamps(self) -> bool:
        """Whether nothing happened since but clamping."""
        return all(step.clamp is not None for step in self.steps)


@dataclass(frozen=True, slots=True, eq=False)
class Pair(_Steps):
    """A function of two tensors, element by element.

    Attributes
    ----------
    kind : str
        "Add", "Mul", ...
    left, right : Real
        In one layout.
    swapped : bool
        Whether ONNX Runtime takes the right one first.
    axes : tuple
        Of the result, as for :class:`Value`.
    """

    kind: str
    left: Real
    right: Real
    swapped: bool
    axes: tuple[int | None, ...]
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Average(_Steps):
    """A mean over windows of an image.

    Attributes
    ----------
    real : Real
        The image.
    window : Window
        Where it is taken.
    count_padding : bool
        Whether padding counts, as zeros.
    finish : function of a value
        Gives the result the axes that the file has.
    """

    real: Real
    window: Window
    count_padding: bool
    finish: Callable[[Value], Value]
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Shares(_Steps):
    """A softmax along the last axis of the file's tensor."""

    real: Real
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Joined(_Steps):
    """Tensors one after the other along an axis of the graph."""

    parts: tuple[Real, ...]
    axis: int
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Pending:
    """A quantisation that waits for its first reader: a narrower range may follow (QCDQ)."""

    source: Source
    quantizer: Quantizer


#: What a quantisation may read.
Source = Raw | Real | Pair | Average | Shares | Joined
Tensor = Codes | Pending | Source
