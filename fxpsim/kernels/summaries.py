"""Statistics of a product's sums by output channel, in one pass over their planes."""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from fxpsim.kernels._jit import kernel

__all__ = ["BITS", "count_outside", "product_range", "summarise"]

#: Widths that a histogram of 32-bit sums counts: 0 (never) to 32.
BITS = 33


@intrinsic
def _leading_zeros(typingctx, value):
    """Count the zeros above the highest set bit of an int32."""

    def generate(context, builder, signature, arguments):
        word = ir.IntType(32)
        kind = ir.FunctionType(word, [word, ir.IntType(1)])
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.ctlz.i32")
        return builder.call(function, [arguments[0], ir.Constant(ir.IntType(1), 0)])

    return types.int32(types.int32), generate


@kernel
def _peaks(lowest, highest, least, most, widths):
    two = np.int32(2)
    for j in range(lowest.size):
        low, high = lowest[j], highest[j]
        least[j] = min(least[j], low)
        most[j] = max(most[j], high)
        magnitude = max(high, np.bitwise_not(low))
        widths[j] = max(two, np.subtract(np.int32(33), _leading_zeros(magnitude)))


@kernel
def _events(events, first, exact, lo, hi, total, touched, earliest, inside):
    for j in range(events.size):
        some = events[j] > 0
        total[j] += events[j]
        touched[j] += np.int32(some)
        earliest[j] = min(earliest[j], first[j] if some else earliest[j])
        inside[j] += np.int32(some & (exact[j] >= lo) & (exact[j] <= hi))


@kernel
def summarise(exact, lowest, highest, events, first, lo, hi, total, counts, histogram):
    """Add up planes (M, N) of int32.

    Parameters
    ----------
    exact, lowest, highest, events, first : int32 arrays (M, N), C-contiguous
        As in :class:`fxpsim.dispatch.Planes`, of one level.
    lo, hi : int32
        Exact sums that fit the register.
    total : int64 array (N,)
        Receives the events.
    counts : int32 array (5, N)
        Receives: sums with an event, their earliest step, how many of them fit exactly, lowest and
        highest partial sum; the caller has set them to 0, the highest, 0, the highest, the lowest.
    histogram : int32 array (BITS, N)
        Receives how many sums needed so many bits.
    """
    widths = np.empty(exact.shape[1], np.int32)
    for i in range(exact.shape[0]):
        _events(events[i], first[i], exact[i], lo, hi, total, counts[0], counts[1], counts[2])
        _peaks(lowest[i], highest[i], counts[3], counts[4], widths)
        for j in range(widths.size):
            histogram[widths[j], j] += 1


@kernel
def count_outside(lowest, highest, lo, hi):
    """Count the sums whose peaks, int32 arrays (sums,), are not all from ``lo`` to ``hi``."""
    count = 0
    for i in range(lowest.size):
        count += (lowest[i] < lo) | (highest[i] > hi)
    return count


@kernel
def product_range(low, high, b, least, most):
    """Find the extremes of products of rows of ``b`` (K, N) with numbers from ``low`` to ``high``.

    All int32; ``least`` and ``most`` (N,) have been set to the first row's.
    """
    for k in range(b.shape[0]):
        for j in range(b.shape[1]):
            one, other = np.multiply(low[k], b[k, j]), np.multiply(high[k], b[k, j])
            least[j] = min(least[j], min(one, other))
            most[j] = max(most[j], max(one, other))
