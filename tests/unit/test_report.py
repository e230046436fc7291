"""The report: its rules, its numbers in every form, and what it leaves on the disk."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from report_networks import CLIPS, FRAMES, FRONT_END, make_networks, make_set

from fxpsim.errors import DataError
from fxpsim.frontend.logmel import LogMel
from fxpsim.kws.datasets import EvaluationSet
from fxpsim.kws.labels import LABELS
from fxpsim.report import Report, wording, write_report
from fxpsim.report.accumulators import STORED_COLUMNS, measure_sweep
from fxpsim.report.answers import answer
from fxpsim.report.arrays import array_facts
from fxpsim.report.decision import narrowest_by_mode
from fxpsim.report.evidence import Evidence
from fxpsim.report.files import staged
from fxpsim.report.networks import SWEPT, Networks, stored_metrics
from fxpsim.report.tables import only, select
from fxpsim.report.verdict import Verdict, judge, narrowest, worst
from fxpsim.scoring import evaluate
from fxpsim.sweeps import accumulator_grid, sweep


def stored_points(breaks_below: int) -> list[dict[str, object]]:
    """Make a sweep of real speech that loses 10 points wherever a register is too narrow."""
    return [
        {
            "weight_bits": weight_bits,
            "bits": bits,
            "overflow": overflow,
            "accuracy": 0.9 - 0.1 * (bits < breaks_below),
            "accuracy_low": 0.8 - 0.1 * (bits < breaks_below),
            "accuracy_high": 0.95 - 0.1 * (bits < breaks_below),
            "to_32_bits": -0.1 * (bits < breaks_below),
            "to_32_bits_low": -0.12 * (bits < breaks_below),
            "to_32_bits_high": -0.08 * (bits < breaks_below),
            "overflow_outputs": 0.25 * (bits < breaks_below),
        }
        for weight_bits in (8, 3)
        for bits in range(8, 33)
        for overflow in ("saturate", "wrap")
    ]


STORED = {
    "title": "Somebody's recordings",
    "description": "300 clips",
    "clips": 300,
    "speech": 280,
    "speakers": 20,
    "networks": {
        name: {
            "accuracy": 0.9,
            "low": 0.8,
            "high": 0.95,
            "difference": 0.0,
            "difference_low": -0.001,
            "difference_high": 0.001,
            "false_rejects_at_1pct": 0.2,
        }
        for name in ("float", "8", "3")
    },
    "needed_bits": {bits: {"dense0": 14, "dense1": 12} for bits in ("8", "3")},
    "accumulators": stored_points(breaks_below=14),
}


_NUMBERS = (
    "accuracy",
    "accuracy_low",
    "accuracy_high",
    "neon_cycles",
    "real_to_32_bits",
)


@pytest.fixture(scope="module")
def networks() -> Networks:
    return make_networks()


@pytest.fixture(scope="module")
def report(networks: Networks, tmp_path_factory: pytest.TempPathFactory) -> Report:
    out = tmp_path_factory.mktemp("report") / "new" / "folder"
    return write_report(out, make_set(), networks=networks, stored=STORED)


def read_csv(report: Report, name: str) -> list[dict[str, str]]:
    (path,) = [path for path in report.tables if path.stem == name]
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


class TestVerdicts:
    @pytest.mark.parametrize(
        ("proven", "overflows", "difference", "verdict"),
        [
            (True, False, (0.0, 0.0, 0.0), Verdict.PROVEN),
            (False, False, (0.0, 0.0, 0.0), Verdict.SAFE),
            (False, True, (0.0, 0.0, 0.0), Verdict.HOLDS),
            (False, True, (-0.005, -0.019, 0.0), Verdict.HOLDS),
            (False, True, (-0.005, -0.021, 0.01), Verdict.DEGRADED),
            (False, True, (-0.001, -0.002, -0.0005), Verdict.DEGRADED),
            (False, True, (-0.049, -0.06, -0.04), Verdict.DEGRADED),
            (False, True, (-0.051, -0.2, 0.01), Verdict.DEGRADED),
            (False, True, (-0.051, -0.06, -0.04), Verdict.BROKEN),
        ],
    )
    def test_rules(
        self,
        proven: bool,
        overflows: bool,
        difference: tuple[float, float, float],
        verdict: Verdict,
    ) -> None:
        assert judge(proven=proven, overflows=overflows, difference=difference) is verdict

    def test_too_little_data_decides_nothing_but_proofs(self) -> None:
        bad = (-0.9, -1.0, -0.8)
        for overflows in (False, True):
            found = judge(proven=False, overflows=overflows, difference=bad, enough=False)
            assert found is Verdict.UNDECIDED
        assert judge(proven=True, overflows=False, difference=bad, enough=False) is Verdict.PROVEN

    def test_worst_of_two(self) -> None:
        assert worst([Verdict.SAFE, Verdict.DEGRADED]) is Verdict.DEGRADED
        assert worst([Verdict.UNDECIDED, Verdict.HOLDS]) is Verdict.UNDECIDED

    def test_a_meaning_names_its_margin(self) -> None:
        assert "one of 2 points cannot be excluded" in Verdict.DEGRADED.meaning

    def test_narrowest_has_only_usable_widths_above(self) -> None:
        verdicts = {
            32: Verdict.PROVEN,
            20: Verdict.SAFE,
            18: Verdict.HOLDS,
            17: Verdict.BROKEN,
            16: Verdict.HOLDS,
        }
        assert narrowest(verdicts) == 18

    def test_narrowest_may_not_exist(self) -> None:
        assert narrowest({32: Verdict.DEGRADED, 20: Verdict.SAFE}) is None

    def test_proven_means_no_overflow_and_the_same_accuracy(self, report: Report) -> None:
        rows = [row for row in select(report.study.accumulators) if row["proven"]]
        assert rows
        for row in rows:
            assert row["overflow_outputs"] == row["to_32_bits"] == 0
            assert row["bits"] >= row["proven_bits"] >= row["needed_bits"]

    def test_the_sweep_reaches_broken(self, report: Report) -> None:
        found = {row["verdict"] for row in select(report.study.accumulators, overflow="wrap")}
        assert {"proven", "safe", "broken"} <= found


class TestDecision:
    def test_rows_are_those_of_the_sweep(self, report: Report) -> None:
        for row in select(report.study.decision):
            mode = "saturate" if row["overflow"] == "either" else row["overflow"]
            swept = only(
                report.study.accumulators,
                weight_bits=row["weight_bits"],
                bits=row["bits"],
                overflow=mode,
            )
            expected = {"why": row["why"], **swept}
            # Text, because what is missing does not equal itself.
            assert str({**row, "overflow": mode}) == str(expected)

    def test_proven_rows_stand_once(self, report: Report) -> None:
        rows = select(report.study.decision)
        assert all((row["overflow"] == "either") == row["proven"] for row in rows)
        keys = [(row["weight_bits"], row["bits"], row["overflow"]) for row in rows]
        assert len(set(keys)) == len(keys)

    @pytest.mark.parametrize("weight_bits", [8, 3])
    def test_reference_proof_and_data_are_there(self, report: Report, weight_bits: int) -> None:
        rows = select(report.study.decision, weight_bits=weight_bits)
        why = {reason: row["bits"] for row in rows for reason in row["why"].split("; ")}
        assert why["reference"] == 32
        assert why["narrowest proven"] == rows[0]["proven_bits"]
        needed, real = rows[0]["needed_bits"], rows[0]["real_needed_bits"]
        if needed == real:
            assert why["needed by both sets"] == needed
        else:
            assert (why["needed by this data"], why["needed by real speech"]) == (needed, real)
        assert why["one bit fewer"] < rows[0]["proven_bits"]

    def test_a_proof_spares_the_clamps(self, report: Report) -> None:
        points = select(report.study.accumulators)
        wraps = {(r["weight_bits"], r["bits"]): r for r in points if r["overflow"] == "wrap"}
        for row in points:
            if row["overflow"] == "saturate":
                wrapping = wraps[row["weight_bits"], row["bits"]]["neon_cycles"]
                assert (row["neon_cycles"] == wrapping) or not row["proven"]
        clamped = [r for r in points if r["overflow"] == "saturate" and not r["proven"]]
        assert any(
            r["neon_cycles"] > wraps[r["weight_bits"], r["bits"]]["neon_cycles"] for r in clamped
        )

    def test_a_loss_on_real_speech_counts(self, report: Report) -> None:
        study = report.study
        good = study.accuracy.assign(to_float_low=-0.001, to_float_high=0.001)
        assert answer(replace(study, accuracy=good))["In short"].startswith("3-bit weights")
        worse = good.copy()
        worse.loc[worse["weight_bits"] == 3, ["real_to_float_low", "real_to_float_high"]] = -0.1
        assert answer(replace(study, accuracy=worse))["In short"].startswith("8-bit weights")

    def test_page_and_sweep_price_alike(self, report: Report, networks: Networks) -> None:
        data = make_set().features[:1]
        cores = {"neon": "neon:cortex-a53", "systolic": "systolic:16x16"}
        for bits, graph in networks.integer.items():
            swept = select(sweep(graph, data, cost=list(cores.values())))
            for row, point in zip(
                select(report.study.accumulators, weight_bits=bits), swept, strict=True
            ):
                assert (row["bits"], row["overflow"]) == (point["bits"], point["overflow"])
                priced = [cycles for name, cycles in point.items() if name.startswith("cycles ")]
                assert priced == [row[f"{prefix}_cycles"] for prefix in cores]


class TestRealSpeech:
    """Stored numbers decide beside a synthetic set, and stand by beside real speech."""

    NEEDS = 19  # bits; this data are content with fewer at 3-bit weights

    def write(self, out: Path, networks: Networks, title: str) -> Report:
        stored = {**STORED, "accumulators": stored_points(breaks_below=self.NEEDS)}
        return write_report(out, make_set(title), networks=networks, stored=stored)

    def test_the_verdict_is_the_worse(self, networks: Networks, tmp_path: Path) -> None:
        study = self.write(tmp_path, networks, "synthetic speech").study
        for row in select(study.accumulators):
            if row["proven"]:
                assert row["verdict"] == row["verdict_here"] == "proven"
            elif row["bits"] < self.NEEDS:
                assert row["verdict"] == "broken"
        rows = select(study.accumulators, weight_bits=3)
        assert any(row["verdict_here"] in ("safe", "holds") for row in rows)
        assert narrowest_by_mode(rows, "verdict_here")["wrap"] < rows[0]["proven_bits"]
        assert narrowest_by_mode(rows)["wrap"] == rows[0]["proven_bits"]
        assert answer(study) != answer(replace(study, stored=None))

    def test_own_recordings_decide_alone(self, networks: Networks, tmp_path: Path) -> None:
        report = self.write(tmp_path, networks, "real speech: synthetic.npz")
        rows = select(report.study.accumulators)
        assert all(row["verdict"] == row["verdict_here"] for row in rows)
        assert any(row["verdict"] == "safe" and row["bits"] < self.NEEDS for row in rows)
        assert "on stored real speech" not in report.answers["In short"]
        assert "Stored real speech is context" in report.page.read_text()

    def test_stored_numbers_of_few_speakers_do_not_decide(self, tmp_path: Path) -> None:
        stored = {**STORED, "speakers": 3}
        study = write_report(tmp_path, make_set(), networks=make_networks(), stored=stored).study
        found = {row["verdict"] for row in select(study.accumulators)}
        assert found <= {"proven", "undecided", "degraded", "broken"}
        assert "undecided" in found

    def test_shipped_numbers_cover_the_grid(self) -> None:
        stored = stored_metrics()
        assert stored is not None
        rows = stored["accumulators"]
        points = {(row["weight_bits"], row["bits"], row["overflow"]) for row in rows}
        grid = {(point.bits, point.overflow.value) for point in accumulator_grid()}
        widths = {row["weight_bits"] for row in rows}
        assert widths >= set(SWEPT)
        assert points == {(bits, *point) for bits in widths for point in grid}
        assert len(points) == len(rows)
        for row in rows:
            assert set(STORED_COLUMNS) < set(row)
            needed = max(stored["needed_bits"][str(row["weight_bits"])].values())
            assert (row["overflow_outputs"] == 0) == (row["bits"] >= needed)

    def test_shipped_numbers_are_those_of_the_networks(self, test_data: Path) -> None:
        path = test_data / "gsc12" / "gsc12_dev.npz"
        if not path.is_file():
            pytest.skip(f"no {path.name}")
        real, shipped, stored = EvaluationSet.read(path), Networks.shipped(), stored_metrics()
        assert stored is not None
        reference = evaluate(shipped.integer[4], real.features, real.labels, groups=real.groups)
        kept = [row for row in stored["accumulators"] if row["weight_bits"] == 4]
        measured = measure_sweep(shipped.integer[4], real, reference)
        for row, (now, _) in zip(kept, measured, strict=True):
            assert {name: row[name] for name in STORED_COLUMNS} == pytest.approx(
                {name: now[name] for name in STORED_COLUMNS}, abs=1e-6
            )


def cut(count: int, **changes: object) -> EvaluationSet:
    data = make_set("real speech: few")
    whole = {"labels": data.labels, "groups": data.groups, **changes}
    features = data.features[:count]
    return replace(data, features=features, **{k: v[:count] for k, v in whole.items()})


class TestEvidence:
    def test_noise_is_counted_apart(self) -> None:
        data = make_set()
        evidence = Evidence.of(data)
        silent = int((data.labels == LABELS.index("_silence_")).sum())
        assert (evidence.voices, evidence.speech, evidence.noise) == (17, CLIPS - silent, silent)
        noise = np.array(
            [f"noise {n}" if label == 10 else "a" for n, label in enumerate(data.labels)]
        )
        assert Evidence.of(replace(data, groups=noise)).voices == 1

    @pytest.mark.parametrize(
        ("voices", "speech", "enough"), [(10, 150, True), (9, 10000, False), (100, 149, False)]
    )
    def test_rule(self, voices: int, speech: int, enough: bool) -> None:
        assert Evidence(voices, speech, 0).enough == enough

    @pytest.mark.parametrize("title", ["synthetic: one voice", "real speech: one voice"])
    def test_few_voices_leave_only_what_is_proven(
        self, networks: Networks, tmp_path: Path, title: str
    ) -> None:
        data = replace(make_set(title), groups=np.full(CLIPS, "one"))
        report = write_report(tmp_path, data, networks=networks, stored=STORED)
        rows = select(report.study.accumulators)
        assert {row["verdict_here"] for row in rows} == {"proven", "undecided"}
        text = " ".join(report.answers.values())
        assert "too small to decide" in text
        assert "no measurable" not in text
        for bits in networks.integer:
            proven = select(report.study.accumulators, weight_bits=bits)[0]["proven_bits"]
            assert f"{proven} bits with {bits}-bit weights" in text
        assert "Too small to decide" in report.page.read_text()

    def test_one_clip(self, networks: Networks, tmp_path: Path) -> None:
        report = write_report(tmp_path, cut(1), networks=networks)
        assert "1 clip of speech by 1 speaker or voice" in report.answers["In short"]

    def test_no_keywords_leave_the_rest(self, networks: Networks, tmp_path: Path) -> None:
        labels = np.resize([LABELS.index("_silence_"), LABELS.index("_unknown_")], CLIPS)
        report = write_report(tmp_path, cut(CLIPS, labels=labels), networks=networks)
        assert report.study.det.empty
        assert report.study.accuracy["false_rejects_at_1pct"].isna().all()
        assert "No clip of this data has a keyword" in report.page.read_text()
        assert read_csv(report, "det") == []


class TestNumbers:
    def test_tables_are_the_same_in_csv_and_json(self, report: Report) -> None:
        stored = json.loads(report.data.read_text())["tables"]
        assert set(stored) == {path.stem for path in report.tables}
        for name, rows in stored.items():
            written = read_csv(report, name)
            assert len(rows) == len(written) > 0, name
            for row, text in zip(rows, written, strict=True):
                assert {k: "" if v is None else str(v) for k, v in row.items()} == text, name

    def test_page_shows_the_decision_table(self, report: Report) -> None:
        page = report.page.read_text()
        section = page[page.index('id="decision"') : page.index('id="accumulators"')]
        shown = [row for row in re.findall(r"<tr>.*?</tr>", section, re.DOTALL) if "verdict" in row]
        rows = read_csv(report, "decision")
        assert len(shown) == len(rows)
        for html, row in zip(shown, rows, strict=True):
            number = {key: float(value) for key, value in row.items() if key in _NUMBERS}
            low, high = number["accuracy_low"], number["accuracy_high"]
            accuracy = f"{wording.percent(number['accuracy'])}<small>{wording.interval(low, high)}"
            cycles = f"{wording.cycles(number['neon_cycles'])}<small>"
            real = f"{wording.points(number['real_to_32_bits'])}<small>"
            for text in (f"{row['bits']} bits", row["verdict"], accuracy, cycles, real):
                assert f">{text}" in html or f" {text}" in html, (text, html)

    def test_accuracy_is_that_of_the_networks(self, report: Report, networks: Networks) -> None:
        data = make_set()
        right = networks.floating.logits(data.features).argmax(axis=1) == data.labels
        row = only(report.study.accuracy, network="float")
        assert row["accuracy"] == pytest.approx(right.mean())
        assert row["accuracy"] > 0.2, "the test needs a network that has learnt something"

    def test_memory_adds_up(self, report: Report) -> None:
        rows = select(report.study.memory, variant="3-bit")
        assert rows[-1]["layer"] == "total"
        weights = FRAMES * FRONT_END.bands * 32 + 32 * len(LABELS)
        assert rows[-1]["weights_packed_bytes"] == weights * 3 / 8
        assert rows[-1]["weights_container_bytes"] == weights

    def test_bytes_belong_to_the_cycles_beside_them(self, report: Report) -> None:
        weights = FRAMES * FRONT_END.bands * 32 + 32 * len(LABELS)
        totals = {(r["variant"], r["core"]): r for r in select(report.study.costs, layer="total")}
        neon = "NEON Cortex-A53"
        assert totals["fp32", neon]["weight_bytes"] == 4 * weights
        assert totals["3-bit", neon]["weight_bytes"] == weights
        assert totals["3-bit, two in a byte", neon]["weight_bytes"] == weights / 2
        assert (
            totals["3-bit", "Gemmini 16\N{MULTIPLICATION SIGN}16"]["weight_bytes"]
            == weights * 3 / 8
        )

    def test_the_headline_names_the_storage(self, report: Report) -> None:
        study = report.study
        good = study.accuracy.assign(to_float_low=-0.001, to_float_high=0.001)
        text = answer(replace(study, accuracy=good))["In short"]
        row = select(study.accumulators, weight_bits=3, proven=True)[-1]
        floating = only(study.costs, variant="fp32", core="NEON Cortex-A53", layer="total")
        container, packed = (
            wording.ratio(row[name] / floating["cycles"])
            for name in ("neon_cycles", "neon_packed_cycles")
        )
        quarter, eighth = wording.ratio(1 / 4), wording.ratio(1 / 8)
        assert f"containers take {quarter} float's bytes and {container} its cycles" in text
        assert f"packed two in a byte, {eighth} and {packed}" in text

    def test_arrays_say_what_holds_them(self, report: Report) -> None:
        facts = {fact.core: fact for fact in array_facts(report.study.costs)}
        gemmini = facts["Gemmini 16\N{MULTIPLICATION SIGN}16"]
        assert gemmini.dataflow == "weights stay (weight stationary)"
        for core, fact in facts.items():
            for row in select(report.study.costs, core=core, layer="total"):
                waits = row["cycles"] > 1.05 * row["compute_cycles"]
                assert (row["variant"] in fact.waiting.split(", ")) == waits
                assert (row["variant"] in fact.filling.split(", ")) != waits

    def test_float_is_the_measure_of_costs(self, report: Report) -> None:
        for row in select(report.study.costs, variant="fp32"):
            assert row["times_float"] == 1
        total = only(report.study.costs, variant="8-bit", core="NEON Cortex-A53", layer="total")
        floating = only(report.study.costs, variant="fp32", core=total["core"], layer="total")
        assert total["times_float"] == pytest.approx(total["cycles"] / floating["cycles"])
        assert total["cycles_low"] <= total["cycles"] <= total["cycles_high"]


class TestPage:
    def test_needs_nothing_from_elsewhere(self, report: Report) -> None:
        page = report.page.read_text()
        assert "http" not in page
        assert not re.search(r"<(script|link|img|iframe|object)\b|@import|\bsrc=", page)
        local = {path.relative_to(report.page.parent).as_posix() for path in report.tables}
        links = set(re.findall(r'<a href="([^"]*)"', page))
        assert links == local | {"report.json"}
        assert set(re.findall(r"url\((.)", page)) <= {"#"}

    def test_ids_are_unique_and_every_reference_meets_one(self, report: Report) -> None:
        page = report.page.read_text()
        ids = re.findall(r'\bid="([^"]*)"', page)
        assert len(set(ids)) == len(ids)
        used = re.findall(r'(?:href="#|url\(#)([^")]*)', page)
        assert used
        assert set(used) <= set(ids)

    def test_title_is_prominent_and_escaped(self, report: Report) -> None:
        page = report.page.read_text()
        assert "<strong>synthetic speech: a &lt;test&gt; of nothing</strong>" in page
        assert 'class="banner caution"' in page
        assert "Somebody&#39;s recordings" in page

    def test_real_speech_needs_no_caution_and_no_stored_numbers(
        self, networks: Networks, tmp_path: Path
    ) -> None:
        real = write_report(tmp_path, make_set("real speech: mine"), networks=networks)
        page = real.page.read_text()
        assert "<strong>real speech: mine</strong>" in page
        assert 'class="banner caution"' not in page
        assert "<small>stored</small>" not in page
        assert "(stored numbers)" not in page

    def test_answers_open_it(self, report: Report) -> None:
        page = report.page.read_text().replace("\N{NO-BREAK SPACE}", " ").replace("&#39;", "'")
        assert all(sentence in page for sentence in report.answers.values())


class TestFiles:
    def test_the_folder_has_the_report_and_nothing_else(self, report: Report) -> None:
        out = report.page.parent
        found = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
        tables = {path.relative_to(out).as_posix() for path in report.tables}
        assert found == {"index.html", "report.json"} | tables

    def test_same_seed_same_files(self, report: Report, networks: Networks, tmp_path: Path) -> None:
        (tmp_path / "index.html").write_text("an older report")
        (tmp_path / "mine.txt").write_text("not ours")
        again = write_report(tmp_path, make_set(), networks=networks, stored=STORED)
        for old, new in zip(report.tables, again.tables, strict=True):
            assert old.read_bytes() == new.read_bytes(), old.name
        old_data, new_data = (json.loads(r.data.read_text()) for r in (report, again))
        assert {**old_data, "run": None} == {**new_data, "run": None}
        pages = [r.page.read_text() for r in (report, again)]
        without_run = [re.sub(r'<tr id="run">.*?</tr>', "", p, flags=re.DOTALL) for p in pages]
        assert without_run[0] == without_run[1]
        assert (tmp_path / "mine.txt").read_text() == "not ours"

    def test_a_seed_moves_intervals_only(
        self, report: Report, networks: Networks, tmp_path: Path
    ) -> None:
        other = write_report(tmp_path, make_set(), networks=networks, stored=STORED, seed=9)
        old, new = report.study.accuracy, other.study.accuracy
        assert old["accuracy"].equals(new["accuracy"])
        assert not old["accuracy_low"].equals(new["accuracy_low"])

    def test_interrupted_work_leaves_what_was_there(
        self, networks: Networks, tmp_path: Path
    ) -> None:
        (tmp_path / "index.html").write_text("an older report")

        def stop(stage: str, done: int, total: int) -> None:
            if stage.startswith("sweeping") and done == 3:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            write_report(tmp_path, make_set(), networks=networks, progress=stop)
        assert [path.name for path in tmp_path.iterdir()] == ["index.html"]
        assert (tmp_path / "index.html").read_text() == "an older report"

    def test_a_file_is_no_folder(self, networks: Networks, tmp_path: Path) -> None:
        out = tmp_path / "taken"
        out.write_text("a file")
        with pytest.raises(DataError, match=r"folder must be one that can be written to.*taken"):
            write_report(out, make_set(), networks=networks)
        assert out.read_text() == "a file"

    def test_a_folder_in_the_way_is_refused_before_anything_is_replaced(
        self, networks: Networks, tmp_path: Path
    ) -> None:
        (tmp_path / "index.html").mkdir()
        (tmp_path / "report.json").write_text("older")
        with pytest.raises(DataError, match=r"index\.html is a folder"):
            write_report(tmp_path, make_set(), networks=networks)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["index.html", "report.json"]
        assert (tmp_path / "report.json").read_text() == "older"

    def test_what_killed_runs_left_goes_and_nothing_else(self, tmp_path: Path) -> None:
        for name in (".part-fxpsim-a1b2", ".part-mine"):
            (tmp_path / name).mkdir()
            (tmp_path / name / "0").write_text("half a table")
        with staged(tmp_path) as files:
            files["index.html"] = "new"
        assert sorted(path.name for path in tmp_path.iterdir()) == [".part-mine", "index.html"]

    @pytest.mark.parametrize("error", [KeyboardInterrupt, DataError])
    def test_failed_work_leaves_no_new_folder(
        self, tmp_path: Path, error: type[BaseException]
    ) -> None:
        with pytest.raises(error), staged(tmp_path / "new" / "folder"):
            raise error("stop")
        assert list(tmp_path.iterdir()) == []

    def test_progress_goes_from_nothing_to_all(self, networks: Networks, tmp_path: Path) -> None:
        told: list[tuple[str, int, int]] = []
        write_report(
            tmp_path, make_set(), networks=networks, progress=lambda *step: told.append(step)
        )
        stages = list(dict.fromkeys(stage for stage, _, _ in told))
        assert len(stages) == 3
        for stage in stages:
            steps = [(done, total) for name, done, total in told if name == stage]
            assert [done for done, _ in steps] == sorted({done for done, _ in steps})
            assert steps[-1][0] == steps[-1][1]

    def test_features_of_another_front_end_are_refused(
        self, networks: Networks, tmp_path: Path
    ) -> None:
        other = replace(make_set(), front_end=LogMel(bands=4, offset=5.0))
        with pytest.raises(DataError, match=r"must have the features of tiny"):
            write_report(tmp_path, other, networks=networks)


@pytest.mark.parametrize(
    ("say", "value", "text"),
    [
        (wording.percent, 0.7459, "74.6"),
        (wording.percent, float("nan"), "\N{EN DASH}"),
        (wording.points, -0.0161, "\N{MINUS SIGN}1.6"),
        (wording.points, 0.0004, "±0.0"),
        (wording.points, 0.0036, "+0.4"),
        (wording.share, 0.0, "0"),
        (wording.share, 0.0004, "< 0.1 %"),
        (wording.share, 0.0342, "3.4 %"),
        (wording.cycles, 117636.4, "118 k"),
        (wording.cycles, 17296.0, "17.3 k"),
        (wording.cycles, 9703.6, "9.70 k"),
        (wording.cycles, 99950.0, "100 k"),
        (wording.ratio, 0.125, "0.13\N{MULTIPLICATION SIGN}"),
        (wording.ratio, 0.15625, "0.16\N{MULTIPLICATION SIGN}"),
        (wording.kib, 155680, "152.0"),
    ],
)
def test_wording(say: object, value: float, text: str) -> None:
    assert callable(say)
    assert say(value) == text
