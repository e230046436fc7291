"""Damaged ONNX files: a network or one clear error, fast, in little memory.

Files of random networks are truncated, flipped and spliced, and their nodes, attributes, shapes
and constants replaced by the worst ones.  A few hundred in every run;
``HYPOTHESIS_PROFILE=long`` tries 25,000.  They are read in a process of its own, which may have
3 GiB of addresses and no more.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import traceback
from pathlib import Path

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")

LONG = os.environ.get("HYPOTHESIS_PROFILE") == "long"
COUNT = 25_000 if LONG else 400
SECONDS, MEGABYTES = 5, 400
ADDRESSES = 3 << 30
#: Numbers that readers get wrong.
WORST = (0, 1, -1, 2, 3, 255, 4096, 65535, 65537, 1 << 24, (1 << 31) - 1, 1 << 31, -(1 << 31),
         (1 << 63) - 1, -(1 << 63))  # fmt: skip
KINDS = (
    "Conv", "MatMul", "Gemm", "Reshape", "Transpose", "Concat", "Split", "Slice", "Pad", "Cast",
    "QuantizeLinear", "DequantizeLinear", "QLinearConv", "QLinearMatMul", "MatMulInteger",
    "ConvInteger", "Quant", "BipolarQuant", "Trunc", "Clip", "Relu", "Softmax", "ArgMax", "LSTM",
    "Loop", "If", "Constant", "ConstantOfShape", "Shape", "Gather", "Squeeze", "Unsqueeze",
    "BatchNormalization", "AveragePool", "MaxPool", "GlobalAveragePool", "ReduceMean", "Add", "Mul",
    "Sub", "Div", "Flatten", "QLinearAdd", "QLinearConcat", "QGemm", "DynamicQuantizeLinear",
    "Sigmoid", "Max", "Round", "ReduceMax",
)  # fmt: skip


def corpus():
    """Return models as bytes."""
    import onnx_networks
    import qonnx_networks

    models = [onnx_networks.random_network(seed).model for seed in range(40)]
    models += [qonnx_networks.random_network(seed)[0] for seed in range(20)]
    return [model.SerializeToString() for model in models]


# -- damage ---------------------------------------------------------------------------------------


def damaged_bytes(rng, files):
    """Return one file with one to eight wrong bytes, or only its beginning."""
    data = bytearray(files[rng.integers(len(files))])
    for _ in range(rng.integers(1, 9)):
        at, kind = int(rng.integers(max(1, len(data)))), rng.integers(5)
        if not data:
            break
        if kind == 0:
            data[at] ^= 1 << int(rng.integers(8))
        elif kind == 1:
            data[at] = int(rng.integers(256))
        elif kind == 2:
            other = files[rng.integers(len(files))]
            start, size = int(rng.integers(len(other))), int(rng.integers(1, 64))
            data[at : at + size] = other[start : start + size]
        elif kind == 3 and rng.random() < 0.1:
            del data[at:]
        else:
            data[at:at] = data[at : at + int(rng.integers(1, 16))]
    return bytes(data)


def pick(rng, items):
    return items[int(rng.integers(len(items)))] if len(items) else None


def worst(rng):
    return WORST[int(rng.integers(len(WORST)))]


def damage_node(rng, graph):
    node = pick(rng, graph.node)
    if node is None:
        return
    names = [name for other in graph.node for name in (*other.input, *other.output)] or ["x"]
    kind = rng.integers(7)
    if kind == 0:
        node.op_type = str(rng.choice(KINDS))
    elif kind == 1 and node.input:
        node.input[int(rng.integers(len(node.input)))] = str(rng.choice(names))
    elif kind == 2 and node.output:
        node.output[int(rng.integers(len(node.output)))] = str(rng.choice(names))
    elif kind == 3 and node.input:
        del node.input[int(rng.integers(len(node.input)))]
    elif kind == 4:
        node.input.append(str(rng.choice([*names, ""])))
    elif kind == 5 and node.output:
        del node.output[:]
    else:
        node.domain = str(rng.choice(["", "ai.onnx", "com.microsoft", "elsewhere"]))


def damage_attribute(rng, graph):
    node = pick(rng, graph.node)
    if node is None:
        return
    attribute = pick(rng, node.attribute) if rng.random() < 0.6 else None
    if attribute is None:
        attribute = node.attribute.add()
        attribute.name = str(rng.choice(
            ["axis", "axes", "perm", "pads", "strides", "dilations", "kernel_shape", "group",
             "auto_pad", "to", "block_size", "keepdims", "transB", "alpha", "value", "ceil_mode"]
        ))  # fmt: skip
    kind = rng.integers(5)
    if kind == 0:
        attribute.type, attribute.i = 2, worst(rng)
    elif kind == 1:
        attribute.type = 7
        attribute.ints[:] = [worst(rng) for _ in range(rng.integers(0, 6))]
    elif kind == 2:
        attribute.type, attribute.f = 1, float(rng.choice([0, -1, 1e38, np.inf, np.nan]))
    elif kind == 3:
        attribute.type, attribute.s = 3, bytes(rng.integers(0, 256, 5, np.uint8))
    else:
        attribute.type, inner = 5, attribute.g
        for _ in range(int(rng.integers(1, 60))):  # a graph in a graph in a graph
            inner = inner.node.add(op_type="If").attribute.add(name="then_branch", type=5).g


def damage_constant(rng, graph):
    tensor = pick(rng, graph.initializer)
    if tensor is None:
        return
    kind = rng.integers(7)
    if kind == 0 and tensor.dims:
        tensor.dims[int(rng.integers(len(tensor.dims)))] = worst(rng)
    elif kind == 1:
        tensor.dims.append(worst(rng))
    elif kind == 2:
        tensor.data_type = int(rng.integers(0, 30))
    elif kind == 3:
        tensor.raw_data = tensor.raw_data[: int(rng.integers(len(tensor.raw_data) + 1))]
    elif kind == 4:
        tensor.data_location = 1
        tensor.external_data.add(key="location", value="/etc/passwd")
    elif kind == 5 and tensor.raw_data:
        data = bytearray(tensor.raw_data)
        at = int(rng.integers(len(data))) // 4 * 4
        data[at : at + 4] = rng.choice([b"\0\0\0\0", b"\xff\xff\xff\xff", b"\0\0\x80\x7f"])
        tensor.raw_data = bytes(data[: len(tensor.raw_data)])
    else:
        tensor.name = str(rng.choice([other.name for other in graph.initializer]))


def damage_ends(rng, graph):
    info = pick(rng, [*graph.input, *graph.output])
    if info is None:
        return
    kind, shape = rng.integers(5), info.type.tensor_type.shape
    if kind == 0 and shape.dim:
        shape.dim[int(rng.integers(len(shape.dim)))].dim_value = worst(rng)
    elif kind == 1:
        info.type.tensor_type.elem_type = int(rng.integers(0, 30))
    elif kind == 2:
        shape.dim.add().dim_param = "n"
    elif kind == 3:
        info.name = str(rng.choice(["", "x", *(n.output[0] for n in graph.node if n.output)]))
    else:
        graph.input.add().CopyFrom(info)


def damaged_model(rng, files):
    """Return one file whose parts are whole, and wrong."""
    model = onnx.ModelProto.FromString(files[rng.integers(len(files))])
    for _ in range(rng.integers(1, 5)):
        change = rng.choice(
            [damage_node, damage_attribute, damage_constant, damage_ends, shuffle],
            p=[0.3, 0.25, 0.25, 0.15, 0.05],
        )
        change(rng, model.graph)
    return model.SerializeToString()


def shuffle(rng, graph):
    """Let two nodes change places: one reads what comes later."""
    if len(graph.node) > 1:
        one, two = (int(i) for i in rng.choice(len(graph.node), 2, replace=False))
        kept = onnx.NodeProto()
        kept.CopyFrom(graph.node[one])
        graph.node[one].CopyFrom(graph.node[two])
        graph.node[two].CopyFrom(kept)


# -- the process that reads them ------------------------------------------------------------------


def read_all(count, seed, folder):
    """Read damaged files; return what happened."""
    import tracemalloc

    from fxpsim import load
    from fxpsim.errors import DataError
    from fxpsim.graph import Graph

    files, rng = corpus(), np.random.default_rng(seed)
    path = Path(folder, "damaged.onnx")
    found = {"refused": 0, "read": 0, "slowest": 0.0, "largest": 0, "wrong": []}
    tracemalloc.start()
    for number in range(count):
        data = (damaged_bytes if rng.random() < 0.4 else damaged_model)(rng, files)
        path.write_bytes(data)
        tracemalloc.reset_peak()
        started = time.perf_counter()
        try:
            assert isinstance(load(path), Graph)
            found["read"] += 1
        except DataError as error:
            found["refused"] += 1
            sentence = str(error)
            if not sentence.startswith(str(path)) or "\n" in sentence or len(sentence) > 1500:
                found["wrong"].append(f"{number}: {sentence[:300]!r}")
        except Exception:
            found["wrong"].append(f"{number}: {traceback.format_exc()[-1500:]}")
            Path(folder, f"wrong{number}.onnx").write_bytes(data)
        found["slowest"] = max(found["slowest"], time.perf_counter() - started)
        found["largest"] = max(found["largest"], tracemalloc.get_traced_memory()[1])
    return found


def test_damaged_files_are_refused_in_a_sentence(tmp_path):
    command = [sys.executable, __file__, str(COUNT), "20262", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=7200, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout)
    assert not found["wrong"], "\n".join(found["wrong"][:5])
    assert found["refused"] + found["read"] == COUNT
    assert found["refused"] > COUNT / 4
    assert found["read"] > COUNT / 50
    assert found["slowest"] < SECONDS
    assert found["largest"] < MEGABYTES << 20


@pytest.mark.parametrize("size", [0, 1, 3, 8, 20, 64, 500])
def test_beginnings_of_files(tmp_path, size):
    from fxpsim import load
    from fxpsim.errors import DataError

    path = tmp_path / "short.onnx"
    path.write_bytes(corpus()[0][:size])
    with pytest.raises(DataError, match=r"short\.onnx"):
        load(path)


if __name__ == "__main__":
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (ADDRESSES, ADDRESSES))
    here = Path(__file__).resolve().parents[1]
    sys.path[:0] = [str(here), str(here.parent)]
    print(json.dumps(read_all(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])))
