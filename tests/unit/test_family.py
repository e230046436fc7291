"""The shipped networks are those that their records describe, and keep what they promise."""

from __future__ import annotations

import json
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

import fxpsim as fx

DATA = Path(str(files("fxpsim.kws"))) / "data"
RECORDS = json.loads((DATA / "family.json").read_text())


def test_every_network_has_a_record() -> None:
    assert sorted(RECORDS) == fx.list_models()


@pytest.mark.parametrize("name", RECORDS)
def test_files_are_those_of_the_records(name: str) -> None:
    record = RECORDS[name]
    assert sha256((DATA / f"{name}.fxp").read_bytes()).hexdigest() == record["sha256"]
    assert fx.load(name).metadata["recipe"] == record["recipe"]


def test_names_say_bits_and_registers() -> None:
    for name in RECORDS:
        graph = fx.load(name)
        bits = int(name.removeprefix("kws250k-").removeprefix("kws_cnn-")[0])
        assert set(graph.weight_bits) == {bits}, name
        widths = {op.accumulator.bits for _, op in graph.layers}
        if "-in-" in name:
            assert widths == {int(name.rpartition("-")[2])}
        elif name.endswith("-a2q"):
            assert widths == {16}


@pytest.mark.parametrize("name", [name for name in RECORDS if name.endswith("-a2q")])
def test_proven_where_it_was_trained_for_and_refuted_one_bit_below(name: str) -> None:
    graph = fx.load(name)
    g = fx.guarantee(graph)
    assert g.holds()
    assert g.minimum() == 16
    channel = g.proofs["dense0"][-1].bits.index(16)
    witness = g.witness("dense0", channel, 15)
    trace = fx.simulate(
        graph, np.asarray(witness.inputs)[None], accumulator={"dense0": witness.accumulator}
    )
    assert trace.statistics("dense0").events[channel] > 0
