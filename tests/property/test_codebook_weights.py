"""Weights from a codebook: what is multiplied is the entry, whatever reads the layer."""

from __future__ import annotations

import json
import zipfile
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import accumulators, declared_accumulators

from fxpsim import (
    Accumulator,
    Affine,
    Graph,
    Levels,
    QFormat,
    check_certificate,
    guarantee,
    guarantee_layer,
    load,
    matmul,
    save,
    simulate,
    spec,
)
from fxpsim.errors import DataError, FxpsimError, GraphError
from fxpsim.graph import Node
from fxpsim.guarantees.repair import project
from fxpsim.listing import listing
from fxpsim.ops import BatchNorm, Conv2D, Dense, DepthwiseConv2D, TensorSpec
from fxpsim.ops.op import fraction
from fxpsim.passes import fold_batch_norm
from fxpsim.stats import bits_for

pytestmark = pytest.mark.filterwarnings("ignore::fxpsim.engine.SlowPathWarning")
EIGHT = QFormat(8, 4)
CODEBOOKS = [Levels.binary(), Levels.ternary(), *map(Levels.dorefa, (2, 3, 4)), Levels([9, -4, 0])]


def one_layer(layer, *shape):
    return Graph("one", TensorSpec(shape, EIGHT), (Node("layer", layer, "input"),))


def random_dense(fmt, shape, register=Accumulator(32), seed=0, **options):  # noqa: B008 - frozen
    codes = np.random.default_rng(seed).integers(fmt.lo, fmt.hi, shape, endpoint=True)
    return one_layer(Dense(codes, fmt, register, **options), shape[0])


@pytest.mark.parametrize("fmt", CODEBOOKS, ids=str)
@pytest.mark.parametrize("overflow", ["saturate", "wrap"])
def test_every_pair_of_weights_in_every_narrow_register(fmt, overflow):
    inputs = np.array(list(product(range(-4, 4), repeat=2)))
    pairs = np.array(list(product(range(fmt.hi + 1), repeat=2))).T
    for bits in range(2, 8):
        register = Accumulator(bits, overflow)
        layer = Dense(pairs, fmt, register)
        got = simulate(one_layer(layer, 2), inputs).output
        factors = [[fmt.codebook[code] for code in row] for row in pairs.T.tolist()]
        wanted = [
            [
                spec.accumulate([x * w for x, w in zip(row, column, strict=True)], register).value
                for column in factors
            ]
            for row in inputs.tolist()
        ]
        assert got.tolist() == wanted


@given(
    st.sampled_from(CODEBOOKS),
    st.integers(1, 70),
    st.integers(1, 5),
    accumulators(20) | declared_accumulators(),
    st.integers(0, 2**32 - 1),
)
def test_a_layer_is_the_product_of_its_entries(fmt, inputs, outputs, register, seed):
    graph = random_dense(fmt, (inputs, outputs), register, seed)
    codes = np.random.default_rng(seed).integers(-128, 128, (3, inputs))
    layer = graph["layer"].op
    entries = np.array(fmt.codebook)[layer.weights]
    wide = QFormat(16, fraction(fmt))
    wanted = matmul(codes, entries, register, a_format=EIGHT, b_format=wide)
    np.testing.assert_array_equal(simulate(graph, codes).output, wanted)


def test_entries_are_as_narrow_as_other_weights():
    """Kernels see signed bytes: a network of one bit costs what one of eight does."""
    for fmt in (Levels.binary(), Levels.dorefa(4), Levels(range(-128, 128))):
        assert random_dense(fmt, (64, 8))["layer"].op.matrix().dtype == np.int8


@pytest.mark.parametrize(
    ("scale", "frac"), [(1.0, 0), (0.125, 3), (4.0, -2), (2.0**-40, 40), (0.3, 0), (1 / 15, 0)]
)
def test_a_scale_that_is_a_power_of_two_is_a_binary_point(scale, frac):
    graph = random_dense(Levels((-1, 1), scale), (5, 2))
    assert fraction(graph["layer"].op.weight_format) == frac
    assert graph.specs["layer"].format == QFormat(32, 4 + frac)


