"""Which tile gives the bits of an accumulator, for operands of which the ranges are known.

Every function returns a plan, or None where no tile holds numbers this wide or registers of this
kind; then the general kernel, or the specification, has the word.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from fxpsim.accumulators import Accumulator, Chunked, Interleaved, Product
from fxpsim.dispatch.operands import Facts
from fxpsim.formats import Overflow, Rounding
from fxpsim.formats.qformat import MAX_BITS

if TYPE_CHECKING:
    from fxpsim.kernels.orders import Order
    from fxpsim.kernels.product import Plan

__all__ = ["any_order", "lanewise_plan", "peaks_plan", "plan_for", "tally_plan"]

#: Products in a chunk whose tree is compiled as a whole.
_MOST_LEAVES = 32
#: Lanes of 16-bit operands and of any; (name, bits of a lane).
_WIDE = ("single", 32), ("i64", 64)


def plan_for(facts: Facts, accumulator: Accumulator, product_frac: int, exact: bool) -> Plan | None:
    """Return the plan for a product.

    Parameters
    ----------
    facts : Facts
        Of the operands.
    accumulator : Accumulator
        The registers.
    product_frac : int
        Fraction bits of the products.
    exact : bool
        No register overflows or rounds.
    """
    last = accumulator.outermost
    if accumulator.stochastic and not accumulator.exact_where_it_fits:
        return None  # draws are for the general kernel
    if any_order(accumulator, exact):
        return _modular(facts, last, exact)
    if accumulator.plain:
        return _saturating(facts, accumulator)
    if accumulator.tiled:
        return None  # one plan a tile
    if not accumulator.spill and not isinstance(accumulator.order, Interleaved):
        return _inner(facts, accumulator, product_frac)
    return _ordered(facts, accumulator, product_frac)


def lanewise_plan(
    facts: Facts, accumulator: Accumulator, product_frac: int, exact: bool
) -> Plan | None:
    """Return the same for sums of which every lane has inputs of its own, one product at a time."""
    if any_order(accumulator, exact):
        return _modular(facts, accumulator.outermost, exact, most=1)
    plan = plan_for(facts, accumulator, product_frac, exact)
    if plan is None or plan.order is not None or plan.chunk is not None or plan.every:
        return None
    return plan if plan.kind.group == 1 else None


def any_order(accumulator: Accumulator, exact: bool) -> bool:
    """Whether only the final sum counts, however it is come by."""
    return exact or wraps_once(accumulator)


def wraps_once(accumulator: Accumulator) -> bool:
    """Whether wrapping at every addition is wrapping the exact sum.

    So it is where nothing rounds and no register on the way is narrower than the outermost.
    """
    last, order = accumulator.outermost, accumulator.order
    widths = [register.bits for register in accumulator.levels]
    if isinstance(order, Chunked) and order.node_bits is not None:
        widths.append(order.node_bits)
    wrap = all(register.overflow is Overflow.WRAP for register in accumulator.levels)
    return wrap and accumulator.exact_where_it_fits and min(widths) >= last.bits


def _bytes(facts: Facts) -> bool:
    """Whether rows fit bytes, signed or not, and panels signed ones."""
    (low, high), (least, most) = facts.a_range, facts.b_range
    return low >= -128 and high <= (127 if low < 0 else 255) and least >= -128 and most <= 127


def _modular(facts: Facts, register: Accumulator, exact: bool, most: int = 4) -> Plan | None:
    """Exact sums, or sums modulo the register: the order of additions does not matter.

    ``most`` products go into a lane at once.
    """
    from fxpsim.kernels._host import has_vnni
    from fxpsim.kernels.product import Plan

    bits, step = register.bits, f"modular:{'wrap' if register.signed else 'uwrap'}"
    narrow = bits + (not register.signed) <= 32
    if exact:
        narrow, bits, step = facts.sum_peak < 1 << 31, 64, "modular:wrap"
    if narrow and most == 4 and has_vnni() and _bytes(facts):
        return Plan(step, "bytes", (max(0, 32 - bits),), moved=facts.a_range[0] < 0)
    if narrow and facts.sixteen:
        return Plan(step, "pairs" if most > 1 else "single", (max(0, 32 - bits),))
    if facts.product_peak < 1 << 62:
        return Plan(step, "i64", (64 - bits,))
    return None


def _saturating(facts: Facts, register: Accumulator) -> Plan | None:
    """Saturation after every product, at the products' fraction."""
    from fxpsim.kernels._host import has_vnni
    from fxpsim.kernels.product import Plan

    bits, peak = register.bits, facts.product_peak
    if bits == 16 and register.signed and facts.sixteen and peak < 1 << 15:
        return Plan("saturate", "i16")
    scales = _scales(facts, bits) if register.signed and has_vnni() else None
    if scales is not None:
        return Plan("saturate", "single", (32 - bits,), *scales, start_shift=32 - bits)
    if register.hi < 1 << 15 and peak < 1 << 15 and facts.sixteen:
        lift = (1 << 15) - 1 - register.hi
        return Plan("lifted", "i16", (lift, register.lo + lift))
    reach = max(register.hi, -register.lo) + peak
    lane = _wide_lane(facts, reach)
    if lane is None:
        return None
    return Plan("declared:exact-clamp", lane[0], (register.hi, register.lo))


