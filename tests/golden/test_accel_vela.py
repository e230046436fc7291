"""The decoder NPU against Arm's compiler; the error of every group of rows is printed.

Vela has two compilers, whose totals differ by up to a quarter; ours follows the newer (regor). Rows
of Ethos-U85 are another architecture and have no model here.
"""

from __future__ import annotations

import json
from pathlib import Path
from statistics import median

import numpy as np
import pytest
from peer_rows import Row, report, rows_of

import accel_models as am

MODELLED = ("ethos-u55", "ethos-u65")
#: Shapes of the layers with weights of MLPerf Tiny's keyword network, in order.
SHAPES = [("conv", 1), *[("dw", 64), ("pw", 64)] * 4, ("fc", 64)]


def modelled(rows: list[Row]) -> list[Row]:
    return [row for row in rows if row["accelerator"].startswith(MODELLED)]


def machine_of(row: Row) -> am.CostModel:
    system = row["system_config"].removeprefix("Ethos_").replace("_", "-").lower()
    inside = row["memory_mode"] == "Sram_Only"
    return am.create(
        "decoder_npu",
        accelerator=row["accelerator"],
        system=system,
        weights="sram" if inside else "outside",
    )


@pytest.fixture(scope="module")
def entropies(test_data: Path) -> dict[int, float]:
    """Bits of information in Gaussian weights of each width, as Arm's codec was tried on."""
    rows = rows_of(test_data, "vela_mlw_codec_bits.csv")
    found: dict[int, list[float]] = {}
    for row in rows:
        bits = int(row["weight_bits"])
        if row["distribution"] == ("uniform" if bits == 1 else "gauss"):
            found.setdefault(bits, []).append(float(row["entropy_bits"]))
    return {bits: median(values) for bits, values in found.items()}


@pytest.fixture(scope="module")
def kernels(test_data: Path) -> list[np.ndarray]:
    """The weights of MLPerf Tiny's keyword network, in the order in which they are used."""
    stem = test_data / "models" / "mlperf_tiny_kws" / "kws_ref_model"
    graph = json.loads(stem.with_suffix(".graph.json").read_text("utf-8"))["subgraphs"][0]
    stored = np.load(stem.with_suffix(".consts.npz"), allow_pickle=False)
    layers = [o for o in graph["operators"] if len(o["inputs"]) == 3]
    return [stored[graph["tensors"][o["inputs"][1]]["const"]] for o in layers]


def narrowed(weights: np.ndarray, bits: int, grid: str) -> tuple[int, np.ndarray]:
    """Return the width in which codes are stored, and the codes of a coarser grid."""
    most = max(1, 2 ** (bits - 1) - 1)
    if bits == 1:
        codes = np.where(weights >= 0, 1, -1)
    elif bits == 8:
        codes = weights.astype(int)
    else:
        codes = np.round(weights * (most / 127)).astype(int)
    spread_out = grid.startswith("same levels")
    return (8, np.round(codes * (127 / most)).astype(int)) if spread_out else (bits, codes)


def ds_cnn(kernels: list[np.ndarray], bits: int, grid: str) -> am.Workload:
    layers: list[am.Work] = []
    for (kind, channels), weights in zip(SHAPES, kernels, strict=True):
        width, codes = narrowed(weights, bits, grid)
        settings = {
            "weight_bits": width,
            "weight_histogram": am.Histogram.of(codes.ravel().tolist()),
        }
        match kind:
            case "conv":
                layers.append(am.Work.conv2d((49, 10, 1), (10, 4), 64, stride=2, **settings))
            case "dw":
                layers.append(am.Work.depthwise((25, 5, channels), 3, **settings))
            case "pw":
                layers.append(am.Work.conv2d((25, 5, channels), 1, 64, **settings))
            case _:
                layers.append(am.Work.pool((25, 5, 64), (25, 5), "average"))
                layers.append(am.Work.dense(1, channels, 12, **settings))
    return am.Workload([*layers, am.Work.elementwise(12, "softmax")])


