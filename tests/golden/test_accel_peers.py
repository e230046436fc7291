"""Cost models against what other tools say about keyword-spotting layers."""

from __future__ import annotations

from pathlib import Path

import pytest
from peer_rows import Row, rows_of

import accel_models as am


@pytest.fixture(scope="module")
def scale_sim(test_data: Path) -> list[Row]:
    return rows_of(test_data, "scalesim_v3_kws.csv")


def _on_array(row: Row, **settings: object) -> am.LayerEstimate:
    model = am.create(
        "systolic",
        rows=int(row["array_rows"]),
        columns=int(row["array_cols"]),
        dataflow=row["dataflow"],
        input_sram_kib=float(row["ifmap_sram_kB"]),
        weight_sram_kib=float(row["filter_sram_kB"]),
        output_sram_kib=float(row["ofmap_sram_kB"]),
        **settings,
    )
    image = [int(row[size]) for size in ("ifmap_h_padded", "ifmap_w_padded", "channels")]
    kernel = [int(row[size]) for size in ("filt_h", "filt_w")]
    # SCALE-Sim moves words; with 8-bit sums its words are our bytes
    work = am.Work.conv2d(
        image,
        kernel,
        int(row["num_filters"]),
        stride=int(row["stride"]),
        padding="valid",
        accumulator=am.Accumulator(8),
        bias_bits=0,
    )
    assert (work.rows, work.inputs, work.outputs) == tuple(int(row[f"gemm_{a}"]) for a in "MKN")
    return model.estimate(work).layers[0]


def test_scale_sim_cycles_are_exact(scale_sim: list[Row]) -> None:
    """Its count is that of the last cycle, from 0, with stalls."""
    assert len(scale_sim) > 300
    for row in scale_sim:
        theirs = int(row["compute_cycles"]) + 1 - int(row["stall_cycles"])
        assert _on_array(row).compute_cycles == theirs, row


def test_scale_sim_buffer_counts_are_exact(scale_sim: list[Row]) -> None:
    """Apart from its surplus of folds * (R + C) writes, output stationary."""
    for row in scale_sim:
        layer = _on_array(row)
        array = int(row["array_rows"]) + int(row["array_cols"])
        surplus = layer.counts["folds"] * array if row["dataflow"] == "os" else 0
        assert layer.counts["sram_input_reads_words"] == int(row["sram_ifmap_reads"]), row
        assert layer.counts["sram_weight_reads_words"] == int(row["sram_filter_reads"]), row
        theirs = int(row["sram_ofmap_writes"]) - surplus
        assert layer.counts["sram_output_writes_words"] == theirs, row


def test_scale_sim_dram_counts(scale_sim: list[Row]) -> None:
    """Without its bandwidth mode. The default: exact; fetched for every use: never fewer words.

    Its writes count the gaps of one unfinished line of the output buffer as words.
    """
    rows = [row for row in scale_sim if row["bw_mode"] == "CALC"]
    assert len(rows) > 250
    above = 0
    for row in rows:
        bound, exact = _on_array(row, buffers="bound"), _on_array(row)
        for operand, column in (("input", "dram_ifmap_reads"), ("weight", "dram_filter_reads")):
            name = f"dram_{operand}_reads_words"
            assert exact.counts[name] == int(row[column]), row
            assert bound.counts[name] >= exact.counts[name], row
            above += bound.counts[name] > exact.counts[name]
        surplus = int(row["dram_ofmap_writes"]) - exact.counts["dram_output_writes_words"]
        assert surplus in (0, int(row["array_cols"]) - 1), row
    print(f"{above} of {2 * len(rows)} counts of operands are higher with buffers=bound")


def test_scale_sim_traffic_in_bytes(scale_sim: list[Row]) -> None:
    """One byte a word: their DRAM traffic, and our read-back of sums, which they leave out."""
    rows = [row for row in scale_sim if row["run"] == "base"]
    assert rows
    for row in rows:
        layer = _on_array(row)
        theirs = sum(int(row[f"dram_{name}"]) for name in ("ifmap_reads", "filter_reads"))
        read_back = layer.counts["dram_partial_sum_bytes"] / 2
        writes = layer.counts["dram_output_writes_words"]
        assert layer.memory_bytes["dram"] == theirs + writes + read_back
