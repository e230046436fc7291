"""What one would write by hand: a fused numba loop, and a numpy expression, for every mode.

They quantise float64 to signed 8 bits with 4 fraction bits, or cast 20-bit codes to 8 bits by a
shift of 7, into int32.  They check nothing and know mode, word and shift beforehand.  Each rule
is written once, in terms that numba and numpy both take.
"""

from __future__ import annotations

import numpy as np
from numba import njit

SCALE, LO, HI = 16.0, -128, 127
SHIFT, HALF, MASK = 7, 64, 127
#: Of Philox4x32-10.
M0, M1, W0, W1, WORD, U32 = map(
    np.uint64, (0xD2511F53, 0xCD9E8D57, 0x9E3779B9, 0xBB67AE85, 0xFFFFFFFF, 32)
)

#: From a scaled float64 to a whole one, and from a code to a shifted one.
ROUND = {
    "floor": (lambda y: np.floor(y), lambda v: v >> SHIFT),
    "ceil": (lambda y: np.ceil(y), lambda v: (v + MASK) >> SHIFT),
    "toward_zero": (lambda y: np.trunc(y), lambda v: (v + ((v >> 31) & MASK)) >> SHIFT),
    "away_from_zero": (
        lambda y: np.copysign(np.ceil(np.abs(y)), y),
        lambda v: (v + (~(v >> 31) & MASK)) >> SHIFT,
    ),
    "nearest_up": (lambda y: np.floor(y + 0.5), lambda v: (v + HALF) >> SHIFT),
    "nearest_down": (lambda y: np.ceil(y - 0.5), lambda v: (v + (HALF - 1)) >> SHIFT),
    "nearest_to_zero": (
        lambda y: np.copysign(np.ceil(np.abs(y) - 0.5), y),
        lambda v: (v + (HALF - 1) - (v >> 31)) >> SHIFT,
    ),
    "nearest_away": (
        lambda y: np.copysign(np.floor(np.abs(y) + 0.5), y),
        lambda v: (v + HALF + (v >> 31)) >> SHIFT,
    ),
    "nearest_even": (
        lambda y: np.rint(y),
        lambda v: (v + (HALF - 1) + ((v >> SHIFT) & 1)) >> SHIFT,
    ),
    "nearest_odd": (
        lambda y: np.rint(y - 1.0) + 1.0,
        lambda v: (v + HALF - ((v >> SHIFT) & 1)) >> SHIFT,
    ),
    "trn_mag": (lambda y: np.floor(y) + (y < 0.0), lambda v: (v >> SHIFT) - (v >> 31)),
    "jam": (lambda y: np.floor(y * 0.5) * 2.0 + 1.0, lambda v: (v >> SHIFT) | 1),
    "jam_unbiased": (
        lambda y: np.floor(y) + (y != np.floor(y)) * (np.floor(y) == 2.0 * np.floor(0.5 * y)),
        lambda v: (v >> SHIFT) | ((v & MASK) != 0),
    ),
}
#: The same, with 32 random bits.
DRAWN = {
    "stochastic_weighted": (
        lambda y, draw: np.floor(y) + (draw < (y - np.floor(y)) * 2.0**32),
        lambda v, draw: (v >> SHIFT) + (draw < (np.int64(v & MASK) << (32 - SHIFT))),
    ),
    "stochastic_equal": (
        lambda y, draw: np.floor(y) + ((y != np.floor(y)) & (draw & 1 == 1)),
        lambda v, draw: (v >> SHIFT) + (((v & MASK) != 0) & (draw & 1 == 1)),
    ),
}
SPAN = HI - LO
#: From a rounded integer to the word: for arrays of numpy, and for numbers in a loop.
FIT = {
    "saturate": (lambda v: np.clip(v, LO, HI), lambda v: min(max(v, LO), HI)),
    "saturate_symmetric": (lambda v: np.clip(v, -HI, HI), lambda v: min(max(v, -HI), HI)),
    "saturate_to_zero": (
        lambda v: np.where((v >= LO) & (v <= HI), v, 0),
        lambda v: v if (v >= LO) & (v <= HI) else 0,
    ),
    "wrap": (lambda v: LO + ((v - LO) & SPAN),) * 2,
    "wrap_sign_magnitude": (lambda v: LO + (((v ^ -(((v >> 8) ^ (v >> 7)) & 1)) - LO) & SPAN),) * 2,
    "wrap(1)": (
        lambda v: np.where((v >= LO) & (v <= HI), v, (v < 0) * LO + (v & HI)),
        lambda v: v if (v >= LO) & (v <= HI) else (LO if v < 0 else 0) + (v & HI),
    ),
    "wrap_sign_magnitude(1)": (
        lambda v: np.where(
            (v >= LO) & (v <= HI), v, (v < 0) * LO + ((v ^ -(((v >> 7) & 1) ^ (v < 0))) & HI)
        ),
        lambda v: (
            v
            if (v >= LO) & (v <= HI)
            else (LO if v < 0 else 0) + ((v ^ -(((v >> 7) & 1) ^ (v < 0))) & HI)
        ),
    ),
}


