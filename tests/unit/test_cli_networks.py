"""The command line on networks of others: inputs and labels from files, streams, wrong files."""

from __future__ import annotations

import json

import numpy as np
import pytest
from command_line import fxpsim, write

from fxpsim import Graph, QFormat, evaluate, load, save, simulate
from fxpsim.graph import Node, State
from fxpsim.ops import Concatenate, Dense, Requantize, Slice, TensorSpec

EIGHT = QFormat(8, 4)
NAMES = ("yes", "no", "other")


def delay(outputs, labels=()):
    """A layer over the last three inputs of two values: the state holds two of them."""
    weights = np.random.default_rng(0).integers(-8, 8, (6, outputs))
    nodes = (
        Node("window", Concatenate(0), ("past", "input")),
        Node("kept", Slice((1, 0), (2, 2), (1, 1)), "window"),
        Node("fc", Dense(weights, QFormat(8, 3)), "window"),
        Node("out", Requantize(EIGHT), "fc"),
    )
    past = State("past", EIGHT, np.zeros((2, 2), int), "kept")
    spec = TensorSpec((1, 2), EIGHT)
    return Graph("delay", spec, nodes, labels=labels, states=(past,), output="out")


@pytest.fixture
def streams(tmp_path):
    """A network with states and two streams of five steps."""
    graph = delay(3, NAMES)
    save(graph, tmp_path / "delay.fxp")
    codes = np.random.default_rng(1).integers(-128, 128, (2, 5, 1, 2))
    np.save(tmp_path / "streams.npy", codes)
    return graph, codes, tmp_path


def test_run_a_stream(capsys, streams):
    graph, codes, folder = streams
    scores = simulate(graph, codes).output.max(axis=1)
    arguments = ("run", folder / "delay.fxp", folder / "streams.npy", "--json")
    code, out, _ = fxpsim(capsys, *arguments)
    assert code == 0
    rows = [row for row in json.loads(out) if row["rank"] == 1]
    assert [row["score"] for row in rows] == scores.max(axis=1).tolist()
    assert [row["class"] for row in rows] == [NAMES[i] for i in scores.argmax(axis=1)]


@pytest.mark.parametrize("shape", [(5, 1, 2), (5, 2)])
def test_one_stream_may_be_its_rows(capsys, streams, shape):
    _, codes, folder = streams
    np.save(folder / "one.npy", codes[0].reshape(shape))
    together = fxpsim(capsys, "run", folder / "delay.fxp", folder / "streams.npy", "--clips", 1)
    assert fxpsim(capsys, "run", folder / "delay.fxp", folder / "one.npy")[:2] == together[:2]


def test_a_detector_has_two_classes(capsys, streams):
    _, codes, folder = streams
    graph = delay(1)
    save(graph, folder / "detector.fxp")
    half = 1 << (EIGHT.frac - 1)
    decided = (simulate(graph, codes).output.max(axis=(1, 2)) > half).astype(int)
    score = evaluate(graph, codes, decided)
    assert (score.classes, score.accuracy) == (("absent", "present"), 1)
    code, out, _ = fxpsim(
        capsys, "run", folder / "detector.fxp", folder / "streams.npy", "--top", 1, "--json"
    )
    assert code == 0
    wanted = [("absent", "present")[i] for i in decided]
    assert [row["class"] for row in json.loads(out)] == wanted


def test_sweep_with_labels_of_its_own(capsys, streams):
    graph, codes, folder = streams
    truth = np.array([0, 2])
    np.save(folder / "labels.npy", truth)
    arguments = (
        "sweep", folder / "delay.fxp", folder / "streams.npy", "--bits", "4,20", "--overflow",
        "wrap", "--json",
    )  # fmt: skip
    code, out, _ = fxpsim(capsys, *arguments, "--labels", folder / "labels.npy")
    wide, narrow = json.loads(out)["points"]
    assert code == 0
    assert wide["accuracy"] == evaluate(graph, codes, truth).accuracy
    assert narrow["overflow_outputs"] > 0
    code, out, _ = fxpsim(capsys, *arguments)
    assert json.loads(out)["points"][0]["accuracy"] == 1  # agrees with itself


@pytest.mark.parametrize("command", ["run", "sweep", "guarantee", "cost"])
def test_an_unknown_kernel_set_is_one_sentence(capsys, command):
    code, _, err = fxpsim(capsys, command, "kws250k-4bit", "--kernel-set", "tfml")
    assert code == 1
    assert "not 'tfml'; did you mean 'tflm'" in err


def test_an_unknown_kernel_set_to_show(capsys):
    code, _, err = fxpsim(capsys, "models", "show", "kws250k-4bit", "--kernel-set", "xnpack")
    assert code == 1
    assert "did you mean 'xnnpack'" in err


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Wrong files of all kinds, in the current folder."""
    monkeypatch.chdir(tmp_path)
    for name in ("folder", "folder.tflite", "folder.npy", "folder.npz", "folder.fxp"):
        (tmp_path / name).mkdir()
    write(tmp_path / "image.tflite", b"\x89PNG\r\n\x1a\n" + bytes(500))
    write(tmp_path / "cut.tflite", b"\x1c\0\0\0TFL3")
    write(tmp_path / "words.txt", b"yes no")
    shape = load("kws250k-4bit").input.shape
    np.save(tmp_path / "good.npy", np.zeros((2, *shape), np.int8))
    np.save(tmp_path / "wide.npy", np.full((2, *shape), 300))
    np.save(tmp_path / "three.npy", np.zeros(3, int))
    np.save(tmp_path / "far.npy", np.array([1, 99]))
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("run image.tflite", "image.tflite: not a file of this kind: bytes 4 to 8 must be 'TFL3'"),
        ("run cut.tflite", "cut.tflite: damaged or cut off"),
        ("run folder.tflite", "folder.tflite: must be a file, not a folder"),
        ("run folder.fxp", "folder.fxp: must be a file, not a folder"),
        ("run folder.npz", "folder.npz: must be a file, not a folder"),
        ("run folder", "folder: a network must be a .fxp"),
        ("run words.txt", "words.txt: a network must be a .fxp"),
        ("run kws250k-4bit folder.npy", "folder.npy: must be a file, not a folder"),
        ("run kws250k-4bit wide.npy", "wide.npy: inputs must be -128 to 127"),
        ("models show folder.tflite", "must be a file, not a folder"),
        ("sweep kws250k-4bit good.npy --labels three.npy", "three.npy: labels must be 2 integers"),
        ("sweep kws250k-4bit good.npy --labels far.npy", "far.npy: labels must be 0 to 11"),
        ("sweep kws250k-4bit good.npy --labels words.txt", "words.txt: inputs and labels must be"),
        ("sweep kws250k-4bit --labels three.npy", "--labels are those of INPUTS"),
        ("sweep kws250k-4bit good.npy --data folder", "exclude each other"),
    ],
)
def test_wrong_files_are_one_sentence(capsys, files, arguments, sentence):
    code, _, err = fxpsim(capsys, *arguments.split())
    assert code == 1
    assert sentence in err
    assert "Traceback" not in err
    assert err.count("\n") == 1


def test_a_network_that_does_not_hear_the_shipped_speech(capsys, streams):
    _, _, folder = streams
    code, _, err = fxpsim(capsys, "run", folder / "delay.fxp")
    assert code == 1
    assert "give INPUTS of shape (n, steps, 1, 2)" in err
    code, _, err = fxpsim(capsys, "sweep", folder / "delay.fxp")
    assert code == 1
    assert "give INPUTS of its own" in err
