"""A loop set up for one layer, and which of them give the bits that the layer asks for."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import PurePath

from accel_models.errors import suggest
from accel_models.neon.core import Core, Instruction
from accel_models.neon.loops import Counts, Epilogue, Loop, Sums, read_loop, read_loops
from accel_models.storage import container_bits
from accel_models.work import Arithmetic, Kind, Overflow, Work

__all__ = ["Kernel", "candidates", "named", "refuse"]

_LANE_BITS = 16
_WIDE_BITS = 32
_LASTING = 2  # products after which narrow sums need registers beside the wide ones


@dataclass(frozen=True, slots=True)
class Kernel:
    """One loop with the registers of one layer.

    Attributes
    ----------
    name
        As reports print it, and as the setting ``kernel=`` takes it.
    loop
        Its instructions, loads and operands.
    each
        Instructions for 16 products.
    spill
        Instructions that empty one register of lanes.
    products_per_spill
        Products that a lane takes before it is emptied; None: never inside a sum.
    planned_spills
        Lanes emptied in one inference, if a planner counted them.
    frames
        Most vectors that share one load of a weight.
    reduce
        What adds the lanes of one output.
    """

    name: str
    loop: Loop
    each: Counts
    spill: Counts = field(default_factory=dict)
    products_per_spill: int | None = None
    planned_spills: int | None = None
    frames: int = 1
    reduce: Epilogue | None = None

    def rescale(self, work: Work) -> Epilogue:
        """Return what turns the sum into an output."""
        if work.arithmetic is Arithmetic.FLOAT:
            return Epilogue.FLOAT_BIAS
        if work.gain_bits:
            return Epilogue.MULTIPLIER
        return Epilogue.SHIFT_16 if self.reduce is Epilogue.REDUCE_16 else Epilogue.SHIFT_32


def named(text: str, work: Work) -> Kernel:
    """Return the kernel that ``kernel=`` asks for, whether or not its sums may overflow.

    The loop is one that ships with the package or a file of yours: ``my.toml``, ``my.toml_n8``.

    Raises
    ------
    ValueError
        If there is no such loop, or it does not take these operands.
    """
    name, every = split_name(text)
    loop = read_loop(name)
    name = PurePath(name).stem if name.endswith(".toml") else name
    if not _takes(loop, work):
        raise ValueError(
            f"has {work.weight_bits}-bit weights and {work.activation_bits}-bit activations, but "
            f"{name} takes {loop.arithmetic} ones of at most {loop.weight_bits} and "
            f"{loop.activation_bits} bits"
        )
    if work.kind is Kind.DEPTHWISE and loop.by_channel is None:
        raise ValueError(f"is depthwise, which {name} does not do")
    if loop.sums is Sums.LANES:
        every = every or work.accumulator.products_per_spill or _safe_products(loop, work)
    return _plain(loop, name, work, max(every, 1) if loop.sums is Sums.LANES else None)


def split_name(text: str) -> tuple[str, int]:
    """Return the loop that a kernel's name begins with, and the n of ``_n<n>`` (0: none)."""
    loops = read_loops()
    name, marker, count = text.rpartition("_n")
    if marker and count.isdigit() and int(count) and (name in loops or name.endswith(".toml")):
        return name, int(count)
    if text in loops or text.endswith(".toml"):
        return text, 0
    raise ValueError(f"cannot be {text!r}{suggest(text, loops)}")


def refuse(work: Work, core: Core, packed: bool) -> str:
    """Return why no loop of a core can do `work`, or nothing."""
    if work.arithmetic is Arithmetic.FLOAT:
        return _refuse_float(work, core, packed)
    if max(work.weight_bits, work.activation_bits) > _LANE_BITS:
        widest = max(work.weight_bits, work.activation_bits)
        return f"has {widest}-bit operands, but lanes multiply up to {_LANE_BITS}"
    return _refuse_sums(work) or _refuse_rest(work, core, packed)


def _refuse_float(work: Work, core: Core, packed: bool) -> str:
    if work.weight_bits != work.activation_bits or work.weight_bits not in (16, 32):
        return "is floating point of other than 32 or 16 bits"
    if packed:
        return "is floating point, whose weights are never packed"
    if not candidates(work, core, packed):
        return f"is {work.weight_bits}-bit floating point, which this core has no instructions for"
    return ""


def _refuse_sums(work: Work) -> str:
    accumulator = work.accumulator
    widest = accumulator.outer_bits or accumulator.bits
    if widest > _WIDE_BITS and not work.never_overflows(_WIDE_BITS):
        return f"needs {widest}-bit sums, but lanes are {_WIDE_BITS} bits wide"
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


