"""Damaged archives (.fxp, q7 and MAX78000 .npz): a network or one clear error, in little memory.

Bytes are flipped, cut and spliced; parts of ``graph.json`` are replaced by the worst values, and
arrays by others.  A few hundred in every run; ``HYPOTHESIS_PROFILE=long`` tries 21,000 of each
kind of file.
"""

from __future__ import annotations

import copy
import io
import json
import os
import time
import zipfile

import numpy as np
import pytest

from fxpsim import Accumulator, Graph, QFormat, load, save
from fxpsim.errors import DataError
from fxpsim.formats import Affine
from fxpsim.graph import Node, State
from fxpsim.ops import Conv2D, Dense, DepthwiseConv2D, Relu, Requantize, Reshape, TensorSpec
from fxpsim.ops.movement import Concatenate

COUNT = 21_000 if os.environ.get("HYPOTHESIS_PROFILE") == "long" else 250
SECONDS, MEGABYTES = 5, 200
#: Values that readers get wrong.
WORST = (
    None, True, 0, -1, 1, 2, 63, 65, 4096, 1 << 31, -(1 << 63), 1 << 80, 1e308, -0.5, float("nan"),
    "", "input", "fxp-s8/4", "fxp-s99999/0", "../x.npy", "a0.npy", "x" * 5000, [], [0], [[]],
    [1 << 40, 1 << 40], {}, {"op": "Dense"}, [[[[[[[[]]]]]]]],
)  # fmt: skip


def small_networks():
    """Return graphs that between them have most of what a file can hold."""
    rng = np.random.default_rng(1)
    q, register = QFormat(8, 4), Accumulator(20, "saturate")
    dense = Dense(
        rng.integers(-8, 8, (6, 4)), QFormat(4, 3), register, [1, -2, 3, 4], QFormat(8, 4)
    )
    nodes = (
        Node("fc", dense, "input"),
        Node("q", Requantize(q), "fc"),
        Node("relu", Relu(), "q"),
        Node("out", Dense(rng.integers(-8, 8, (4, 3)), QFormat(4, 3), register), "relu"),
    )
    yield Graph("dense", TensorSpec((6,), q), nodes, ("a", "b", "c"), {"origin": {"seed": [1, 2]}})
    image = TensorSpec((5, 4, 2), Affine(8, 0.5, 3))
    conv = Conv2D(rng.integers(-8, 8, (3, 3, 2, 4)), q, register, top_left=(1, 1), stride=(2, 1))
    each = DepthwiseConv2D(rng.integers(-8, 8, (2, 2, 4)), q, Accumulator(16), dilation=(1, 1))
    nodes = (Node("c", conv, "input"), Node("q", Requantize(q), "c"), Node("d", each, "q"))
    yield Graph("image", image, nodes)
    nodes = (Node("both", Concatenate(0), ("memory", "input")), Node("row", Reshape((8,)), "both"))
    last = Node("y", Dense(rng.integers(-8, 8, (8, 4)), QFormat(4, 3), register), "row")
    then = Node("z", Requantize(q), "y")
    state = State("memory", q, np.zeros((1, 4), int), "again")
    again = Node("again", Reshape((1, 4)), "z")
    yield Graph("state", TensorSpec((1, 4), q), (*nodes, last, then, again), states=(state,))


def q7_arrays():
    rng, arrays = np.random.default_rng(2), {}
    for i, (inputs, outputs) in enumerate([(10, 6), (6, 6), (6, 12)], start=1):
        arrays[f"ip{i}_weight"] = rng.integers(-128, 128, (outputs, inputs)).astype(np.int8)
        arrays[f"ip{i}_bias"] = rng.integers(-128, 128, outputs).astype(np.int8)
    return arrays | {
        "bias_lshift": np.array([1, 2, 2]),
        "out_rshift": np.array([6, 7, 6]),
        "mfcc_frac_bits": np.array(2),
    }


def max78000_arrays():
    from fxpsim.importers.max78000 import _BLOCKS

    rng, arrays, channels = np.random.default_rng(3), {}, 4
    for block in _BLOCKS:
        taps = {"voice_conv1": 1, "kws_conv4": 6}.get(block.name, 3)
        weights = rng.integers(-128, 128, (4, channels, taps))
        arrays[f"{block.name}_weight"] = weights.astype(np.int8)
        arrays[f"{block.name}_output_shift"] = np.array(-1)
    arrays["fc_weight"] = rng.integers(-128, 128, (5, 4 * channels)).astype(np.int8)
    return arrays | {"fc_output_shift": np.array(0), "labels": np.array(list("abcde"))}


