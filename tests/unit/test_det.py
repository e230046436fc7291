"""False alarms where a share of the keywords is missed: by hand, by brute force, resampled."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fxpsim.det import Measure, Trials
from fxpsim.errors import ConfigError, DataError
from fxpsim.resampling import resample_groups
from fxpsim.scoring import Score

CLASSES = ("a", "b", "_silence_")


def score(rows, labels, groups=None):
    groups = np.arange(len(labels)).astype(str) if groups is None else np.array(groups)
    return Score(np.array(rows), np.array(labels), groups, CLASSES)


def random_score(seed, spread=6, clips=60, speakers=7):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, clips)
    rows = rng.integers(-spread, spread, (clips, 3)) + 4 * np.eye(3, dtype=int)[labels]
    return score(rows, labels, rng.integers(0, speakers, clips).astype(str))


def trials_of(rows, labels):
    """Return (margin, said) of every clip and keyword, one by one."""
    found = []
    for row, label in zip(rows.tolist(), labels.tolist(), strict=True):
        for keyword in (0, 1):
            others = max(value for place, value in enumerate(row) if place != keyword)
            found.append((row[keyword] - others, label == keyword))
    return found


def brute_force(trials, measure, rate):
    """Return the rate at the highest of all thresholds that miss no more keywords than allowed."""
    said = [margin for margin, is_said in trials if is_said]
    other = [margin for margin, is_said in trials if not is_said]
    for threshold in sorted({margin for margin, _ in trials}, reverse=True):
        true = sum(margin >= threshold for margin in said)
        false = sum(margin >= threshold for margin in other)
        if len(said) - true <= rate * len(said) + 1e-9:
            return (
                false / (true + false)
                if measure is Measure.FALSE_DISCOVERIES
                else false / len(other)
            )
    raise AssertionError("the lowest threshold misses nothing")


def test_by_hand():
    # Margins of keyword a: 2, -2, -4, -9; of b: -2, 0, 4, -9.  Said: 2 and -4 (a), 0 (b).
    result = score([[3, 1, 0], [0, 2, 2], [1, 5, 0], [0, 0, 9]], [0, 1, 0, 2])
    assert result.rate_at(0.0) == 3 / 6  # -4 must be accepted, and with it 4, -2, -2
    assert result.rate_at(0.34) == 1 / 3  # 0 must: 2, 0 are right, 4 is not
    assert result.rate_at(0.0, Measure.FALSE_ACCEPTS) == 3 / 5
    assert result.rate_at(0.34, Measure.FALSE_ACCEPTS) == 1 / 5


@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([0.0, 0.05, 0.1, 0.29, 0.5, 0.99]),
    st.sampled_from(Measure),
    st.sampled_from([1, 3, 50]),
)
def test_the_highest_threshold_allowed_by_brute_force(seed, rate, measure, spread):
    one = random_score(seed, spread)
    wanted = brute_force(trials_of(one.scores, one.labels), measure, rate)
    assert one.rate_at(rate, measure) == pytest.approx(wanted, abs=1e-12)


@given(st.integers(0, 2**32 - 1), st.sampled_from(Measure))
def test_a_resample_is_the_set_with_speakers_repeated(seed, measure):
    one = random_score(seed)
    draws, number = resample_groups(one.groups, seed=1)
    drawn = draws[seed % len(draws)]
    again = np.repeat(np.arange(len(number)), drawn[number])
    if not np.isin(one.labels[again], (0, 1)).any():
        return
    wanted = brute_force(trials_of(one.scores[again], one.labels[again]), measure, 0.1)
    assert one._trials()._rates(measure, 0.1, drawn[None])[0] == pytest.approx(wanted)


def test_a_network_beside_itself_is_no_change():
    one = random_score(3)
    found = one.relative_change(one, 0.1)
    assert found.value == found.reference == one.rate_at(0.1) > 0
    assert (found.change, found.low, found.high) == (0.0, 0.0, 0.0)


def test_the_interval_is_paired_and_holds_the_change():
    worse, better = random_score(5, spread=8, clips=600), random_score(5, spread=5, clips=600)
    found = worse.relative_change(better, 0.1, Measure.FALSE_ACCEPTS)
    assert found.change == pytest.approx(found.value / found.reference - 1)
    assert 0 < found.low < found.change < found.high
    assert found == worse.relative_change(better, 0.1, Measure.FALSE_ACCEPTS)


def test_twice_the_errors_of_every_speaker_is_twice_exactly():
    """Each speaker says a keyword and lets one or two false ones pass: no resample differs."""
    speakers = np.repeat(np.arange(12), 3)
    labels = np.tile([0, 2, 2], 12)
    one = np.tile([[5, 0, 0], [6, 0, 0], [0, 0, 9]], (12, 1))
    two = np.tile([[5, 0, 0], [6, 0, 0], [6, 0, 0]], (12, 1))
    found = score(two, labels, speakers.astype(str)).relative_change(
        score(one, labels, speakers.astype(str)), 0.0, Measure.FALSE_ACCEPTS
    )
    assert (found.change, found.low, found.high) == (1.0, 1.0, 1.0)


def test_without_an_error_of_the_reference_there_is_no_change_to_speak_of():
    labels = [0, 1, 2, 0, 1, 2]
    right = 9 * np.eye(3, dtype=int)[labels]
    wrong = right.copy()
    wrong[2] = [20, 0, 0]
    found = score(wrong, labels).relative_change(score(right, labels), 0.1)
    assert found.value > 0
    assert found.reference == 0
    assert np.isnan([found.change, found.low, found.high]).all()


def test_an_interval_with_too_many_empty_references_is_not_defined():
    """One speaker of six makes the reference's only error: many resamples miss that speaker."""
    labels = np.tile([0, 1, 2], 6)
    groups = np.repeat(np.arange(6), 3).astype(str)
    reference = 9 * np.eye(3, dtype=int)[labels]
    reference[2] = [20, 0, 0]
    found = score(reference, labels, groups).relative_change(
        score(reference, labels, groups), 0.0, Measure.FALSE_ACCEPTS
    )
    assert found.change == 0.0
    assert np.isnan([found.low, found.high]).all()


def test_mistakes():
    one = random_score(1)
    for rate in (-0.1, 1.0, float("nan")):
        with pytest.raises(ConfigError, match="false reject rate must be at least 0"):
            one.rate_at(rate)
    with pytest.raises(DataError, match="same clips"):
        one.relative_change(random_score(2), 0.1)
    with pytest.raises(DataError, match="same clips"):
        one.relative_change(score(one.scores, one.labels, ["x"] * len(one.labels)), 0.1)
    with pytest.raises(DataError, match="needs clips of keywords"):
        score([[0, 0, 1]], [2]).rate_at(0.1)


def test_trials_are_sorted_with_their_speakers():
    trials = Trials.of(
        np.array([3.0, 1.0, 2.0]), np.array([True, False, True]), np.array([0, 1, 2]), 3
    )
    assert trials.targets.tolist() == [2.0, 3.0]
    assert trials.target_groups.tolist() == [2, 0]
    assert trials.other_groups.tolist() == [1]
