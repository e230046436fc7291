"""Detections are those of the plain Python rule, however the scores come."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fxpsim.detection.detector import Detector
from fxpsim.errors import ConfigError, DataError
from fxpsim.formats import Affine, QFormat
from fxpsim.spec.detection import detect

FORMATS = [QFormat(8, 8, signed=False), QFormat(8, 4), Affine(8, 1 / 256, -128)]


@st.composite
def problems(draw):
    columns = draw(st.integers(1, 4))
    fmt = draw(st.sampled_from(FORMATS))
    classes = tuple("abcd"[:columns])
    words = draw(st.lists(st.sampled_from(classes), min_size=1, unique=True))
    smoothing = draw(st.integers(1, 6))
    detector = Detector(
        fmt,
        classes,
        tuple(words),
        threshold=draw(st.integers(-50, 260)) * smoothing,
        smoothing=smoothing,
        refractory=draw(st.integers(0, 5)),
        warm_up=draw(st.integers(0, 5)),
    )
    rng = np.random.default_rng(draw(st.integers(0, 1 << 32)))
    few = rng.integers(fmt.lo, fmt.hi + 1, 5)  # so that ties come
    scores = rng.choice(few, (draw(st.integers(0, 40)), columns))
    cuts = sorted(draw(st.lists(st.integers(0, len(scores)), max_size=5)))
    return detector, scores, cuts


@given(problems())
def test_detections_are_those_of_the_rule(problem):
    detector, scores, cuts = problem
    zero = detector.format.zero_point if isinstance(detector.format, Affine) else 0
    words = [detector.classes.index(word) for word in detector.words]
    expected = detect(
        (scores - zero).tolist(),
        words,
        detector.smoothing,
        detector.threshold,
        detector.refractory,
        detector.warm_up,
    )
    found = detector.detect(scores)
    assert [(d.decision, detector.classes.index(d.word), d.total) for d in found] == expected
    stream = detector.stream()
    assert [d for part in np.split(scores, cuts) for d in stream.step(part)] == found
    lowest, highest = detector.sum_format.lo, detector.sum_format.hi
    assert all(lowest <= d.total <= highest for d in found)


def test_a_threshold_is_the_code_that_a_mean_must_pass():
    detector = Detector(Affine(8, 1 / 256, -128), ("x",), ("x",), 0, smoothing=5)
    assert detector.threshold_of(0.95) == 1216  # 0.95 * 5 * 256: exactly a code, so more is wanted
    assert detector.with_confidence(0.951).threshold == 1217
    assert (detector.sum_format.bits, detector.sum_format.signed) == (11, False)
    (found,) = detector.with_confidence(0.95).detect(np.array([[127]] * 5))
    assert (found.decision, found.total) == (4, 5 * 255)
    assert found.confidence == pytest.approx(255 / 256)
    signed = Detector(QFormat(8, 4), ("x",), ("x",), 0, smoothing=3).sum_format
    assert (signed.bits, signed.signed, signed.lo) == (10, True, -512)
    assert detector.stream().buffers == {"scores": 5, "sums": 2, "quiet": 2}


def test_a_detector_says_all_that_is_wrong():
    with pytest.raises(ConfigError, match="no class 'yas' to detect; did you mean 'yes'") as error:
        Detector(FORMATS[0], ("yes", "no"), ("yas",), 0.5, smoothing=0)
    assert "smoothing must be an integer from 1 to 65536, not 0" in str(error.value)
    assert "threshold must be an integer" in str(error.value)
    with pytest.raises(DataError, match=r"scores must be \(decisions, 1\), not of shape"):
        Detector(FORMATS[0], ("x",), ("x",), 0).detect(np.zeros((3, 2), int))
