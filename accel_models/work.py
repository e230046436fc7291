"""What a layer asks of hardware: plain numbers, without weights and without any machine."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Unpack

from accel_models.accumulator import WIDEST, Accumulator, Overflow
from accel_models.demand import Arithmetic, Demand, Kind, Operation
from accel_models.errors import WorkError, raise_all
from accel_models.fields import member, whole
from accel_models.histogram import Histogram
from accel_models.ring import RingBuffer
from accel_models.settings import Settings
from accel_models.windows import Padding, Pair, Window, place

__all__ = [
    "Accumulator",
    "Arithmetic",
    "Kind",
    "Operation",
    "Overflow",
    "RingBuffer",
    "Settings",
    "Work",
    "Workload",
]


@dataclass(frozen=True, slots=True)
class Work(Demand):
    """One layer's demand in one inference.

    Build it with `Work.dense`, `Work.conv2d`, `Work.depthwise`, `Work.pool` or `Work.elementwise`;
    the fields are checked together, and every mistake is reported.

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
        Parts of equal size that the outputs fall into, each of inputs of its own (depthwise and
        pooling: the image's channels).
    window
        Where the sums of a convolution or a pooling layer come from; None: rows share no inputs.
    weight_histogram
        How often each weight value occurs; None: unknown, nothing is assumed.
    weight_entropy
        Bits of information in one weight; given by the histogram where there is one.
    ring
        What a streaming layer keeps; None: nothing.
    operation
        What is done to the operands.
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
    accumulator: Accumulator = Accumulator()  # noqa: RUF009  # frozen: it may be shared
    spills: int | None = None
    weight_magnitude: int | None = None
    activation_magnitude: int | None = None
    bias_bits: int = 32
    gain_bits: int = 0
    groups: int = 1
    window: Window | None = None
    weight_histogram: Histogram | None = None
    weight_entropy: float | None = None
    ring: RingBuffer | None = None
    operation: Operation = Operation.MULTIPLY_ADD

    def __post_init__(self) -> None:
        mistakes = [
            *member(self, "kind", Kind),
            *member(self, "arithmetic", Arithmetic),
            *member(self, "operation", Operation),
        ]
        for label in ("rows", "inputs", "outputs", "groups"):
            mistakes += whole(self, label, 1)
        for label in ("weight_bits", "activation_bits", "output_bits"):
            mistakes += whole(self, label, 1, WIDEST)
        for label in ("bias_bits", "gain_bits"):
            mistakes += whole(self, label, 0, WIDEST)
        if not mistakes and self.outputs % self.groups:
            mistakes.append(f"groups must divide the {self.outputs} outputs, not {self.groups}")
        for label in ("weight_magnitude", "activation_magnitude"):
            if getattr(self, label) is not None:
                mistakes += whole(self, label, 1)
        parts = {"accumulator": Accumulator, "weight_histogram": Histogram, "ring": RingBuffer}
        for label, part in parts.items():
            held = getattr(self, label)
            if not isinstance(held, part) and (held is not None or part is Accumulator):
                mistakes.append(f"{label} must be an accel_models.{part.__name__}, not {held!r}")
        if self.spills is not None:
            mistakes += whole(self, "spills", 0)
            if isinstance(self.accumulator, Accumulator) and self.accumulator.outer_bits is None:
                mistakes.append("spills need an outer accumulator: give it outer_bits")
        if not mistakes:
            mistakes = [*self._check_window(), *self._check_weights()]
        raise_all(WorkError, f"work {self.name!r}", mistakes)

    def _check_window(self) -> list[str]:
        if self.window is None:
            return []
        if min(self.window.output) < 1:
            size, taps = self.window.image[:2], self.window.kernel
            return [f"a window of {taps} must fit the padded image of {size}"]
        shapes = {
            "rows": (self.rows, self.window.positions, "positions of the window"),
            "inputs x groups": (
                self.inputs * self.groups,
                self.window.taps * self.window.image[2],
                "taps times channels",
            ),
        }
        return [
            f"{label} must be {wanted} ({meaning}), not {value}"
            for label, (value, wanted, meaning) in shapes.items()
            if value != wanted
        ]

    def _check_weights(self) -> list[str]:
        if self.weight_histogram is None:
            entropy = self.weight_entropy
            if entropy is None or 0 <= entropy <= self.weight_bits:
                return []
            return [f"weight entropy must lie in [0, {self.weight_bits}] bits, not {entropy}"]
        if self.weight_histogram.total != self.weights:
            return [
                f"the weight histogram must count {self.weights} weights, "
                f"not {self.weight_histogram.total}"
            ]
        values = [value for value, _ in self.weight_histogram.counts]
        largest = self.weight_magnitude or (1 << self.weight_bits) - 1
        if max(-values[0], values[-1]) > largest or len(values) > 1 << self.weight_bits:
            return [
                f"the weight histogram has values from {values[0]} to {values[-1]}, which "
                f"{self.weight_bits}-bit weights cannot have: give another one or none"
            ]
        object.__setattr__(self, "weight_entropy", self.weight_histogram.entropy)
        return []

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
        weight_histogram: Histogram | None = None,
        weight_entropy: float | None = None,
        ring: RingBuffer | None = None,
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
            weight_histogram=weight_histogram,
            weight_entropy=weight_entropy,
            ring=ring,
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
        groups: int = 1,
        pool: Pair = 1,
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
        groups
            Parts of equal size that channels and filters fall into.
        pool
            Values (height, width) that a machine pools into each pixel of `image` on the way in.
        **settings
            As for `Work.dense`.

        Raises
        ------
        WorkError
            Naming what cannot be.
        """
        settings.setdefault("name", "conv2d")
        window = place(settings["name"], image, kernel, stride, dilation, padding, pool)
        if not isinstance(groups, int) or groups < 1 or window.image[2] % groups:
            raise WorkError(
                f"work {settings['name']!r}: groups must divide the {window.image[2]} channels, "
                f"not {groups!r}"
            )
        inputs = window.taps * window.image[2] // groups
        work = cls.dense(window.positions, inputs, outputs, **settings)
        return replace(work, kind=Kind.CONV2D, groups=groups, window=window)

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
        window = place(settings["name"], image, kernel, stride, dilation, padding)
        channels = window.image[2]
        work = cls.dense(window.positions, window.taps, channels * multiplier, **settings)
        return replace(work, kind=Kind.DEPTHWISE, groups=channels, window=window)

    @classmethod
    def pool(
        cls,
        image: Sequence[int],
        kernel: Pair,
        operation: Operation | str = Operation.MAXIMUM,
        *,
        stride: Pair | None = None,
        padding: Padding = "valid",
        name: str = "pool",
        activation_bits: int = 8,
    ) -> Work:
        """Return the work of a pooling layer: a maximum or an average over a window.

        Parameters
        ----------
        operation
            ``maximum`` or ``average``.
        stride
            None: the kernel's size.

        Other parameters, and errors, are those of `Work.conv2d`.
        """
        step = kernel if stride is None else stride
        window = place(name, image, kernel, step, 1, padding)
        channels = window.image[2]
        work = cls.dense(
            window.positions,
            window.taps,
            channels,
            name=name,
            activation_bits=activation_bits,
            bias_bits=0,
        )
        return replace(
            work,
            kind=Kind.POOL,
            groups=channels,
            window=window,
            operation=operation,  # type: ignore[arg-type]  # __post_init__ makes it a member
        )

    @classmethod
    def elementwise(
        cls,
        values: int,
        operation: Operation | str,
        *,
        operands: int = 1,
        name: str = "elementwise",
        activation_bits: int = 8,
        output_bits: int | None = None,
        ring: RingBuffer | None = None,
    ) -> Work:
        """Return the work of an operation on each value of a tensor, or of several of one shape.

        Parameters
        ----------
        values
            Outputs in one inference.
        operation
            ``add``, ``multiply``, ``look_up``, ``copy``, ``softmax``...
        operands
            Tensors that are read.

        Raises
        ------
        WorkError
            Naming every field that cannot be.
        """
        work = cls.dense(
            values,
            operands,
            1,
            name=name,
            activation_bits=activation_bits,
            output_bits=output_bits,
            bias_bits=0,
            ring=ring,
        )
        return replace(
            work,
            kind=Kind.ELEMENTWISE,
            operation=operation,  # type: ignore[arg-type]  # __post_init__ makes it a member
        )

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
