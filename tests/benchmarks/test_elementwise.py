"""Speed of casts of 10**6 elements: against a fused loop, and numpy's expression, of that mode.

All three allocate their result; ours also checks its input and counts what overflowed.  They take
turns; times are medians over the turns of each turn's fastest call, as whatever else runs on the
machine only ever adds.  Recorded, never asserted; that all three agree is.
"""

from __future__ import annotations

import time

import numpy as np
import pytest
from benchmarks.fused_loops import (
    DRAWN,
    FIT,
    ROUND,
    fused_cast,
    fused_quantize,
    numpy_cast,
    numpy_quantize,
)

from fxpsim import QFormat, cast, quantize

TURNS, CALLS, COUNT = 5, 8, 1_000_000
WORD, WIDE = QFormat(8, 4), QFormat(20, 11)
PAIRS = [(mode, "saturate") for mode in [*ROUND, *DRAWN]] + [
    ("nearest_up", rule) for rule in FIT if rule != "saturate"
]


def measure(benchmark, capsys, name, ours, fused, numpy):
    calls = ours, fused, numpy
    times = np.empty((TURNS, 3, CALLS))
    for turn in times:
        for call, taken in zip(calls, turn, strict=True):
            call()  # so that each finds the memory that its own last call left, not another's
            for number in range(CALLS):
                begin = time.perf_counter()
                call()
                taken[number] = time.perf_counter() - begin
    our, loop, expression = np.median(times.min(axis=2), axis=0)
    benchmark.extra_info.update(of_fused=our / loop, of_numpy=our / expression)
    with capsys.disabled():
        print(
            f"\n{name:<44} {our * 1e3:6.3f} ms  {our / loop:5.2f} x the fused loop's time  "
            f"{our / expression:5.2f} x numpy's",
            end="",
        )
    benchmark.pedantic(ours, rounds=5)


@pytest.mark.parametrize(("rounding", "overflow"), PAIRS)
def test_quantize(benchmark, capsys, rounding, overflow):
    values = np.random.default_rng(0).normal(0, 6, COUNT)
    loop, expression = fused_quantize(rounding, overflow), numpy_quantize(rounding, overflow)
    result = quantize(values, WORD, rounding, overflow)
    np.testing.assert_array_equal(result, loop(values))
    np.testing.assert_array_equal(result, expression(values))
    measure(
        benchmark, capsys, f"quantize {rounding} {overflow}",
        lambda: quantize(values, WORD, rounding, overflow),
        lambda: loop(values), lambda: expression(values),
    )  # fmt: skip


@pytest.mark.parametrize(("rounding", "overflow"), PAIRS)
def test_cast(benchmark, capsys, rounding, overflow):
    rng = np.random.default_rng(0)
    codes = rng.integers(WIDE.lo, WIDE.hi, COUNT, endpoint=True).astype(np.int32)
    loop, expression = fused_cast(rounding, overflow), numpy_cast(rounding, overflow)
    result = cast(codes, WIDE, WORD, rounding, overflow)
    np.testing.assert_array_equal(result, loop(codes))
    np.testing.assert_array_equal(result, expression(codes))
    measure(
        benchmark, capsys, f"cast {rounding} {overflow}",
        lambda: cast(codes, WIDE, WORD, rounding, overflow),
        lambda: loop(codes), lambda: expression(codes),
    )  # fmt: skip
