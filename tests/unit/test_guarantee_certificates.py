"""A checker that shares no code with the proofs agrees with them, and notices what is changed."""

from __future__ import annotations

import ast
import copy
import json
from pathlib import Path

import numpy as np
import pytest
from guarantee_layers import proven, random_layer

from fxpsim import Accumulator, Graph, QFormat, check_certificate, guarantee, load
from fxpsim.graph import Node
from fxpsim.guarantees.certificates import mismatches
from fxpsim.ops import BatchNorm, Dense, Relu, Requantize, TensorSpec


def through_json(document):
    return json.loads(json.dumps(document))


def two_layers(rng):
    weight, eight = QFormat(5, 0), QFormat(8, 4)
    first, second = (
        Dense(
            rng.integers(-16, 16, shape), weight, Accumulator(20),
            rng.integers(-50, 50, shape[1]), QFormat(8, -6),
        )
        for shape in ((6, 5), (5, 3))
    )  # fmt: skip
    gains, offsets = rng.integers(-60, 60, (2, 5))
    norm = BatchNorm(gains, eight, offsets, eight)
    nodes = (
        Node("a", first, "input"),
        Node("norm", norm, "a"),
        Node("relu", Relu(), "norm"),
        Node("act", Requantize(QFormat(6, -6, signed=False)), "relu"),
        Node("b", second, "act"),
    )
    return Graph("two", TensorSpec((6,), QFormat(5, 0)), nodes)


def test_random_registers_are_verified():
    rng = np.random.default_rng(30)
    for _ in range(60):
        problem = random_layer(rng, rounding=False)
        guarantee = problem.guarantee("prefix-exact")
        accumulator = proven(problem, guarantee)
        if accumulator is None:
            continue
        document = through_json(guarantee.certificate(accumulator))
        assert check_certificate.check(document) == []
        assert document["layers"][0]["safe"]
        narrow = guarantee.certificate(Accumulator(2))
        assert not narrow["layers"][0]["safe"]
        narrow["layers"][0]["safe"] = True
        assert any("wide enough" in said for said in check_certificate.check(narrow))


@pytest.mark.parametrize("name", ["kws250k-4bit"])
def test_shipped_networks_are_verified(name, tmp_path, capsys):
    proof = guarantee(load(name))
    path = tmp_path / "c.json"
    path.write_text(json.dumps(proof.certificate()))
    assert check_certificate.main([str(path)]) == 0
    assert "4 layers verified" in capsys.readouterr().out
    path.write_text("{}")
    assert check_certificate.main([str(path)]) == 1


def test_a_real_network_is_verified(test_data):
    graph = load(test_data / "models/mlperf_tiny_kws/kws_ref_model.tflite")
    proof = guarantee(graph, bounds="prefix-exact")
    document = through_json(proof.certificate())
    assert check_certificate.check(document) == []
    for name, layer in zip(proof.layers, document["layers"], strict=True):
        (claim,) = (c for c in layer["claims"] if c["by"] == "prefix-exact")
        assert max(claim["high"]) == proof.proofs[name][0].highest.max()


def test_bounds_over_two_layers_are_verified():
    pytest.importorskip("scipy")
    rng = np.random.default_rng(31)
    narrower = 0
    for _ in range(12):
        proof = guarantee(two_layers(rng), bounds="reachability")
        document = through_json(proof.certificate())
        assert check_certificate.check(document) == []
        split, *_, dual = document["layers"][1]["claims"]
        assert dual["by"] == "dual"
        narrower += dual["high"] != split["high"]
        # Other slopes give a bound too, but not this one.
        changed = copy.deepcopy(document)
        claim = changed["layers"][1]["claims"][-1]
        claim["slopes"][0][1] = [s + 100_000 * (s > 0) for s in claim["slopes"][0][1]]
        if claim["slopes"] != dual["slopes"] and dual["high"][0] < split["high"][0]:
            assert any("dual gives" in said for said in check_certificate.check(changed))
        # A staircase with a step left out is no staircase.
        points = document["layers"][1]["claims"][-1]["points"]
        longest = max(range(len(points)), key=lambda c: len(points[c]))
        points[longest] = points[longest][:1] + points[longest][-1:]
        with pytest.raises(ValueError, match="there is a step"):
            check_certificate.check(document)
    assert narrower > 3


def test_changes_are_noticed():
    proof = guarantee(two_layers(np.random.default_rng(32)))
    document = through_json(proof.certificate())

    def after(change):
        changed = copy.deepcopy(document)
        change(changed["layers"][1])
        return check_certificate.check(changed)

    def heavier(layer):
        layer["statement"]["weights"][0][0] += 1

    def rehashed(layer):
        layer["statement"]["weights"][0] = [w + 5 for w in layer["statement"]["weights"][0]]
        layer["sha256"] = check_certificate.digest(layer["statement"])

    assert check_certificate.check(document) == []
    assert "the hash must be" in after(heavier)[0]
    assert any("sign-split gives" in said for said in after(rehashed))
    assert after(lambda layer: layer["claims"][1]["high"].__setitem__(0, 5))
    changed = copy.deepcopy(document)
    rehashed(changed["layers"][1])
    assert mismatches(changed, proof) == [
        "b: weights, biases, registers or ranges are not those of the network"
    ]
    assert mismatches(document, proof) == []
    assert len(mismatches(document, proof, Accumulator(19))) == 2
    document["layers"][1]["node"] = "c"
    assert [said[:2] for said in mismatches(document, proof)] == ["c:", "b:"]


def test_registers_that_round_are_not_certified():
    graph = two_layers(np.random.default_rng(33))
    coarse = {"a": Accumulator(20, frac=0, rounding="jam")}
    document = through_json(guarantee(graph.with_accumulators(coarse)).certificate())
    first, second = document["layers"]
    assert check_certificate.check(document) == []
    assert (first["claims"], first["safe"], second["safe"]) == ([], False, True)
    assert second["statement"]["input"]["kind"] == "codes"
    wide = {"low": [-(10**6)] * 5, "high": [10**6] * 5}
    first["claims"] = [{"by": "sign-split", "register": "any", **wide}]
    assert any("registers that round" in said for said in check_certificate.check(document))


def test_the_checker_stands_alone():
    path = Path(check_certificate.__file__)
    for node in ast.walk(ast.parse(path.read_text())):
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        names += [node.module] if isinstance(node, ast.ImportFrom) else []
        assert not any(name.startswith(("fxpsim", "numpy")) for name in names)
