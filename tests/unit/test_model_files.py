"""Model files: shipped networks, bad files, names; one sentence each, never a traceback."""

from __future__ import annotations

import io
import json
import zipfile

import numpy as np
import pytest

from fxpsim import Graph, QFormat, list_models, load, save, simulate
from fxpsim.errors import DataError
from fxpsim.graph import Node
from fxpsim.npz import read_npy, read_npz
from fxpsim.ops import Dense, TensorSpec


@pytest.fixture
def model(tmp_path):
    rng = np.random.default_rng(0)
    layer = Dense(rng.integers(-8, 8, (5, 3)), QFormat(4, 3))
    graph = Graph("tiny", TensorSpec((5,), QFormat(8, 4)), (Node("fc", layer, "input"),))
    path = tmp_path / "tiny.fxp"
    save(graph, path)
    return path


def rewritten(path, change, arrays=None):
    """Copy a model with its document changed."""
    target = path.with_name("changed.fxp")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "graph.json":
                document = json.loads(data)
                change(document)
                data = json.dumps(document).encode()
            new.writestr(name, (arrays or {}).get(name, data))
    return target


def test_every_shipped_network_loads_and_runs():
    names = list_models()
    assert {"kws250k-8bit", "kws250k-5bit", "kws250k-4bit"} <= set(names)
    for name in names:
        graph = load(name)
        assert graph.name == name
        assert abs(graph.parameters - 250_000) < 5_000 or not name.startswith("kws250k")
        trace = simulate(graph, np.zeros((1, *graph.input.shape), int))
        assert trace.output.shape == (1, 12)


def set_op(op):
    return lambda document: document["nodes"][0].update(op=op)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda d: d.update(version=2), "version must be 1, not 2"),
        (set_op("Dens"), "unknown operation 'Dens'; did you mean 'Dense'"),
        (set_op("Relu"), "Relu of 'fc' cannot have"),
        (lambda d: d["nodes"][0].update(source="x"), "reads 'x'"),
        (lambda d: d["nodes"][0].update(weights={"array": "none"}), "holds no 'none.npy'"),
        (lambda d: d["nodes"][0].update(weights={"pickle": "x"}), "not of the expected form"),
        (lambda d: d["nodes"][0].update(weight_format={"format": "fxp-s99/0"}), "1 to 62, not 99"),
        (lambda d: d["input"].update(shape=[6]), "must have 5 values"),
        (lambda d: d["input"].update(shape=[-5]), "positive sizes"),
        (lambda d: d.update(nodes=[]), "must have a node"),
        (lambda d: d.pop("labels"), "not of the expected form"),
        (lambda d: d.update(labels=["only one"]), "labels must name"),
    ],
)
def test_documents_that_make_no_sense(model, change, sentence):
    with pytest.raises(DataError, match=sentence):
        load(rewritten(model, change))


def test_arrays_that_lie(model):
    objects = io.BytesIO()
    np.save(objects, np.array([{}], object), allow_pickle=True)
    name = "fc.weights.npy"
    with pytest.raises(DataError, match="plain numbers"):
        load(rewritten(model, lambda d: None, {name: objects.getvalue()}))
    huge = b"\x93NUMPY\x01\x00v\x00" + (
        b"{'descr': '<i8', 'fortran_order': False, 'shape': (99999999999, 99999), }".ljust(117)
        + b"\n"
    )
    with pytest.raises(DataError, match="plain numbers, whole"):
        load(rewritten(model, lambda d: None, {name: huge}))


def test_every_truncation_is_one_sentence(model, tmp_path):
    whole = model.read_bytes()
    target = tmp_path / "cut.fxp"
    for size in range(0, len(whole), 7):
        target.write_bytes(whole[:size])
        with pytest.raises(DataError, match=r"cut\.fxp"):
            load(target)


