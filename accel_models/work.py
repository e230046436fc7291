"""What a layer asks of hardware: plain numbers, without weights and without any machine."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from math import prod
from numbers import Integral
from typing import TypedDict, Unpack

from accel_models.errors import WorkError, raise_all, suggest
from accel_models.windows import Padding, Pair, positions

__all__ = ["Accumulator", "Arithmetic", "Kind", "Overflow", "Settings", "Work", "Workload"]

_WIDEST = 64


class Kind(StrEnum):
    """What is computed."""

    DENSE = "dense"
    CONV2D = "conv2d"
    DEPTHWISE = "depthwise"


class Arithmetic(StrEnum):
    """Whether codes are integers or floating-point numbers."""

    INTEGER = "integer"
    FLOAT = "float"


class Overflow(StrEnum):
    """What a register does with a sum that does not fit."""

    WRAP = "wrap"
    SATURATE = "saturate"


def _whole(record: object, label: str, low: int, high: int | None = None) -> list[str]:
    """Make a field a Python int in place, or return a sentence if it is none in [low, high]."""
    value, noun = getattr(record, label), label.replace("_", " ")
    if isinstance(value, bool) or not isinstance(value, Integral):
        return [f"{noun} must be a whole number, not {value!r}"]
    number = int(value)
    object.__setattr__(record, label, number)
    if number < low:
        return [f"{noun} must be {low} or more, not {number}"]
    if high is not None and number > high:
        return [f"{noun} must be {high} or less, not {number}"]
    return []


def _member(record: object, label: str, enum: type[StrEnum]) -> list[str]:
    """Turn a name into a member of `enum` in place, or return a sentence."""
    value = getattr(record, label)
    try:
        object.__setattr__(record, label, enum(value))
    except ValueError:
        near = suggest(str(value), [str(member) for member in enum])
        return [f"{label} cannot be {value!r}{near}"]
    return []


@dataclass(frozen=True, slots=True)
class Accumulator:
    """The registers that products are added into.

    Attributes
    ----------
    bits
        Width of the register that takes each product.
    overflow
        What that register does at *every* addition.
    outer_bits
        Width of the register that it spills into; None: there is only one register.
    products_per_spill
        Products that a register takes before it is spilled and cleared. None, with an outer
        register: the worst-case rule, as many as can never overflow (`Work.worst_case_products`).
    outer_overflow
        What the outer register does at every spill.
    """

    bits: int = 32
    overflow: Overflow = Overflow.WRAP
    outer_bits: int | None = None
    products_per_spill: int | None = None
    outer_overflow: Overflow = Overflow.WRAP

    def __post_init__(self) -> None:
        mistakes = [
            *_whole(self, "bits", 2, _WIDEST),
            *_member(self, "overflow", Overflow),
            *_member(self, "outer_overflow", Overflow),
        ]
        if self.outer_bits is not None:
            mistakes += _whole(self, "outer_bits", 2, _WIDEST)
            if not mistakes and self.outer_bits < self.bits:
                mistakes.append(
                    f"outer bits must be {self.bits} (the inner bits) or more, "
                    f"not {self.outer_bits}"
                )
        if self.products_per_spill is not None:
            mistakes += _whole(self, "products_per_spill", 1)
            if self.outer_bits is None:
                mistakes.append("products per spill need an outer accumulator: give outer_bits")
        raise_all(WorkError, "accumulator", mistakes)

    def __str__(self) -> str:
        inner = f"{self.bits}-bit {self.overflow}"
        if self.outer_bits is None:
            return inner
        every = self.products_per_spill or "worst case"
        return f"{inner}, spill {every} into {self.outer_bits}-bit {self.outer_overflow}"


class Settings(TypedDict, total=False):
    """What every layer may have: parameters of `Work.dense`."""

    name: str
    weight_bits: int
    activation_bits: int
    output_bits: int | None
    arithmetic: Arithmetic | str
    accumulator: Accumulator | None
    spills: int | None
    weight_magnitude: int | None
    activation_magnitude: int | None
    bias_bits: int
    gain_bits: int


@dataclass(frozen=True, slots=True)
class Work:
    """One layer's demand in one inference.

    Build it with `Work.dense`, `Work.conv2d` or `Work.depthwise`; the fields are checked together,
    and every mistake is reported.

    Attributes
    ----------
    name
        The layer's name, as reports print it.
    kind
        What is computed.
    rows
        Vectors that go through the layer per inference (frames; output pixels of a convolution).
    inputs, outputs
        Products summed for each output; outputs of each row.
    weight_bits, activation_bits, output_bits
        Widths of one weight, one input and one output, in bits.
    arithmetic
        Integers, or floating point (then the widths are those of the float format).
    accumulator
        The registers that sum the products.
    spills
        Inner registers emptied into outer ones in one inference, over all rows, outputs and
        lanes, from a planner that knows the weights. None: the worst-case rule.
    weight_magnitude, activation_magnitude
        Largest absolute multiplicand. None: two's complement of the width, 2^(bits - 1)
        (narrow 8-bit weights have 127, unsigned 8-bit activations 255, 1-bit weights 1).
    bias_bits, gain_bits
        Stored bits of each output's bias and of its own multiplier with shift (0: it has none;
        without a multiplier the layer is rescaled by a shift).
    groups
        Parts of equal size that the outputs fall into, each of inputs of its own (depthwise: the
        image's channels).
    image_values
        Activations of the input, which its windows share. None: rows share none.
    """

    name: str
    kind: Kind
    rows: int
    inputs: int
    outputs: int
    weight_bits: int
    activation_bits: int
    output_bits: int
    arithmetic: Arithmetic = Arithmetic.INTEGER
    accumulator: Accumulator = Accumulator()
    spills: int | None = None
    weight_magnitude: int | None = None
    activation_magnitude: int | None = None
    bias_bits: int = 32
    gain_bits: int = 0
    groups: int = 1
    image_values: int | None = None

    def __post_init__(self) -> None:
        mistakes = [*_member(self, "kind", Kind), *_member(self, "arithmetic", Arithmetic)]
        for label in ("rows", "inputs", "outputs", "groups"):
            mistakes += _whole(self, label, 1)
        for label in ("weight_bits", "activation_bits", "output_bits"):
            mistakes += _whole(self, label, 1, _WIDEST)
        for label in ("bias_bits", "gain_bits"):
            mistakes += _whole(self, label, 0, _WIDEST)
        if not mistakes and self.outputs % self.groups:
            mistakes.append(f"groups must divide the {self.outputs} outputs, not {self.groups}")
        for label in ("weight_magnitude", "activation_magnitude", "image_values"):
            if getattr(self, label) is not None:
                mistakes += _whole(self, label, 1)
        if not isinstance(self.accumulator, Accumulator):
            mistakes.append(
                f"accumulator must be an accel_models.Accumulator, not {self.accumulator!r}"
            )
        elif self.spills is not None:
            mistakes += _whole(self, "spills", 0)
            if self.accumulator.outer_bits is None:
                mistakes.append("spills need an outer accumulator: give it outer_bits")
        raise_all(WorkError, f"work {self.name!r}", mistakes)

    @classmethod
    def dense(
        cls,
        rows: int,
        inputs: int,
        outputs: int,
        *,
        name: str = "dense",
        weight_bits: int = 8,
        activation_bits: int = 8,
        output_bits: int | None = None,
        arithmetic: Arithmetic | str = Arithmetic.INTEGER,
        accumulator: Accumulator | None = None,
        spills: int | None = None,
        weight_magnitude: int | None = None,
        activation_magnitude: int | None = None,
        bias_bits: int = 32,
        gain_bits: int = 0,
    ) -> Work:
        """Return the work of a fully connected layer: (rows, inputs) times (inputs, outputs).

        Parameters
        ----------
        output_bits
            Bits of one output; None: as many as an activation.
        accumulator
            None: one 32-bit register that wraps.

        Other parameters are the fields of `Work`.

        Raises
        ------
        WorkError
            Naming every field that cannot be.
        """
        return cls(
            name=name,
            kind=Kind.DENSE,
            rows=rows,
            inputs=inputs,
            outputs=outputs,
            weight_bits=weight_bits,
            activation_bits=activation_bits,
            output_bits=activation_bits if output_bits is None else output_bits,
            arithmetic=arithmetic,  # type: ignore[arg-type]  # __post_init__ makes it a member
            accumulator=Accumulator() if accumulator is None else accumulator,
            spills=spills,
            weight_magnitude=weight_magnitude,
            activation_magnitude=activation_magnitude,
            bias_bits=bias_bits,
            gain_bits=gain_bits,
        )

    @classmethod
    def conv2d(
        cls,
        image: Sequence[int],
        kernel: Pair,
        outputs: int,
        *,
        stride: Pair = 1,
        dilation: Pair = 1,
        padding: Padding = "same",
        **settings: Unpack[Settings],
    ) -> Work:
        """Return the work of a convolution: sums over a window and all channels.

        Parameters
        ----------
        image
            Height, width and channels of the input.
        kernel, stride, dilation
            (height, width), or one number for both.
        outputs
            Filters.
        padding
            "same", "valid", or pixels ((above, left), (below, right)).
        **settings
            As for `Work.dense`.

        Raises
        ------
        WorkError
            Naming what cannot be.
        """
        settings.setdefault("name", "conv2d")
        rows, taps, channels = _slide(settings["name"], image, kernel, stride, dilation, padding)
        work = cls.dense(rows, taps * channels, outputs, **settings)
        return replace(work, kind=Kind.CONV2D, image_values=prod(image))

    @classmethod
    def depthwise(
        cls,
        image: Sequence[int],
        kernel: Pair,
        multiplier: int = 1,
        *,
        stride: Pair = 1,
        dilation: Pair = 1,
        padding: Padding = "same",
        **settings: Unpack[Settings],
    ) -> Work:
        """Return the work of a depthwise convolution: sums over a window of one channel.

        Parameters
        ----------
        multiplier
            Outputs of every channel of the image.

        Other parameters, and errors, are those of `Work.conv2d`.
        """
        settings.setdefault("name", "depthwise")
        rows, taps, channels = _slide(settings["name"], image, kernel, stride, dilation, padding)
        work = cls.dense(rows, taps, channels * multiplier, **settings)
        return replace(work, kind=Kind.DEPTHWISE, groups=channels, image_values=prod(image))

    @property
    def macs(self) -> int:
        """Multiply-accumulate operations in one inference."""
        return self.rows * self.inputs * self.outputs

    @property
    def weights(self) -> int:
        """Number of stored weights."""
        return self.inputs * self.outputs

    @property
    def input_values(self) -> int:
        """Activations read in one inference, each counted once."""
        if self.image_values is not None:
            return self.image_values
        return self.rows * self.inputs * self.groups

    @property
    def output_values(self) -> int:
        """Activations written in one inference."""
        return self.rows * self.outputs

    @property
    def largest_product(self) -> int:
        """Largest absolute product of one weight and one activation (integer work)."""
        weight = self.weight_magnitude or 1 << (self.weight_bits - 1)
        return weight * (self.activation_magnitude or 1 << (self.activation_bits - 1))

    def worst_case_products(self, bits: int) -> int:
        """Return how many products a signed register of `bits` always holds.

        ``floor((2^(bits - 1) - 1) / largest_product)``: no data, order or sign can overflow it.
        0 means that not even one product is sure to fit.
        """
        return ((1 << (bits - 1)) - 1) // self.largest_product

    def never_overflows(self, bits: int) -> bool:
        """Return whether one register of `bits` surely holds every sum of this layer."""
        return self.worst_case_products(bits) >= self.inputs


def _slide(
    name: str, image: Sequence[int], kernel: Pair, stride: Pair, dilation: Pair, padding: Padding
) -> tuple[int, int, int]:
    """Return the positions of a window, its taps, and the channels of the image."""
    if not isinstance(image, Sequence) or len(image) != 3:
        raise WorkError(f"work {name!r}: image must be (height, width, channels), not {image!r}")
    found = positions(name, image[:2], kernel, stride, dilation, padding)
    taps = prod(kernel) if isinstance(kernel, Sequence) else kernel * kernel
    return prod(found), taps, image[2]


class Workload(tuple[Work, ...]):
    """The layers of a network in the order in which they run; a tuple of `Work`.

    Parameters
    ----------
    works
        One `Work`, or any iterable of them.

    Raises
    ------
    WorkError
        If something in it is no `Work`.
    """

    __slots__ = ()

    def __new__(cls, works: Work | Iterable[Work] = ()) -> Workload:
        """Check and keep the layers."""
        items = (works,) if isinstance(works, Work) else tuple(works)
        raise_all(
            WorkError,
            "workload",
            [
                f"item {i} must be a Work, not {w!r}"
                for i, w in enumerate(items)
                if not isinstance(w, Work)
            ],
        )
        return super().__new__(cls, items)

    @property
    def macs(self) -> int:
        """Multiply-accumulate operations of all layers in one inference."""
        return sum(work.macs for work in self)

    @property
    def weights(self) -> int:
        """Number of stored weights of all layers."""
        return sum(work.weights for work in self)
