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


ONE = {"rows": [1, 2], "inputs": [4, 4], "outputs": [6, 6]}
CONVOLUTION = {
    "kind": "conv2d",
    **{name: [3, 3] for name in ("image_height", "image_width", "channels")},
    **{name: [3, 3] for name in ("kernel_height", "kernel_width")},
    "outputs": [4, 4],
}


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        (ONE | {"inputs": ["x", 4]}, "inputs must hold numbers of 63 bits or fewer, not 'x'"),
        (ONE | {"inputs": [4, 10**30]}, "inputs must hold numbers of 63 bits or fewer, not 4"),
        (ONE | {"inputs": [4, float("inf")]}, "inputs must hold whole numbers, not inf"),
        (ONE | {"weight_bits": [8, 99]}, "weight bits must be 64 or less, not 99"),
        (ONE | {"weight_entropy": [-1.0, 2.0]}, "weight_entropy must be 0 or more, not -1.0"),
        (ONE | {"weight_entropy": [1.0, 9.0]}, "weight entropy must lie in [0, 8] bits, not 9.0"),
        (ONE | {"products_per_spill": 4}, "products per spill need an outer accumulator"),
        (ONE | {"outer_bits": [40, 20]}, "outer bits must be 32 (the inner bits) or more, not 20"),
        (ONE | {"ring_values": 3, "ring_fresh": [3, 4]}, "fresh must be 3 (the values kept)"),
        (
            CONVOLUTION | {"kernel_height": [3, 5], "kernel_width": [3, 5]},
            "a window of (5, 5) must fit the padded image of (3, 3)",
        ),
        (CONVOLUTION | {"groups": 2}, "inputs x groups must be 27 (taps times channels), not 18"),
        (ONE | {"systolic.colums": 3}, "unknown key 'colums'; did you mean 'columns'?"),
        (ONE | {"systolic.rows": [4, "x"]}, "rows must hold numbers, not 4"),
        (ONE | {"systolic.dram_bytes_per_cycle": [4, float("inf")]}, "must be a finite number"),
    ],
)
def test_tables_that_cannot_be(columns: dict[str, object], sentence: str) -> None:
    with pytest.raises(am.CostError) as caught:
        am.estimate_many("systolic", pd.DataFrame(columns))
    assert sentence in str(caught.value)


def test_a_gap_in_a_column_of_names_is_the_default() -> None:
    found = am.estimate_many("systolic", pd.DataFrame(ONE | {"kind": [None, "dense"]}))
    assert found.cycles.tolist() == am.estimate_many("systolic", pd.DataFrame(ONE)).cycles.tolist()