def test_a_codebook_and_a_binary_point_that_mean_the_same_are_the_same_network():
    rng = np.random.default_rng(1)
    signed, table = QFormat(4, 3), Levels(range(-8, 8), 0.125)
    bias = {"bias": rng.integers(-99, 99, 4), "bias_format": QFormat(8, 5)}
    for kind, shape, image in (
        (Dense, (30, 4), (5, 6)),
        (Conv2D, (3, 2, 3, 4), (6, 5, 3)),
        (DepthwiseConv2D, (3, 2, 4), (6, 5, 4)),
    ):
        weights = rng.integers(-8, 8, shape)
        register = Accumulator(12, "saturate")
        plain = one_layer(kind(weights, signed, register, **bias), *image)
        coded = one_layer(kind(weights + 8, table, register, **bias), *image)
        codes = rng.integers(-128, 128, (4, *image))
        for engine in ("compiled", "spec"):
            wanted = simulate(plain, codes, engine=engine)
            got = simulate(coded, codes, engine=engine)
            np.testing.assert_array_equal(got.output, wanted.output)
            assert got.overflow.equals(wanted.overflow)
        assert guarantee(coded).table.equals(guarantee(plain).table)
        assert coded.specs == plain.specs
        assert [str(work) for work in coded.work()] == [str(work) for work in plain.work()]


@pytest.mark.parametrize("fmt", CODEBOOKS, ids=str)
def test_bounds_by_type_are_those_of_the_entries(fmt):
    graph = random_dense(fmt, (20, 3))
    largest = 128 * max(map(abs, fmt.codebook)) * 20
    proof = guarantee(graph)
    assert proof.minimum("layer", bound="data-type") == bits_for(-largest, largest)
    assert proof.minimum("layer") <= proof.minimum("layer", bound="data-type")
    codes = graph["layer"].op.weights
    assert guarantee_layer(codes, EIGHT, weight_format=fmt).table.equals(proof.table)


def test_a_certificate_of_a_codebook_is_checked_on_its_own():
    proof = guarantee(random_dense(Levels.dorefa(2), (20, 3)))
    assert check_certificate.check(json.loads(json.dumps(proof.certificate()))) == []


@pytest.mark.parametrize("fmt", CODEBOOKS, ids=str)
def test_one_bit_less_than_proven_has_a_witness(fmt):
    graph = random_dense(fmt, (20, 3), seed=3)
    proof = guarantee(graph)
    table = proof.table[proof.table.bound == "sign-split"].set_index("channel").bits
    channel, bits = int(table.idxmax()), int(table.max())
    witness = proof.witness("layer", channel, bits - 1)
    narrow = Accumulator(bits - 1, "saturate")
    trace = simulate(graph, witness.inputs[None], accumulator=narrow)
    assert trace.statistics("layer").events[channel] > 0


@pytest.mark.parametrize("fmt", CODEBOOKS, ids=str)
def test_hardware_is_told_the_bits_of_codes_and_the_size_of_entries(fmt):
    (work,) = random_dense(fmt, (20, 3)).work()
    assert work.weight_bits == fmt.bits
    assert work.weight_magnitude == max(map(abs, fmt.codebook))
    assert work.never_overflows(bits_for(-(2**7) * 20 * work.weight_magnitude, 0) + 1)


def test_the_listing_names_the_codebook():
    graph = random_dense(Levels.ternary(), (20, 3))
    assert [line.weights for line in listing(graph)] == ["", "levels[-1, 0, 1]"]
    assert graph.weight_bits == (2,)


