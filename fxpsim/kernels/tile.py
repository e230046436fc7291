"""One tile of a matrix product, as LLVM vector IR.

A tile keeps ``rows`` x ``vectors`` registers' worth of sums in vector registers, lanes along the
outputs, and runs through a stretch of the reduction.  What happens at each multiply-accumulate is
a step (:mod:`fxpsim.kernels.steps`) on a kind of lane (:mod:`fxpsim.kernels.lanes`); all kernels
are derived from these two.

Lanes called ``single`` saturate at any width by one AVX-512 instruction, where there is VNNI:
operands scaled by 2**i and 2**j with i + j = 32 - width make the limits of its saturation the
register's: the bits below are all ones after a clip above and all zeros after one below, so they
never carry into the register.
"""

from __future__ import annotations

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from fxpsim.kernels.lanes import Lanes
from fxpsim.kernels.steps import FITS, PARAMETERS, Register, Term, add_into, step_named

__all__ = ["entry_at", "fold_tile", "int64", "load_registers", "run_tile"]

_I64 = ir.IntType(64)


def int64(value: int) -> ir.Value:
    """Return an int64."""
    return ir.Constant(_I64, value)


def entry_at(builder: ir.IRBuilder, address: ir.Value, kind: ir.Type, index: ir.Value) -> ir.Value:
    """Return a pointer to an entry of an array at an address."""
    base = builder.inttoptr(address, kind.as_pointer())
    return builder.gep(base, [index], source_etype=kind)


def load_registers(lanes: Lanes, parameters: ir.Value) -> list[Register]:
    """Return the step's registers, from the address of their parameters."""
    builder = lanes.builder
    numbers = [
        lanes.narrow(builder.load(entry_at(builder, parameters, _I64, int64(i)), typ=_I64))
        for i in range(PARAMETERS)
    ]
    return [Register(*numbers[i : i + 3]) for i in range(0, PARAMETERS, 3)]


