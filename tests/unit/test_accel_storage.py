"""Weights in memory, and energies from tables."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import accel_models as am
from accel_models.storage.entropy import gaussian_counts
from accel_models.storage.palette import coded_bits
from accel_models.technology import horowitz_45nm
from accel_models.technology.elements import elements_45nm, register_pj_per_bit
from accel_models.technology.nodes import area_factor, energy_factor

LAYER = am.Work.dense(1, 100, 8, weight_bits=5)


@pytest.mark.parametrize(
    ("text", "bits"),
    [
        ("packed", 4000),
        ("container", 6400),
        ("row_aligned", 8 * 512),
        ("row_aligned:word_bits=8", 8 * 504),
        ("entropy", 4000),
        ("codebook", 800 * 5 + 32 * 8),
        ("vector_scales", 4000 + 8 * (7 * 4 + 16)),
        ("block_scales", 4000 + 8 * 4 * 8),
        ("golomb_rice", 4008),
        ("ethos", 4000),
    ],
)
def test_bits_by_hand(text: str, bits: int) -> None:
    """Nothing is known of the weights: they do not compress."""
    storage = am.create_storage(text)
    assert storage.bits(LAYER) == bits
    assert storage.bytes(LAYER) == math.ceil(bits / 8)


def test_tables_and_errors() -> None:
    table = am.storage_table([LAYER, replace(LAYER, name="b")], ["packed", "container"])
    assert list(table.index) == ["dense", "b"]
    assert list(table["packed"]) == [500, 500]
    assert set(am.storage_table(LAYER).columns) == set(am.list_storages())
    with pytest.raises(am.ConfigError, match="unknown weight storage 'paked'; did you mean"):
        am.create_storage("paked")
    with pytest.raises(am.ConfigError, match="vector must be more than 0, not 0"):
        am.create_storage("vector_scales", vector=0)


@given(st.lists(st.integers(-127, 127), min_size=1, max_size=400))
def test_no_code_beats_entropy(values: list[int]) -> None:
    histogram = am.Histogram.of(values)
    work = am.Work.dense(1, len(values), 1, weight_histogram=histogram)
    assert work.weight_entropy == histogram.entropy
    least = am.create_storage("entropy").bits(work)
    for text in am.list_storages():
        assert am.create_storage(text).bits(work) >= least - 1e-6, text


def test_histograms_are_checked() -> None:
    histogram = am.Histogram.of([3, -1, 3])
    assert histogram.counts == ((-1, 1), (3, 2))
    assert histogram.mapped({-1: 0, 3: 0}).counts == ((0, 3),)
    with pytest.raises(am.WorkError, match="must count 800 weights, not 3"):
        replace(LAYER, weight_histogram=histogram)
    with pytest.raises(am.WorkError, match="values from -1 to 3, which 1-bit weights cannot have"):
        am.Work.dense(1, 3, 1, weight_bits=1, weight_histogram=histogram)
    with pytest.raises(am.WorkError, match=r"weight entropy must lie in \[0, 5\] bits, not 6"):
        replace(LAYER, weight_entropy=6)
    with pytest.raises(am.WorkError, match="every value must be there once"):
        am.Histogram(((1, 0),))


@pytest.mark.parametrize(("bits", "entropy"), [(8, 7.3), (5, 4.4), (4, 3.2), (2, 0.7)])
def test_gaussian_weights_have_the_entropy_asked_for(bits: int, entropy: float) -> None:
    counts = gaussian_counts(bits, entropy, 1 << 18)
    assert am.Histogram(tuple(counts.items())).entropy == pytest.approx(entropy, abs=0.01)
    assert 1 <= coded_bits(counts) / (entropy * (1 << 18)) < 1.12


def test_a_stream_of_equal_weights_takes_next_to_nothing() -> None:
    assert coded_bits({0: 4096}) <= 4096 + 256
    assert coded_bits({0: 4000, 1: 96}) < 0.3 * 4096


def test_products_and_sums_of_any_width() -> None:
    table = horowitz_45nm()
    widths = [1, 2, 3, 4, 5, 8, 16]
    products = [[table.multiply_pj(w, a) for a in widths] for w in widths]
    assert (np.diff(products, axis=0) > 0).all()
    assert (np.diff(products, axis=1) > 0).all()
    assert table.add_pj(32) == 2 * table.add_pj(16)


def test_elements_as_synthesised() -> None:
    table = elements_45nm()
    assert table.element_pj(8, 8) == pytest.approx(0.203437)
    assert table.element_pj(2, 2) < table.element_pj(4, 2) < table.element_pj(4, 4)
    assert table.element_um2(8, 8) == pytest.approx(510.733)
    assert table.memory_pj_per_bit(1024) == pytest.approx(0.035414)
    assert table.memory_pj_per_bit(1024, write=True) == pytest.approx(0.102999)
    assert table.memory_mm2(2048) < table.memory_mm2(3000) < table.memory_mm2(4096)
    assert table.memory_leakage_mw(16384) == pytest.approx(27.127)


def test_nodes() -> None:
    assert area_factor(65, 45) == pytest.approx(1 / 1.5)
    assert area_factor(45, 16) == pytest.approx(0.19)
    assert energy_factor(45, 45) == 1
    assert energy_factor(45, 7) * energy_factor(7, 45) == pytest.approx(1)
    factors = [energy_factor(45, nm) for nm in (45, 32, 20, 16, 14, 10, 7)]
    assert factors == sorted(factors, reverse=True)
    assert register_pj_per_bit(40) == pytest.approx(0.009)
    assert register_pj_per_bit() > 0.009
    with pytest.raises(am.ConfigError, match=r"node must lie in \[7, 130\] nm, not 5"):
        area_factor(45, 5)
