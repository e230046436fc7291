"""Write docs/reference/peers.md: fxpsim beside other libraries on the same work.

    python tests/benchmarks/compare_peers.py

Peers that are not installed are left out; the page says which versions ran.
"""

from __future__ import annotations

import os
import platform
import sys
import time
from importlib import metadata
from pathlib import Path

#: No call shall pay for memory that the one before it gave back (glibc).
KEEP = {"MALLOC_TRIM_THRESHOLD_": "1000000000", "MALLOC_MMAP_THRESHOLD_": "1000000000"}
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
if os.environ.get("MALLOC_TRIM_THRESHOLD_") != KEEP["MALLOC_TRIM_THRESHOLD_"]:
    os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **KEEP, **ONE_THREAD})

import numpy as np  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]
from peer_tasks import Task, tasks  # noqa: E402

PAGE = ROOT / "docs/reference/peers.md"
TURNS, CALLS = 6, 6  # of each peer; the first of each turn only brings caches to their state
PATIENCE, SLOW = 6.0, 0.1  # seconds after which a peer has had enough; of calls that all count
PEERS = ("numpy", "numba", "onnxruntime", "apytypes", "fxpmath")

INTRODUCTION = """\
# Beside other libraries

Written by `tests/benchmarks/compare_peers.py`; every number is measured on {cpu}, Python
{python}; {versions}.

The same work for all, in one process, the libraries taking turns of {calls} calls, medians of
{rounds} (fewer of those that take seconds). One thread; times are the processor's, untouched by
what else runs. Operands are in each library's own form before the clock starts and results are
converted after it stops; every call allocates its result anew, and the allocator is told to keep
what is given back. *Against the rules*: the first 20,000 elements (19,200 sums, 2 rows of matrix
products) compared with `fxpsim.spec`, plain Python integers.
"""


def processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    pairs = (line.partition(":") for line in lines)
    field = {key.strip(): value.strip() for key, _, value in pairs}
    if "model name" not in field:
        return platform.processor()
    vector = "AVX-512" if "avx512f" in field.get("flags", "") else "no AVX-512"
    vnni = ", VNNI" if "avx512_vnni" in field.get("flags", "") else ""
    where = f"family {field.get('cpu family')}, model {field.get('model')}"
    return f"{field['model name']} ({where}, {vector}{vnni})"


def measure(task: Task) -> list[float]:
    """Return the median seconds of every entry; they take turns of a few calls."""
    times: list[list[float]] = [[] for _ in task.entries]
    for _ in range(TURNS):
        for entry, seen in zip(task.entries, times, strict=True):
            for number in range(CALLS + 1):
                if sum(seen) > PATIENCE:
                    break
                begin = time.process_time()
                entry.call()
                taken = time.process_time() - begin
                if number or taken > SLOW:
                    seen.append(taken)
    return [float(np.median(seen)) for seen in times]


def verdict(task: Task, codes: np.ndarray) -> str:
    found = np.asarray(codes)[: len(task.expected)]
    wrong = int((found != task.expected).sum())
    return "equal" if not wrong else f"**{wrong:,} of {task.expected.size:,} differ**"


def number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def table(task: Task) -> str:
    verdicts = [verdict(task, entry.codes(entry.call())) for entry in task.entries]
    seconds = measure(task)
    rates = [
        task.amount * entry.part / taken for entry, taken in zip(task.entries, seconds, strict=True)
    ]
    lines = [
        f"## {task.title}",
        "",
        f"| | {task.unit} | fxpsim is faster by | against the rules | |",
        "|---|---|---|---|---|",
    ]
    for entry, rate, correct in zip(task.entries, rates, verdicts, strict=True):
        factor = "" if entry is task.entries[0] else f"{number(rates[0] / rate)} x"
        lines.append(f"| {entry.peer} | {number(rate)} | {factor} | {correct} | {entry.note} |")
    return "\n".join(lines)


def versions() -> str:
    found = []
    for name in PEERS:
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            found.append(f"{name} not installed")
    return ", ".join(found)


def main() -> None:
    head = INTRODUCTION.format(
        cpu=processor(),
        python=platform.python_version(),
        versions=versions(),
        calls=CALLS,
        rounds=TURNS * CALLS,
    )
    sections = []
    for task in tasks():
        sections.append(table(task))
        print(sections[-1], end="\n\n", flush=True)
    PAGE.write_text("\n".join([head, "\n\n".join(sections), ""]))


if __name__ == "__main__":
    main()