@intrinsic(prefer_literal=True)
def run_tile(
    typingctx, step, lane, rows, vectors, stored, fresh,
    a, a_stride, a_step, b, b_stride, b_step, length, every,
    start, start_stride, biased, parameters, out, out_stride, plane_stride,
):  # fmt: skip
    """Compute one tile of a product, or of a stretch of it.

    The first six arguments are literals, all others int64: addresses, and strides in entries.

    stored
        Width of results, in bits: the lane's or the entry's.
    fresh
        1: all sums start at 0, and ``start`` is not read.
    a
        Packed rows (:func:`fxpsim.kernels.packing.pack_rows`), ``a_stride`` apart, whose words
        are taken ``a_step`` apart.
    b
        Panels (:func:`fxpsim.kernels.packing.pack_panels`), one for each vector, ``b_stride``
        apart, whose words are ``b_step`` apart; both in lanes.
    length, every
        Words of the reduction, and of a chunk of it (``length`` where there are none).
    start, biased
        Rows of starting values, ``start_stride`` apart; whether they hold a bias.

    Parameters
    ----------
        Of the registers: :data:`fxpsim.kernels.steps.PARAMETERS` numbers.
    out
        Rows of results, ``out_stride`` apart, planes ``plane_stride`` apart.
    """
    literals = (step, lane, rows, vectors, stored, fresh)
    if not all(isinstance(argument, types.Literal) for argument in literals):
        return None
    step_name, lane_name, n_rows, n_vectors, width, zero = (it.literal_value for it in literals)
    signature = types.void(*literals, *([types.int64] * 15))

    def generate(context, builder, _signature, arguments):
        (
            a, a_stride, a_step, b, b_stride, b_step, length, every,
            start, start_stride, biased, parameters, out, out_stride, plane_stride,
        ) = arguments[6:]  # fmt: skip
        lanes, rule = Lanes(builder, lane_name), step_named(step_name)
        registers = load_registers(lanes, parameters)
        cells = [(row, vector) for row in range(n_rows) for vector in range(n_vectors)]
        state: dict[tuple[int, int], list[ir.Value]] = {}

        def corner(row: int, vector: int, stride: ir.Value) -> ir.Value:
            return builder.add(builder.mul(int64(row), stride), int64(vector * lanes.count))

        def values(cell: tuple[int, int]) -> list[ir.Value]:
            return [builder.load(slot, typ=lanes.vector) for slot in state[cell]]

        def keep(cell: tuple[int, int], new: list[ir.Value]) -> None:
            for slot, value in zip(state[cell], new, strict=True):
                builder.store(value, slot)

        some_bias = builder.icmp_signed("!=", lanes.narrow(biased), lanes.constant(0))
        for cell in cells:
            if zero:
                first = lanes.constant(0)
            else:
                pointer = entry_at(builder, start, lanes.entry, corner(*cell, start_stride))
                first = lanes.load_entries(pointer, lanes.entry.width)
            initial = rule.begin(lanes, registers, first, some_bias)
            state[cell] = [cgutils.alloca_once(builder, lanes.vector) for _ in initial]
            keep(cell, initial)

        def add(word: ir.Value) -> None:
            """Take the products of some words into all cells."""
            number = lanes.narrow(builder.add(word, int64(1)))
            places = [builder.add(word, int64(i)) for i in range(rule.words)]
            panel = {}
            for vector in range(n_vectors):
                for i, place in enumerate(places):
                    index = builder.add(
                        builder.mul(place, b_step), builder.mul(int64(vector), b_stride)
                    )
                    panel[vector, i] = lanes.load(entry_at(builder, b, lanes.scalar, index))
            for row in range(n_rows):
                factors = []
                for place in places:
                    index = builder.add(
                        builder.mul(int64(row), a_stride), builder.mul(place, a_step)
                    )
                    entry = builder.load(entry_at(builder, a, lanes.entry, index), typ=lanes.entry)
                    factors.append(lanes.splat(entry))
                for vector in range(n_vectors):
                    cell = row * n_vectors + vector
                    terms = [
                        Term(factor, panel[vector, i], number, cell)
                        for i, factor in enumerate(factors)
                    ]
                    keep((row, vector), rule.add(lanes, registers, values((row, vector)), terms))

        if rule.chunked:
            with cgutils.for_range_slice(builder, int64(0), length, every, _I64) as (
                first,
                _,
            ):
                left = builder.sub(length, first)
                short = builder.icmp_signed("<", left, every)
                with cgutils.for_range(builder, builder.select(short, left, every)) as loop:
                    add(builder.add(first, loop.index))
                for cell in cells:
                    keep(cell, rule.close(lanes, registers, values(cell)))
        else:
            steps = builder.sdiv(length, int64(rule.words))
            with cgutils.for_range(builder, steps) as loop:
                add(builder.mul(loop.index, int64(rule.words)))

        for cell in cells:
            for plane, value in enumerate(rule.finish(lanes, registers, values(cell))):
                index = builder.add(
                    corner(*cell, out_stride), builder.mul(int64(plane), plane_stride)
                )
                lanes.store_entries(value, entry_at(builder, out, ir.IntType(width), index), width)
        return context.get_dummy_value()

    return signature, generate


@intrinsic(prefer_literal=True)
def fold_tile(
    typingctx, lane, stored, vectors, fit, rows, parameters, total, total_stride,
    addend, addend_stride,
):  # fmt: skip
    """Add each entry of a tile to another tile's, as an addition in their register.

    ``lane`` (of the totals), ``stored`` (width of the addends) and ``vectors`` are literals, all
    others int64: ``fit`` an index of :data:`fxpsim.kernels.steps.FITS`, ``total`` and ``addend``
    addresses of ``rows`` rows.
    """
    literals = (lane, stored, vectors)
    if not all(isinstance(argument, types.Literal) for argument in literals):
        return None
    lane_name, width, n_vectors = (literal.literal_value for literal in literals)
    signature = types.void(*literals, *([types.int64] * 7))

    def generate(context, builder, _signature, arguments):
        chosen, rows, parameters, total, total_stride, addend, addend_stride = arguments[3:]
        lanes = Lanes(builder, lane_name)
        register = load_registers(lanes, parameters)[0]

        def fold(name: str) -> None:
            with cgutils.for_range(builder, rows) as loop:
                for vector in range(n_vectors):
                    column = int64(vector * lanes.count)
                    into, source = (
                        entry_at(
                            builder, base, ir.IntType(bits),
                            builder.add(builder.mul(loop.index, stride), column),
                        )
                        for base, bits, stride in (
                            (total, lanes.bits, total_stride), (addend, width, addend_stride)
                        )
                    )  # fmt: skip
                    held = lanes.load_entries(into, lanes.bits)
                    new = add_into(name, lanes, register, held, lanes.load_entries(source, width))
                    lanes.store_entries(new, into, lanes.bits)

        for number, name in enumerate(FITS):
            with builder.if_then(builder.icmp_signed("==", chosen, int64(number))):
                fold(name)
        return context.get_dummy_value()

    return signature, generate
