"""Intervals over speakers: do they hold the truth as often as they say?"""

from __future__ import annotations

import numpy as np
import pytest

from fxpsim.errors import DataError
from fxpsim.train.statistics import _student, accuracy, gain

SEEDS, CLIPS = 3, 60


def experiment(rng, speakers, gained=0.0):
    """Networks that are right with a probability of each speaker's own; clips are shared."""
    groups = np.repeat(np.arange(speakers), CLIPS).astype(str)
    hard = np.repeat(0.8 + 0.06 * rng.standard_normal(speakers), CLIPS)
    easy = hard + gained + np.repeat(0.02 * rng.standard_normal(speakers), CLIPS)
    clip = rng.random(len(groups))
    jitter = rng.uniform(-0.02, 0.02, (2, SEEDS, len(groups)))
    return clip + jitter[0] < easy, clip + jitter[1] < hard, groups


def coverage(speakers, experiments=150):
    rng, held = np.random.default_rng(1), np.zeros(2)
    for i in range(experiments):
        better, worse, groups = experiment(rng, speakers, gained=0.03)
        own, difference = accuracy(worse, groups, seed=i), gain(better, worse, groups, seed=i)
        held += [own.low <= 0.8 <= own.high, difference.low <= 0.03 <= difference.high]
    return held / experiments


@pytest.mark.parametrize(("speakers", "least"), [(6, 0.88), (12, 0.89)])
def test_intervals_hold_the_truth(speakers, least):
    held = coverage(speakers)
    assert np.all(held >= least)
    assert np.all(held <= 0.99)


def test_a_difference_is_told_better_clip_by_clip():
    better, worse, groups = experiment(np.random.default_rng(2), 20, gained=0.03)
    paired, one, other = (
        gain(better, worse, groups),
        accuracy(better, groups),
        accuracy(worse, groups),
    )
    assert paired.mean == pytest.approx(one.mean - other.mean)
    assert paired.low > 0
    assert one.low < other.high
    assert paired.high - paired.low < 0.5 * (one.high - one.low)


def test_means_and_deviation_are_over_seeds():
    correct = np.array([[1, 1, 0, 1], [1, 0, 0, 0]], bool)
    found = accuracy(correct, ["a", "a", "b", "b"])
    assert found.mean == 0.5
    assert found.deviation == pytest.approx(np.std([0.75, 0.25], ddof=1))
    assert (found.low, found.high) == (0.25, 0.75)  # either speaker alone, averaged over seeds
    assert np.isnan(accuracy(correct[:1], ["a", "a", "b", "b"]).deviation)


def test_speakers_weigh_as_much_as_their_clips():
    correct = np.array([[True] * 9 + [False]])
    found = accuracy(correct, ["a"] * 9 + ["b"])
    assert (found.mean, found.low, found.high) == (0.9, 0.0, 1.0)


def test_one_speaker_has_no_interval():
    found = accuracy(np.array([[True, False]]), ["a", "a"])
    assert found.mean == 0.5
    assert np.isnan([found.low, found.high, found.deviation]).all()


def test_equal_networks_differ_by_nothing():
    correct, _, groups = experiment(np.random.default_rng(3), 5)
    same = gain(correct, correct, groups)
    assert (same.mean, same.low, same.high) == (0, 0, 0)
    assert accuracy(correct, groups, seed=4) == accuracy(correct, groups, seed=4)


def test_students_quantiles():
    found = [_student(degrees) for degrees in (1, 2, 5, 10, 30)]
    np.testing.assert_allclose(found, [12.7062, 4.3027, 2.5706, 2.2281, 2.0423], rtol=1e-4)


@pytest.mark.parametrize(
    ("correct", "groups", "sentence"),
    [
        (np.ones((2, 3)), ["a", "b", "c"], r"true or false for \[seeds, clips\], not float64"),
        (np.ones(3, bool), ["a", "b", "c"], r"not bool of shape \(3,\)"),
        (np.ones((0, 3), bool), ["a", "b", "c"], r"of shape \(0, 3\)"),
        (np.ones((2, 3), bool), ["a", "b"], r"groups must be 3 speakers, one a clip"),
    ],
)
def test_what_cannot_be_estimated_is_said(correct, groups, sentence):
    with pytest.raises(DataError, match=sentence):
        accuracy(correct, groups)


def test_other_seeds_or_clips_are_not_compared():
    with pytest.raises(DataError, match=r"same seeds and clips, not \(2, 4\) against \(3, 4\)"):
        gain(np.ones((2, 4), bool), np.ones((3, 4), bool), list("aabb"))
