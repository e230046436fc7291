"""The report of many networks: all are scored, a few swept and priced."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from report_networks import make_networks, make_set

from fxpsim import Accumulator, Graph, Levels, evaluate
from fxpsim.ops import Layer
from fxpsim.report import Report, wording, write_report
from fxpsim.report.accuracy import FALSE_REJECTS
from fxpsim.report.networks import Networks
from fxpsim.report.tables import only, select, values
from fxpsim.scoring import Score


def of_signs(graph: Graph) -> Graph:
    """Return a network of the signs of its weights."""
    nodes = []
    for node in graph:
        if isinstance(node.op, Layer):
            signs = (node.op.weights >= 0).astype(int)
            op = replace(node.op, weights=signs, weight_format=Levels((-1, 1), 0.5))
            node = replace(node, op=op)
        nodes.append(node)
    return replace(graph, name="tiny-1bit", nodes=tuple(nodes))


@pytest.fixture(scope="module")
def family() -> Networks:
    """Return eight widths, two networks for narrow accumulators, one of another family."""
    made = make_networks((2, 3, 4, 5, 6, 7, 8))
    integer = dict(made.integer) | {1: of_signs(made.integer[2])}
    narrow = tuple(
        replace(
            integer[bits].with_accumulators(Accumulator(register, "saturate")),
            name=f"tiny-{bits}bit-acc{register}",
        )
        for bits, register in ((4, 12), (8, 14))
    )
    return replace(made, integer=integer, others=(*narrow, replace(integer[8], name="cnn-8bit")))


@pytest.fixture(scope="module")
def report(family: Networks, tmp_path_factory: pytest.TempPathFactory) -> Report:
    return write_report(tmp_path_factory.mktemp("family"), make_set(), networks=family)


OTHERS = ["4-bit-acc12", "8-bit-acc14", "cnn-8-bit"]


def test_every_network_is_scored(report: Report) -> None:
    table = report.study.accuracy
    widths = [f"{bits}-bit" for bits in range(8, 0, -1)]
    assert values(table, "network") == ["float", *widths, *OTHERS]
    assert values(report.study.det, "network") == values(table, "network")
    assert only(table, network="1-bit")["weight_bits"] == 1
    assert only(table, network="8-bit-acc14")["accumulator"] == "14,saturate"


def test_a_few_are_swept_and_priced(report: Report) -> None:
    study = report.study
    swept = [int(row["weight_bits"]) for row in select(study.accuracy, swept=True)]
    assert {8, 5, 4} <= set(swept)
    assert len(swept) <= 4
    assert list(study.swept) == swept == values(study.accumulators, "weight_bits")
    assert not {"7-bit", "1-bit", *OTHERS} & set(values(study.costs, "variant"))


def test_the_fewest_bits_without_a_loss_are_among_them(family: Networks) -> None:
    assert list(family.swept(None)) == [8, 5, 4]
    assert list(family.swept(2)) == [8, 5, 4, 2]
    assert list(family.swept(5)) == [8, 5, 4]
    few = replace(family, integer={bits: family.integer[bits] for bits in (6, 3)})
    assert list(few.swept(None)) == [6, 3]
    odd = replace(family, integer={b: g for b, g in family.integer.items() if b not in (8, 5, 4)})
    assert list(odd.swept(None)) == [7, 6, 3, 2, 1]


def test_others_run_with_their_own_accumulators(report: Report, family: Networks) -> None:
    data = make_set()
    narrow = family.others[0]
    own = evaluate(narrow, data.features, data.labels, groups=data.groups)
    assert only(report.study.accuracy, network="4-bit-acc12")["accuracy"] == own.accuracy
    wide = only(report.study.accuracy, network="4-bit")
    assert wide["accuracy"] != own.accuracy, "the test needs a register that loses something"


def test_false_discoveries_are_relative_to_float(report: Report, family: Networks) -> None:
    data, floating = make_set(), family.floating
    reference = Score(floating.logits(data.features), data.labels, data.groups, floating.labels)
    one = evaluate(family.integer[3], data.features, data.labels, groups=data.groups)
    row = only(report.study.accuracy, network="3-bit")
    found = one.relative_change(reference, FALSE_REJECTS)
    assert row["false_discoveries_at_10pct"] == found.value == one.rate_at(FALSE_REJECTS)
    assert row["discoveries_change"] == found.change
    assert (row["discoveries_change_low"], row["discoveries_change_high"]) == (
        found.low,
        found.high,
    )


def test_the_page_names_all_of_them_and_swept_ones_stand_out(report: Report) -> None:
    page = report.page.read_text()
    section = page[page.index('id="accuracy"') : page.index('id="costs"')]
    table = section[section.index("<table>") :]
    for name in values(report.study.accuracy, "network"):
        assert f"<tr><th>{name}<small>" in table
    change = only(report.study.accuracy, network="1-bit")["discoveries_change"]
    assert wording.change(change) in table
    recalls = section[section.index("Recall by class") :]
    assert "<th>1-bit</th>" not in recalls
    assert "<th>8-bit</th>" in recalls


def test_an_undefined_change_is_said_and_not_drawn(tmp_path: Path, family: Networks) -> None:
    """A reference that is never wrong leaves nothing to be relative to."""
    data = make_set()
    decided = family.floating.logits(data.features).argmax(axis=1)
    sure = replace(data, labels=decided.astype(np.int64))
    few = replace(family, integer={8: family.integer[8], 1: family.integer[1]}, others=())
    report = write_report(tmp_path, sure, networks=few)
    floating, row = (only(report.study.accuracy, network=name) for name in ("float", "1-bit"))
    assert floating["false_discoveries_at_10pct"] == 0 < row["false_discoveries_at_10pct"]
    assert np.isnan(row["discoveries_change"])
    assert "not defined" in report.page.read_text()
    assert not re.search(r">\s*nan", report.page.read_text())


def test_shipped_networks_read_the_same_features() -> None:
    networks = Networks.shipped()
    for graph in (*networks.integer.values(), *networks.others):
        assert graph.labels == networks.floating.labels
        assert f"{graph.name}.fxp" in networks.hashes
    assert all(
        op.accumulator.bits >= 32 for graph in networks.integer.values() for _, op in graph.layers
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.119, "+12 %"),
        (-0.052, "\N{MINUS SIGN}5 %"),
        (0.0001, "±0 %"),
        (float("nan"), "not defined"),
    ],
)
def test_relative_changes_in_words(value: float, text: str) -> None:
    assert wording.change(value) == text


def test_intervals_of_nothing_are_left_out() -> None:
    nothing = float("nan"), float("nan")
    assert wording.interval(*nothing) == wording.points_interval(*nothing) == ""
    assert wording.change_interval(*nothing) == "interval not defined"
    assert wording.change_interval(-0.1, 0.2) == "\N{MINUS SIGN}10 % to +20 %"
