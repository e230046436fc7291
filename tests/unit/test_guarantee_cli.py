"""``fxpsim guarantee`` as a gate of CI: exit codes, the witness, certificates, what is printed."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from command_line import fxpsim

from fxpsim import Accumulator, load, simulate

NETWORK = "kws250k-4bit"


def test_the_witness_of_the_first_layer_that_fails(capsys, tmp_path):
    out = tmp_path / "made" / "here"
    code, text, err = fxpsim(
        capsys, "guarantee", NETWORK, "--accumulator", "16,saturate", "--json", "--out", out
    )
    document = json.loads(text)
    first, witness = document["shortfalls"][0], document["witness"]
    assert code == 2
    assert (first["node"], first["needed"]) == ("dense0", 17) == (witness["node"], 17)
    assert str(witness["file"]) in err
    with np.load(witness["file"]) as saved:
        trace = simulate(
            load(NETWORK), saved["inputs"][None], accumulator=Accumulator(16, "saturate")
        )
    statistics = trace.statistics("dense0")
    assert statistics.first_step[witness["channel"]] == witness["step"]


def test_what_holds_writes_nothing(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, text, err = fxpsim(capsys, "guarantee", NETWORK, "--accumulator", "17")
    assert (code, err) == (0, "")
    assert "guaranteed: no sum can overflow 17,wrap" in text
    assert not list(tmp_path.iterdir())


def test_certificates(capsys, tmp_path):
    made = fxpsim(
        capsys, "guarantee", NETWORK, "--accumulator", "17", "--certificate", "--out", tmp_path
    )
    path = tmp_path / "certificate.json"
    assert made[0] == 0
    check = "--accumulator", "17", "--check", path
    assert fxpsim(capsys, "guarantee", NETWORK, *check)[0] == 0
    code, _, err = fxpsim(capsys, "guarantee", "kws250k-5bit", *check, "--out", tmp_path)
    assert code == 2
    assert "certificate: dense0: weights, biases, registers or ranges are not those" in err
    fxpsim(capsys, "guarantee", NETWORK, "--accumulator", "16", "--certificate", "--out", tmp_path)
    code, _, err = fxpsim(
        capsys, "guarantee", NETWORK, "--accumulator", "16", "--check", path, "--out", tmp_path
    )
    assert code == 2
    assert "certificate: dense0: not certified to be safe" in err


def test_what_data_need(capsys, tmp_path):
    features = np.zeros((3, 16, 20), np.int64)
    np.save(tmp_path / "x.npy", features)
    code, text, _ = fxpsim(
        capsys, "guarantee", NETWORK, "--inputs", tmp_path / "x.npy", "--out", tmp_path, "--json"
    )
    rows = json.loads(text)["layers"]
    assert code == 0
    assert rows[0]["needed"] < rows[0]["bits"]
    assert (tmp_path / "gap.csv").read_text().startswith("node,proven_bits,needed_bits,")
    picture = (tmp_path / "gap.svg").read_text()
    assert picture.startswith('<svg xmlns="http://www.w3.org/2000/svg"')
    assert all(f">{row['node']}<" in picture for row in rows)


def test_markdown_and_bounds(capsys):
    code, text, _ = fxpsim(capsys, "guarantee", NETWORK, "--markdown", "--bounds", "l1,sign-split")
    lines = text.splitlines()
    assert code == 0
    assert lines[0].endswith("| range_source | l1 | sign-split |")
    assert re.fullmatch(r"\| dense0 \| 17 \|.*\| declared \| 17 \| 17 \|", lines[2])


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--bounds", "sign-spilt"], "did you mean 'sign-split'"),
        (["--check", "missing.json"], "missing.json: No such file"),
        (["--inputs", "missing.npy"], "missing.npy"),
    ],
)
def test_mistakes(capsys, arguments, sentence):
    code, _, err = fxpsim(capsys, "guarantee", NETWORK, *arguments)
    assert code == 1
    assert sentence in err


def test_a_damaged_certificate(capsys, tmp_path):
    path = tmp_path / "c.json"
    for text in ("", "{}", "[]", '{"layers": [{}]}'):
        path.write_text(text)
        code, _, err = fxpsim(capsys, "guarantee", NETWORK, "--check", path)
        assert (code, "must be a certificate" in err) == (1, True)
