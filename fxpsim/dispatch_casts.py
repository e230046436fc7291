"""Which compiled loop gives the bits of :mod:`fxpsim.spec` for casts, and the call.

Codes and modes have been checked by the caller.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fxpsim import spec
from fxpsim.engine import code_dtype, compiled, warn_slow
from fxpsim.formats import Overflow, QFormat, Rounding

if TYPE_CHECKING:
    from fxpsim.schemes import Rescale

__all__ = ["quantize_floats", "rescale", "shift_codes"]

IntArray = NDArray[Any]


def shift_codes(
    codes: IntArray, shift: int, target: QFormat, rounding: Rounding, overflow: Overflow
) -> IntArray:
    """Return ``codes * 2**-shift`` as codes of ``target``: rounded, then brought into range."""
    dtype = code_dtype(target.lo, target.hi)
    if compiled() and codes.dtype != np.object_ and _peak(codes, -shift) < 1 << 62:
        from fxpsim.kernels import elementwise

        out = np.empty(codes.shape, dtype)
        loop = elementwise.shift_codes(rounding, overflow)
        flat = np.ascontiguousarray(codes).reshape(-1)
        loop(
            flat,
            np.int64(max(-62, min(shift, 63))),
            np.int64(target.lo),
            np.int64(target.hi),
            out.reshape(-1),
        )
        return out
    if compiled():
        warn_slow("a cast of values beyond 62 bits")
    unit = QFormat(2, 0)
    shifted = [spec.round_shift(int(code), shift, rounding) for code in codes.reshape(-1)]
    fitted = [spec.cast(code, unit, _at_zero(target), Rounding.FLOOR, overflow) for code in shifted]
    return np.array(fitted, dtype).reshape(codes.shape)


def _at_zero(fmt: QFormat) -> QFormat:
    return QFormat(fmt.bits, 0, fmt.signed, fmt.narrow)


def quantize_floats(
    values: NDArray[np.float64], fmt: QFormat, rounding: Rounding, overflow: Overflow
) -> IntArray:
    """Return the codes of floats that are not NaN; infinities overflow (and wrap to 0)."""
    dtype = code_dtype(fmt.lo, fmt.hi)
    out = np.empty(values.shape, dtype)
    if compiled():
        from fxpsim.kernels import elementwise

        loop = elementwise.quantize_floats(rounding, overflow)
        flat = np.ascontiguousarray(values).reshape(-1)
        loop(flat, 2.0**fmt.frac, np.int64(fmt.lo), np.int64(fmt.hi), out.reshape(-1))
        return out
    huge = 1 << 2000
    for index, value in np.ndenumerate(values):
        if np.isfinite(value):
            out[index] = spec.quantize(float(value), fmt, rounding, overflow)
        else:
            signed_huge = huge if value > 0 else -huge
            unit = _at_zero(fmt)
            out[index] = spec.cast(signed_huge, unit, unit, Rounding.FLOOR, overflow)
    return out


def rescale(codes: IntArray, scheme: Rescale, target: QFormat) -> IntArray:
    """Return accumulators brought to ``target`` by a scheme, its channels on the last axis."""
    lo, hi = scheme.limits(target)
    out = np.empty(codes.shape, code_dtype(target.lo, target.hi))
    if compiled() and codes.dtype != np.object_:
        from fxpsim.kernels import requantize

        plan = requantize.plan(scheme, lo, hi)
        if plan is not None and _peak(codes, factor=plan.factor) < 1 << 62:
            requantize.run(plan, codes, out)
            return out
    if compiled():
        warn_slow("requantisation of products beyond 62 bits")
    constants = scheme.constants()
    for index, code in enumerate(codes.reshape(-1).tolist()):
        result = scheme.rule(code, *constants[index % len(constants)])
        out.reshape(-1)[index] = spec.offset_clamp(result, scheme.zero_point, lo, hi)
    return out


def _peak(codes: IntArray, left: int = 0, factor: int = 1) -> int:
    """Return a bound on magnitudes times a factor; codes are looked at only where it matters."""
    scale = factor << max(0, left)
    bits = 8 * codes.dtype.itemsize - int(np.issubdtype(codes.dtype, np.signedinteger))
    if scale << bits < 1 << 62:
        return scale << bits
    return 0 if not codes.size else max(abs(int(codes.max())), abs(int(codes.min()))) * scale