def fused_quantize(rounding: str, overflow: str):
    """Return a function of values."""
    if rounding in DRAWN:
        return _drawing(DRAWN[rounding][0], FIT[overflow][1], SCALE)
    round_value, fit = njit(ROUND[rounding][0]), njit(FIT[overflow][1])
    if overflow.startswith("saturate") and overflow != "saturate_to_zero":
        lowest = float(LO if overflow == "saturate" else -HI)

        @njit
        def clamping(values):
            out = np.empty(values.size, np.int32)
            for i in range(values.size):
                out[i] = min(max(round_value(values[i] * SCALE), lowest), float(HI))
            return out

        return clamping

    @njit
    def loop(values):
        out = np.empty(values.size, np.int32)
        for i in range(values.size):
            out[i] = fit(np.int64(round_value(values[i] * SCALE)))
        return out

    return loop


def fused_cast(rounding: str, overflow: str):
    """Return a function of codes."""
    if rounding in DRAWN:
        return _drawing(DRAWN[rounding][1], FIT[overflow][1], 1)
    round_code, fit = njit(ROUND[rounding][1]), njit(FIT[overflow][1])

    @njit
    def loop(codes):
        out = np.empty(codes.size, np.int32)
        for i in range(codes.size):
            out[i] = fit(round_code(codes[i]))
        return out

    return loop


def _drawing(round_drawn, fit, scale):
    """Return a loop that draws: seed 0, each element of a vector a sample of its own."""
    round_drawn, fit = njit(round_drawn), njit(fit)

    @njit
    def loop(values):
        out = np.empty(values.size, np.int32)
        for i in range(values.size):
            # The generator stands in the loop itself: as a function it is not vectorised.
            c0, c1, c2, c3 = np.uint64(0), np.uint64(np.uint32(i)), np.uint64(0), np.uint64(0)
            k0, k1 = np.uint64(0), np.uint64(0)
            for _ in range(10):
                low, high = M0 * c0, M1 * c2
                c0, c1 = (high >> U32) ^ c1 ^ k0, high & WORD
                c2, c3 = (low >> U32) ^ c3 ^ k1, low & WORD
                k0, k1 = (k0 + W0) & WORD, (k1 + W1) & WORD
            out[i] = fit(np.int64(round_drawn(values[i] * scale, np.int64(c0))))
        return out

    return loop


def _numpy_draws(count):
    c0, c1, c2, c3 = (np.zeros(count, np.uint64) for _ in range(4))
    c1 += np.arange(count, dtype=np.uint64)
    k0, k1 = np.uint64(0), np.uint64(0)
    for _ in range(10):
        low, high = M0 * c0, M1 * c2
        c0, c1 = (high >> U32) ^ c1 ^ k0, high & WORD
        c2, c3 = (low >> U32) ^ c3 ^ k1, low & WORD
        k0, k1 = (k0 + W0) & WORD, (k1 + W1) & WORD
    return c0.astype(np.int64)


def numpy_quantize(rounding: str, overflow: str):
    """Return the numpy expression of values."""
    fit = FIT[overflow][0]
    if rounding in DRAWN:
        rule = DRAWN[rounding][0]
        return lambda v: fit(rule(v * SCALE, _numpy_draws(v.size)).astype(np.int32))
    round_value = ROUND[rounding][0]
    return lambda values: fit(round_value(values * SCALE).astype(np.int32))


def numpy_cast(rounding: str, overflow: str):
    """Return the numpy expression of codes."""
    fit = FIT[overflow][0]
    if rounding in DRAWN:
        rule = DRAWN[rounding][1]
        return lambda v: fit(rule(v, _numpy_draws(v.size)).astype(np.int32))
    round_code = ROUND[rounding][1]
    return lambda codes: fit(round_code(codes))
