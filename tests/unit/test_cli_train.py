"""fxpsim train: tiny networks, stopped and resumed, the same bits; what is written and refused."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from command_line import fxpsim

torch = pytest.importorskip("torch", reason="training needs PyTorch (the extra 'train')")

import fxpsim as fx  # noqa: E402
from fxpsim.cli import main  # noqa: E402
from fxpsim.errors import GraphError  # noqa: E402
from fxpsim.formats import QFormat  # noqa: E402
from fxpsim.train import runs  # noqa: E402
from fxpsim.train.corpora import Corpus, read_corpus  # noqa: E402
from fxpsim.train.recipe import read_recipe  # noqa: E402
from fxpsim.train.results import Run  # noqa: E402

RECIPE = """
title = "Tiny"
[start]
quantised = "nothing"
steps = 12
batch = 16
learning_rate = 0.01
dropout = 0.2
[weights]
bits = 3
[[courses]]
quantised = "weights"
steps = 5
batch = 16
learning_rate = 0.01
[[courses]]
steps = 6
batch = 16
learning_rate = 0.01
trust = 0.5
"""
FLOAT = RECIPE.partition("[weights]")[0]


def corpus(path: Path, seed: int = 0) -> None:
    """Three words that differ in their loud band; 12 speakers."""
    rng = np.random.default_rng(seed)
    labels = np.arange(180) % 3
    features = rng.integers(-40, 40, (180, 4, 6))
    features[np.arange(180), :, labels * 2] += 60
    speakers = np.array([f"s{i // 15:02}" for i in range(180)])
    splits = np.repeat(["train", "validation", "test"], 60)
    Corpus(
        "tones", features.astype(np.int8), labels, speakers, splits, ("a", "b", "c"), QFormat(8, 3)
    ).save(path)


@pytest.fixture
def files(tmp_path) -> Path:
    corpus(tmp_path / "data.npz")
    (tmp_path / "tiny.toml").write_text(RECIPE)
    (tmp_path / "float.toml").write_text(FLOAT)
    return tmp_path


def arguments(files: Path, out: str = "out", recipe: str = "tiny.toml") -> list:
    return ["train", "--recipe", files / recipe, "--data", files / "data.npz", "--out", files / out]


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> bytes:
    """The network of a run that nobody stopped."""
    folder = tmp_path_factory.mktemp("whole")
    corpus(folder / "data.npz")
    (folder / "tiny.toml").write_text(RECIPE)
    with pytest.raises(SystemExit) as leave:
        main([str(argument) for argument in arguments(folder)])
    assert leave.value.code == 0
    return (folder / "out" / "tiny-seed0.fxp").read_bytes()


def test_what_is_written(files, whole, capsys):
    code, out, _ = fxpsim(capsys, *arguments(files), "--seed", 0, "--seed", 1, "--json")
    assert code == 0
    assert sorted(path.name for path in (files / "out").iterdir()) == [
        "cache", "results.csv",
        "tiny-seed0.fxp", "tiny-seed0.json", "tiny-seed1.fxp", "tiny-seed1.json",
    ]  # fmt: skip
    assert (files / "out" / "tiny-seed0.fxp").read_bytes() == whole
    assert not list((files / "out" / "cache").glob("tiny*"))
    graph = fx.load(files / "out" / "tiny-seed0.fxp")
    assert graph.labels == ("a", "b", "c")
    assert graph.metadata["recipe"] == "tiny"
    assert max(graph.weight_bits) == 3
    run = json.loads((files / "out" / "tiny-seed0.json").read_text())
    assert run["accuracy"].keys() == {"validation"}
    with np.load(files / "data.npz") as data:
        part = data["splits"] == "validation"
        score = fx.evaluate(graph, data["features"][part], data["labels"][part])
    right = Run.read(files / "out" / "tiny-seed0.json").right("validation", 60)
    np.testing.assert_array_equal(right, score.correct)
    assert run["accuracy"]["validation"] == score.accuracy > 0.9
    with (files / "out" / "results.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert (row["recipe"], row["split"], row["seeds"]) == ("tiny", "validation", "2")
    assert json.loads(out)[0]["accuracy"] == pytest.approx(float(row["accuracy"]), abs=1e-6)
    assert float(row["low"]) <= float(row["accuracy"]) <= float(row["high"])


@pytest.mark.parametrize("step", [1, 11, 12, 13, 17, 18, 22])
def test_stopped_by_the_user_it_goes_on(files, whole, monkeypatch, capsys, step):
    steps = 0
    train = runs.Training._advance

    def stopping(training, course):
        nonlocal steps
        if steps == step:
            raise KeyboardInterrupt
        steps += 1
        train(training, course)

    with monkeypatch.context() as patch:
        patch.setattr(runs.Training, "_advance", stopping)
        code, _, err = fxpsim(capsys, *arguments(files), "--checkpoint", 0)
        assert code == 130
        assert "the same command goes on" in err
        assert not (files / "out" / "results.csv").exists()
        steps = -1000
        assert fxpsim(capsys, *arguments(files))[0] == 0
    assert steps == -1000 + 23 - step
    assert (files / "out" / "tiny-seed0.fxp").read_bytes() == whole


def test_killed_it_goes_on(files, whole, capsys):
    program = "import sys; from fxpsim.cli import main; main(sys.argv[1:])"
    command = [sys.executable, "-c", program, *map(str, arguments(files)), "--checkpoint", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        for line in process.stderr:
            if "weights quantised" in line:
                os.kill(process.pid, signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert not (files / "out" / "tiny-seed0.json").exists()
    assert list((files / "out" / "cache").glob("float-*.checkpoint"))
    assert fxpsim(capsys, *arguments(files))[0] == 0
    assert (files / "out" / "tiny-seed0.fxp").read_bytes() == whole


def test_a_finished_run_is_not_trained_again(files, monkeypatch, capsys):
    assert fxpsim(capsys, *arguments(files))[0] == 0
    before = (files / "out" / "tiny-seed0.json").read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(runs, "Training", None)
        assert fxpsim(capsys, *arguments(files))[0] == 0
        assert (files / "out" / "tiny-seed0.json").read_bytes() == before
        assert fxpsim(capsys, *arguments(files), "--test")[0] == 0
    run = json.loads((files / "out" / "tiny-seed0.json").read_text())
    assert run["accuracy"].keys() == {"validation", "test"}
    network = files / "out" / "tiny-seed0.fxp"
    whole = network.read_bytes()
    network.unlink()
    assert fxpsim(capsys, *arguments(files))[0] == 0
    assert network.read_bytes() == whole


def test_other_integers_than_those_of_the_training_are_found(files):
    name, recipe = read_recipe(files / "tiny.toml")
    words = read_corpus(files / "data.npz")
    training = runs.Training(recipe, words, 0)
    training.run()
    graph = training.network.graph(name, words.classes)
    features = words.part("test").features
    runs.check_bits(training.network, graph, features)
    with torch.no_grad():
        training.network.layers[1].shift += 0.5
    with pytest.raises(GraphError, match=r"'act1' of 'tiny' must have the integers"):
        runs.check_bits(training.network, graph, features)


def test_float_networks_and_gains(files, capsys):
    recipes = [*arguments(files), "--recipe", files / "float.toml", "--seed", 0, "--seed", 1]
    code, _, _ = fxpsim(capsys, *recipes, "--against", "float")
    assert code == 0
    assert not (files / "out" / "float-seed0.fxp").exists()
    assert len(list((files / "out" / "cache").iterdir())) == 2  # each seed's start, shared
    code, out, _ = fxpsim(capsys, *recipes, "--against", "float", "--test", "--json")
    rows = {(row["recipe"], row["split"]): row for row in json.loads(out)}
    assert len(rows) == 4
    tiny, reference = rows["tiny", "test"], rows["float", "test"]
    assert tiny["gain"] == pytest.approx(tiny["accuracy"] - reference["accuracy"])
    assert tiny["gain_low"] <= tiny["gain"] <= tiny["gain_high"]
    assert tiny["gain_seeds"] == 2
    assert reference["gain"] is None
    code, _, err = fxpsim(capsys, *recipes, "--against", "flaot")
    assert (code, "did you mean 'float'" in err) == (1, True)


def test_other_data_or_recipes_do_not_mix(files, capsys):
    assert fxpsim(capsys, *arguments(files))[0] == 0
    (files / "tiny.toml").write_text(RECIPE.replace("bits = 3", "bits = 2"))
    code, _, err = fxpsim(capsys, *arguments(files), "--seed", 1)
    assert (code, "tiny-seed0.json is of another recipe: delete it" in err) == (1, True)
    corpus(files / "data.npz", seed=1)
    code, _, err = fxpsim(capsys, *arguments(files))
    assert (code, "tiny-seed0.json is of other data: delete it" in err) == (1, True)
    (files / "other.toml").write_text(RECIPE)
    code, out, _ = fxpsim(capsys, *arguments(files, recipe="other.toml"), "--json")
    assert [row["recipe"] for row in json.loads(out)] == ["other"]


def test_damaged_files(files, capsys):
    assert fxpsim(capsys, *arguments(files))[0] == 0
    out = files / "out"
    (checkpoint,) = (out / "cache").iterdir()
    checkpoint.write_bytes(b"damaged")
    code, _, err = fxpsim(capsys, *arguments(files), "--seed", 0, "--test")
    assert code == 0
    (out / "tiny-seed0.fxp").write_bytes(b"damaged")
    (out / "tiny-seed0.json").write_text(
        (out / "tiny-seed0.json").read_text().replace('"test": "', '"tests": "')
    )
    code, _, err = fxpsim(capsys, *arguments(files), "--test")
    assert (code, "is not the network of" in err) == (1, True)
    (out / "tiny-seed0.fxp").unlink()
    code, _, err = fxpsim(capsys, *arguments(files), "--test")
    assert (code, "is no checkpoint" in err) == (1, True)
    (out / "tiny-seed0.json").write_text("{}")
    code, _, err = fxpsim(capsys, *arguments(files))
    assert (code, "is no result of a run" in err) == (1, True)


def test_what_is_wrong_is_said(files, capsys):
    code, _, err = fxpsim(capsys, "train", "--recipe", "float")
    assert (code, "--data, --out must be given" in err) == (1, True)
    code, _, err = fxpsim(capsys, *arguments(files, recipe="none.toml"))
    assert (code, "no recipe" in err) == (1, True)
    (files / "file").write_text("")
    code, _, err = fxpsim(capsys, *arguments(files, out="file"))
    assert (code, "to a folder, but" in err) == (1, True)
    (files / "tiny.toml").write_text(RECIPE.replace("steps = 5", "stepz = 5"))
    code, _, err = fxpsim(capsys, *arguments(files))
    assert (code, "unknown key 'stepz'; did you mean 'steps'" in err) == (1, True)

    (files / "other").mkdir()
    (files / "other" / "tiny.toml").write_text(RECIPE)
    (files / "tiny.toml").write_text(RECIPE)
    code, _, err = fxpsim(capsys, *arguments(files), "--recipe", files / "other" / "tiny.toml")
    assert (code, "recipes must have different names" in err) == (1, True)
    convolutional = 'network = "kws_cnn"\n[start]'
    (files / "tiny.toml").write_text(RECIPE.replace("[start]", convolutional))
    code, _, err = fxpsim(capsys, *arguments(files))
    assert (code, "to read, not 4 x 6: take wider features" in err) == (1, True)


def test_shipped_recipes_are_listed(capsys):
    code, out, _ = fxpsim(capsys, "train", "--list", "--json")
    assert code == 0
    assert "float" in [row["name"] for row in json.loads(out)]


def test_without_the_extra(monkeypatch, files, capsys):
    monkeypatch.setitem(sys.modules, "torch", None)
    code, _, err = fxpsim(capsys, *arguments(files))
    assert (code, "training needs PyTorch: pip install 'fxpsim[train]'" in err) == (1, True)


def test_help_does_not_import_torch():
    program = (
        "import sys; from fxpsim.cli import main\n"
        "try: main(['train', '--help'])\n"
        "finally: assert 'torch' not in sys.modules and 'numpy' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "two-stage-4bit" in done.stdout