def packed(members):
    """Return an archive as bytes."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return stream.getvalue()


def npy(array):
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=False)
    return stream.getvalue()


@pytest.fixture(scope="module")
def archives(tmp_path_factory):
    """Members of archives, by kind."""
    folder, found = tmp_path_factory.mktemp("whole"), {"fxp": [], "q7": [], "max78000": []}
    for graph in small_networks():
        save(graph, folder / "x.fxp")
        with zipfile.ZipFile(folder / "x.fxp") as archive:
            found["fxp"].append({name: archive.read(name) for name in archive.namelist()})
    for kind, arrays in (("q7", q7_arrays()), ("max78000", max78000_arrays())):
        found[kind].append({f"{name}.npy": npy(array) for name, array in arrays.items()})
    return found


# -- damage ---------------------------------------------------------------------------------------


def damaged_bytes(rng, data):
    data = bytearray(data)
    for _ in range(rng.integers(1, 6)):
        at, kind = int(rng.integers(max(1, len(data)))), rng.integers(5)
        if not data:
            break
        if kind == 0:
            data[at] ^= 1 << int(rng.integers(8))
        elif kind == 1:
            data[at] = int(rng.integers(256))
        elif kind == 2 and rng.random() < 0.2:
            del data[at:]
        elif kind == 3:
            data[at:at] = data[at : at + int(rng.integers(1, 16))]
        else:
            del data[at : at + int(rng.integers(1, 16))]
    return bytes(data)


def places(value, path=()):
    """Yield the path to every value in a document."""
    yield path
    if isinstance(value, (dict, list)):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from places(value[key], (*path, key))


def damaged_document(rng, data):
    document = json.loads(data)
    for _ in range(rng.integers(1, 4)):
        every = [path for path in places(document) if path]
        if not every:
            break
        *lead, last = every[rng.integers(len(every))]
        inside = document
        for key in lead:
            inside = inside[key]
        kind = rng.integers(4)
        if kind == 0:
            del inside[last]
        elif kind == 1:
            other = document
            for key in every[rng.integers(len(every))]:
                other = other[key]
            inside[last] = json.loads(json.dumps(other))
        else:
            inside[last] = copy.deepcopy(WORST[rng.integers(len(WORST))])
    return json.dumps(document).encode()


def damaged_array(rng, data):
    kind = rng.integers(7)
    if kind == 0:
        return damaged_bytes(rng, data)
    array = np.load(io.BytesIO(data), allow_pickle=False)
    if kind == 1:
        dtype = rng.choice(["i1", "u1", "i2", "i8", "u8", "f4", "f8", "c8", "?", "U3", "M8[s]"])
        with np.errstate(all="ignore"):
            array = np.zeros(array.shape, dtype)
    elif kind == 2:
        array = array.reshape(-1)[: rng.integers(array.size + 1)]
    elif kind == 3:
        array = array[None] if rng.random() < 0.5 else array.reshape(-1)
    elif kind == 4:
        array = np.full(array.shape, rng.choice([np.nan, np.inf, -1e30, 0.5]))
    elif kind == 5:
        array = np.full(array.shape, int(rng.choice([-(1 << 62), 1 << 31, 128, -129])))
    else:
        array = np.zeros((0, *array.shape[1:]), array.dtype)
    return npy(array)


def damaged(rng, members):
    if rng.random() < 0.3:
        return damaged_bytes(rng, packed(members))
    members = dict(members)
    names = list(members)
    name = names[rng.integers(len(names))]
    if "graph.json" in members and rng.random() < 0.8:
        name = "graph.json"
    if rng.random() < 0.05:
        del members[name]
    elif name.endswith(".json"):
        change = damaged_document if rng.random() < 0.9 else damaged_bytes
        members[name] = change(rng, members[name])
    else:
        members[name] = damaged_array(rng, members[name])
    return packed(members)


@pytest.mark.parametrize("kind", ["fxp", "q7", "max78000"])
def test_damaged_files_are_refused_in_a_sentence(kind, archives, tmp_path):
    resource = pytest.importorskip("resource")
    rng = np.random.default_rng(20263)
    path = tmp_path / ("damaged.fxp" if kind == "fxp" else "damaged.npz")
    for members in archives[kind]:
        path.write_bytes(packed(members))
        load(path)  # whole, it is a network
    refused = 0
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number in range(COUNT):
        members = archives[kind][rng.integers(len(archives[kind]))]
        path.write_bytes(damaged(rng, members))
        started = time.process_time()
        try:
            assert isinstance(load(path), Graph)
        except DataError as error:
            refused += 1
            sentence = str(error)
            assert sentence.startswith(str(path)), (number, sentence)
            assert len(sentence) < 1500, number
            assert "\n" not in sentence, number
        seconds = time.process_time() - started
        assert seconds < SECONDS, f"file {number} took {seconds:.1f} s"
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < MEGABYTES << 10, f"memory grew by {grown >> 10} MiB"
    assert COUNT / 4 < refused < COUNT
