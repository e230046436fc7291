"""Which compiled loop gives the bits of a requantisation scheme, and the call."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fxpsim import spec
from fxpsim.dispatch.slices import flat, in_slices
from fxpsim.engine import code_dtype, compiled, warn_slow
from fxpsim.formats import QFormat
from fxpsim.schemes import Rescale

if TYPE_CHECKING:
    from fxpsim.kernels.requantize import Plan

__all__ = ["multiply_rescale", "rescale"]

IntArray = NDArray[Any]


def rescale(
    codes: IntArray,
    scheme: Rescale,
    target: QFormat,
    *,
    threads: int = 1,
    dtype: type[np.generic] | None = None,
) -> IntArray:
    """Return accumulators brought to ``target`` by a scheme, its channels on the last axis.

    ``dtype`` holds the target's codes; the type that codes are kept in where not given.
    """
    dtype = dtype or code_dtype(target.lo, target.hi)
    if compiled():
        fast = _compiled((codes,), scheme, target, threads, dtype)
        if fast is not None:
            return fast
        warn_slow("requantisation of products beyond 62 bits")
    out = np.empty(codes.shape, dtype)
    (lo, hi), constants = scheme.limits(target), scheme.constants()
    for index, code in enumerate(codes.reshape(-1).tolist()):
        result = scheme.rule(code, *constants[index % len(constants)])
        out.reshape(-1)[index] = spec.offset_clamp(result, scheme.zero_point, lo, hi)
    return out


def multiply_rescale(
    factors: tuple[IntArray, IntArray], scheme: Rescale, target: QFormat, threads: int = 1
) -> IntArray | None:
    """Return :func:`rescale` of the products of two arrays of one shape.

    None: one of them, or a product times the scheme's multiplier, is too wide.
    """
    dtype = code_dtype(target.lo, target.hi)
    return _compiled(factors, scheme, target, threads, dtype) if compiled() else None


def _compiled(
    factors: tuple[IntArray, ...],
    scheme: Rescale,
    target: QFormat,
    threads: int,
    dtype: type[np.generic],
) -> IntArray | None:
    plan, limit, run = _way(scheme, target)
    if plan is None or factors[0].dtype == np.object_ or factors[-1].dtype == np.object_:
        return None
    peak = limit**2 if len(factors) > 1 else _peak(factors[0], plan.factor)
    if peak * plan.factor >= 1 << 62:
        return None
    out = np.empty(factors[0].shape, dtype)
    codes, results = flat(factors[0]), out.reshape(-1)
    others = flat(factors[1]) if len(factors) > 1 else None

    def work(part: slice) -> tuple[int, int]:
        other = None if others is None else others[part]
        return int(not run(plan, codes[part], other, results[part])), 0

    whole = slice(0, out.size)
    outside, _ = (
        work(whole) if threads == 1 else in_slices(work, out.size, threads, plan.channels or 1)
    )
    return None if outside else out


@lru_cache(maxsize=1024)
def _way(scheme: Rescale, target: QFormat) -> tuple[Plan | None, int, Callable[..., bool]]:
    """Return the plan, the limit of two factors, and what runs it."""
    from fxpsim.kernels import requantize

    plan = requantize.plan(scheme, *scheme.limits(target))
    return plan, requantize.FACTOR_LIMIT, requantize.run


def _peak(codes: IntArray, factor: int) -> int:
    """Return a bound on magnitudes; codes are looked at only where it matters."""
    bits = 8 * codes.dtype.itemsize - (codes.dtype.kind == "i")
    if factor << bits < 1 << 62 or not codes.size:
        return 1 << bits
    return max(abs(int(codes.max())), abs(int(codes.min())))
