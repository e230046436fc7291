"""Which compiled kernel gives the bits of :mod:`fxpsim.spec` for given operands, and the call.

Shapes and codes have been checked by the caller.  With compilation switched off
(``NUMBA_DISABLE_JIT``), and where a sum may not fit 64 bits, ``spec`` itself runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fxpsim import spec
from fxpsim.accumulators import Accumulator, Chunked, Interleaved
from fxpsim.engine import code_dtype, compiled, warn_slow
from fxpsim.formats import Overflow

if TYPE_CHECKING:
    from fxpsim.kernels.product import Plan

__all__ = ["Planes", "level_names", "product", "product_planes"]

IntArray = NDArray[Any]
Range = tuple[int, int]

#: float32 and float64 hold every integer up to these, so a product of matrices is exact there.
_FLOAT32_EXACT, _FLOAT64_EXACT = 1 << 24, 1 << 53


@dataclass(frozen=True, slots=True)
class Planes:
    """What every output's registers did; arrays (M, N), ``first_step`` -1 where nothing happened.

    ``events`` and ``first_step`` are by level, as in :class:`fxpsim.spec.Sum`.
    """

    register: IntArray
    exact: IntArray
    lowest: IntArray
    highest: IntArray
    events: dict[str, IntArray]
    first_step: dict[str, IntArray]


@dataclass(frozen=True, slots=True)
class _Operands:
    """Two matrices with the ranges of their entries and of the sums they can make."""

    a: IntArray
    b: IntArray
    a_range: Range
    b_range: Range
    bias: IntArray | None

    @property
    def product_peak(self) -> int:
        return max(abs(x * y) for x in self.a_range for y in self.b_range)

    @property
    def bias_peak(self) -> int:
        if self.bias is None or not self.bias.size:
            return 0
        return max(abs(int(self.bias.max())), abs(int(self.bias.min())))

    @property
    def sum_peak(self) -> int:
        """No partial sum, bias included, is further from 0."""
        return int(self.a.shape[1]) * self.product_peak + self.bias_peak

    def fits(self, accumulator: Accumulator) -> bool:
        """Whether no register can overflow, by the ranges of the operands alone."""
        order = accumulator.order
        ends = [min(register.hi, -register.lo) for register in accumulator.levels]
        if isinstance(order, Chunked) and order.node_bits is not None:
            ends.append((1 << (order.node_bits - 1)) - 1 if accumulator.signed else 0)
        return self.sum_peak <= min(ends)

    @property
    def machine(self) -> bool:
        """Whether all entries are machine integers, not Python ones."""
        arrays = (self.a, self.b) if self.bias is None else (self.a, self.b, self.bias)
        return all(array.dtype != np.object_ for array in arrays)

    @property
    def sixteen(self) -> bool:
        """Whether both operands fit signed 16-bit words."""
        ends = (*self.a_range, *self.b_range)
        return min(ends) >= -(1 << 15) and max(ends) < 1 << 15


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
    operands = _Operands(a, b, a_range, b_range, bias)
    proven = accumulator.exact_where_it_fits and (proven or operands.fits(accumulator))
    if compiled() and dtype is not np.object_ and operands.machine:
        if proven or (accumulator.plain and accumulator.overflow is Overflow.WRAP):
            result = _modular(operands, last, proven)
        elif accumulator.plain:
            result = _saturating(operands, accumulator)
        else:
            general = _general(operands, accumulator, product_frac)
            result = None if general is None else general[0]
        if result is not None:
            return result.astype(dtype, copy=False)
    if compiled():
        warn_slow(f"a product with a {accumulator.bits}-bit accumulator")
    sums = _specified(operands, accumulator, product_frac)
    return np.array([[s.value for s in row] for row in sums], dtype).reshape(len(a), b.shape[1])


def _specified(
    operands: _Operands, accumulator: Accumulator, product_frac: int
) -> list[list[spec.Sum]]:
    bias = None if operands.bias is None else operands.bias.tolist()
    rows, columns = operands.a.tolist(), operands.b.T.tolist()
    return spec.matmul(rows, columns, accumulator, bias, product_frac)


def _general(
    operands: _Operands, accumulator: Accumulator, product_frac: int
) -> tuple[IntArray, IntArray, IntArray] | None:
    """Run the general kernel, where int64 holds every aligned sum."""
    from fxpsim.kernels.registers import Registers, multiply

    registers = Registers(accumulator, product_frac)
    if not operands.a.shape[1] or not registers.fit_int64(
        operands.product_peak, operands.bias_peak
    ):
        return None
    return multiply(registers, operands.a, operands.b, operands.bias)


def _modular(operands: _Operands, accumulator: Accumulator, proven: bool) -> IntArray | None:
    """Exact sums, or sums modulo the register: the order of additions does not matter."""
    from fxpsim.kernels._host import has_vnni
    from fxpsim.kernels.product import Plan

    bits, peak = accumulator.bits, operands.sum_peak
    signed = int(accumulator.signed)
    narrow = bits < 32 + signed or (proven and peak < 1 << 31)
    if bits < 16 + signed and operands.sixteen:  # stored lanes are signed
        return _run(Plan("wrap", "i16", 16 - bits, signed), operands)
    if narrow and operands.sixteen and has_vnni():
        return _run(Plan("wrap", "vnni", max(0, 32 - bits), signed), operands)
    if peak <= _FLOAT64_EXACT:
        kind = np.float32 if peak <= _FLOAT32_EXACT else np.float64
        exact = (operands.a.astype(kind) @ operands.b.astype(kind)).astype(np.int64)
        if operands.bias is not None:
            exact += operands.bias
        return exact if proven else _wrap(exact, accumulator)
    if operands.product_peak < 1 << 62 and bits <= 64:
        return _run(Plan("wrap", "i64", 64 - bits, signed), operands)
    return None


def _wrap(exact: IntArray, accumulator: Accumulator) -> IntArray:
    mask = np.int64((1 << accumulator.bits) - 1 if accumulator.bits < 64 else -1)
    return np.int64(accumulator.lo) + ((exact - np.int64(accumulator.lo)) & mask)


def _saturating(operands: _Operands, accumulator: Accumulator) -> IntArray | None:
    from fxpsim.kernels._host import has_vnni
    from fxpsim.kernels.product import Plan

    bits, peak = accumulator.bits, operands.product_peak
    if bits == 16 and accumulator.signed and operands.sixteen and peak < 1 << 15:
        return _run(Plan("saturate", "i16"), operands, accumulator)
    scales = _vnni_scales(operands, bits) if accumulator.signed and has_vnni() else None
    if scales is not None:
        return _run(Plan("saturate", "vnni", 32 - bits, 0, *scales), operands, accumulator)
    reach = max(accumulator.hi, -accumulator.lo) + peak
    limits = accumulator.hi, accumulator.lo
    if reach < 1 << 15 and operands.sixteen:
        lift = (1 << 15) - 1 - accumulator.hi
        return _run(Plan("lifted", "i16", lift, accumulator.lo + lift), operands, accumulator)
    if reach < 1 << 31:
        lane = "vnni" if operands.sixteen and has_vnni() else "i32"
        return _run(Plan("clamp", lane, *limits), operands, accumulator)
    if reach < 1 << 63:
        return _run(Plan("clamp", "i64", *limits), operands, accumulator)
    return None


def _vnni_scales(operands: _Operands, bits: int) -> tuple[int, int] | None:
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


def _start(operands: _Operands, accumulator: Accumulator | None) -> NDArray[np.int64] | None:
    if operands.bias is None:
        return None
    bias = operands.bias.astype(np.int64)
    if accumulator is not None and accumulator.overflow is Overflow.SATURATE:
        bias = np.clip(bias, accumulator.lo, accumulator.hi)
    return bias.reshape(1, -1)


def _planes(
    plan: Plan, operands: _Operands, accumulator: Accumulator | None = None
) -> NDArray[np.signedinteger]:
    from fxpsim.kernels.product import Plan, multiply
    from fxpsim.kernels.tile import LANES

    start = _start(operands, accumulator)
    rows, outputs = len(operands.a), operands.b.shape[1]
    lanes = 512 // LANES[plan.lane]
    # Lanes run along the outputs; where those are few, along the batch (the product transposed).
    if outputs % lanes and -(-outputs // lanes) * rows > -(-rows // lanes) * outputs:
        column = None if start is None else np.repeat(start.reshape(-1, 1), rows, axis=1)
        swapped = Plan(plan.step, plan.lane, plan.first, plan.second, plan.b_shift, plan.a_shift)
        left, right = np.ascontiguousarray(operands.b.T), np.ascontiguousarray(operands.a.T)
        return np.ascontiguousarray(multiply(swapped, left, right, column).transpose(0, 2, 1))
    return multiply(plan, operands.a, operands.b, start)


def _run(plan: Plan, operands: _Operands, accumulator: Accumulator | None = None) -> IntArray:
    register: IntArray = _planes(plan, operands, accumulator)[0]
    return register


def product_planes(
    a: IntArray,
    b: IntArray,
    accumulator: Accumulator | None,
    a_range: Range,
    b_range: Range,
    bias: IntArray | None = None,
    *,
    product_frac: int = 0,
) -> Planes:
    """Return what every output's registers did; with no accumulator, the exact sums' peaks.

    Parameters
    ----------
    a, b, a_range, b_range, bias, product_frac
        As for :func:`product`.
    accumulator : Accumulator or None
        None: registers are as wide as need be, and only peaks are of interest.
    """
    operands = _Operands(a, b, a_range, b_range, bias)
    if compiled() and a.shape[1] > 0:
        planes = _compiled_planes(operands, accumulator, product_frac)
        if planes is not None:
            return planes
        warn_slow("a product with overflow statistics")
    wide = accumulator or Accumulator(64, "saturate")
    sums = [s for row in _specified(operands, wide, product_frac) for s in row]
    shape = len(a), b.shape[1]
    lo, hi = (wide.outermost.lo, wide.outermost.hi) if accumulator else (0, 0)
    dtype = code_dtype(min(lo, -operands.sum_peak), max(hi, operands.sum_peak))

    def plane(values: list[int]) -> IntArray:
        return np.array(values, dtype).reshape(shape)

    levels = level_names(accumulator) if accumulator else ("final",)
    nothing = spec.Events()
    by_level = {
        level: [s.levels.get(level, nothing) if accumulator else nothing for s in sums]
        for level in levels
    }
    return Planes(
        plane([s.value if accumulator else s.exact for s in sums]),
        plane([s.exact for s in sums]),
        plane([s.lowest for s in sums]),
        plane([s.highest for s in sums]),
        {level: plane([e.count for e in events]) for level, events in by_level.items()},
        {
            level: plane([-1 if e.first_step is None else e.first_step for e in events])
            for level, events in by_level.items()
        },
    )


def level_names(accumulator: Accumulator) -> tuple[str, ...]:
    """Return the levels at which an accumulator can overflow, innermost first."""
    order, outer = accumulator.order, len(accumulator.levels) > 1
    names = ["product"] if accumulator.product else []
    if isinstance(order, Chunked) and order.node_bits is not None:
        names.append("node")
    if isinstance(order, Interleaved):
        names.append("lane")
    if len(accumulator.levels) > 1 + isinstance(order, Interleaved) or (
        outer and not isinstance(order, Interleaved)
    ):
        names.append("spill")
    return (*names, "final")


def _compiled_planes(
    operands: _Operands, accumulator: Accumulator | None, product_frac: int
) -> Planes | None:
    if accumulator is None or accumulator.plain:
        plan = _counting_plan(operands, accumulator)
        return None if plan is None else _unpack(_planes(plan, operands), accumulator)
    general = _general(operands, accumulator, product_frac) if operands.machine else None
    plan = _counting_plan(operands, None)
    if general is None or plan is None:
        return None
    value, events, first = general
    exact, lowest, highest = _planes(plan, operands)
    if accumulator.bias == "last" and operands.bias is not None:
        # Peaks were taken with the bias first: move it behind the products.
        unbiased = _Operands(operands.a, operands.b, operands.a_range, operands.b_range, None)
        _, lowest, highest = _planes(plan, unbiased)
        lowest, highest = np.minimum(lowest, exact), np.maximum(highest, exact)
    from fxpsim.kernels.registers import LEVELS

    kept = {level: LEVELS.index(level) for level in level_names(accumulator)}
    return Planes(
        value,
        exact,
        lowest,
        highest,
        {level: events[:, i] for level, i in kept.items()},
        {level: np.where(events[:, i] > 0, first[:, i], -1) for level, i in kept.items()},
    )


def _counting_plan(operands: _Operands, accumulator: Accumulator | None) -> Plan | None:
    from fxpsim.kernels._host import has_vnni
    from fxpsim.kernels.product import Plan

    if not operands.machine:
        return None
    reach = operands.sum_peak
    if accumulator is not None:
        reach = max(reach, accumulator.hi, -accumulator.lo) + operands.product_peak
    if reach >= 1 << 63:
        return None
    lane = "i64"
    if reach < 1 << 31:
        lane = "vnni" if operands.sixteen and has_vnni() else "i32"
    if accumulator is None:
        return Plan("peaks", lane)
    if accumulator.overflow is Overflow.SATURATE:
        return Plan("count_clamp", lane, accumulator.hi, accumulator.lo)
    bits = 64 if lane == "i64" else 32
    return Plan("count_wrap", lane, bits - accumulator.bits, int(accumulator.signed))


def _unpack(planes: NDArray[np.signedinteger], accumulator: Accumulator | None) -> Planes:
    if accumulator is None:
        exact, lowest, highest = planes
        nothing = np.zeros_like(exact)
        return Planes(exact, exact, lowest, highest, {"final": nothing}, {"final": nothing - 1})
    register, exact, lowest, highest, events, first = planes
    first = np.where(events > 0, first, -1)
    return Planes(register, exact, lowest, highest, {"final": events}, {"final": first})