def _refuse_rest(work: Work, core: Core, packed: bool) -> str:
    if candidates(work, core, packed):
        return ""
    if packed:
        loops = [loop for loop in read_loops().values() if loop.packed and loop.runs_on(core)]
        widths = ", ".join(map(str, sorted({loop.stored_weight_bits for loop in loops})))
        return (
            f"has {work.weight_bits}-bit weights and {work.activation_bits}-bit activations, but "
            f"packed weights here are {widths or 'of no'} bits and meet 8-bit activations"
        )
    return f"sums in {work.accumulator} registers, which no loop of this core does"


def candidates(work: Work, core: Core, packed: bool) -> list[Kernel]:
    """Return every kernel of a core that gives exactly the bits which `work` asks for.

    Weights that are packed are stored in the narrowest way for which the core has such a kernel.
    """
    spilled = _asks_for_spills(work) and Instruction.PAIRWISE_ADD_LONG in core.instructions
    found = [
        kernel
        for name, loop in read_loops().items()
        if loop.packed is packed and loop.runs_on(core) and _takes(loop, work)
        if work.kind is not Kind.DEPTHWISE or loop.by_channel is not None
        for kernel in (_spilling if spilled else _single)(name, loop, work, core)
    ]
    if not packed:
        return found
    narrowest = min((kernel.loop.stored_weight_bits for kernel in found), default=0)
    return [kernel for kernel in found if kernel.loop.stored_weight_bits == narrowest]


def _takes(loop: Loop, work: Work) -> bool:
    if loop.arithmetic is not work.arithmetic:
        return False
    if work.arithmetic is Arithmetic.FLOAT:
        return loop.weight_bits == work.weight_bits
    return (
        work.weight_bits <= loop.weight_bits
        and work.activation_bits <= loop.activation_bits
        and _operand_bits(work) <= container_bits(max(loop.weight_bits, loop.activation_bits))
        and loop.stored_weight_bits <= _operand_bits(work)
    )


def _single(name: str, loop: Loop, work: Work, core: Core) -> list[Kernel]:
    """One register decides the bits: the outer one if the inner never overflows."""
    if work.arithmetic is Arithmetic.FLOAT:
        return [_plain(loop, name, work)]
    bits, overflow = _decisive_register(work)
    if loop.sums is Sums.APPROXIMATE or not _inner_fits(work):
        return []
    if _cuts_products(work) or loop.sums is Sums.NORMALISED:
        same = _cuts_products(work) and loop.sums is Sums.NORMALISED
        wraps = overflow is Overflow.WRAP and bits <= loop.lane_bits
        return [_plain(loop, name, work)] if same and wraps else []
    if _may_saturate(work, bits, overflow):
        return _clamped(name, loop, work, bits) if loop.sums is Sums.SATURATING else []
    match loop.sums:
        case Sums.SATURATING:  # it never does
            return [_plain(loop, name, work)] if work.never_overflows(loop.lane_bits) else []
        case Sums.NARROW:
            fits = bits <= loop.lane_bits or work.never_overflows(loop.lane_bits)
            return [_plain(loop, name, work)] if fits else []
        case Sums.LANES:
            lengths = _up_to(_safe_products(loop, work), work, loop.lane_bits, core)
            return [_plain(loop, name, work, n) for n in lengths]
        case _:
            return [_plain(loop, name, work)]


def _spilling(name: str, loop: Loop, work: Work, core: Core) -> list[Kernel]:
    """Add up in registers of 16 bits or fewer, emptied after a number of products as asked."""
    accumulator, overflows = work.accumulator, not _inner_fits(work)
    saturating = overflows and accumulator.overflow is Overflow.SATURATE
    if loop.sums is not (Sums.SATURATING if saturating else Sums.LANES):
        return []
    bound = (loop.offset_weights or loop.longest) and _every(work) > _safe_products(loop, work)
    if loop.lane_bits != _LANE_BITS or bound:
        return []
    spill = dict(loop.spill) or {Instruction.PAIRWISE_ADD_LONG: 1.0}
    if overflows and not saturating and accumulator.bits < loop.lane_bits:
        spill[Instruction.SHIFT] = 2.0  # sign-extend what wrapped
    outer_bits = accumulator.outer_bits or _WIDE_BITS
    if _may_saturate(work, outer_bits, accumulator.outer_overflow):
        spill[Instruction.MIN_MAX] = 2.0
    by_channel = work.kind is Kind.DEPTHWISE
    free = accumulator.products_per_spill is None and work.spills is None
    every = _every(work)
    lengths = _up_to(every, work, accumulator.bits, core) if free else [every]
    kernels = [_plain(loop, name, work, n) for n in lengths]
    return [
        replace(
            kernel,
            each=_with_clamps(loop, kernel.each, accumulator.bits) if saturating else kernel.each,
            spill=_by_channel(spill) if by_channel else spill,
            name=kernel.name if work.spills is None else f"{name} as planned",
            reduce=None if by_channel else Epilogue.REDUCE_32,
        )
        for kernel in kernels
    ]


