"""One tile of a matrix product, as LLVM vector IR.

A tile keeps ``rows`` x ``vectors`` registers' worth of sums in vector registers, lanes along the
outputs, and runs through the whole reduction.  What happens at each multiply-accumulate is one
of the :data:`STEPS`, on one of the :data:`LANES`; all kernels are derived from these two.  The
vector types are generic LLVM IR and become AVX-512, AVX2 or NEON code by themselves.

Only the lanes called ``vnni`` need a machine: there one AVX-512 instruction multiplies 16-bit
operands and adds, or adds and saturates, 32-bit sums.  Operands scaled by 2**i and 2**j with
i + j = 32 - width make the limits of its saturation the register's: the bits below are all ones
after a clip above and all zeros after one below, so they never carry into the register.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from llvmlite import binding, ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from fxpsim.kernels._host import vector_bits

__all__ = ["PLANES", "run_tile"]

#: Width of a lane in bits, by name.
LANES = {"i16": 16, "i32": 32, "i64": 64, "vnni": 32}

#: AVX-512 adds with saturation, and finds maxima, on one port only: in every third cell of a tile
#: a comparison and a masked move, which have another, do the work of the maximum.
_MASKED_EVERY = 3

#: What each step stores, one plane of the output an entry.
PLANES = {
    "saturate": ("register",),
    "clamp": ("register",),
    "lifted": ("register",),
    "wrap": ("register",),
    "peaks": ("exact", "lowest", "highest"),
    "count_clamp": ("register", "exact", "lowest", "highest", "events", "first_step"),
    "count_wrap": ("register", "exact", "lowest", "highest", "events", "first_step"),
}


@dataclass(frozen=True)
class _Lanes:
    """Vector constants and operations for one lane type."""

    builder: ir.IRBuilder
    name: str
    count: int

    @property
    def bits(self) -> int:
        return LANES[self.name]

    @property
    def scalar(self) -> ir.IntType:
        return ir.IntType(self.bits)

    @property
    def vector(self) -> ir.VectorType:
        return ir.VectorType(self.scalar, self.count)

    def splat(self, value: ir.Value) -> ir.Value:
        """Copy a scalar, 1 or 2 lanes wide, into all lanes."""
        lanes = self.count * self.bits // value.type.width
        wide = ir.VectorType(value.type, lanes)
        one = self.builder.insert_element(
            ir.Constant(wide, ir.Undefined), value, ir.Constant(ir.IntType(32), 0)
        )
        mask = ir.Constant(ir.VectorType(ir.IntType(32), lanes), [0] * lanes)
        copied = self.builder.shuffle_vector(one, one, mask)
        return self.builder.bitcast(copied, self.vector)

    def constant(self, value: int) -> ir.Value:
        return ir.Constant(self.vector, [value] * self.count)

    def narrow(self, value: ir.Value) -> ir.Value:
        """Cut an int64 argument to the lane type and copy it into all lanes."""
        cut = value if self.bits == 64 else self.builder.trunc(value, self.scalar)
        return self.splat(cut)

    def call(self, name: str, *operands: ir.Value) -> ir.Value:
        kind = ir.FunctionType(self.vector, [self.vector] * len(operands))
        full = f"llvm.{name}.v{self.count}i{self.bits}"
        function = cgutils.get_or_insert_function(self.builder.module, kind, full)
        return self.builder.call(function, operands)

    @property
    def most(self) -> int:
        return (1 << (self.bits - 1)) - 1

    def _dot(self, name: str, value: ir.Value, a: ir.Value, b: ir.Value) -> ir.Value:
        kind = ir.FunctionType(self.vector, [self.vector] * 3)
        full = f"llvm.x86.avx512.{name}.512"
        function = cgutils.get_or_insert_function(self.builder.module, kind, full)
        return self.builder.call(function, [value, a, b])

    @property
    def masked_moves(self) -> bool:
        """Whether these lanes may use :meth:`raise_to`."""
        return self.name == "i16" and self.count == 32 and vector_bits() == 512

    def raise_to(self, value: ir.Value, least: ir.Value) -> ir.Value:
        """Return the maximum, by a comparison and a masked move.

        LLVM makes one instruction of any maximum written in its own terms.
        """
        binding.initialize_native_asmparser()
        kind = ir.FunctionType(self.vector, [self.vector, self.vector])
        text = "vpcmpgtw $0, $2, %k1\n\tvmovdqu16 $2, $0 {%k1}"
        return self.builder.asm(kind, text, "=v,0,v,~{k1}", [value, least], side_effect=False)

    def multiply_add(self, value: ir.Value, a: ir.Value, b: ir.Value) -> ir.Value:
        if self.name == "vnni":
            return self._dot("vpdpwssd", value, a, b)
        return self.builder.add(value, self.builder.mul(a, b))

    def multiply_add_saturating(self, value: ir.Value, a: ir.Value, b: ir.Value) -> ir.Value:
        if self.name == "vnni":
            return self._dot("vpdpwssds", value, a, b)
        return self.call("sadd.sat", value, self.builder.mul(a, b))


@dataclass(frozen=True)
class _Register:
    """Run-time parameters of the accumulator, as vectors.

    ``clamp`` steps: ``first`` is its highest value, ``second`` its lowest.  ``lifted``: lanes hold
    it moved up by ``first``, so that its highest value is theirs and a saturating addition clips
    there; ``second`` is its lowest value, moved up.  ``wrap`` steps:
    ``first`` is lane bits minus accumulator bits, ``second`` 1 where it is signed.  ``saturate``:
    ``first`` is the scale of the lanes over the register, in bits.
    """

    first: ir.Value
    second: ir.Value


@dataclass(frozen=True)
class _Term:
    """One product, as its factors, its step (products count from 1) and the cell of the tile."""

    a: ir.Value
    b: ir.Value
    step: ir.Value
    cell: int


State = list[ir.Value]
Step = Callable[[_Lanes, _Register, State, _Term], State]


def _fit_clamp(lanes: _Lanes, register: _Register, value: ir.Value) -> ir.Value:
    return lanes.call("smax", lanes.call("smin", value, register.first), register.second)


def _fit_wrap(lanes: _Lanes, register: _Register, value: ir.Value) -> ir.Value:
    up = lanes.builder.shl(value, register.first)
    signed = lanes.builder.icmp_signed("!=", register.second, lanes.constant(0))
    return lanes.builder.select(
        signed, lanes.builder.ashr(up, register.first), lanes.builder.lshr(up, register.first)
    )


def _saturate(lanes: _Lanes, _register: _Register, state: State, term: _Term) -> State:
    return [lanes.multiply_add_saturating(state[0], term.a, term.b)]


def _clamp(lanes: _Lanes, register: _Register, state: State, term: _Term) -> State:
    return [_fit_clamp(lanes, register, lanes.multiply_add(state[0], term.a, term.b))]


def _lifted(lanes: _Lanes, register: _Register, state: State, term: _Term) -> State:
    clipped = lanes.multiply_add_saturating(state[0], term.a, term.b)
    if term.cell % _MASKED_EVERY == 0 and lanes.masked_moves:
        return [lanes.raise_to(clipped, register.second)]
    return [lanes.call("smax", clipped, register.second)]


def _wrap(lanes: _Lanes, _register: _Register, state: State, term: _Term) -> State:
    return [lanes.multiply_add(state[0], term.a, term.b)]  # cut to the width at the end


def _peaks(lanes: _Lanes, _register: _Register, state: State, term: _Term) -> State:
    exact = lanes.multiply_add(state[0], term.a, term.b)
    return [exact, lanes.call("smin", state[1], exact), lanes.call("smax", state[2], exact)]


Fit = Callable[[_Lanes, _Register, ir.Value], ir.Value]


def _note_event(lanes: _Lanes, true, new, events, first, step) -> State:
    event = lanes.builder.icmp_signed("!=", new, true)
    more = lanes.builder.add(events, lanes.constant(1))
    earlier = lanes.call("smin", first, step)
    select = lanes.builder.select
    return [select(event, more, events), select(event, earlier, first)]


def _count(fit: Fit, lanes: _Lanes, register: _Register, state: State, term: _Term) -> State:
    value, exact, lowest, highest, events, first = state
    true = lanes.multiply_add(value, term.a, term.b)
    new = fit(lanes, register, true)
    peaks = _peaks(lanes, register, [exact, lowest, highest], term)
    return [new, *peaks, *_note_event(lanes, true, new, events, first, term.step)]


#: How the counting steps bring a sum back into the register.
_FITS: dict[str, Fit] = {"count_clamp": _fit_clamp, "count_wrap": _fit_wrap}

STEPS: dict[str, Step] = {
    "saturate": _saturate,
    "clamp": _clamp,
    "lifted": _lifted,
    "wrap": _wrap,
    "peaks": _peaks,
    **{name: partial(_count, fit) for name, fit in _FITS.items()},
}


def _begin(lanes: _Lanes, register: _Register, step: str, start, biased) -> State:
    """Return the state before the first product; a bias has been added as step 0."""
    if step == "lifted":
        return [lanes.builder.add(start, register.first)]
    if len(PLANES[step]) == 1:
        return [start]
    # Without a bias no partial sum exists yet: the first product sets both peaks.
    lowest = lanes.builder.select(biased, start, lanes.constant(lanes.most))
    highest = lanes.builder.select(biased, start, lanes.constant(-lanes.most - 1))
    if step == "peaks":
        return [start, lowest, highest]
    zero, never = lanes.constant(0), lanes.constant(lanes.most)
    new = _FITS[step](lanes, register, start)
    return [new, start, lowest, highest, *_note_event(lanes, start, new, zero, never, zero)]


def _finish(lanes: _Lanes, register: _Register, step: str, state: State) -> State:
    if step == "lifted":
        return [lanes.builder.sub(state[0], register.first)]
    if step == "saturate":
        return [lanes.builder.ashr(state[0], register.first)]
    if step == "wrap":
        return [_fit_wrap(lanes, register, state[0])]
    return state


def _pointer(builder: ir.IRBuilder, address: ir.Value, kind: ir.Type, index=None) -> ir.Value:
    base = builder.inttoptr(address, kind.as_pointer())
    return base if index is None else builder.gep(base, [index], source_etype=kind)


@intrinsic(prefer_literal=True)
def run_tile(
    typingctx, step, lane, count, rows, vectors,
    a, b, length, start, start_stride, biased, first, second, out, out_stride, plane_stride,
):  # fmt: skip
    """Compute one ``rows`` x ``vectors * count`` tile of a product.

    The first five arguments are literals.  Addresses are int64: ``a`` of ``rows`` rows of
    ``length`` packed entries (:func:`fxpsim.kernels.packing.pack_rows`), ``b`` of a panel
    (``length``, ``vectors * count``) in the lane type, ``start`` of int32 (int64 for 64-bit
    lanes) starting values with ``start_stride`` entries between rows, ``out`` of the same type
    with ``out_stride`` entries between rows and ``plane_stride`` between planes.
    """
    config = (step, lane, count, rows, vectors)
    if not all(isinstance(argument, types.Literal) for argument in config):
        return None
    step_name, lane_name, per_vector, n_rows, n_vectors = (
        argument.literal_value for argument in config
    )
    signature = types.void(*config, *([types.int64] * 11))

    def generate(context, builder, _signature, arguments):
        a, b, length, start, start_stride, biased, first, second, out, out_stride, plane = (
            arguments[5:]
        )
        lanes = _Lanes(builder, lane_name, per_vector)
        bits, count = lanes.bits, lanes.count
        register = _Register(lanes.narrow(first), lanes.narrow(second))
        entry = ir.IntType(64 if bits == 64 else 32)
        stored = ir.VectorType(entry, count)
        i64 = ir.IntType(64)

        def constant(value: int) -> ir.Value:
            return ir.Constant(i64, value)

        cells = [(row, vector) for row in range(n_rows) for vector in range(n_vectors)]

        some_bias = builder.icmp_signed("!=", lanes.narrow(biased), lanes.constant(0))
        state: dict[tuple[int, int], list[ir.Value]] = {}
        for row, vector in cells:
            index = builder.add(builder.mul(constant(row), start_stride), constant(vector * count))
            pointer = _pointer(builder, start, entry, index)
            pointer = builder.bitcast(pointer, stored.as_pointer())
            loaded = builder.load(pointer, align=entry.width // 8, typ=stored)
            value = builder.trunc(loaded, lanes.vector) if bits < entry.width else loaded
            initial_state = _begin(lanes, register, step_name, value, some_bias)
            slots = []
            for initial in initial_state:
                slot = cgutils.alloca_once(builder, lanes.vector)
                builder.store(initial, slot)
                slots.append(slot)
            state[row, vector] = slots

        with cgutils.for_range(builder, length) as loop:
            k = loop.index
            step_number = lanes.narrow(builder.add(k, constant(1)))
            panel = []
            for vector in range(n_vectors):
                index = builder.add(
                    builder.mul(k, constant(n_vectors * count)), constant(vector * count)
                )
                pointer = _pointer(builder, b, lanes.scalar, index)
                pointer = builder.bitcast(pointer, lanes.vector.as_pointer())
                panel.append(builder.load(pointer, align=bits // 8, typ=lanes.vector))
            for row in range(n_rows):
                index = builder.add(builder.mul(constant(row), length), k)
                scalar = builder.load(_pointer(builder, a, entry, index), typ=entry)
                multiplicand = lanes.splat(scalar)
                for vector in range(n_vectors):
                    term = _Term(multiplicand, panel[vector], step_number, row * n_vectors + vector)
                    slots = state[row, vector]
                    old = [builder.load(slot, typ=lanes.vector) for slot in slots]
                    new = STEPS[step_name](lanes, register, old, term)
                    for slot, value in zip(slots, new, strict=True):
                        builder.store(value, slot)

        for row, vector in cells:
            old = [builder.load(slot, typ=lanes.vector) for slot in state[row, vector]]
            for number, value in enumerate(_finish(lanes, register, step_name, old)):
                index = builder.add(
                    builder.mul(constant(row), out_stride), constant(vector * count)
                )
                index = builder.add(index, builder.mul(constant(number), plane))
                pointer = _pointer(builder, out, entry, index)
                pointer = builder.bitcast(pointer, stored.as_pointer())
                wide = builder.sext(value, stored) if bits < entry.width else value
                builder.store(wide, pointer, align=entry.width // 8)
        return context.get_dummy_value()

    return signature, generate
