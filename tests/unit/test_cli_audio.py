"""fxpsim run on sound, and fxpsim listen."""

from __future__ import annotations

import csv
import json
import wave
from dataclasses import replace

import numpy as np
import pytest
from command_line import fxpsim, write

import fxpsim as fx
from fxpsim import QFormat
from fxpsim.detection import Listener, detector_for
from fxpsim.formats import Affine
from fxpsim.frontend import front_end_for
from fxpsim.graph import Graph, Node
from fxpsim.models import load
from fxpsim.ops import Dense, Requantize, TensorSpec

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
    assert best["confidence"] == pytest.approx(best["score"] / 256, abs=1e-6)
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
    arguments = ("listen", MODEL, path, "--threshold", "0.02")
    code, _, err = fxpsim(capsys, *arguments, "--out", out_file)
    assert code == 130
    assert "1.2 s of audio" in err
    assert err.endswith("interrupted\n")
    rows = out_file.read_text().splitlines()[1:]
    _, whole = heard(audio[: 5 * 4000], 0.02)
    assert len(rows) == len(whole.detections) > 0
    calls.clear()
    code, out, _ = fxpsim(capsys, *arguments, "--json")
    answer = json.loads(out)
    assert (code, answer["interrupted"], len(answer["heard"])) == (130, True, len(rows))


def test_no_file_that_is_read_is_written_over(capsys, clip, tmp_path):
    path, _ = clip
    before = path.read_bytes()
    for option in ("--out", "--picture"):
        for target, sentence in (
            (path, f"{option} must be another file than {path}"),
            (tmp_path / "none" / "x", f"{option} must be a file in a folder that exists"),
            (tmp_path, f"{option} must be a file in a folder that exists"),
        ):
            code, out, err = fxpsim(capsys, "listen", MODEL, path, option, target)
            assert (code, out) == (1, "")
            assert sentence in err
    assert path.read_bytes() == before


def test_too_short_to_decide_is_said(capsys, clip, tmp_path):
    path = save(tmp_path / "short.wav", clip[1][:5000])
    code, _, err = fxpsim(capsys, "listen", MODEL, path)
    assert code == 0
    assert "short.wav: too short for a decision, which takes 0.97 s" in err


def test_scores_without_meaning_are_said(capsys, clip, tmp_path):
    weights = np.random.default_rng(1).integers(-8, 8, (2560, 4))
    nodes = (
        Node("fc", Dense(weights, QFormat(4, 3)), "input"),
        Node("out", Requantize(QFormat(8, 2)), "fc"),
    )
    spec = TensorSpec((64, 40), Affine(8, 0.10196078568696976, -128))
    fx.save(Graph("plain", spec, nodes), tmp_path / "plain.fxp")
    arguments = ("listen", tmp_path / "plain.fxp", clip[0], "--frontend", "micro")
    code, _, err = fxpsim(capsys, *arguments)
    assert code == 0
    assert "none is silence or unknown, so all count as words" in err
    assert "scores: up to 31.75, no probabilities" in err
    code, _, err = fxpsim(capsys, *arguments, "--labels", "a,b,silence,unknown")
    assert code == 0
    assert "all count as words" not in err


def test_words_with_commas_stay_one_column(capsys, clip, tmp_path):
    path, audio = clip
    graph = load(MODEL)
    labels = tuple(name if name.startswith("_") else f"{name}, {name}" for name in graph.labels)
    fx.save(replace(graph, labels=labels), tmp_path / "comma.fxp")
    code, out, _ = fxpsim(capsys, "listen", tmp_path / "comma.fxp", path, "--threshold", "0.02")
    rows = list(csv.DictReader(out.splitlines()))
    assert (code, [row["word"].split(", ")[0] for row in rows]) == (
        0, [one.word for one in heard(audio, 0.02)[1].detections],
    )  # fmt: skip


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


def test_what_run_cannot_read_names_what_it_can(capsys, tmp_path):
    path = write(tmp_path / "clip.m4a", b"some sound")
    code, _, err = fxpsim(capsys, "run", MODEL, path)
    assert code == 1
    assert "clip.m4a: inputs must be .npy or .npz files, or sound (.wav, .flac" in err


def test_options_are_checked(capsys, clip):
    path, _ = clip
    for arguments, sentence in (
        (("--frontend", "logmal"), "unknown front end 'logmal'; did you mean 'logmel'"),
        (("--frontend", "logmel:bands=12"), "must be rows of 12 bands, not (16, 20)"),
        (("--labels", "a,b"), "labels must name the 12 scores"),
        (("--channel", "1"), "channel must be 0 to 0, or mean, not 1"),
        (("--labels", ""), "labels must name the 12 scores of graph 'kws250k-4bit', not 1"),
        (("--labels", ",".join("aabcdefghijk")), "classes must have names, all different"),
        (("--threshold", "nan"), "confidence must be a finite number, not nan"),
        (("--every", "99999999"), "decision to the next must be 1 to 65536"),
        (("--channel", "9" * 5000), "channel must be 0 to 0"),
        (("--channel", "left"), "channel must be 0 to 0, or mean, not 'left'"),
    ):
        code, _, err = fxpsim(capsys, "listen", MODEL, path, *arguments)
        assert code == 1
        assert sentence in " ".join(err.split())
