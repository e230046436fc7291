"""From audio to detections, and how good they are said to be."""

from __future__ import annotations

from dataclasses import replace
from math import exp, factorial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fxpsim import QFormat, load
from fxpsim.detection import (
    Detector,
    Listener,
    Recording,
    Rule,
    Spoken,
    classifier,
    concatenated,
    det,
    detector_for,
    match,
    micro_wake_word,
    shipped_recording,
    streaming_wakeword,
)
from fxpsim.detection.intervals import binomial_interval, poisson_interval
from fxpsim.detection.network import RowNetwork
from fxpsim.errors import ConfigError, DataError
from fxpsim.formats import Affine
from fxpsim.frontend import create, front_end_for
from fxpsim.graph import Graph, Node, State
from fxpsim.incremental import by_rows
from fxpsim.ops import Argmax, Concatenate, Reshape, Slice, TensorSpec

BYTE = QFormat(8, 8, signed=False)


def listener_of(name="kws250k-4bit", **options):
    graph = load(name) if isinstance(name, str) else name
    front_end = create("logmel")
    return Listener(graph, front_end, detector_for(graph, front_end, **options))


def sound(samples, seed=0):
    rng = np.random.default_rng(seed)
    loud = np.repeat(rng.integers(1, 9000, samples // 4000 + 1), 4000)[:samples]
    return (rng.standard_normal(samples) * loud).clip(-32768, 32767).astype(np.int16)


@given(st.data())
def test_any_split_hears_what_the_whole_clip_does(data):
    shared = data.draw(st.booleans())
    graph = load("kws250k-4bit")
    listener = listener_of(by_rows(graph, 16) if shared else graph, confidence=0.15)
    audio = sound(data.draw(st.integers(0, 40000)))
    cuts = sorted(data.draw(st.lists(st.integers(0, audio.size), max_size=8)))
    whole, stream = listener.listen(audio), listener.stream()
    parts = [stream.step(part) for part in np.split(audio, cuts)]
    for what in ("rows", "scores"):
        together = np.concatenate([getattr(part, what) for part in parts])
        np.testing.assert_array_equal(together, getattr(whole, what))
    assert tuple(d for part in parts for d in part.detections) == whole.detections
    stream.reset()
    np.testing.assert_array_equal(stream.step(audio).scores, whole.scores)


def test_decisions_have_times_and_costs():
    listener = listener_of()
    heard = listener.listen(sound(32000))
    assert heard.scores.shape == (18, 12)
    assert listener.time_of(0) == (15 * 960 + 1152) / 16000
    assert listener.interval == 0.06
    assert listener.time_of(17) == pytest.approx(listener.time_of(0) + 17 * 0.06)
    assert listener.work().macs == 247296
    assert listener.stream().buffers == {
        "front end: samples": 2304,
        "network: window/past": 15 * 20,
        "detector: scores": 5 * 12,
        "detector: sums": 12 * 2,
        "detector: quiet": 2,
    }
    rarely = Listener(listener.graph, listener.front_end, listener.detector, every=4)
    assert rarely.network.buffers == {"rows": 320}
    np.testing.assert_array_equal(rarely.listen(sound(32000)).scores, heard.scores[::4])
    assert rarely.time_of(1) == listener.time_of(4)


def test_a_loud_tone_is_detected_once_with_a_confidence():
    """A network that copies one band's code is the simplest detector of a tone."""
    spec = TensorSpec((2, 4), QFormat(8, 3))
    nodes = (Node("cut", Slice((1, 1), (1, 1), (1, 1)), "input"), Node("out", Reshape((1,)), "cut"))
    graph = Graph("tone", spec, nodes)
    front_end = create("logmel:bands=4")
    detector = Detector(QFormat(8, 3), ("tone",), ("tone",), 0, smoothing=2, refractory=100)
    listener = Listener(graph, front_end, detector)
    seconds = np.arange(48000) / 16000
    tone = 8000 * np.sin(2 * np.pi * 800 * seconds) * ((seconds > 1) & (seconds < 1.5))
    heard = listener.listen(tone.astype(np.int16))
    (found,) = heard.detections
    assert found.word == "tone"
    assert found.confidence == found.total / 16 > 0
    assert 1.0 < listener.time_of(found.decision) < 1.2


def test_what_does_not_fit_is_said():
    listener = listener_of()
    graph, front_end, detector = listener.graph, listener.front_end, listener.detector
    with pytest.raises(ConfigError, match=r"must be in the format of the input .*fxp-s8/3.*, not"):
        Listener(graph, create("logmel:output_frac=2"), detector)
    with pytest.raises(ConfigError, match=r"detector must name the 12 scores .* not 1"):
        Listener(graph, front_end, Detector(BYTE, ("x",), ("x",), 0))
    with pytest.raises(ConfigError, match=r"must be rows of 21 bands, not \(16, 20\)"):
        RowNetwork(graph, 21)
    with pytest.raises(ConfigError, match="has states, so it decides once a step of 1 row"):
        RowNetwork(by_rows(graph, 16), 20, every=2)
    with pytest.raises(ConfigError, match="labels must name the 12 scores"):
        detector_for(graph, front_end, labels=("a", "b"))
    with pytest.raises(DataError, match=r"rows must be \(rows, 20\)"):
        listener.listen_rows(np.zeros((3, 4), int))


def test_presets_have_the_numbers_of_their_programs():
    probability = Affine(8, 1 / 256, 0, signed=False)
    wake = micro_wake_word(probability, "alexa")
    assert (wake.threshold, wake.smoothing, wake.refractory) == (1147, 5, 34)  # floor(.9 * 255 * 5)
    marvin = streaming_wakeword(Affine(8, 1 / 256, -128))
    assert (marvin.threshold, marvin.smoothing, marvin.words) == (243, 1, ("marvin",))
    many = classifier(BYTE, ("yes", "no", "_silence_", "unknown"), 1 / 0.06)
    assert (many.words, many.smoothing, many.refractory) == (("yes", "no"), 5, 12)


def test_a_network_with_states_is_run_step_by_step():
    spec = QFormat(8, 3)
    nodes = (
        Node("both", Concatenate(0), ("past", "input")),
        Node("next", Slice((1, 0), (1, 20), (1, 1)), "both"),
        Node("flat", Reshape((40,)), "both"),
        Node("best", Argmax(), "flat"),
    )
    past = State("past", spec, np.zeros((1, 20), int), "next")
    graph = Graph("delay", TensorSpec((1, 20), spec), nodes, states=(past,))
    network = RowNetwork(graph, 20)
    assert (network.rows, network.stride, network.running.output) == (1, 1, "flat")
    rows = np.random.default_rng(0).integers(-128, 128, (5, 20))
    stacked = np.concatenate([np.zeros((1, 20), int), rows])
    expected = np.concatenate([stacked[:-1], stacked[1:]], axis=1)
    np.testing.assert_array_equal(network.scores(rows), expected)
    assert network.buffers == {"past": 20}


def test_matching_is_that_of_mlperf_tiny():
    spoken = [Spoken(1.0, 1.5, "a"), Spoken(4.0, 4.5, "a"), Spoken(7.0, 7.5, "b")]
    heard = [
        (0.9, "a"),  # false: before it starts
        (1.99, "a"),  # found: half a second late
        (2.4, "a"),  # excused
        (2.6, "a"),  # false
        (3.5, "a"),  # of the false one before
        (5.1, "a"),  # too late to be found, but excused
        (7.2, "a"),  # false: the other word
        (7.3, "b"),
    ]
    result = match(heard, spoken)
    assert result.found == (True, False, True)
    assert result.false == ((0.9, "a"), (2.6, "a"), (7.2, "a"))
    assert result.missed == 1
    strict = match(heard, spoken, Rule(late=0.0, forgiven=0.0, apart=0.0))
    assert (strict.found, len(strict.false)) == ((False, False, True), 7)
    with pytest.raises(ConfigError, match="late must be 0 seconds or more, not -1"):
        Rule(late=-1)


@pytest.mark.parametrize("events", [0, 1, 3, 20, 300])
def test_poisson_intervals_leave_one_tail_on_each_side(events):
    low, high = poisson_interval(events)

    def at_most(most, mean):
        return (
            sum(exp(-mean) * mean**k / factorial(k) for k in range(most + 1)) if most < 99 else None
        )

    if events < 99:
        assert at_most(events, high) == pytest.approx(0.025, rel=1e-9)
        assert not events or at_most(events - 1, low) == pytest.approx(0.975, rel=1e-9)
    # Byar's approximation, good to a few thousandths where there are events.
    if events >= 20:
        up = events + 1
        assert high == pytest.approx(up * (1 - 1 / (9 * up) + 1.96 / (3 * up**0.5)) ** 3, rel=2e-3)
    assert low <= events < high


def test_intervals_have_published_values():
    assert poisson_interval(10) == pytest.approx((4.795389, 18.390356), abs=1e-6)
    assert binomial_interval(3, 10) == pytest.approx((0.066740, 0.652453), abs=1e-6)
    assert binomial_interval(0, 10) == pytest.approx((0, 0.308497), abs=1e-6)
    assert binomial_interval(10, 10)[1] == 1.0
    with pytest.raises(ConfigError, match="at most 3 events, not 4"):
        binomial_interval(4, 3)


def test_det_counts_what_matching_finds():
    listener, recording = listener_of(), shipped_recording()
    assert len(recording.spoken) == 720
    table = det(listener, [recording], confidences=[0.5, 0.8, 0.999])
    assert table["threshold"].tolist() == [640, 1024, 1278]
    assert table["words"].unique().tolist() == [600]
    hours = len(recording.samples) * 0.06 / 3600
    assert table["hours"].to_numpy() == pytest.approx(hours)
    at = replace(listener.detector, threshold=640)
    found = [
        (listener.time_of(d.decision), d.word)
        for d in at.detect(listener.listen_rows(recording.samples).scores)
    ]
    matches = match(found, [one for one in recording.spoken if one.word in at.words])
    assert table["false_accepts"][0] == len(matches.false) > 0
    assert table["false_rejects"][0] == matches.missed > 0
    assert table["false_accepts_low"][0] < table["false_accepts_per_hour"][0]
    last = table.iloc[-1]
    assert (last["false_accepts"], last["false_accepts_per_hour"]) == (0, 0.0)
    assert last["claimed_per_hour"] == pytest.approx(3 / hours)
    assert last["claimed_per_hour"] < last["false_accepts_high"]


def test_det_spreads_thresholds_over_what_is_reached():
    listener = listener_of()
    words = [("yes", sound(16000, 1)), ("_silence_", np.zeros(16000, np.int16))]
    recording = concatenated(words, step=1 / 16000, gap=4000)
    assert recording.samples.size == 2 * 16000 + 3 * 4000
    assert recording.spoken[1] == (1.5, 2.5, "_silence_")
    seen = []
    table = det(listener, [recording] * 2, progress=lambda *at: seen.append(at))
    assert seen == [(1, 2), (2, 2)]
    assert table["threshold"].is_monotonic_increasing
    assert table["words"].unique().tolist() == [2]
    assert table["false_rejects"].iloc[-1] == 2  # nothing passes the highest sum that is reached
    with pytest.raises(DataError, match="must have words to detect"):
        det(listener, [Recording(recording.samples, ())])
    with pytest.raises(DataError, match="at least one recording"):
        det(listener, [])


def test_the_front_end_of_shipped_networks_hears_real_speech(test_data):
    """Streaming and whole clips agree over a minute of speech of which words are found."""
    from fxpsim.kws.recordings import audio_of_npz

    clips = audio_of_npz(test_data / "gsc12/gsc12_dev.npz")
    order = np.random.default_rng(0).permutation(len(clips))[:60]
    recording = concatenated(((clips[i].word, clips[i].samples()) for i in order), step=1 / 16000)
    graph = load("kws250k-8bit")
    front_end, _ = front_end_for(graph)
    listener = Listener(graph, front_end, detector_for(graph, front_end))
    whole, stream = listener.listen(recording.samples), listener.stream()
    parts = [stream.step(part) for part in np.array_split(recording.samples, 37)]
    np.testing.assert_array_equal(np.concatenate([p.scores for p in parts]), whole.scores)
    assert tuple(d for part in parts for d in part.detections) == whole.detections
    row = det(listener, [recording], confidences=[0.6]).iloc[0]
    assert row["false_reject_rate"] < 0.35
    assert row["false_accepts"] <= 6
