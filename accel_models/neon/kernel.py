"""Which inner loop does a layer's sums, and how many instructions it takes for 16 products.

NEON has 128-bit registers: 16 products of 8 bits take two multiplications of eight lanes, products
of 8 bits fill 16-bit lanes exactly, and wider sums need a widening addition (`sadalp`: eight
16-bit lanes into four of 32 bits). The accumulator decides how often that happens.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from accel_models.neon.core import Epilogue, Instruction
from accel_models.storage import container_bits
from accel_models.work import Arithmetic, Kind, Overflow, Work

__all__ = ["LANES", "Kernel", "choose", "refuse"]

LANES = 8  # 16-bit lanes of a 128-bit register
_LANE_BITS = 16
_WIDE_BITS = 32
_ONE_WIDTH = 4  # vectors whose sums fit in 32 registers, if they have one width,
_TWO_WIDTHS = 2  # or if sums of 16 and of 32 bits, or widened products, live beside each other


@dataclass(frozen=True, slots=True)
class Kernel:
    """One inner loop.

    Attributes
    ----------
    name
        As reports print it.
    operations
        Vector instructions per 16 products.
    weight_bits
        Bits that one stored weight takes.
    activation_bits
        Bits that one stored activation takes.
    frames
        Most vectors that share one load of a weight.
    spill
        Instructions that empty eight 16-bit lanes into 32-bit ones.
    products_per_spill
        Products that a lane takes before it is emptied; None: never inside a sum.
    planned_spills
        Lanes emptied in one inference, if a planner counted them.
    unpack
        Instructions that turn 16 stored weights into bytes.
    reduce
        What adds the lanes of one output.
    """

    name: str
    operations: Mapping[Instruction, float]
    weight_bits: int
    activation_bits: int
    frames: int
    spill: Mapping[Instruction, float] = field(default_factory=dict)
    products_per_spill: int | None = None
    planned_spills: int | None = None
    unpack: Mapping[Instruction, float] = field(default_factory=dict)
    reduce: Epilogue | None = Epilogue.REDUCE_32

    def rescale(self, work: Work) -> Epilogue:
        """Return what turns the sum into an output."""
        if work.arithmetic is Arithmetic.FLOAT:
            return Epilogue.FLOAT_BIAS
        if work.gain_bits:
            return Epilogue.MULTIPLIER
        return Epilogue.SHIFT_16 if self.reduce is Epilogue.REDUCE_16 else Epilogue.SHIFT_32


def refuse(work: Work, packed: bool) -> str:
    """Return why no kernel can do `work`, or nothing."""
    widths = (work.weight_bits, work.activation_bits)
    if packed and (work.arithmetic is Arithmetic.FLOAT or work.weight_bits > 4):
        return f"has {work.weight_bits}-bit weights, but packed weights are 4 bits or fewer"
    if packed and container_bits(work.activation_bits) != 8:
        return f"has {work.activation_bits}-bit activations, but packed weights meet 8-bit ones"
    if work.arithmetic is Arithmetic.FLOAT:
        wrong = widths != (32, 32)
        return "is floating point of other than 32 bits" if wrong else ""
    if max(widths) > _LANE_BITS:
        return f"has {max(widths)}-bit operands, but vector lanes multiply up to {_LANE_BITS}"
    return _refuse_sums(work)


def _refuse_sums(work: Work) -> str:
    accumulator = work.accumulator
    widest = accumulator.outer_bits or accumulator.bits
    if widest > _WIDE_BITS and not work.never_overflows(_WIDE_BITS):
        return f"needs {widest}-bit sums, but vector lanes are {_WIDE_BITS} bits wide"
    if accumulator.outer_bits is None:
        return ""
    if _every(work) == 0:
        return (
            f"spills a {accumulator.bits}-bit register that not even one product of "
            f"{work.largest_product} is sure to fit: give products_per_spill"
        )
    wide_lanes = accumulator.bits > _LANE_BITS or _operand_bits(work) > 8
    if wide_lanes and not _inner_fits(work):
        return (
            f"spills a {accumulator.bits}-bit register that may overflow, from {_WIDE_BITS}-bit "
            "lanes that are no narrower than where it spills to: no kernel does that"
        )
    return ""


def choose(work: Work, packed: bool) -> Kernel:
    """Return the fastest loop that gives the bits which `work` asks for."""
    kernel = _along_sums(work, packed)
    return _by_channel(kernel) if work.kind is Kind.DEPTHWISE else kernel


def _along_sums(work: Work, packed: bool) -> Kernel:
    if work.arithmetic is Arithmetic.FLOAT:
        return Kernel("fp32", {Instruction.FLOAT_MULTIPLY_ADD: 4}, 32, 32, _ONE_WIDTH, reduce=None)
    if _operand_bits(work) > 8:
        return _int16(work)
    kernel = _int8(work)
    return _packed(kernel) if packed else kernel


def _by_channel(kernel: Kernel) -> Kernel:
    """Return the same loop with a channel in every lane: sums never cross lanes.

    Lanes are then widened without being paired, in two additions.
    """
    spill = dict(kernel.spill)
    if pairs := spill.pop(Instruction.PAIRWISE_ADD_LONG, 0.0):
        spill[Instruction.WIDENING_ADD] = 2 * pairs
    return replace(kernel, name=f"{kernel.name}, by channel", spill=spill, frames=1, reduce=None)


def _int8(work: Work) -> Kernel:
    accumulator = work.accumulator
    if accumulator.bits > _LANE_BITS:
        return _wide(work)
    return _narrow(work) if accumulator.outer_bits is None else _spilling(work)


def _int16(work: Work) -> Kernel:
    """16-bit operands: every product goes straight into 32-bit lanes."""
    bits, overflow = _decisive_register(work)
    if _clamps(work, bits, overflow):
        operations = {
            Instruction.MULTIPLY_LONG: 4.0,
            Instruction.SATURATING_ADD: 4.0,
            **_clamp(bits, vectors=4),
        }
        return Kernel(f"int16, {bits}-bit saturating", operations, 16, 16, _ONE_WIDTH)
    return Kernel("int16, 32-bit sums", {Instruction.MULTIPLY_ADD_LONG: 4}, 16, 16, _ONE_WIDTH)


def _wide(work: Work) -> Kernel:
    """One register of 17 bits or more, which lives in a 32-bit lane.

    Where it wraps, or surely never overflows, products may first be added in 16-bit lanes as long
    as these cannot overflow: the bits are the same. Where it may saturate, each product must be
    widened and clamped on its own.
    """
    bits, overflow = _decisive_register(work)
    if _clamps(work, bits, overflow):
        operations = {
            Instruction.MULTIPLY_LONG: 2.0,
            Instruction.WIDENING_ADD: 4.0,
            **_clamp(bits, vectors=4),
        }
        return Kernel(f"int8, {bits}-bit saturating", operations, 8, 8, _TWO_WIDTHS)
    every = _even(work.worst_case_products(_LANE_BITS))
    if every == 0:  # products of more than 16 bits: their codes are not 8-bit ones
        return _int16(work)
    name = f"int8, {bits}-bit sums, widened every {every}"
    operations = _lane_operations(_LANE_BITS, saturating=False)
    spill = {Instruction.PAIRWISE_ADD_LONG: 1.0}
    return Kernel(name, operations, 8, 8, _TWO_WIDTHS, spill, every)


def _spilling(work: Work) -> Kernel:
    """Add up in registers of 16 bits or fewer, emptied after a number of products."""
    accumulator, every = work.accumulator, _every(work)
    overflows = not _inner_fits(work)
    saturating = overflows and accumulator.overflow is Overflow.SATURATE
    spill = {Instruction.PAIRWISE_ADD_LONG: 1.0}
    if overflows and not saturating and accumulator.bits < _LANE_BITS:
        spill[Instruction.SHIFT] = 2.0  # sign-extend what wrapped
    outer_bits = accumulator.outer_bits or _WIDE_BITS
    if _clamps(work, outer_bits, accumulator.outer_overflow):
        spill[Instruction.MIN_MAX] = 2.0
    rule = f"of {every}" if work.spills is None else "as planned"
    return Kernel(
        f"int8, {accumulator.bits}-bit sums {rule} into {outer_bits}",
        _lane_operations(accumulator.bits, saturating=saturating),
        8,
        8,
        _TWO_WIDTHS,
        spill,
        every,
        work.spills,
    )


def _narrow(work: Work) -> Kernel:
    """One register of 16 bits or fewer, never widened; a narrower one lives in a 16-bit lane."""
    accumulator = work.accumulator
    saturating = _clamps(work, accumulator.bits, accumulator.overflow)
    mode = "saturating" if saturating else "wrapping"
    return Kernel(
        f"int8, {accumulator.bits}-bit {mode}, never widened",
        _lane_operations(accumulator.bits, saturating=saturating),
        8,
        8,
        _ONE_WIDTH,
        reduce=Epilogue.REDUCE_16,
    )


def _packed(kernel: Kernel) -> Kernel:
    """Return the same loop with two weights in a byte: 3 shifts make 32 weights of 16 bytes."""
    return replace(
        kernel, name=f"{kernel.name}, nibbles", weight_bits=4, unpack={Instruction.SHIFT: 1.5}
    )


def _lane_operations(bits: int, *, saturating: bool) -> dict[Instruction, float]:
    """Return what adds 16 products to 16-bit lanes.

    NEON has no multiplication of bytes that saturates into 16 bits: multiply, then add with
    saturation, which is twice the work; below 16 bits the sum is clamped as well.
    """
    if not saturating:
        return {Instruction.MULTIPLY_ADD_LONG: 2.0}
    clamp = _clamp(bits, vectors=2) if bits < _LANE_BITS else {}
    return {Instruction.MULTIPLY_LONG: 2.0, Instruction.SATURATING_ADD: 2.0, **clamp}


def _clamp(bits: int, vectors: int) -> dict[Instruction, float]:
    """Return the clamps of sums of fewer bits than their lanes have."""
    return {} if bits == _WIDE_BITS else {Instruction.MIN_MAX: 2.0 * vectors}


def _clamps(work: Work, bits: int, overflow: Overflow) -> bool:
    """Return whether a register may saturate, so that it must be programmed."""
    return overflow is Overflow.SATURATE and not work.never_overflows(min(bits, _WIDE_BITS))


def _decisive_register(work: Work) -> tuple[int, Overflow]:
    """Return the register that decides the bits: the outer one if the inner never overflows."""
    accumulator = work.accumulator
    if accumulator.outer_bits is None:
        return accumulator.bits, accumulator.overflow
    return accumulator.outer_bits, accumulator.outer_overflow


def _operand_bits(work: Work) -> int:
    return max(container_bits(work.weight_bits), container_bits(work.activation_bits))


def _every(work: Work) -> int:
    """Return the products between spills: those asked for, or as many as can never overflow."""
    accumulator = work.accumulator
    return accumulator.products_per_spill or _even(work.worst_case_products(accumulator.bits))


def _inner_fits(work: Work) -> bool:
    return _every(work) <= work.worst_case_products(work.accumulator.bits)


def _even(products: int) -> int:
    """Return how many products a loop takes between spills: it advances by two a lane."""
    return products if products < 2 else products - products % 2
