"""Design points a second, of every cost model that takes tables."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest

import accel_models as am
from accel_models.closed_form import ClosedForm

POINTS = 100_000
FORMS = [n for n in am.list_models() if isinstance(am.create(n), ClosedForm)]


def points(kind: str) -> pd.DataFrame:
    """Return layers of random shapes that every machine can do."""
    rng = np.random.default_rng(0)
    sizes = {"outputs": rng.integers(1, 128, POINTS), "weight_bits": rng.choice([2, 4, 8], POINTS)}
    if kind == "dense":
        shape = {"rows": rng.integers(1, 64, POINTS), "inputs": rng.integers(1, 256, POINTS)}
    else:
        taps = rng.choice([1, 3], POINTS)
        pads = ("pad_above", "pad_left", "pad_below", "pad_right")
        shape = {
            "image_height": rng.integers(3, 50, POINTS),
            "image_width": rng.integers(3, 20, POINTS),
            "channels": rng.integers(1, 128, POINTS),
            "kernel_height": taps,
            "kernel_width": taps,
            **dict.fromkeys(pads, taps // 2),
        }
    return pd.DataFrame({"kind": kind, **shape, **sizes})


@pytest.mark.parametrize("kind", ["dense", "conv2d"])
@pytest.mark.parametrize("name", FORMS)
def test_design_points(benchmark, name: str, kind: str) -> None:
    table = points(kind)
    am.estimate_many(name, table.head(10))
    start = time.process_time()
    benchmark.pedantic(am.estimate_many, (name, table), rounds=5)
    rate = 5 * POINTS / (time.process_time() - start)
    benchmark.extra_info["design points a second of processor time"] = round(rate)
    print(f"{name:17} {kind:7} {rate:12,.0f} design points a second")
    assert rate > (1e6 if name == "systolic" else 1e5)