def test_dense_networks(test_data: Path, entropies: dict[int, float]) -> None:
    totals: dict[tuple[str, ...], list[float]] = {}
    stored: dict[tuple[str, ...], list[float]] = {}
    compute: dict[tuple[str, ...], list[float]] = {}
    for row in modelled(rows_of(test_data, "vela_dense_weight_bits.csv")):
        bits = int(row["weight_bits"])
        sizes = [[int(n) for n in layer.split("x")] for layer in row["layers"].split()]
        work = [
            am.Work.dense(
                1,
                *size,
                weight_bits=bits,
                activation_bits=int(row["activations"].removeprefix("int")),
                weight_entropy=entropies[bits],
            )
            for size in sizes
        ]
        estimate = machine_of(row).estimate(work)
        group = (row["core"], row["net"], row["activations"], row["memory_mode"])
        held = sum(layer.counts["weight_stored_bytes"] for layer in estimate.layers)
        totals.setdefault(group, []).append(estimate.cycles / float(row["cycles_total"]) - 1)
        stored.setdefault(group, []).append(held / float(row["encoded_weight_bytes"]) - 1)
        compute.setdefault(group, []).append(estimate.compute_cycles / float(row["cycles_npu"]) - 1)
    assert median(report(totals, "total cycles")) < 0.05
    assert median(report(stored, "encoded weights")) < 0.05
    newer = {group: errors for group, errors in compute.items() if group[0] == "regor"}
    assert max(report(newer, "NPU cycles")) < 0.05


def test_ds_cnn(test_data: Path, kernels: list[np.ndarray]) -> None:
    totals: dict[tuple[str, ...], list[float]] = {}
    stored: dict[tuple[str, ...], list[float]] = {}
    compute: dict[tuple[str, ...], list[float]] = {}
    for row in modelled(rows_of(test_data, "vela_dscnn_weight_bits.csv")):
        work = ds_cnn(kernels, int(row["weight_bits"]), row["grid"])
        estimate = machine_of(row).estimate(work)
        group = (row["core"], row["accelerator"], row["system_config"])
        held = sum(layer.counts["weight_stored_bytes"] for layer in estimate.layers if layer.macs)
        totals.setdefault(group, []).append(estimate.cycles / float(row["cycles_total"]) - 1)
        stored.setdefault(group, []).append(held / float(row["encoded_weight_bytes"]) - 1)
        compute.setdefault(group, []).append(estimate.compute_cycles / float(row["cycles_npu"]) - 1)
    assert median(report(totals, "total cycles")) < 0.15
    assert max(report(stored, "encoded weights")) < 0.05
    assert median(report(compute, "NPU cycles")) < 0.15


#: By products: the layers with weights of MLPerf Tiny's keyword network.
LAYERS = {
    320_000: am.Work.conv2d((49, 10, 1), (10, 4), 64, stride=2),
    72_000: am.Work.depthwise((25, 5, 64), 3),
    512_000: am.Work.conv2d((25, 5, 64), 1, 64),
    768: am.Work.dense(1, 64, 12),
}


def test_layers(test_data: Path) -> None:
    """Cycles of the accelerator, layer by layer; the older compiler cuts some into strips."""
    compute: dict[tuple[str, ...], list[float]] = {}
    for row in modelled(rows_of(test_data, "vela_5.2.0_per_layer.csv")):
        work = LAYERS.get(int(float(row["macs"])))
        if row["network"] == "kws_ref_model" and work is not None:
            cycles = machine_of(row).estimate(work).compute_cycles
            group = (row["core"], row["accelerator"], str(work.kind))
            compute.setdefault(group, []).append(cycles / float(row["npu_cycles"]) - 1)
    newer = {group: errors for group, errors in compute.items() if group[0] == "regor"}
    assert median(report(compute, "NPU cycles")) < 0.05
    assert median(report(newer, "NPU cycles")) < 0.03


def test_codec(test_data: Path) -> None:
    """Streams of Gaussian weights of known entropy, as Arm's encoder writes them."""
    storage = am.create_storage("ethos")
    errors: dict[tuple[str, ...], list[float]] = {}
    for row in rows_of(test_data, "vela_mlw_codec_bits.csv"):
        if row["distribution"] != "gauss" or int(row["spread_over_int8"]):
            continue
        work = am.Work.dense(
            1,
            int(row["n_weights"]),
            1,
            weight_bits=int(row["weight_bits"]),
            weight_entropy=float(row["entropy_bits"]),
        )
        error = storage.bytes(work) / float(row["encoded_bytes"]) - 1
        errors.setdefault((row["n_weights"],), []).append(error)
    assert median(report(errors, "encoded weights")) < 0.05