def test_batch_norm_folds_into_integers():
    rng = np.random.default_rng(2)
    for fmt in (Levels.binary(), Levels((-3, -1, 1, 3), 0.25), Levels.dorefa(2)):
        dense = random_dense(fmt, (6, 5), bias=rng.integers(-99, 99, 5), bias_format=QFormat(8, 2))
        norm = BatchNorm(rng.integers(-8, 8, 5), QFormat(4, 2), rng.integers(-99, 99, 5), EIGHT)
        nodes = (*dense.nodes, Node("norm", norm, "layer"))
        graph = Graph("net", dense.input, nodes)
        folded = fold_batch_norm(graph)
        inputs = rng.integers(-128, 128, (50, 6))
        assert isinstance(folded["layer"].op.weight_format, QFormat)
        np.testing.assert_array_equal(
            simulate(folded, inputs).output, simulate(graph, inputs).output
        )
        assert folded.specs["layer"].format.frac == graph.specs["norm"].format.frac


def test_folding_keeps_rows_and_zero_points():
    rng = np.random.default_rng(4)
    spec_in = TensorSpec((3, 6), Affine(8, 0.5, 7))
    dense = Dense(
        rng.integers(0, 4, (6, 2)), Levels.dorefa(2), Accumulator(32), [5, -9], QFormat(8, 0),
        folded=True, by_row=True,
    )  # fmt: skip
    norm = BatchNorm([3, -2], QFormat(4, 2), [40, 50], QFormat(8, 0))
    graph = Graph("net", spec_in, (Node("fc", dense, "input"), Node("norm", norm, "fc")))
    inputs = rng.integers(-128, 128, (20, 3, 6))
    folded = fold_batch_norm(graph)
    np.testing.assert_array_equal(simulate(folded, inputs).output, simulate(graph, inputs).output)


def test_weights_from_a_codebook_cannot_be_projected():
    proof = guarantee(random_dense(Levels(range(4)), (20, 3)))
    with pytest.raises(GraphError, match="'layer' are from a codebook; they cannot be projected"):
        project(proof, 10)


@pytest.mark.parametrize(
    ("fmt", "sentence"),
    [
        (Levels(range(257)), "weights must have 1 to 8 bits, not 9"),
        (Levels([0, 1 << 15]), "entries of at most 16 bits, not 0 to 32768"),
    ],
)
def test_codebooks_that_no_layer_takes(fmt, sentence):
    with pytest.raises(GraphError, match=sentence):
        Dense(np.zeros((2, 2), int), fmt)


def test_codes_beyond_the_codebook_are_named():
    with pytest.raises(FxpsimError, match=r"weights must be 0 to 2 .*levels\[-1, 0, 1\]"):
        Dense([[3]], Levels.ternary())


def change_format(described):
    return lambda document: document["nodes"][0].update(weight_format={"format": described})


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (change_format({"codebook": [], "scale": 1.0}), "codebook must have an entry"),
        (change_format({"codebook": [1, 2], "scale": 0}), "scale must be finite and more than 0"),
        (change_format({"codebook": [1, 2.5]}), "codebook entry must be an integer, not 2.5"),
        (change_format({"codebook": [1, "a"]}), "codebook entry must be an integer, not 'a'"),
        (change_format({"codebook": [1]}), "weights must be 0 to 0"),
        (change_format({"codebook": [1, 99999]}), "at most 16 bits"),
        (change_format({"codebook": 3}), "not of the expected form"),
        (change_format({"codebook": [1, 2], "bits": 3}), "not of the expected form"),
        (
            lambda document: document["input"].update(format={"codebook": [1, 2]}),
            "tensors cannot have a codebook",
        ),
    ],
)
def test_damaged_files_are_sentences(tmp_path, change, sentence):
    whole, damaged = tmp_path / "whole.fxp", tmp_path / "damaged.fxp"
    save(random_dense(Levels.binary(), (5, 3)), whole)
    assert load(whole)["layer"].op.weight_format == Levels.binary()
    with zipfile.ZipFile(whole) as old, zipfile.ZipFile(damaged, "w") as new:
        document = json.loads(old.read("graph.json"))
        change(document)
        new.writestr("graph.json", json.dumps(document))
        new.writestr("layer.weights.npy", old.read("layer.weights.npy"))
    with pytest.raises(DataError, match=rf"damaged\.fxp.*{sentence}"):
        load(damaged)
