"""What docs/explanation/front-end.md shows is what its script makes."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fxpsim.frontend.lfbe import Lfbe
from fxpsim.kws.recordings import Clip

PAGE = Path(__file__).resolve().parents[2] / "docs/explanation/front-end.md"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location(
        "draw_front_end", PAGE.with_name("draw_front_end.py")
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def stored():
    return pd.read_csv(PAGE.with_name("front-end-widths.csv"))


def test_the_page_shows_the_stored_table(script, stored):
    assert script.markdown(stored) in PAGE.read_text()
    assert set(stored["setting"]) == {noun for noun, *_ in script.points()}


def test_the_picture_is_drawn_from_it(script, stored, tmp_path):
    script.draw(stored, tmp_path / "drawn.png")
    assert (tmp_path / "drawn.png").stat().st_size > 10_000
    assert "pictures/front-end-widths.png" in PAGE.read_text()


def test_the_measurement_runs(script):
    rng = np.random.default_rng(0)
    sounds = rng.integers(-3000, 3000, (4, 16000)).astype(np.int16)
    clips = [Clip("yes", f"speaker{i % 2}", str(i), lambda s=s: s) for i, s in enumerate(sounds)]
    table = script.measure(clips, [("FFT words", bits, Lfbe(data_bits=bits)) for bits in (8, 16)])
    assert len(table) == 2 * len(script.NETWORKS)
    assert (table["snr_spectrum"].diff()[1:2] > 20).all()
    assert len(script.markdown(table).splitlines()) == 4


def test_the_default_loses_what_the_page_says(stored):
    row = stored[(stored["setting"] == "FFT words") & (stored["value"] == "16")].iloc[0]
    assert int(row["value"]) == Lfbe().data_bits
    assert 0 < row["snr_codes_float"] - row["snr_codes"] < 1
    assert row["loss_low"] <= 0 <= row["loss_high"]