def test_every_flipped_byte_is_a_sentence_or_a_network(model, tmp_path):
    whole = bytearray(model.read_bytes())
    target = tmp_path / "flipped.fxp"
    for position in range(len(whole)):
        flipped = bytearray(whole)
        flipped[position] ^= 0xFF
        target.write_bytes(flipped)
        try:
            assert isinstance(load(target), Graph)
        except DataError as error:
            assert "flipped.fxp" in str(error)  # noqa: PT017


def test_names_and_files_that_are_not_there(tmp_path):
    with pytest.raises(DataError, match="did you mean 'kws250k-8bit'"):
        load("kws250k-8bits")
    with pytest.raises(DataError, match="there is no such file"):
        load(tmp_path / "nothing.fxp")
    with pytest.raises(DataError, match=r"must end in \.fxp"):
        save(load("kws250k-8bit"), tmp_path / "model.zip")


def test_archives_that_unpack_to_gigabytes_are_refused_unread(tmp_path):
    bomb = tmp_path / "bomb.npz"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", bytes(300 << 20))
    with pytest.raises(DataError, match="at most 256 MiB, not 300"):
        read_npz(bomb)


def test_q7_files_are_checked(tmp_path):
    path = tmp_path / "net.npz"
    np.savez(path, ip1_weight=np.zeros((2, 3), np.int8))
    with pytest.raises(DataError, match="missing: ip1_bias, bias_lshift"):
        load(path)
    np.savez(
        path,
        ip1_weight=np.zeros((2, 3), np.int8),
        ip1_bias=np.zeros(2, np.int8),
        bias_lshift=[1, 2],
        out_rshift=[7],
        mfcc_frac_bits=2,
    )
    with pytest.raises(DataError, match="bias_lshift must hold 1 shifts"):
        load(path)
    text = tmp_path / "text.npy"
    text.write_bytes(b"not an array")
    with pytest.raises(DataError, match=r"text\.npy cannot be read"):
        read_npy(text)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda d: d["nodes"][0].update(accumulator={"format": "fxp-s16/0"}), "cannot have"),
        (lambda d: d.update(labels="abc"), "labels must be a list of names"),
        (lambda d: d.update(version=True), "version must be 1, not True"),
        (lambda d: d["input"].update(shape=[1 << 23, 1 << 23]), "values in all"),
        (lambda d: d["nodes"][0].update(surprise=3), "cannot have surprise=3"),
        (
            lambda d: d["nodes"].append(
                {"name": "r", "op": "Relu", "source": "fc", "maximum": 1.5}
            ),
            "cannot have maximum=1.5",
        ),
    ],
)
def test_values_of_the_wrong_kind(model, change, sentence):
    with pytest.raises(DataError, match=sentence):
        load(rewritten(model, change))


def test_members_packed_in_any_way_are_read_or_refused(model, tmp_path):
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        path = tmp_path / f"packed{method}.fxp"
        with zipfile.ZipFile(model) as old, zipfile.ZipFile(path, "w", method) as new:
            for name in old.namelist():
                new.writestr(name, old.read(name))
        load(path)
        whole = bytearray(path.read_bytes())
        for position in range(30, len(whole), 3):
            damaged = bytearray(whole)
            damaged[position] ^= 0x5A
            path.write_bytes(damaged)
            try:
                load(path)
            except DataError as error:
                assert path.name in str(error)  # noqa: PT017


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("ip1_weight", np.int8(3), "must be a matrix"),
        ("mfcc_frac_bits", np.array([], int), "must hold 1 shifts"),
        ("mfcc_frac_bits", np.array([1.7]), "must hold 1 shifts"),
        ("out_rshift", np.array(["a"]), "must hold 1 shifts"),
    ],
)
def test_q7_constants_of_the_wrong_kind(tmp_path, name, value, sentence):
    arrays = {
        "ip1_weight": np.zeros((2, 3), np.int8),
        "ip1_bias": np.zeros(2, np.int8),
        "bias_lshift": [1],
        "out_rshift": [7],
        "mfcc_frac_bits": 2,
    }
    path = tmp_path / "net.npz"
    np.savez(path, **{**arrays, name: value})
    with pytest.raises(DataError, match=sentence):
        load(path)
