"""DRAM reads of operands that exceed their buffer, against a buffer simulated word by word."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import pytest

import accel_models as am
from accel_models.systolic.replay import LONGEST, image_words, replayed_inputs, replayed_weights

CASES = 60


def fetched(requests: Iterable[object], held: int) -> int:
    """Count what is not found by a buffer that forgets all when it is full."""
    count, buffer = 0, set()
    for word in requests:
        if word not in buffer:
            count += 1
            buffer.add(word)
            if len(buffer) >= held:
                buffer.clear()
    return count


def skewed(length: int, lines: range) -> Iterator[tuple[int, int]]:
    """Yield (step, line), each line one step behind the one before."""
    for time in range(length + len(lines) - 1):
        yield from ((time - i, line) for i, line in enumerate(lines) if 0 <= time - i < length)


def tiles(count: int, size: int) -> list[range]:
    return [range(at, min(at + size, count)) for at in range(0, count, size)]


def inputs(flow: str, r: int, c: int, work: am.Work) -> Iterator[tuple[int, int]]:
    """Yield (vector, product) as the array asks for them."""
    m, k, n = work.rows, work.inputs, work.outputs // work.groups
    if flow == "is":
        for vectors in tiles(m, c):
            for products in tiles(k, r):
                yield from ((vector, product) for product in products[::-1] for vector in vectors)
        return
    for _ in tiles(n, c):
        for lines in tiles(m if flow == "os" else k, r):
            for step, line in skewed(k if flow == "os" else m, lines):
                yield (line, step) if flow == "os" else (step, line)


def weights(flow: str, r: int, c: int, work: am.Work) -> Iterator[tuple[int, int]]:
    m, k, n = work.rows, work.inputs, work.outputs // work.groups
    if flow == "ws":
        yield from skewed(k, range(n))
    elif flow == "os":
        for lines in tiles(n, c):
            for _ in tiles(m, r):
                yield from skewed(k, lines)
    else:
        for _ in tiles(m, c):
            for lines in tiles(k, r):
                yield from skewed(n, lines)


def pixels(
    window: am.Window, work: am.Work, requests: Iterable[tuple[int, int]]
) -> Iterator[object]:
    channels = work.inputs // window.taps
    for vector, product in requests:
        tap, channel = divmod(product, channels)
        at, of = divmod(vector, window.output[1]), divmod(tap, window.kernel[1])
        y, x = (
            at[axis] * window.stride[axis] + of[axis] * window.dilation[axis] - window.before[axis]
            for axis in (0, 1)
        )
        if 0 <= y < window.image[0] and 0 <= x < window.image[1]:
            yield y, x, channel


@pytest.mark.parametrize("flow", ["os", "ws", "is"])
def test_dense_layers_have_closed_forms(flow: str) -> None:
    rng = np.random.default_rng(8)
    for _ in range(CASES):
        m, k, n = (int(size) for size in rng.integers(1, 20, 3))
        r, c, held = int(rng.integers(1, 8)), int(rng.integers(1, 8)), int(rng.integers(1, 200))
        work, array = am.Work.dense(m, k, n), (flow, r, c)
        theirs = fetched(inputs(*array, work), held), fetched(weights(*array, work), held)
        ours = replayed_inputs(*array, work, held), replayed_weights(*array, work, held)
        assert ours == theirs, (m, k, n, r, c, held)


@pytest.mark.parametrize("flow", ["os", "ws", "is"])
def test_images_are_replayed(flow: str) -> None:
    rng = np.random.default_rng(9)
    for _ in range(CASES):
        height, width, taps_y, taps_x = (
            int(size) for size in rng.integers((4, 4, 1, 1), (9, 9, 4, 4))
        )
        work = am.Work.conv2d(
            (height, width, int(rng.integers(1, 4))),
            (taps_y, taps_x),
            int(rng.integers(1, 12)),
            stride=int(rng.integers(1, 4)),
            dilation=int(rng.integers(1, 3)),
            padding=((int(rng.integers(4)), 2), (int(rng.integers(3)), 3)),
        )
        assert work.window is not None
        r, c, held = int(rng.integers(1, 8)), int(rng.integers(1, 8)), int(rng.integers(1, 200))
        asked = list(pixels(work.window, work, inputs(flow, r, c, work)))
        assert image_words(work, work.window) == len(set(asked))
        assert replayed_inputs(flow, r, c, work, held) == fetched(asked, held), (work, r, c, held)


@pytest.mark.parametrize("flow", ["os", "ws", "is"])
def test_tables_say_the_same(flow: str) -> None:
    works = [
        am.Work.dense(24, 40, 30),
        am.Work.dense(1, 40, 30),
        am.Work.conv2d((20, 9, 3), 3, 20),
        am.Work.conv2d((6, 4, 1), 3, 20),
        am.Work.conv2d((20, 9, 3), 3, 20, dilation=2),
        am.Work.depthwise((30, 20, 2), 3),
    ]
    model = am.create(f"systolic:{flow},input_sram_kib=0.6,weight_sram_kib=0.6")
    single = model.estimate(works).table
    many = am.estimate_many(model, am.work_table(works))
    for name in ("dram_input_reads_words", "dram_weight_reads_words", "cycles"):
        assert list(many[name]) == list(single[name]), name


def test_what_is_too_long_to_replay_is_refused_with_a_way_out() -> None:
    work = am.Work.conv2d((2000, 2000, 8), 3, 8)
    assert work.rows * work.inputs > LONGEST
    model = am.create("systolic")
    assert "buffers=bound" in model.supports(work).reason
    assert am.create("systolic:buffers=bound").estimate(work).cycles > 0