def _scales(facts: Facts, bits: int) -> tuple[int, int] | None:
    """Split 32 - bits into shifts that keep both operands within signed 16 bits."""
    scale = 32 - bits
    if scale < 0 or not facts.sixteen:
        return None
    room = [_headroom(*facts.a_range), _headroom(*facts.b_range)]
    if sum(room) < scale:
        return None
    first = min(room[0], scale)
    return first, scale - first


def _headroom(lo: int, hi: int) -> int:
    """Return by how many bits a range can be scaled up within signed 16 bits."""
    return next(s for s in range(15, -1, -1) if lo << s >= -(1 << 15) and hi << s < 1 << 15)


def _inner(facts: Facts, register: Accumulator, product_frac: int) -> Plan | None:
    """One register: its products one by one or in chunks, rounded or not."""
    order = register.order
    if isinstance(order, Chunked) and order.size > 1:
        return _chunked(facts, register, order)
    if register.frac is not None or register.product is not None:
        return _rounding(facts, register, product_frac)
    if register.overflow is Overflow.WRAP:
        return _modular(facts, register, exact=False)
    return _saturating(facts, register)


def _chunked(facts: Facts, register: Accumulator, order: Chunked) -> Plan | None:
    """Products of a chunk first: exactly, or in a tree of narrow nodes."""
    from fxpsim.kernels._host import has_vnni
    from fxpsim.kernels.product import Plan

    if register.frac is not None or register.product is not None:
        return None
    held, peak, size = max(register.hi, -register.lo), facts.product_peak, order.size
    node = (
        Accumulator(order.node_bits, register.overflow, signed=register.signed)
        if (order.node_bits)
        else None
    )
    if node is None or size * peak <= min(node.hi, -node.lo):
        if register.overflow is Overflow.WRAP:
            return _modular(facts, register, exact=False)
        scales = _scales(facts, register.bits) if register.signed and has_vnni() else None
        if size == 2 and scales is not None:
            scale = 32 - register.bits
            return Plan("saturate", "pairs", (scale,), *scales, start_shift=scale)
        limits, reach = (register.hi, register.lo), held + size * peak
        if facts.sixteen and reach < 1 << 31:
            words = -(-size // 2)
            return Plan("chunk", "pairs", limits, every=words, chunk=(size, 2 * words))
        return Plan("chunk", "i64", limits, every=size) if reach < 1 << 63 else None
    if size > _MOST_LEAVES or (facts.length % size and peak > min(node.hi, -node.lo)):
        return None  # a last chunk filled up with zeros would clip products that pass unclipped
    most = max(node.hi, -node.lo, peak)
    reach = max(2 * most, held + most)
    for lane, bits in (("i16", 16), *_WIDE):
        # 16-bit lanes saturate by themselves, so that sums may leave them.
        room = peak if lane == "i16" else reach
        widest = max(word.bits + (not word.signed) for word in (register, node))
        if room < 1 << (bits - 1) and widest <= bits and (facts.sixteen or lane == "i64"):
            fits = [_fit_name(word, bits) for word in (register, node)]
            parameters = *_limits(register, bits, 0), 0, *_limits(node, bits, 0), 0
            step = f"tree:{size}:{fits[0]}:{fits[1]}"
            return Plan(step, lane, parameters, chunk=(size, size))
    return None


def _fit_name(register: Accumulator | Product, lane_bits: int = 0) -> str:
    if register.overflow is Overflow.SATURATE:
        return "full" if register.signed and register.bits == lane_bits == 16 else "clamp"
    return "wrap" if register.signed else "uwrap"


def _limits(register: Accumulator | Product, lane_bits: int, drop: int) -> tuple[int, int]:
    """Return the parameters of a register whose content is scaled by ``2**drop``."""
    if register.overflow is Overflow.SATURATE:
        return register.hi << drop, register.lo << drop
    return lane_bits - register.bits - drop, 0


def _rounding(facts: Facts, register: Accumulator, product_frac: int) -> Plan | None:
    """Round at every addition, and products before: all scaled to one fraction."""
    from fxpsim.kernels.product import Plan

    word = register.product
    own = register.result_frac(product_frac)
    if register.bits > MAX_BITS:
        return None
    common = max(product_frac, own, word.frac if word else own)
    scale, drop = common - product_frac, common - own
    peak = facts.product_peak << scale
    added, word_drop = peak, 0
    if word is not None:
        word_drop = common - word.frac
        added = max(word.hi, -word.lo) << word_drop
        peak += 1 << word_drop
    reach = max((max(register.hi, -register.lo) << drop) + added + (1 << drop), peak, added)
    step = f"declared:{_cast_name(register, drop, register.frac is not None)}"
    if word is not None:
        step += f":{_cast_name(word, word_drop, True)}"
    scaled = replace(facts, a_range=(facts.a_range[0] << scale, facts.a_range[1] << scale))
    for lane, bits in _WIDE:
        if reach >= 1 << (bits - 1) or not (scaled.sixteen or lane == "i64"):
            continue
        parameters: tuple[int, ...] = (*_limits(register, bits, drop), drop)
        if word is not None:
            parameters = *parameters, *_limits(word, bits, word_drop), word_drop
        return Plan(step, lane, parameters, a_shift=scale, start_shift=drop)
    return None


def _cast_name(register: Accumulator | Product, drop: int, rounds: bool) -> str:
    """Name a cast; one that drops nothing rounds nothing, but for jam's last bit."""
    rounding = register.rounding
    rounds = rounds and (drop > 0 or rounding is Rounding.JAM)
    return f"{rounding.value if rounds else 'exact'}-{_fit_name(register)}"


def _ordered(facts: Facts, accumulator: Accumulator, product_frac: int) -> Plan | None:
    """Lanes and spills: the innermost register's plan, and what becomes of its sums."""
    levels, order = accumulator.levels, accumulator.order
    if any(register.frac is not None for register in levels[1:]):
        return None
    interleaved = isinstance(order, Interleaved)
    if interleaved and accumulator.frac is not None and accumulator.rounding is Rounding.JAM:
        return None  # even sums of lanes, which drop nothing, get its last bit
    inner = Accumulator(
        accumulator.bits, accumulator.overflow, signed=accumulator.signed, frac=accumulator.frac,
        rounding=accumulator.rounding, product=accumulator.product,
        order=None if interleaved else order,
    )  # fmt: skip
    plan = _inner(facts, inner, product_frac)
    if plan is not None and plan.step.startswith("modular"):
        plan = _word_by_word(facts, inner)
    if plan is None or not _entries_hold(facts, accumulator, 64 if plan.lane == "i64" else 32):
        return None
    words = plan.every or (order.size if isinstance(order, Chunked) else 1)
    words = 1 if plan.lane == "pairs" and not plan.every else words
    return replace(plan, order=_order(accumulator, words), start_shift=0)


def _word_by_word(facts: Facts, register: Accumulator) -> Plan | None:
    """Add modulo the register on lanes that take in one product at a time."""
    from fxpsim.kernels.product import Plan

    used = register.bits + (not register.signed)
    for lane, bits in (("i16", 16), *_WIDE):
        if used <= bits and (facts.sixteen or lane == "i64"):
            return Plan(f"modular:{_fit_name(register)}", lane, _limits(register, bits, 0))
    return None


def _entries_hold(facts: Facts, accumulator: Accumulator, bits: int) -> bool:
    """Whether words of ``bits`` hold every sum of an inner register and an outer one."""
    levels = accumulator.levels
    outers = levels[1:] if accumulator.spill else levels
    most = facts.sum_peak if accumulator.exact_where_it_fits else 1 << 64
    addend = min(max(accumulator.hi, -accumulator.lo), most)
    for outer in outers:
        held = min(max(outer.hi, -outer.lo), most)
        if outer.overflow is Overflow.WRAP and outer.bits + (not outer.signed) > bits:
            return False
        if outer.overflow is Overflow.SATURATE and max(held, addend) + addend >= 1 << (bits - 1):
            return False
        addend = held
    return True


def _order(accumulator: Accumulator, words: int) -> Order:
    """Return the order of an accumulator whose every addition takes in so many words."""
    from fxpsim.kernels.orders import Order, Outer

    levels, order = accumulator.levels, accumulator.order
    every = [(register.spill.every or 0) if register.spill else 0 for register in levels]
    outers = [
        Outer(register.overflow is Overflow.SATURATE, register.signed, register.bits, arrivals)
        for register, arrivals in zip(levels, every, strict=True)
    ]
    lanes = order.lanes if isinstance(order, Interleaved) else 1
    tree = isinstance(order, Interleaved) and order.reduce == "tree"
    return Order(
        lanes, tree, accumulator.spill, words, tuple(outers[1:] if accumulator.spill else outers)
    )


def peaks_plan(facts: Facts) -> Plan | None:
    """Return the plan that keeps the lowest and highest of the exact partial sums."""
    from fxpsim.kernels.product import Plan

    lane = _wide_lane(facts, facts.sum_peak)
    return None if lane is None else Plan("peaks", lane[0])


def tally_plan(facts: Facts, register: Accumulator) -> Plan | None:
    """Return the plan that counts what a plain register does."""
    from fxpsim.kernels.product import Plan

    bits, saturates = register.bits, register.overflow is Overflow.SATURATE
    held = max(register.hi, -register.lo)
    # Steps are counted in the lanes too.
    sixteen = facts.sixteen and facts.product_peak < 1 << 15 and facts.length < (1 << 15) - 1
    if sixteen and facts.bias_peak <= min(register.hi, -register.lo):
        if bits == 16 and register.signed:
            return Plan(f"tally:{'full' if saturates else 'around'}", "i16")
        if saturates and register.hi < 1 << 15:
            lift = (1 << 15) - 1 - register.hi
            return Plan("tally:lifted", "i16", (lift, register.lo + lift))
        if held + facts.product_peak < 1 << 15:
            return Plan(f"tally:{_fit_name(register)}", "i16", _limits(register, 16, 0))
    lane = _wide_lane(facts, max(facts.bias_peak, held) + facts.product_peak)
    if lane is None:
        return None
    return Plan(f"tally:{_fit_name(register)}", lane[0], _limits(register, lane[1], 0))


def _wide_lane(facts: Facts, reach: int) -> tuple[str, int] | None:
    """Return the narrowest of the wide lanes that hold sums up to ``reach``."""
    for lane, bits in _WIDE:
        if reach < 1 << (bits - 1) and (facts.sixteen or lane == "i64"):
            return lane, bits
    return None
