"""Multiply and requantise 10**6 elements: ratios to the fused numba loop and to numpy.

All multiply two int32 arrays and bring the products to 8 bits, results newly allocated.  The numba
loop knows its scheme when compiled and checks nothing; ``multiply`` checks its factors, too, in one
pass.  ``requantize`` is given the product that numpy made, and so touches memory twice as often.
Calls alternate; ratios are medians over the rounds.  Recorded, never asserted, but that results are
equal.
"""

from __future__ import annotations

import time

import numba
import numpy as np
import pytest

import fxpsim as fx
from fxpsim.requantization import multiply

ROUNDS = 40
SIZE, CHANNELS = 1_000_000, 64
LOW, HIGH = -128, 127


def loop(step):
    """Compile the loop that multiplies, applies ``step`` and clamps."""
    rule = numba.njit(step, inline="always")

    @numba.njit
    def fused(a, b, first, second):
        out = np.empty(a.size, np.int32)
        for i in range(a.size):
            value = rule(np.int64(a[i]) * b[i], first, second)
            out[i] = min(max(value, LOW), HIGH)
        return out

    @numba.njit
    def fused_channels(a, b, first, second):
        out = np.empty(a.shape, np.int32)
        for row in range(a.shape[0]):
            for j in range(a.shape[1]):
                value = rule(np.int64(a[row, j]) * b[row, j], first[j], second[j])
                out[row, j] = min(max(value, LOW), HIGH)
        return out

    return fused, fused_channels


def gemmlowp(acc, q, right):
    high = (acc * q + (1 << 30)) >> 31
    mask = (1 << right) - 1
    return (high >> right) + ((high & mask) > (mask >> 1) + (high < 0))


def half_up_twice(acc, q, right):
    high = (acc * q + (1 << 30)) >> 31
    return (high + ((1 << right) >> 1)) >> right


def half_up(acc, m, right):
    return (acc * m + ((1 << right) >> 1)) >> right


def half_even(acc, m, right):
    product = acc * m
    return (product + (1 << (right - 1)) - 1 + ((product >> right) & 1)) >> right


def floor(acc, m, right):
    return (acc * m) >> right


def float_scale(acc, scale, _):
    # rint by adding and subtracting 1.5 * 2**23, as XNNPACK: numba's own calls a function.
    product = min(max(np.float32(acc) * scale, np.float32(LOW)), np.float32(HIGH))
    magic = np.float32(12582912.0)
    return np.int32((product + magic) - magic)


def shift(acc, right, _):
    return (acc + ((1 << right) >> 1)) >> right


def numpy_float(acc, scale, _):
    return np.rint(acc.astype(np.float32) * scale)


Q = np.int64(1_518_500_250)
SCALE = 1_518_500_250 * 2.0**-41
I64 = np.int64
CASES = {
    "Shift": (lambda s: fx.Shift(s, "nearest_up"), shift, [10], None),
    "Gemmlowp": (fx.Gemmlowp, gemmlowp, [Q, -10], lambda q, s: (q, -s)),
    "HalfUpTwice": (fx.HalfUpTwice, half_up_twice, [Q, -10], lambda q, s: (q, -s)),
    "SingleRound": (fx.SingleRound, half_up, [Q, -10], lambda q, s: (q, 31 - s)),
    "Int16x8": (fx.Int16x8, half_up, [Q, -10], lambda q, s: ((q + 2**15) >> 16, 15 - s)),
    "FloatScale": (fx.FloatScale, float_scale, [np.float32(SCALE)], None),
    "Dyadic": (fx.Dyadic, half_even, [Q, 41], lambda m, e: (m, e)),
    "Icn": (fx.Icn, floor, [Q, 9], lambda m, n: (m, 32 + n)),
}


def compare(ours, theirs):
    """Return median times in ms and the median ratio of two calls that take turns.

    Only two at a time: who runs after a call that gives much memory back pays for fetching it.
    """
    times = np.empty((ROUNDS, 2))
    for row in [*times[:3], *times]:
        for index, call in enumerate((ours, theirs)):
            begin = time.perf_counter()
            call()
            row[index] = time.perf_counter() - begin
    return *np.median(times, axis=0) * 1e3, float(np.median(times[:, 0] / times[:, 1]))


@pytest.mark.parametrize("channels", [False, True], ids=["tensor", "channels"])
@pytest.mark.parametrize("name", CASES)
def test_multiply_and_requantise(benchmark, capsys, name, channels):
    kind, step, constants, lower = CASES[name]
    fused = loop(step)[channels]
    rng = np.random.default_rng(0)
    shape = (SIZE // CHANNELS, CHANNELS) if channels else (SIZE,)
    a, b = (rng.integers(-256, 256, shape).astype(np.int32) for _ in range(2))
    if channels:
        constants = [np.full(CHANNELS, value) for value in constants]
        constants[-1] = constants[-1] + (np.arange(CHANNELS) % 4).astype(constants[-1].dtype)
    scheme = kind(*constants)
    lowered = list(lower(*constants) if lower else constants)
    lowered += [I64(0)] * (2 - len(lowered)) if not channels else [np.zeros(CHANNELS, np.int64)]
    lowered = [np.asarray(v)[()] for v in lowered[:2]]

    def ours():
        return multiply(a, b, scheme)

    def in_two():
        return fx.requantize(a * b, scheme)

    def theirs():
        return fused(a, b, *lowered)

    def plain():
        acc = np.multiply(a, b, dtype=np.int64)
        result = (numpy_float if name == "FloatScale" else step)(acc, *lowered)
        return np.clip(result, LOW, HIGH).astype(np.int32)

    np.testing.assert_array_equal(ours(), theirs())
    np.testing.assert_array_equal(ours(), plain())
    np.testing.assert_array_equal(ours(), in_two())
    mine, loops, to_loop = compare(ours, theirs)
    _, _, two_to_loop = compare(in_two, theirs)
    _, numpys, to_numpy = compare(ours, plain)
    benchmark.extra_info.update(
        times_fused_loop=to_loop, in_two_times_fused_loop=two_to_loop, times_numpy=to_numpy
    )
    with capsys.disabled():
        print(
            f"\n{name:<12} {'channels' if channels else 'tensor':<9} {to_loop:5.2f} x the time of "
            f"the fused loop (product apart {two_to_loop:.2f}), {to_numpy:5.2f} x numpy's "
            f"({mine:.2f}, {loops:.2f}, {numpys:.2f} ms)",
            end="",
        )
    benchmark.pedantic(ours, rounds=5)
