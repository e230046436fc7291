"""Operations that move codes and change none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxpsim.casts import check_codes
from fxpsim.errors import GraphError
from fxpsim.ops.op import Interval, Op, TensorFormat, TensorSpec, freeze, zero_code

__all__ = [
    "Concatenate",
    "Constant",
    "Pad",
    "Reinterpret",
    "Reshape",
    "Slice",
    "Stack",
    "Transpose",
]

IntArray = NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Constant(Op):
    """The same codes for every sample; what it reads only tells how many samples there are.

    Parameters
    ----------
    codes : integer array
        Codes of ``format``.
    format : QFormat or Affine
        What they mean.
    """

    codes: IntArray
    format: TensorFormat

    def __post_init__(self) -> None:
        object.__setattr__(self, "codes", freeze(check_codes(self.codes, self.format, "codes")))

    def infer(self, *sources: TensorSpec) -> TensorSpec:
        """Return the codes' shape and format."""
        return TensorSpec(self.codes.shape, self.format)

    def run(self, inputs: Sequence[IntArray], sources: Sequence[TensorSpec]) -> IntArray:
        """Return the codes as often as there are samples."""
        return np.broadcast_to(self.codes, (len(inputs[0]), *self.codes.shape))

    def interval(self, ranges: Sequence[Interval], sources: Sequence[TensorSpec]) -> Interval:
        """Return the codes, twice."""
        exact = self.codes.astype(np.int64)
        return exact, exact


@dataclass(frozen=True, slots=True)
class Reshape(Op):
    """The same elements, row-major, in another shape."""

    shape: tuple[int, ...]

    monotone = True

    def infer(self, *sources: TensorSpec) -> TensorSpec:
        """Return the new shape."""
        (source,) = sources
        if prod(self.shape) != source.size or any(size < 1 for size in self.shape):
            raise GraphError(
                f"a shape of {source.size} elements is needed for the input {source.shape}, "
                f"not {self.shape}"
            )
        return TensorSpec(tuple(self.shape), source.format)

    def run(self, inputs: Sequence[IntArray], sources: Sequence[TensorSpec]) -> IntArray:
        """Return reshaped codes."""
        (codes,) = inputs
        return codes.reshape(len(codes), *self.shape)

    run_narrow = run


@dataclass(frozen=True, slots=True)
class Reinterpret(Op):
    """The same codes, which mean something else from here on."""

    format: TensorFormat

    monotone = True

    def infer(self, *sources: TensorSpec) -> TensorSpec:
        """Return the input's shape in the other format."""
        (source,) = sources
        old, new = source.format, self.format
        if not (new.lo <= old.lo and old.hi <= new.hi):
            raise GraphError(f"codes of {old} must be codes of {new}")
        return TensorSpec(source.shape, new)

    def run(self, inputs: Sequence[IntArray], sources: Sequence[TensorSpec]) -> IntArray:
        """Return the codes."""
        return inputs[0]


@dataclass(frozen=True, slots=True)
class Pad(Op):
    """The codes with others of the value 0 around them.

    Parameters
    ----------
    before, after : tuple of int
        How many, an entry an axis.
    """

    before: tuple[int, ...]
    after: tuple[int, ...]

    monotone = True

    def infer(self, *sources: TensorSpec) -> TensorSpec:
        """Return the larger shape."""
        (source,) = sources
        zero_code(source)
        if not len(self.before) == len(self.after) == len(source.shape):
            raise GraphError(f"padding of {source.shape} needs an entry an axis")
        if any(not 0 <= count <= 1 << 16 for count in (*self.before, *self.after)):
            raise GraphError(f"padding must be 0 to 65536, not {self.before} and {self.after}")
        shape = zip(self.before, source.shape, self.after, strict=True)
        return TensorSpec(tuple(map(sum, shape)), source.format)

    def run(self, inputs: Sequence[IntArray], sources: Sequence[TensorSpec]) -> IntArray:
        """Return padded codes."""
        widths = [(0, 0), *zip(self.before, self.after, strict=True)]
        return np.pad(inputs[0], widths, constant_values=zero_code(sources[0]))


@dataclass(frozen=True, slots=True)
class Transpose(Op):
    """Axes in another order: axis i of the output is axis ``axes[i]`` of the input."""

    axes: tuple[int, ...]

    monotone = True

    def infer(self, *sources: TensorSpec) -> TensorSpec:
        """Return the permuted shape."""
        (source,) = sources
        if sorted(self.axes) != list(range(len(source.shape))):
            raise GraphError(
                f"axes must be 0 to {len(source.shape) - 1} in some order, not {self.axes}"
            )
        return TensorSpec(tuple(source.shape[axis] for axis in self.axes), source.format)

    def run(self, inputs: Sequence[IntArray], sources: Sequence[TensorSpec]) -> IntArray:
        """Return permuted codes."""
        (codes,) = inputs
        return codes.transpose(0, *(axis + 1 for axis in self.axes))

    run_narrow = run