def _up_to(products: int, work: Work, lane_bits: int, core: Core) -> list[int]:
    """Return the spill lengths that may be fastest where all up to one give the same bits.

    Few products need no registers that last, so more vectors can share weights; and on some cores
    smull, which begins a sum, has more pipes than smlal. Those may be fastest in between: what
    wider weights can do is tried, so that narrower ones never cost more.
    """
    found = {1, _LASTING, products}
    if _begins_sums_faster(core):
        widths = range(work.weight_bits + 1, container_bits(work.weight_bits) + 1)
        wider = [replace(work, weight_bits=bits, weight_magnitude=None) for bits in widths]
        found |= {_even(one.worst_case_products(lane_bits)) for one in wider}
    return sorted(n for n in found if 0 < n <= products)


def _begins_sums_faster(core: Core) -> bool:
    begin = core.instructions.get(Instruction.MULTIPLY_LONG)
    add = core.instructions.get(Instruction.MULTIPLY_ADD_LONG)
    return begin is not None and add is not None and begin.between < add.between


def _clamped(name: str, loop: Loop, work: Work, bits: int) -> list[Kernel]:
    """Add every product on its own, and clamp sums that are narrower than their lanes."""
    if loop.lane_bits < min(bits, _WIDE_BITS):
        return []
    kernel = _plain(loop, name, work)
    each = _with_clamps(loop, kernel.each, bits)
    label = name if each == kernel.each else f"{name} clamped to {bits} bits"
    return [replace(kernel, name=label, each=each)]


def _with_clamps(loop: Loop, each: Counts, bits: int) -> Counts:
    if bits >= loop.lane_bits or loop.clamps_itself:
        return each
    return {**each, Instruction.MIN_MAX: 2.0 * 16 / loop.lanes}


def _plain(loop: Loop, name: str, work: Work, every: int | None = None) -> Kernel:
    by_channel = work.kind is Kind.DEPTHWISE
    each = loop.by_channel if by_channel and loop.by_channel is not None else loop.each
    lasting = every is not None and every > _LASTING
    return Kernel(
        name=name if every is None else f"{name}_n{every}",
        loop=loop,
        each=each,
        spill=_by_channel(loop.spill) if by_channel else loop.spill,
        products_per_spill=every,
        planned_spills=None if every is None else work.spills,
        frames=1 if by_channel else min(loop.frames, _LASTING) if lasting else loop.frames,
        reduce=None if by_channel else loop.reduce,
    )


def _by_channel(spill: Counts) -> Counts:
    """Lanes of different channels are widened without being paired, in two additions."""
    widened = dict(spill)
    if pairs := widened.pop(Instruction.PAIRWISE_ADD_LONG, 0.0):
        widened[Instruction.WIDENING_ADD] = 2 * pairs
    return widened


def _asks_for_spills(work: Work) -> bool:
    if work.arithmetic is Arithmetic.FLOAT or work.accumulator.outer_bits is None:
        return False
    if _cuts_products(work):
        return False
    return work.accumulator.bits <= _LANE_BITS and _operand_bits(work) == 8


def _may_saturate(work: Work, bits: int, overflow: Overflow) -> bool:
    """Return whether a register may saturate, so that it must be programmed."""
    return overflow is Overflow.SATURATE and not work.never_overflows(min(bits, _WIDE_BITS))


def _cuts_products(work: Work) -> bool:
    """Return whether each product loses bits before it is added."""
    kept = work.accumulator.product_bits
    return kept is not None and kept <= work.largest_product.bit_length()


def _decisive_register(work: Work) -> tuple[int, Overflow]:
    """Return the register that decides the bits: the outer one if the inner never overflows."""
    accumulator = work.accumulator
    if accumulator.outer_bits is None:
        return accumulator.bits, accumulator.overflow
    return accumulator.outer_bits, accumulator.outer_overflow


def _operand_bits(work: Work) -> int:
    """Return the container of the wider operand; products of over 16 bits are not of bytes."""
    bits = max(container_bits(work.weight_bits), container_bits(work.activation_bits))
    return bits if work.worst_case_products(_LANE_BITS) else max(bits, 16)


def _every(work: Work) -> int:
    """Return the products between spills: those asked for, or as many as can never overflow."""
    accumulator = work.accumulator
    return accumulator.products_per_spill or _even(work.worst_case_products(accumulator.bits))


def _safe_products(loop: Loop, work: Work) -> int:
    """Return how many products a lane of `loop` takes that can never overflow."""
    if loop.offset_weights:
        work = replace(work, weight_magnitude=(1 << loop.stored_weight_bits) - 1)
    safe = _even(work.worst_case_products(loop.lane_bits))
    return safe if loop.longest is None else min(safe, loop.longest)


def _inner_fits(work: Work) -> bool:
    if work.accumulator.outer_bits is None:
        return True
    return _every(work) <= work.worst_case_products(work.accumulator.bits)


def _even(products: int) -> int:
    """Return how many products a loop takes between spills: it advances by two a lane."""
    return products if products < 2 else products - products % 2
