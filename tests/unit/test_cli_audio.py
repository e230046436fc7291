"""fxpsim run on sound, and fxpsim listen."""

from __future__ import annotations

import json
import wave

import numpy as np
import pytest
from command_line import fxpsim, write

from fxpsim.detection import Listener, detector_for
from fxpsim.frontend import front_end_for
from fxpsim.models import load

MODEL = "kws250k-4bit"


@pytest.fixture
def clip(tmp_path):
    """Two seconds of noise whose loudness changes."""
    rng = np.random.default_rng(3)
    loud = np.repeat(rng.integers(1, 9000, 8), 4000)
    audio = (rng.standard_normal(32000) * loud).clip(-32768, 32767).astype(np.int16)
    return save(tmp_path / "clip.wav", audio), audio


def save(path, audio):
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(audio.tobytes())
    return path


def heard(audio, threshold):
    graph = load(MODEL)
    front_end, _ = front_end_for(graph)
    listener = Listener(graph, front_end, detector_for(graph, front_end, confidence=threshold))
    return listener, listener.listen(audio)


def test_run_prints_classes_and_detections(capsys, clip):
    path, audio = clip
    code, out, err = fxpsim(capsys, "run", MODEL, path, "--json", "--threshold", "0.02")
    assert code == 0, err
    assert "front end: lfbe" in err
    answer = json.loads(out)
    listener, whole = heard(audio, 0.02)
    assert [one["rank"] for one in answer["top"]] == [1, 2, 3]
    best = answer["top"][0]
    column = listener.detector.classes.index(best["class"])
    assert best["score"] == whole.scores.max() == whole.scores[:, column].max()
    assert best["confidence"] == best["score"] / 256
    times = [listener.time_of(one.decision) for one in whole.detections]
    assert [one["time_s"] for one in answer["detections"]][: len(times)] == pytest.approx(times)
    assert answer["notes"][0].startswith("heard with 0.23 s of silence behind it")
    code, out, _ = fxpsim(capsys, "run", MODEL, path, "--top", "1", "--threshold", "0.99")
    assert code == 0
    assert out.split()[:5] == ["rank", "class", "score", "confidence", "time_s"]
    assert out.endswith("nothing detected\n")


def test_a_short_clip_is_heard_with_silence(capsys, clip, tmp_path):
    _, audio = clip
    path = save(tmp_path / "short.wav", audio[:5000])
    code, out, err = fxpsim(capsys, "run", MODEL, path, "--json")
    assert (code, json.loads(out)["seconds"]) == (0, 5000 / 16000)
    assert "short.wav: heard with 0.90 s of silence" in err


def test_listen_writes_what_it_hears(capsys, clip, tmp_path):
    path, audio = clip
    out_file, picture = tmp_path / "heard.csv", tmp_path / "heard.png"
    code, out, err = fxpsim(
        capsys, "listen", MODEL, path, "--out", out_file, "--picture", picture,
        "--threshold", "0.02",
    )  # fmt: skip
    assert (code, out) == (0, ""), err
    listener, whole = heard(audio, 0.02)
    header, *rows = (line.split(",") for line in out_file.read_text().splitlines())
    assert header == ["time_s", "word", "confidence", "decision", "sum"]
    assert [(word, int(at), int(total)) for _, word, _, at, total in rows] == [
        (one.word, one.decision, one.total) for one in whole.detections
    ]
    assert rows
    assert [float(row[0]) for row in rows] == [
        pytest.approx(listener.time_of(one.decision)) for one in whole.detections
    ]
    assert "2.0 s of audio" in err
    assert "computes 247296 MACs every 60 ms" in err
    assert picture.read_bytes().startswith(b"\x89PNG")
    code, out, _ = fxpsim(capsys, "listen", MODEL, path, "--json", "--threshold", "0.02")
    summary = json.loads(out)
    assert [one["decision"] for one in summary["heard"]] == [d.decision for d in whole.detections]
    assert summary["real_time_factor"] > 0
    assert summary["buffer_bytes"]["front end: samples"] == 2304


def test_what_was_heard_before_an_interruption_stays(capsys, clip, tmp_path, monkeypatch):
    path, audio = clip
    monkeypatch.setattr("fxpsim.audio._BLOCK", 4000)
    out_file = tmp_path / "heard.csv"
    from fxpsim.detection.listener import ListenerStream

    step, calls = ListenerStream.step, []

    def interrupted(self, samples):
        calls.append(len(samples))
        if len(calls) == 7:
            raise KeyboardInterrupt
        return step(self, samples)

    monkeypatch.setattr(ListenerStream, "step", interrupted)
    code, _, _ = fxpsim(capsys, "listen", MODEL, path, "--out", out_file, "--threshold", "0.02")
    assert code == 130
    rows = out_file.read_text().splitlines()[1:]
    _, whole = heard(audio[: 6 * 4000], 0.02)
    assert len(rows) == len(whole.detections) > 0


def test_bad_sound_is_one_sentence_and_writes_nothing(capsys, tmp_path):
    out_file = tmp_path / "heard.csv"
    for content in (b"", b"RIFF", b"no sound at all" * 9):
        path = write(tmp_path / "bad.wav", content)
        for arguments in (("run", MODEL, path), ("listen", MODEL, path, "--out", out_file)):
            code, out, err = fxpsim(capsys, *arguments)
            assert (code, out) == (1, "")
            assert "Error: " in err
            assert "bad.wav" in err
            assert "Traceback" not in err
    assert not out_file.exists()


def test_options_are_checked(capsys, clip):
    path, _ = clip
    for arguments, sentence in (
        (("--frontend", "logmal"), "unknown front end 'logmal'; did you mean 'logmel'"),
        (("--frontend", "logmel:bands=12"), "must be rows of 12 bands, not (16, 20)"),
        (("--labels", "a,b"), "labels must name the 12 scores"),
        (("--channel", "1"), "channel must be 0 to 0, or mean, not 1"),
        (("--channel", "left"), "channel must be 0 to 0, or mean, not 'left'"),
    ):
        code, _, err = fxpsim(capsys, "listen", MODEL, path, *arguments)
        assert code == 1
        assert sentence in " ".join(err.split())