@dataclass(frozen=True, slots=True)
class Slice(Op):
    """Every ``step``-th element from ``start`` on, ``count`` of them, along each axis.

    Parameters
    ----------
    start, count, step : tuple of int
        An entry an axis; a step may be negative.
    drop : tuple of int
        Axes, of length 1 then, that the output does not have.
    """

    start: tuple[int, ...]
    count: tuple[int, ...]
    step: tuple[int, ...]
    drop: tuple[int, ...] = ()

    monotone = True

    def infer(self, *sources: TensorSpec) -> TensorSpec:
        """Return the shape of what is kept."""
        (source,) = sources
        given = len(self.start), len(self.count), len(self.step)
        if set(given) != {len(source.shape)}:
            raise GraphError(
                f"a slice of {source.shape} needs {len(source.shape)} entries an axis, not {given}"
            )
        for axis, (size, first, count, step) in enumerate(
            zip(source.shape, self.start, self.count, self.step, strict=True)
        ):
            last = first + (count - 1) * step
            if count < 1 or step == 0 or not (0 <= first < size and 0 <= last < size):
                raise GraphError(
                    f"a slice must lie within axis {axis} of {size} elements, not {count} elements "
                    f"from {first} in steps of {step}"
                )
        if any(not 0 <= a < len(self.count) or self.count[a] != 1 for a in self.drop):
            raise GraphError(f"axes to drop must have length 1, but they are {self.drop}")
        shape = tuple(n for axis, n in enumerate(self.count) if axis not in self.drop)
        return TensorSpec(shape, source.format)

    def run(self, inputs: Sequence[IntArray], sources: Sequence[TensorSpec]) -> IntArray:
        """Return what is kept."""
        (codes,) = inputs
        index: list[Any] = [slice(None)]
        for axis, (first, count, step) in enumerate(
            zip(self.start, self.count, self.step, strict=True)
        ):
            end = first + count * step
            kept = slice(first, end if end >= 0 else None, step)
            index.append(first if axis in self.drop else kept)
        return np.asarray(codes[tuple(index)])

    run_narrow = run


def _one_format(sources: Sequence[TensorSpec]) -> TensorFormat:
    formats = [source.format for source in sources]
    if any(fmt != formats[0] for fmt in formats):
        several = ", ".join(map(str, dict.fromkeys(formats)))
        raise GraphError(f"what is joined must have one format, not {several}")
    return formats[0]


@dataclass(frozen=True, slots=True)
class Concatenate(Op):
    """Tensors one after the other along an axis."""

    operation = "copy"

    axis: int

    arity = None
    monotone = True

    def infer(self, *sources: TensorSpec) -> TensorSpec:
        """Return the joined shape."""
        fmt, axis, shape = _one_format(sources), self.axis, list(sources[0].shape)
        if not 0 <= axis < len(shape):
            raise GraphError(f"the axis must be 0 to {len(shape) - 1}, not {axis}")
        for source in sources[1:]:
            if [*source.shape[:axis], *source.shape[axis + 1 :]] != shape[:axis] + shape[
                axis + 1 :
            ]:
                raise GraphError(
                    f"what is joined along axis {axis} must agree in all others, "
                    f"not {', '.join(str(s.shape) for s in sources)}"
                )
        shape[axis] = sum(source.shape[axis] for source in sources)
        return TensorSpec(tuple(shape), fmt)

    def run(self, inputs: Sequence[IntArray], sources: Sequence[TensorSpec]) -> IntArray:
        """Return joined codes."""
        return np.concatenate(inputs, axis=self.axis + 1)

    run_narrow = run


@dataclass(frozen=True, slots=True)
class Stack(Op):
    """Tensors of one shape along a new axis."""

    axis: int

    arity = None
    monotone = True

    def infer(self, *sources: TensorSpec) -> TensorSpec:
        """Return the shape with an axis more."""
        fmt, shape = _one_format(sources), sources[0].shape
        if not 0 <= self.axis <= len(shape):
            raise GraphError(f"the axis must be 0 to {len(shape)}, not {self.axis}")
        if any(source.shape != shape for source in sources):
            raise GraphError("what is stacked must have one shape")
        return TensorSpec((*shape[: self.axis], len(sources), *shape[self.axis :]), fmt)

    def run(self, inputs: Sequence[IntArray], sources: Sequence[TensorSpec]) -> IntArray:
        """Return stacked codes."""
        return np.stack(inputs, axis=self.axis + 1)

    run_narrow = run
