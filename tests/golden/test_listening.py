"""Networks of others hear, in recordings of others, what they are published to hear."""

from __future__ import annotations

import json

import numpy as np
import pytest

from fxpsim import load
from fxpsim.audio import read_audio
from fxpsim.detection import Listener, Recording, Spoken, det, detector_for, match
from fxpsim.frontend import front_end_for
from fxpsim.kws.recordings import audio_of_npz


@pytest.fixture
def recording(test_data):
    """Ten seconds with "marvin" three times, by MLPerf Tiny."""
    pytest.importorskip("soundfile")
    folder = test_data / "mlperf_sww"
    audio = read_audio(folder / "short_wav_easy10s.wav")
    assert audio.notes == ("channel 0 of 2 channels",)
    (truth,) = json.loads((folder / "sww_short_test.json").read_text())
    spoken = tuple(Spoken(start, end, "marvin") for start, end in truth["detection_windows"])
    return Recording(audio.samples, spoken)


def listener_for(test_data, kernel_set="tflm"):
    graph = load(test_data / "models/mlperf_sww/str_ww_ref_model.tflite", kernel_set)
    front_end, reason = front_end_for(graph)
    assert reason == "sww: what networks that read 30 x 40 codes use"
    return Listener(graph, front_end, detector_for(graph, front_end))


def test_marvin_is_found_where_it_was_spoken(test_data, recording):
    """At the benchmark's 0.95 the network misses the third; LiteRT's score there is 0.89."""
    listener = listener_for(test_data)
    table = det(listener, [recording], confidences=[0.85, 0.95])
    assert table["false_accepts"].tolist() == [0, 0]
    assert table["false_rejects"].tolist() == [0, 1]
    heard = listener.listen(recording.samples)
    found = [(listener.time_of(one.decision), one.word) for one in heard.detections]
    assert match(found, recording.spoken).found == (True, True, False)
    assert listener.detector.threshold == 243


def test_scores_of_the_recording_are_those_of_the_engine(test_data, recording):
    listener = listener_for(test_data, "builtin")
    stored = np.load(test_data / "models/mlperf_sww/str_ww_ref_model.ref.npz")
    rows = stored["stream_features_int8"]
    np.testing.assert_array_equal(listener.listen_rows(rows).scores, stored["stream_output_int8"])
    computed = listener.front_end.rows(recording.samples)
    assert computed.shape == rows.shape
    # Features of the file were computed in float32: a code at the edge of two may differ.
    assert np.count_nonzero(computed != rows) <= 2
    assert np.abs(computed.astype(int) - rows).max() <= 1


def test_any_split_of_the_recording_gives_the_same(test_data, recording):
    listener = listener_for(test_data)
    whole, stream = listener.listen(recording.samples), listener.stream()
    cuts = np.sort(np.random.default_rng(0).integers(0, recording.samples.size, 99))
    parts = [stream.step(part) for part in np.split(recording.samples, cuts)]
    np.testing.assert_array_equal(np.concatenate([part.scores for part in parts]), whole.scores)
    assert tuple(one for part in parts for one in part.detections) == whole.detections
    assert listener.work().macs == 46040  # 826368 where windows share nothing
    assert sum(listener.network.buffers.values()) == 3536


WORDS = ("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go")
OTHERS = ("_silence_", "_unknown_")
MLPERF = (*sorted(WORDS), *OTHERS)
ARM = (*OTHERS, *WORDS)


@pytest.mark.parametrize(
    ("file", "labels", "front_end", "share"),
    [
        ("mlperf_tiny_kws/kws_ref_model.tflite", MLPERF, "mlperf-mfcc", 0.8),
        ("arm_kws_int8/ds_cnn_s.tflite", ARM, "arm-mfcc49", 0.85),
        ("arm_mlzoo/ds_cnn_s_int16.tflite", ARM, "arm-mfcc49", 0.85),
        ("arm_kws_int8/dnn_s.tflite", ARM, "arm-mfcc25", 0.75),
        ("arm_kws_q7/dnn_q7.npz", ARM, "arm-mfcc25", 0.75),
    ],
)
def test_classifiers_know_words_from_their_sound(test_data, file, labels, front_end, share):
    """A front end is found for each; a wrong one would leave a twelfth right."""
    clips = [clip for clip in audio_of_npz(test_data / "gsc12/gsc12_dev.npz") if clip.word in WORDS]
    some = [clips[i] for i in np.random.default_rng(0).permutation(len(clips))[:60]]
    graph = load(test_data / "models" / file)
    found, reason = front_end_for(graph)
    assert reason.startswith(front_end)
    listener = Listener(graph, found, detector_for(graph, found, labels=labels))
    right = [
        labels[listener.listen(clip.second()).scores[0].argmax()] == clip.word for clip in some
    ]
    assert np.mean(right) > share
