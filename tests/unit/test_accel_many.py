"""Tables of design points: the numbers of single estimates, and errors that name rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import accel_models as am


def table(count: int = 40) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    return pd.DataFrame(
        {
            "rows": rng.integers(1, 40, count),
            "inputs": rng.integers(1, 300, count),
            "outputs": rng.integers(1, 200, count),
            "weight_bits": rng.choice([2, 4, 8], count),
            "accumulator_bits": rng.integers(16, 33, count),
        }
    )


def test_settings_are_columns_too() -> None:
    points = table()
    rng = np.random.default_rng(4)
    points["systolic.rows"] = rng.integers(1, 40, len(points))
    points["systolic.dataflow"] = rng.choice(["os", "ws", "is"], len(points))
    many = am.estimate_many("systolic:columns=8", points)
    for place, point in points.iterrows():
        model = am.create(
            "systolic:columns=8",
            rows=int(point["systolic.rows"]),
            dataflow=point["systolic.dataflow"],
        )
        work = am.Work.dense(
            int(point["rows"]),
            int(point["inputs"]),
            int(point["outputs"]),
            weight_bits=int(point["weight_bits"]),
            accumulator=am.Accumulator(int(point["accumulator_bits"])),
        )
        single = model.estimate(work).table.iloc[0]
        assert (many.loc[place] == single[many.columns]).all(), place


def test_kinds_and_gaps_are_priced_apart() -> None:
    works = [
        am.Work.dense(1, 64, 12, name="fc", accumulator=am.Accumulator(16, outer_bits=32)),
        am.Work.conv2d((25, 5, 64), 1, 64, name="pw", weight_bits=4),
        am.Work.depthwise((25, 5, 64), 3, name="dw"),
        am.Work.dense(3, 9, 7, ring=am.RingBuffer(27, 9)),
    ]
    points = am.work_table(works).set_index("name")
    many = am.estimate_many("systolic:gemmini", points)
    single = am.create("systolic:gemmini").estimate(works).table
    assert list(many.index) == [work.name for work in works]
    assert list(many["cycles"]) == list(single["cycles"])
    assert list(many["dram_bytes"]) == list(single["dram_bytes"])


def test_a_window_gives_shapes() -> None:
    points = pd.DataFrame(
        {
            "kind": ["conv2d"],
            "image_height": [12],
            "image_width": [10],
            "channels": [16],
            "kernel_height": [3],
            "kernel_width": [3],
            "outputs": [32],
        }
    )
    work = am.Work.conv2d((12, 10, 16), 3, 32, padding="valid")
    assert am.estimate_many("systolic", points)["macs"].iloc[0] == work.macs


def test_refused_points_are_named_or_empty() -> None:
    points = table()
    points.loc[[3, 7], "weight_bits"] = 9
    with pytest.raises(am.UnsupportedWorkError) as caught:
        am.estimate_many("fusible", points)
    text = str(caught.value)
    assert "2 mistakes" in text
    assert "design point 3 has 9-bit weights, but elements take at most 8" in text
    many = am.estimate_many("fusible", points, refused="nan")
    assert list(many.index[many["cycles"].isna()]) == [3, 7]
    kept = am.estimate_many("fusible", points.drop(index=[3, 7]))
    assert (many["cycles"].dropna() == kept["cycles"]).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"wieght_bits": 4}, "unknown column 'wieght_bits'; did you mean 'weight_bits'?"),
        ({"inputs": 0}, "inputs must be 1 or more, not 0"),
        ({"inputs": 2.5}, "inputs must hold whole numbers, not 2.5"),
        ({"kind": "dens"}, "kind cannot be 'dens'; did you mean 'dense'?"),
        ({"image_height": 4}, "a window needs all of image_height, image_width, channels"),
    ],
)
def test_wrong_tables(change: dict[str, object], message: str) -> None:
    with pytest.raises(am.WorkError) as caught:
        am.estimate_many("systolic", table(3).assign(**change))
    assert message in str(caught.value)


def test_wrong_settings_in_columns() -> None:
    with pytest.raises(am.ConfigError, match="rows must be more than 0, not 0"):
        am.estimate_many("systolic", table(3).assign(**{"systolic.rows": 0}))


def test_an_empty_table() -> None:
    assert am.estimate_many("systolic", table(0)).empty
