"""The integer front end on speech: default widths are the narrowest within 1 dB."""

from __future__ import annotations

import numpy as np
import pytest

import fxpsim as fx
from fxpsim.frontend.lfbe import Lfbe
from fxpsim.frontend.widths import NARROWED, float_snr, front_end_sweep, one_at_a_time, stage_snr
from fxpsim.kws.labels import label_of_word
from fxpsim.kws.recordings import audio_of_npz


@pytest.fixture(scope="module")
def clips(test_data):
    return audio_of_npz(test_data / "gsc12" / "gsc12_dev.npz")


def test_no_default_width_can_go_lower(clips):
    words = [clip for clip in clips if clip.split == "validation" and clip.word != "_silence_"]
    audio = np.stack([clip.second() for clip in words])
    base = Lfbe()
    floor = float_snr(base, audio) - 1.0
    assert stage_snr(base, audio)["codes"] >= floor
    for name in NARROWED:
        value = getattr(base, name)
        (_, lower) = one_at_a_time(base, **{name: [value // 2 if "entries" in name else value - 1]})
        assert stage_snr(lower, audio)["codes"] < floor, name


def test_networks_answer_as_behind_the_float_front_end(clips):
    tested = [clip for clip in clips if clip.split == "test"][::3]
    audio = np.stack([clip.second() for clip in tested])
    labels = np.array([label_of_word(clip.word) for clip in tested])
    groups = np.array([clip.group for clip in tested])
    for name in ("kws250k-8bit", "kws250k-5bit", "kws250k-4bit"):
        table = front_end_sweep([Lfbe()], audio, fx.load(name), labels, groups, snr_clips=10)
        (row,) = table.to_dict("records")
        print(name, {key: row[key] for key in ("accuracy", "loss", "agreement", "equal_codes")})
        assert row["loss_low"] <= 0.0 <= row["loss_high"]
        assert row["agreement"] > 0.95
        assert row["equal_codes"] > 0.9
        assert row["events"] == 0
