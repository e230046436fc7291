"""Which compiled kernel gives the bits of :mod:`fxpsim.spec` for given operands.

Shapes and codes have been checked by the caller.  With compilation switched off
(``NUMBA_DISABLE_JIT``), and where a sum may not fit 64 bits, ``spec`` itself runs.
"""

from __future__ import annotations

import numpy as np

from fxpsim.accumulators import Accumulator
from fxpsim.dispatch.calls import run_general, run_registers, run_spec
from fxpsim.dispatch.operands import IntArray, Operands, Range
from fxpsim.engine import code_dtype, compiled, warn_slow
from fxpsim.formats import Overflow

__all__ = ["product"]

#: float32 and float64 hold every integer up to these, so a product of matrices is exact there.
_FLOAT32_EXACT, _FLOAT64_EXACT = 1 << 24, 1 << 53


def product(
    a: IntArray,
    b: IntArray,
    accumulator: Accumulator,
    a_range: Range,
    b_range: Range,
    bias: IntArray | None = None,
    *,
    product_frac: int = 0,
    proven: bool = False,
) -> IntArray:
    """Return the outermost registers of ``a`` (M, K) times ``b`` (K, N).

    Parameters
    ----------
    a, b : integer arrays, C-contiguous
        Multiplicands, within ``a_range`` and ``b_range``.
    accumulator : Accumulator
        The registers.
    a_range, b_range : (int, int)
        Lowest and highest entry.
    bias : integer array (N,), optional
        At the products' fraction.
    product_frac : int
        Fraction bits of the products.
    proven : bool
        The caller knows that no partial sum leaves the register: any order and width will do.
    """
    last = accumulator.outermost
    dtype = code_dtype(last.lo, last.hi)
    operands = Operands(a, b, a_range, b_range, bias)
    proven = accumulator.exact_where_it_fits and (proven or operands.fits(accumulator))
    if compiled() and dtype is not np.object_ and operands.machine:
        if proven or (accumulator.plain and accumulator.overflow is Overflow.WRAP):
            result = _modular(operands, last, proven)
        elif accumulator.plain:
            result = _saturating(operands, accumulator)
        else:
            general = run_general(operands, accumulator, product_frac)
            result = None if general is None else general[0]
        if result is not None:
            return result.astype(dtype, copy=False)
    if compiled():
        warn_slow(f"a product with a {accumulator.bits}-bit accumulator")
    sums = run_spec(operands, accumulator, product_frac)
    return np.array([[s.value for s in row] for row in sums], dtype).reshape(len(a), b.shape[1])


def _modular(operands: Operands, accumulator: Accumulator, proven: bool) -> IntArray | None:
    """Exact sums, or sums modulo the register: the order of additions does not matter."""
    from fxpsim.kernels._host import has_vnni
    from fxpsim.kernels.product import Plan

    bits, peak = accumulator.bits, operands.sum_peak
    signed = int(accumulator.signed)
    narrow = bits < 32 + signed or (proven and peak < 1 << 31)
    if bits < 16 + signed and operands.sixteen:  # stored lanes are signed
        return run_registers(Plan("wrap", "i16", 16 - bits, signed), operands)
    if narrow and operands.sixteen and has_vnni():
        return run_registers(Plan("wrap", "vnni", max(0, 32 - bits), signed), operands)
    if peak <= _FLOAT64_EXACT:
        kind = np.float32 if peak <= _FLOAT32_EXACT else np.float64
        exact = (operands.a.astype(kind) @ operands.b.astype(kind)).astype(np.int64)
        if operands.bias is not None:
            exact += operands.bias
        return exact if proven else _wrap(exact, accumulator)
    if operands.product_peak < 1 << 62 and bits <= 64:
        return run_registers(Plan("wrap", "i64", 64 - bits, signed), operands)
    return None


def _wrap(exact: IntArray, accumulator: Accumulator) -> IntArray:
    mask = np.int64((1 << accumulator.bits) - 1 if accumulator.bits < 64 else -1)
    return np.int64(accumulator.lo) + ((exact - np.int64(accumulator.lo)) & mask)


def _saturating(operands: Operands, accumulator: Accumulator) -> IntArray | None:
    from fxpsim.kernels._host import has_vnni
    from fxpsim.kernels.product import Plan

    bits, peak = accumulator.bits, operands.product_peak
    if bits == 16 and accumulator.signed and operands.sixteen and peak < 1 << 15:
        return run_registers(Plan("saturate", "i16"), operands, accumulator)
    scales = _vnni_scales(operands, bits) if accumulator.signed and has_vnni() else None
    if scales is not None:
        return run_registers(Plan("saturate", "vnni", 32 - bits, 0, *scales), operands, accumulator)
    reach = max(accumulator.hi, -accumulator.lo) + peak
    limits = accumulator.hi, accumulator.lo
    if reach < 1 << 15 and operands.sixteen:
        lift = (1 << 15) - 1 - accumulator.hi
        return run_registers(
            Plan("lifted", "i16", lift, accumulator.lo + lift), operands, accumulator
        )
    if reach < 1 << 31:
        lane = "vnni" if operands.sixteen and has_vnni() else "i32"
        return run_registers(Plan("clamp", lane, *limits), operands, accumulator)
    if reach < 1 << 63:
        return run_registers(Plan("clamp", "i64", *limits), operands, accumulator)
    return None


def _vnni_scales(operands: Operands, bits: int) -> tuple[int, int] | None:
    """Split 32 - bits into shifts that keep both operands within signed 16 bits."""
    scale = 32 - bits
    if scale < 0 or not operands.sixteen:
        return None
    room = [_headroom(*operands.a_range), _headroom(*operands.b_range)]
    if sum(room) < scale:
        return None
    first = min(room[0], scale)
    return first, scale - first


def _headroom(lo: int, hi: int) -> int:
    """Return by how many bits a range can be scaled up within signed 16 bits."""
    return next(s for s in range(15, -1, -1) if lo << s >= -(1 << 15) and hi << s < 1 << 15)
