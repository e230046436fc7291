"""Speed of the integer front end: seconds of audio that one second on one core goes through."""

from __future__ import annotations

import numpy as np
import pytest

from fxpsim.frontend import create

SECONDS = 10
AUDIO = np.random.default_rng(0).integers(-9000, 9000, SECONDS * 16000).astype(np.int16)


@pytest.mark.parametrize("name", ["lfbe", "lfbe:data_bits=20", "lfbe:scaling=fixed", "logmel"])
def test_whole_clips(benchmark, name):
    front_end = create(name)
    codes = benchmark(front_end.rows, AUDIO)
    assert len(codes) == (len(AUDIO) - front_end.window) // front_end.hop + 1
    if benchmark.stats:
        benchmark.extra_info["times_real_time"] = SECONDS / benchmark.stats.stats.median


@pytest.mark.parametrize("name", ["lfbe", "logmel"])
def test_row_by_row(benchmark, name):
    front_end = create(name)
    stream = front_end.stream()
    stream.step(AUDIO[: front_end.window])
    row = AUDIO[: front_end.hop]
    assert benchmark(stream.step, row).shape == (1, front_end.bands)
