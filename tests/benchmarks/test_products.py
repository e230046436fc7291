"""Speed of whole calls, as ratios to numpy's float32 product in the same process.

Operands of numpy are float32 already; ours are int8, packing included.  Calls of both alternate,
one BLAS thread; the ratio is the median over the pairs.  Recorded, never asserted.
"""

from __future__ import annotations

import platform
import time
from pathlib import Path

import numpy as np
import pytest

from fxpsim import Accumulator, matmul, matmul_stats

threadpoolctl = pytest.importorskip("threadpoolctl")

PAIRS = 20
ROWS, LENGTH, OUTPUTS = 1024, 256, 256


def processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


@pytest.fixture(scope="module")
def operands():
    rng = np.random.default_rng(0)
    shapes = (ROWS, LENGTH), (LENGTH, OUTPUTS)
    return [rng.integers(-128, 128, shape).astype(np.int8) for shape in shapes]


def record(benchmark, capsys, name, ours, theirs):
    ours(), theirs()
    pairs = []
    for _ in range(PAIRS):
        begin = time.perf_counter()
        theirs()
        middle = time.perf_counter()
        ours()
        pairs.append((middle - begin, time.perf_counter() - middle))
    numpy_time, our_time = np.median(pairs, axis=0)
    ratio = float(np.median([theirs / ours for theirs, ours in pairs]))
    macs = ROWS * LENGTH * OUTPUTS / our_time / 1e9
    benchmark.extra_info.update(ratio=ratio, giga_macs=macs, processor=processor())
    with capsys.disabled():
        print(
            f"\n{name:<22} {ratio:5.2f} x numpy float32  "
            f"({our_time * 1e3:.2f} ms against {numpy_time * 1e3:.2f}; {macs:.0f} GMAC/s)",
            end="",
        )
    benchmark.pedantic(ours, rounds=PAIRS)


@pytest.mark.parametrize(
    "accumulator",
    [
        Accumulator(16, "saturate"),
        Accumulator(16, "wrap"),
        Accumulator(12, "saturate"),
        Accumulator(12, "wrap"),
        Accumulator(20, "saturate"),
        Accumulator(24, "wrap"),
        Accumulator(32, "wrap"),
    ],
    ids=str,
)
def test_matmul(benchmark, capsys, operands, accumulator):
    a, b = operands
    fa, fb = a.astype(np.float32), b.astype(np.float32)
    with threadpoolctl.threadpool_limits(1):
        record(
            benchmark, capsys, f"{accumulator}", lambda: matmul(a, b, accumulator), lambda: fa @ fb
        )


@pytest.mark.parametrize("mode", ["saturate", "wrap"])
def test_matmul_stats(benchmark, capsys, operands, mode):
    a, b = operands
    fa, fb = a.astype(np.float32), b.astype(np.float32)
    register = Accumulator(16, mode)
    with threadpoolctl.threadpool_limits(1):
        record(
            benchmark, capsys, f"{register}, statistics",
            lambda: matmul_stats(a, b, register), lambda: fa @ fb,
        )  # fmt: skip
