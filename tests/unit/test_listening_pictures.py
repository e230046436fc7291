"""Pictures of listening show what was heard, and no more than can be claimed."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fxpsim import load
from fxpsim.detection import Heard, Listener, detector_for, shipped_recording
from fxpsim.frontend import front_end_for
from fxpsim.report import drawing, listening


@pytest.fixture
def figures(monkeypatch):
    """Figures as they are when they are saved."""
    seen = []
    picture = drawing.picture

    def kept(path, height):
        context = picture(path, height)

        class Kept:
            def __enter__(self):
                seen.append(context.__enter__())
                return seen[-1]

            def __exit__(self, *error):
                return context.__exit__(*error)

        return Kept()

    monkeypatch.setattr(listening, "picture", kept)
    return seen


def test_rows_scores_and_detections_are_drawn(figures, tmp_path):
    graph = load("kws250k-4bit")
    front_end, _ = front_end_for(graph)
    listener = Listener(graph, front_end, detector_for(graph, front_end, confidence=0.5))
    heard = listener.listen_rows(shipped_recording().samples[:250])
    assert heard.detections
    listening.listening_picture(tmp_path / "heard.png", listener, heard)
    (figure,) = figures
    codes, scores = figure.axes
    np.testing.assert_array_equal(codes.images[0].get_array(), heard.rows.T)
    assert [text.get_text() for text in scores.texts] == [one.word for one in heard.detections]
    detector = listener.detector
    sums = detector.sums(detector.multiplicands(heard.scores))
    best = max(detector.words, key=lambda word: sums[:, detector.classes.index(word)].max())
    curve = next(line for line in scores.lines if line.get_label() == best)
    expected = sums[:, detector.classes.index(best)] * detector.unit
    np.testing.assert_allclose(curve.get_ydata(), expected)
    assert curve.get_xdata()[-1] == pytest.approx(listener.time_of(len(sums) - 1))
    assert (tmp_path / "heard.png").stat().st_size > 10_000


def test_long_recordings_keep_their_peaks(figures, tmp_path):
    graph = load("kws250k-4bit")
    front_end, _ = front_end_for(graph)
    listener = Listener(graph, front_end, detector_for(graph, front_end))
    rows = np.full((9000, 20), -128)
    rows[5000, 3] = 99
    scores = np.zeros((8985, 12), int)
    listening.listening_picture(tmp_path / "long.png", listener, Heard(rows, scores, ()))
    drawn = figures[0].axes[0].images[0].get_array()
    assert drawn.shape == (20, 2000)
    assert (drawn.max(), np.count_nonzero(drawn == 99)) == (99, 1)


def test_curves_end_where_nothing_can_be_claimed(figures, tmp_path):
    false = np.array([50, 9, 2, 1, 0])
    table = pd.DataFrame(
        {
            "false_accepts": false,
            "hours": 0.5,
            "false_accepts_low": false * 1.5,
            "false_accepts_high": false * 3 + 7.0,
            "claimed_per_hour": np.maximum(false, 3) / 0.5,
            "false_reject_rate": [0.1, 0.2, 0.3, 0.4, 0.5],
        }
    )
    listening.det_picture(tmp_path / "det.png", {"one": table})
    curve = next(line for line in figures[0].axes[0].lines if line.get_label() == "one")
    assert curve.get_xdata().tolist() == [100, 18, 6]
    np.testing.assert_allclose(curve.get_ydata(), [10, 20, 30])


def test_pictures_of_the_page_are_those_of_its_script(tmp_path):
    page = Path(__file__).resolve().parents[2] / "docs/how-to/detect-words-in-audio.md"
    script = importlib.util.spec_from_file_location("draw", page.with_name("draw_detection.py"))
    module = importlib.util.module_from_spec(script)
    script.loader.exec_module(module)
    module.main(tmp_path)
    shown = set(re.findall(r"!\[[^]]+\]\(pictures/([^)]+)\)", page.read_text()))
    assert shown == {path.name for path in tmp_path.iterdir()}
    assert shown <= {path.name for path in (page.parent / "pictures").iterdir()}
