"""Lanes: what one vector register of a tile is made of, and how it multiplies and adds.

All types are generic LLVM IR and become AVX-512, AVX2, SSE2 or NEON code by themselves.  Where the
machine has AVX-512 VNNI, dot products are its instructions; elsewhere the same sums are spelled
out (LLVM makes them ``pmaddwd`` where there is one).
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from llvmlite import binding, ir
from numba.core import cgutils

from fxpsim.kernels._host import has_vnni, vector_bits

__all__ = ["KINDS", "Kind", "Lanes"]


@dataclass(frozen=True)
class Kind:
    """One kind of lane.

    Attributes
    ----------
    bits : int
        Width of a lane, which holds a sum.
    group : int
        Products that one multiply-add takes in.
    """

    bits: int
    group: int = 1

    @functools.cached_property
    def entry(self) -> type[np.signedinteger]:
        """Type of outputs, of starting values and of packed rows."""
        return np.int64 if self.bits == 64 else np.int32

    @functools.cached_property
    def count(self) -> int:
        """Lanes in a vector."""
        return vector_bits() // self.bits


#: ``single``: one product of 16-bit operands; ``pairs``: two of them; ``bytes``: four of an
#: unsigned by a signed byte, where the machine has the instruction.
KINDS = {
    "i16": Kind(16),
    "i32": Kind(32),
    "i64": Kind(64),
    "single": Kind(32),
    "pairs": Kind(32, 2),
    "bytes": Kind(32, 4),
}


@dataclass(frozen=True)
class Lanes:
    """Vector constants and operations for one kind of lane."""

    builder: ir.IRBuilder
    name: str

    @property
    def kind(self) -> Kind:
        """What the name stands for."""
        return KINDS[self.name]

    @property
    def bits(self) -> int:
        """Width of a lane."""
        return self.kind.bits

    @property
    def count(self) -> int:
        """Lanes in a vector."""
        return self.kind.count

    @property
    def scalar(self) -> ir.IntType:
        """Type of a lane."""
        return ir.IntType(self.bits)

    @property
    def vector(self) -> ir.VectorType:
        """Type of a vector."""
        return ir.VectorType(self.scalar, self.count)

    @property
    def entry(self) -> ir.IntType:
        """Type of outputs in memory."""
        return ir.IntType(64 if self.bits == 64 else 32)

    @property
    def most(self) -> int:
        """Highest value of a lane."""
        return (1 << (self.bits - 1)) - 1

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
        """Return a vector of one number."""
        return ir.Constant(self.vector, [value] * self.count)

    def narrow(self, value: ir.Value) -> ir.Value:
        """Cut an int64 scalar to the lane type and copy it into all lanes."""
        cut = value if self.bits == 64 else self.builder.trunc(value, self.scalar)
        return self.splat(cut)

    def load(self, pointer: ir.Value) -> ir.Value:
        """Load lanes as they are packed in a panel."""
        pointer = self.builder.bitcast(pointer, self.vector.as_pointer())
        return self.builder.load(pointer, align=self.bits // 8, typ=self.vector)

    def load_entries(self, pointer: ir.Value, bits: int) -> ir.Value:
        """Load stored numbers of some width as lanes."""
        stored = ir.VectorType(ir.IntType(bits), self.count)
        pointer = self.builder.bitcast(pointer, stored.as_pointer())
        loaded = self.builder.load(pointer, align=bits // 8, typ=stored)
        if bits == self.bits:
            return loaded
        resize = self.builder.trunc if bits > self.bits else self.builder.sext
        return resize(loaded, self.vector)

    def store_entries(self, value: ir.Value, pointer: ir.Value, bits: int) -> None:
        """Store lanes as numbers of some width, no narrower."""
        stored = ir.VectorType(ir.IntType(bits), self.count)
        pointer = self.builder.bitcast(pointer, stored.as_pointer())
        wide = value if bits == self.bits else self.builder.sext(value, stored)
        self.builder.store(wide, pointer, align=bits // 8)

    def call(self, name: str, *operands: ir.Value) -> ir.Value:
        """Call an LLVM intrinsic on vectors."""
        return self._call(f"llvm.{name}.v{self.count}i{self.bits}", *operands)

    def _call(self, name: str, *operands: ir.Value) -> ir.Value:
        kind = ir.FunctionType(self.vector, [self.vector] * len(operands))
        function = cgutils.get_or_insert_function(self.builder.module, kind, name)
        return self.builder.call(function, operands)

    @property
    def masked_moves(self) -> bool:
        """Whether these lanes may use :meth:`raise_to`."""
        return self.bits == 16 and vector_bits() == 512

    def raise_to(self, value: ir.Value, least: ir.Value) -> ir.Value:
        """Return the maximum, by a comparison and a masked move.

        LLVM makes one instruction of any maximum written in its own terms.
        """
        binding.initialize_native_asmparser()
        kind = ir.FunctionType(self.vector, [self.vector, self.vector])
        text = "vpcmpgtw $0, $2, %k1\n\tvmovdqu16 $2, $0 {%k1}"
        return self.builder.asm(kind, text, "=v,0,v,~{k1}", [value, least], side_effect=False)

    def multiply(self, a: ir.Value, b: ir.Value) -> ir.Value:
        """Return the exact product of each lane (for ``pairs``, the sum of its two)."""
        if self.name in ("single", "pairs"):
            return self._sum_of_pairs(a, b)
        return self.builder.mul(a, b)

    def multiply_add(self, value: ir.Value, a: ir.Value, b: ir.Value) -> ir.Value:
        """Add exact products, modulo the lane."""
        if self.name == "bytes":
            return self._call("llvm.x86.avx512.vpdpbusd.512", value, a, b)
        if self.name in ("single", "pairs") and has_vnni():
            return self._call("llvm.x86.avx512.vpdpwssd.512", value, a, b)
        return self.builder.add(value, self.multiply(a, b))

    def multiply_add_saturating(self, value: ir.Value, a: ir.Value, b: ir.Value) -> ir.Value:
        """Saturate at the lane's own limits; ``single`` and ``pairs`` only with VNNI."""
        if self.name in ("single", "pairs"):
            return self._call("llvm.x86.avx512.vpdpwssds.512", value, a, b)
        return self.call("sadd.sat", value, self.builder.mul(a, b))

    def _sum_of_pairs(self, a: ir.Value, b: ir.Value) -> ir.Value:
        builder, halves = self.builder, 2 * self.count
        words = ir.VectorType(ir.IntType(16), halves)
        wide = ir.VectorType(ir.IntType(32), halves)
        a, b = (builder.sext(builder.bitcast(value, words), wide) for value in (a, b))
        products = builder.mul(a, b)
        picks = ir.VectorType(ir.IntType(32), self.count)
        even, odd = (
            builder.shuffle_vector(
                products, products, ir.Constant(picks, list(range(first, halves, 2)))
            )
            for first in (0, 1)
        )
        return builder.add(even, odd)
