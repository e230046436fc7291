"""Speed of whole calls, as ratios to numpy's float32 product in the same process.

Operands of numpy are float32 already; ours are int8, packing included.  Calls of both alternate,
one BLAS thread; the ratio is the median over the pairs.  Times are the thread's own: what else the
machine does meanwhile does not count.  Recorded, never asserted.
"""

from __future__ import annotations

import platform
import time
from pathlib import Path

import numpy as np
import pytest

from fxpsim import (
    Accumulator,
    Chunked,
    Interleaved,
    Product,
    QFormat,
    Rounding,
    Spill,
    matmul,
    matmul_stats,
    pack,
    presets,
)

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
        begin = time.thread_time()
        theirs()
        middle = time.thread_time()
        ours()
        pairs.append((middle - begin, time.thread_time() - middle))
    numpy_time, our_time = np.median(pairs, axis=0)
    ratio = float(np.median([theirs / ours for theirs, ours in pairs]))
    macs = ROWS * LENGTH * OUTPUTS / our_time / 1e9
    benchmark.extra_info.update(ratio=ratio, giga_macs=macs, processor=processor())
    with capsys.disabled():
        print(
            f"\n{name:<72} {ratio:5.2f} x numpy float32  "
            f"({our_time * 1e3:.2f} ms against {numpy_time * 1e3:.2f}; {macs:.0f} GMAC/s)",
            end="",
        )
    benchmark.pedantic(ours, rounds=PAIRS)


S = "saturate"
PLAIN = [
    Accumulator(16, S), Accumulator(15, S), Accumulator(12, S), Accumulator(8, S),
    Accumulator(17, S), Accumulator(20, S), Accumulator(31, S),
    Accumulator(16), Accumulator(12), Accumulator(24), Accumulator(32),
]  # fmt: skip
ORDERS = [
    Accumulator(16, S, order=Interleaved(4)), Accumulator(16, S, order=Interleaved(8)),
    Accumulator(16, S, order=Interleaved(16)),
    Accumulator(16, S, order=Interleaved(4, "sequential")),
    Accumulator(20, S, order=Interleaved(4)), Accumulator(12, S, order=Interleaved(4)),
    Accumulator(16, S, order=Chunked(2)), Accumulator(16, S, order=Chunked(3)),
    Accumulator(16, S, order=Chunked(4)), Accumulator(16, S, order=Chunked(8)),
    Accumulator(20, S, order=Chunked(4)), Accumulator(12, S, order=Chunked(4)),
    Accumulator(16, S, order=Chunked(4, 16)), Accumulator(20, S, order=Chunked(8, 17)),
    Accumulator(16, S, spill=Spill(16)), presets.neon_smlal(8), presets.avx2_maddubs(),
    presets.neon_sdot(),
]  # fmt: skip
ROUNDED = [
    *(Accumulator(16, S, frac=0, rounding=r) for r in Rounding if not r.startswith("stochastic")),
    Accumulator(16, frac=0, rounding="nearest_even"),
    Accumulator(20, S, product=Product(10, 2, "nearest_even", S)),
]


def against_numpy(benchmark, capsys, name, operands, ours):
    fa, fb = (operand.astype(np.float32) for operand in operands)
    with threadpoolctl.threadpool_limits(1):
        record(benchmark, capsys, name, ours, lambda: fa @ fb)


@pytest.mark.parametrize("accumulator", PLAIN + ORDERS, ids=repr)
def test_matmul(benchmark, capsys, operands, accumulator):
    a, b = operands
    name = described(accumulator)
    against_numpy(benchmark, capsys, name, operands, lambda: matmul(a, b, accumulator))


@pytest.mark.parametrize("accumulator", ROUNDED, ids=repr)
def test_rounding_at_every_addition(benchmark, capsys, operands, accumulator):
    """Products have 4 bits of fraction, the register none (2, rounded before, in the last)."""
    a, b = operands
    fmt = QFormat(8, 2)
    against_numpy(
        benchmark, capsys, described(accumulator), operands,
        lambda: matmul(a, b, accumulator, a_format=fmt, b_format=fmt),
    )  # fmt: skip


@pytest.mark.parametrize(
    "accumulator",
    [Accumulator(16, S), Accumulator(16), Accumulator(12, S), Accumulator(20, S), Accumulator(32)],
    ids=str,
)
def test_matmul_stats(benchmark, capsys, operands, accumulator):
    a, b = operands
    name = f"{accumulator}, statistics"
    against_numpy(benchmark, capsys, name, operands, lambda: matmul_stats(a, b, accumulator))


def described(accumulator):
    """Return what differs from a plain register, shortly."""
    text = repr(accumulator).removeprefix("Accumulator(bits=").removesuffix(")")
    for long, short in (("overflow=", ""), ("order=", ""), ("'", ""), ("rounding=", "")):
        text = text.replace(long, short)
    return text[:72]


def quickest(call, calls=2000):
    call()
    times = []
    for _ in range(calls):
        begin = time.thread_time()
        call()
        times.append(time.thread_time() - begin)
    return float(np.median(times))


@pytest.mark.parametrize(
    "accumulator", [Accumulator(16, S), Accumulator(12, S), Accumulator(20, S), Accumulator(32)],
    ids=str,
)  # fmt: skip
def test_one_inference(benchmark, capsys, accumulator):
    """Batch 1, K = 640, N = 128, weights packed once: the kernel alone, and what a call adds.

    What a call costs beside its kernel is what it takes for a product of 1 by 1.
    """
    rng = np.random.default_rng(0)
    a, b = (rng.integers(-128, 128, shape).astype(np.int8) for shape in ((1024, 640), (640, 128)))
    packed, small = pack(b, accumulator), pack(b[:1, :1], accumulator)
    row, one = np.ascontiguousarray(a[:1]), np.ascontiguousarray(a[:1, :1])
    overhead = quickest(lambda: matmul(one, small))
    single = quickest(lambda: matmul(row, packed)) - overhead
    batch = (quickest(lambda: matmul(a, packed), 50) - overhead) / len(a)
    benchmark.extra_info.update(overhead=overhead, ratio=single / batch, processor=processor())
    with capsys.disabled():
        print(
            f"\n{accumulator!s:<14} one inference {single * 1e6:5.1f} us, "
            f"{single / batch:4.1f} x one of a batch; call {overhead * 1e6:.1f} us",
            end="",
        )
    benchmark.pedantic(lambda: matmul(row, packed), rounds=PAIRS)
