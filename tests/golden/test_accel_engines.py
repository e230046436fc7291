"""Engines with closed forms against the models of those who made them; errors are printed."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from statistics import median

import pytest
from peer_rows import Row, rows_of, spread

import accel_models as am
from accel_models.technology.qtools import Place, Weights, ideal_energy


def test_ne16(test_data: Path) -> None:
    """DORY's model of GAP9's engine: engine cycles are equal."""
    for row in rows_of(test_data, "ne16_kws.csv"):
        size, channels, outputs = (
            (int(row["H_out"]), int(row["W_out"])),
            int(row["K_in"]),
            int(row["K_out"]),
        )
        settings = {
            "weight_bits": int(row["w_bits"]),
            "bias_bits": 32 * int(row["nq_bias"]),
        }
        if row["op"] == "dw":
            work = am.Work.depthwise((*size, channels), 3, **settings)
        else:
            kernel = 3 if row["op"] == "3x3" else 1
            work = am.Work.conv2d((*size, channels), kernel, outputs, **settings)
        model = am.create("bit_serial:ne16", scale_bits=int(row["nq_bits"]))
        assert model.estimate(work).compute_cycles == int(row["cycles"]), row
        assert work.macs == int(row["macs"])


def test_max78000(test_data: Path) -> None:
    """The vendor's latency model: cycles are equal.

    A cycle for flattening is counted here in the dense layer that reads the flattened image.
    """
    model = am.create("channel_parallel:max78000")
    for row in rows_of(test_data, "max78000_latency_kws.csv"):
        sides = [int(row["pad_h"]), int(row["pad_w"])]
        work = am.Work.conv2d(
            [int(row[size]) for size in ("pooled_h", "pooled_w", "in_ch")],
            (int(row["k_h"]), int(row["k_w"])),
            int(row["out_ch"]),
            padding=(sides, sides),
            pool=[int(size) for size in row["pool"].split("x")],
        )
        layer = model.estimate(work).layers[0]
        assert work.macs == int(row["macs"])
        assert layer.counts["passes"] == int(row["multipass"])
        assert layer.cycles + int(row["flatten"]) == int(row["cycles"]), row


def test_finn(test_data: Path) -> None:
    """FINN's estimators: everything is equal, LUT within 1."""
    worst = 0
    for row in rows_of(test_data, "finn_mvau_kws.csv"):
        model = am.create(
            "dataflow_fpga",
            pe=int(row["PE"]),
            simd=int(row["SIMD"]),
            multipliers=row["resType"],
        )
        work = am.Work.dense(
            int(row["vectors"]),
            int(row["MW"]),
            int(row["MH"]),
            weight_bits=int(row["w_bits"]),
            activation_bits=int(row["i_bits"]),
        )
        layer = model.estimate(work).layers[0]
        assert layer.cycles == int(row["exp_cycles"]), row
        assert layer.counts["bram18"] == int(row["bram18"]), row
        assert layer.counts["dsp"] == int(row["dsp"]), row
        per_output = layer.counts["accumulator_bits_total"] / int(row["PE"])
        assert per_output == int(row["acc_bits_datatype_bound"]), row
        worst = max(worst, abs(int(layer.counts["lut"]) - int(row["lut"])))
    print(f"worst LUT error: {worst}")
    assert worst <= 1


DS_CNN = {
    "conv1": am.Work.conv2d((49, 10, 1), (10, 4), 64, stride=2),
    "dw": am.Work.depthwise((25, 5, 64), 3),
    "pw": am.Work.conv2d((25, 5, 64), 1, 64),
    "fc": am.Work.dense(1, 64, 12),
}
DENSE = {
    "dnn_s": (250, 144, 144, 144, 12),
    "ff250k": (640, 128, 256, 256, 256, 128, 12),
    "fc512": (512, 512),
}


def _qkeras_work(row: Row) -> am.Work:
    if row["net"] == "dscnn":
        work = next(work for name, work in DS_CNN.items() if row["layer"].startswith(name))
    else:
        sizes, layer = DENSE[row["net"]], int(row["layer"][1:])
        work = am.Work.dense(1, sizes[layer], sizes[layer + 1])
    return replace(
        work,
        weight_bits=math.ceil(float(row["w_bits"])),
        activation_bits=int(row["act_bits"]),
        accumulator=am.Accumulator(int(row["acc_bits"])),
        bias_bits=0 if work.kind is am.Kind.DEPTHWISE else 8,
    )


def test_qkeras(test_data: Path) -> None:
    """qtools' energies: every part is equal to the digits that it prints.

    It counts one bias of 8 bits for a depthwise layer, whatever its channels.
    """
    single = am.Work.dense(1, 1, 1, bias_bits=0)
    for row in rows_of(test_data, "qkeras_qtools_kws.csv"):
        work = _qkeras_work(row)
        assert work.macs == int(row["ops"])
        narrow = {"1.0": Weights.BINARY, "1.58": Weights.TERNARY}
        energy = ideal_energy(
            work,
            weights=narrow.get(row["w_bits"], Weights.INTEGER),
            weights_on=Place(row["weights_on"]),
            activations_on=Place(row["acts_on"]),
        )
        bias = ideal_energy(single, weights_on=Place(row["weights_on"])).parameters
        parts = {
            "inputs": energy.inputs,
            "outputs": energy.outputs,
            "params": energy.parameters + (bias if row["layer"].startswith("dw") else 0.0),
            "op": energy.operations,
        }
        for part, ours in parts.items():
            assert ours == pytest.approx(float(row[f"e_{part}_pJ"]), abs=0.006, rel=1e-6), row


def test_bit_fusion(test_data: Path) -> None:
    """Bit Fusion's simulator: arithmetic is equal, and with its search everything."""
    errors = []
    for row in rows_of(test_data, "bitfusion_kws.csv"):
        positions = int(row["batch"]) * int(row["OW"]) * int(row["OH"])
        work = am.Work.dense(
            positions,
            int(row["IC"]) * int(row["KW"]) * int(row["KH"]),
            int(row["OC"]),
            weight_bits=int(row["w_bits"]),
            activation_bits=int(row["i_bits"]),
            bias_bits=0,
        )
        assert work.macs == int(row["macs"])
        preset = {"16": "bit-fusion", "8": "bit-fusion-8x8"}[row["N"]]
        searched = am.create(f"fusible:{preset},tiling=search").estimate(work)
        assert searched.compute_cycles == float(row["compute_cycles_untiled"]), row
        if row["total_cycles"]:
            assert searched.cycles == float(row["total_cycles"]), row
            once = am.create(f"fusible:{preset}").estimate(work)
            errors.append(once.cycles / float(row["total_cycles"]) - 1)
    print(f"{len(errors)} totals are equal; without the search {spread(errors)}")
    assert abs(median(errors)) < 0.02
