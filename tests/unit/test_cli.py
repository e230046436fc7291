"""The command line as a user meets it: output, exit codes, one sentence for every mistake."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from command_line import fxpsim, write

from fxpsim import load, save


@pytest.fixture
def features(tmp_path):
    path = tmp_path / "features.npy"
    rng = np.random.default_rng(0)
    from fxpsim import load

    np.save(path, rng.integers(-128, 128, (3, *load("kws250k-4bit").input.shape)).astype(np.int8))
    return path


def test_models(capsys):
    code, out, _ = fxpsim(capsys, "models", "--json")
    assert code == 0
    names = [row["name"] for row in json.loads(out)]
    assert "kws250k-8bit" in names
    code, out, _ = fxpsim(capsys, "models")
    assert code == 0
    assert all(name in out for name in names)


def test_models_show(capsys):
    code, out, _ = fxpsim(capsys, "models", "show", "kws250k-8bit")
    lines = out.splitlines()
    assert code == 0
    assert lines[0].split()[:3] == ["tensor", "operation", "reads"]
    assert "operations" in lines[-1]
    code, out, _ = fxpsim(capsys, "models", "show", "kws250k-8bit", "--json")
    rows = json.loads(out)
    assert rows[0]["operation"] == "input"
    assert sum(row["macs"] for row in rows) == load("kws250k-8bit").work().macs
    code, _, err = fxpsim(capsys, "models", "show", "kws250k-8bits")
    assert code == 1
    assert "did you mean" in err


def test_run(capsys, features):
    code, out, _ = fxpsim(capsys, "run", "kws250k-4bit", features, "--top", 2, "--json")
    rows = json.loads(out)
    assert code == 0
    assert [(row["clip"], row["rank"]) for row in rows] == [
        (c, r) for c in range(3) for r in (1, 2)
    ]
    assert all(
        first["score"] >= second["score"]
        for first, second in zip(rows[::2], rows[1::2], strict=True)
    )
    code, out, _ = fxpsim(capsys, "run", "kws250k-4bit", features, "--accumulator", "8,saturate")
    assert code == 0


def test_sweep(capsys, tmp_path):
    table = tmp_path / "sweep.csv"
    code, out, _ = fxpsim(
        capsys, "sweep", "kws250k-4bit", "--bits", "8,32", "--overflow", "saturate",
        "--cost", "neon", "--out", table, "--json",
    )  # fmt: skip
    points = json.loads(out)["points"]
    assert code == 0
    assert [point["bits"] for point in points] == [32, 8]
    assert points[0]["accuracy"] > points[1]["accuracy"]
    assert points[0]["proven"]
    assert not points[1]["proven"]
    assert len(table.read_text().splitlines()) == 3


def test_guarantee_is_a_gate(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert fxpsim(capsys, "guarantee", "kws250k-4bit", "--accumulator", "32")[0] == 0
    code, out, err = fxpsim(capsys, "guarantee", "kws250k-4bit", "--accumulator", "12,saturate")
    assert code == 2
    assert re.search(r"layer 'dense0' may overflow a 12-bit accumulator: channel \d+ needs", err)
    code, out, _ = fxpsim(
        capsys, "guarantee", "kws250k-4bit", "--accumulator", "12,saturate", "--json"
    )
    document = json.loads(out)
    assert code == 2
    assert document["holds"] is False
    assert document["shortfalls"][0]["needed"] > 12


def test_cost(capsys):
    code, out, _ = fxpsim(capsys, "cost", "kws250k-5bit", "--on", "neon:cortex-a53", "--json")
    document = json.loads(out)
    assert code == 0
    (estimate,) = document["estimates"]
    assert estimate["low"] <= estimate["cycles"] <= estimate["high"]
    assert len(document["memory"]) == 4
    code, out, _ = fxpsim(capsys, "cost", "kws250k-5bit", "--map", "--kernels")
    assert code == 0
    assert "estimate." in out
    assert "step 0" in out
    assert "i8_n16" in out


def test_cost_beside_a_host(capsys, test_data):
    network = test_data / "models" / "mlperf_tiny_kws" / "kws_ref_model.tflite"
    code, _, err = fxpsim(capsys, "cost", network, "--on", "bit_serial:ne16")
    assert code == 1
    assert "'conv_2d_0' has a 10 x 4 window" in err
    assert "--host neon:cortex-m4" in err
    code, out, _ = fxpsim(
        capsys, "cost", network, "--on", "systolic:16x16,ws", "--on", "bit_serial:ne16",
        "--host", "neon:cortex-m4", "--json",
    )  # fmt: skip
    assert code == 0
    document = json.loads(out)
    array, engine = document["estimates"]
    assert 0 < array["on host"] < engine["on host"] < engine["cycles"]
    names = [layer["layer"] for layer in document["layers"]["bit_serial:ne16"]]
    assert any("AvgPool" in name for name in names)
    assert array["load"] == pytest.approx(array["MHz"] / 120)


def test_cost_in_pictures(capsys, tmp_path):
    code, _, _ = fxpsim(
        capsys, "cost", "kws250k-4bit", "--on", "systolic:16x16,ws", "--on", "bit_serial:ne16",
        "--on", "dataflow_fpga", "--pictures", tmp_path / "new" / "folder",
    )  # fmt: skip
    assert code == 0
    drawn = {file.name: file.stat().st_size for file in (tmp_path / "new/folder").iterdir()}
    assert set(drawn) == {"roofs.png", "weight-bits.png", "energy.png", "memory.png"}
    assert min(drawn.values()) > 8_000


def test_cost_by_weight_bits(capsys):
    code, out, _ = fxpsim(
        capsys, "cost", "kws250k-8bit", "--on", "neon:cortex-a53", "--on", "neon:cortex-m4",
        "--weights", "float,8,5,4,2,1", "--period", "20", "--json",
    )  # fmt: skip
    assert code == 0
    rows = json.loads(out)["estimates"]
    assert [row["weights"] for row in rows[:6]] == ["float", "8", "5", "4", "2", "1"]
    a53 = [row["cycles"] for row in rows[:6]]
    assert a53 == sorted(a53, reverse=True)
    assert rows[0]["flash"] > 3.9 * rows[1]["flash"]
    assert rows[0]["MHz"] == pytest.approx(a53[0] / 0.020 / 1e6)
    assert rows[0]["energy"] is None
    assert rows[-1]["energy"] > 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["frobnicate"], "no command 'frobnicate'"),
        (["reprot"], "did you mean 'report'"),
        (["models", "--jsno"], "--jsno"),
        (["run"], "MODEL"),
        (["run", "kws250k-9bit", "x.npy"], "did you mean 'kws250k"),
        (["run", "kws250k-8bit", "missing.npy"], "missing.npy: there is no such file"),
        (["run", "kws250k-8bit", "features.txt"], "inputs must be .npy or .npz files"),
        (["run", "missing.fxp", "x.npy"], "missing.fxp: there is no such file"),
        (["sweep", "kws250k-8bit", "--bits", "many"], "bits must look like '8:32'"),
        (["run", "kws250k-8bit", "--threshold", "0.5"], "are for sound, not for features"),
        (["run", "kws250k-8bit", "--labels", "a,b"], "labels must name the 12 scores, not 2"),
        (["sweep", "kws250k-8bit", "--bits", "8:99999999999"], "bits must look like '8:32'"),
        (["sweep", "kws250k-8bit", "--bits", "8:²"], "bits must look like '8:32'"),
        (["sweep", "kws250k-8bit", "--bits", "8:4"], "bits must name at least one width"),
        (["sweep", "kws250k-8bit", "--bits", "0:3"], "accumulator bits must be 2 to 64"),
        (["sweep", "kws250k-8bit", "--overflow", "warp"], "did you mean 'wrap'"),
        (["sweep", "kws250k-8bit", "--nodes", "conv*"], "matches no layer"),
        (["sweep", "kws250k-8bit", "--cost", "neno"], "did you mean 'neon'"),
        (["sweep", "kws250k-8bit", "--data", "nowhere"], "nowhere"),
        (["sweep", "kws250k-8bit", "--seed", "-1"], "seed"),
        (["guarantee", "kws250k-8bit", "--accumulator", "wide"], "must look like '16,saturate'"),
        (["cost", "kws250k-8bit", "--on", "systolic:rows=x"], "rows"),
        (["cost", "kws250k-8bit", "--on", "neon:cortex-a35"], "did you mean 'cortex-a5"),
        (
            ["cost", "kws250k-8bit", "--weights", "8,9x"],
            "weights must be bits or 'float', not '9x'",
        ),
        (["cost", "kws250k-8bit", "--period", "0"], "period"),
        (["cost", "kws250k-8bit", "--period", "nan"], "must be a finite time in ms, not nan"),
        (["cost", "kws250k-8bit", "--host", "neno"], "did you mean 'neon'"),
        (["cost", "kws250k-8bit", "--pictures", "/dev/null/x"], "/dev/null/x cannot be made"),
        (["report", "--data", "nowhere", "--out", "r"], "nowhere"),
    ],
)
def test_mistakes_are_one_sentence_and_exit_code_1(
    capsys, monkeypatch, tmp_path, arguments, sentence
):
    monkeypatch.chdir(tmp_path)
    code, _, err = fxpsim(capsys, *arguments)
    assert code == 1
    assert sentence in err
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("described", "sentence"),
    [
        ({"zzz": 1}, "unknown key 'zzz'"),
        ({"bands": 10**12}, "bands must be an integer from 1 to 1024"),
        ({"name": "micro"}, "--data is turned into rows of the front end 'logmel'"),
        (3, "must be settings by name, not 3"),
    ],
)
def test_data_for_networks_of_other_front_ends(capsys, tmp_path, described, sentence):
    graph = replace(load("kws250k-8bit"), metadata={"front_end": described})
    save(graph, tmp_path / "odd.fxp")
    code, _, err = fxpsim(capsys, "sweep", tmp_path / "odd.fxp", "--data", tmp_path)
    assert code == 1
    assert sentence in err


def test_bad_inputs_are_one_sentence(capsys, tmp_path):
    good = tmp_path / "good.npz"
    np.savez(good, features=np.zeros((2, 4), np.int8))
    whole = good.read_bytes()
    np.save(tmp_path / "nan.npy", np.full((1, 768), np.nan))
    np.save(tmp_path / "objects.npy", np.array([{}], object), allow_pickle=True)
    np.savez(tmp_path / "two.npz", a=np.zeros(3), b=np.zeros(3))
    cases = {
        good: "inputs must have shape (n, ",
        write(tmp_path / "cut.npz", whole[: len(whole) // 2]): "cut.npz: not a whole zip archive",
        write(tmp_path / "empty.npz", b""): "empty.npz",
        write(tmp_path / "cut.npy", b"\x93NUMPY"): "cut.npy cannot be read",
        tmp_path / "nan.npy": "nan.npy: values must be numbers, but element [0, 0] is NaN",
        tmp_path / "objects.npy": "plain numbers",
        tmp_path / "two.npz": "must hold an array 'features', not a, b",
    }
    for path, sentence in cases.items():
        code, _, err = fxpsim(capsys, "run", "kws250k-8bit", path)
        assert code == 1
        assert sentence in err, path
        assert "Traceback" not in err


HEAVY = {"numpy", "numba", "pandas", "matplotlib", "rich", "jinja2"}


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_and_version_import_nothing_heavy(option):
    code = (
        f"import sys; sys.argv = ['fxpsim', {option!r}]\n"
        "from fxpsim.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        f"sys.exit(str({HEAVY} & set(sys.modules) or '') or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_import_is_light():
    code = f"import sys, fxpsim, accel_models; sys.exit(str({HEAVY} & set(sys.modules) or '') or 0)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("command", ["run", "sweep", "guarantee", "cost", "models", "report"])
def test_every_command_explains_itself(capsys, command):
    code, out, _ = fxpsim(capsys, command, "--help")
    assert code == 0
    assert "Usage" in out
