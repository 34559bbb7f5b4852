"""The report: complete, without repeated texts, and faithful to the records."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.core import paths
from scripts.history import timeline
from scripts.history.build import build_report
from scripts.history.report import Interval, Report, to_json
from scripts.records import drift, model
from scripts.records.model import Frame, Observation, Record
from scripts.records.signature import signatures
from tests.support.records import LINUX, fresh, history, observed, raised, record, returned, unavailable

LETTERS = st.text("AB.w", min_size=1, max_size=10)


@given(LETTERS)
def test_every_cell_has_the_signatures_of_its_record(letters: str) -> None:
    all_records = history("script", letters)
    report = build_report(all_records)
    for each, cell in zip(all_records, report.cells, strict=True):
        assert {name: report.signatures[key].signature for name, key in cell.seen.items()} == signatures(each)


@given(LETTERS)
def test_ranges_cover_every_release_once(letters: str) -> None:
    report = build_report(history("script", letters))
    ranges, releases = report.timelines[0].ranges, report.releases
    for number, release in enumerate(releases):
        (signature,) = {
            found.signature for found in ranges if releases.index(found.first) <= number <= releases.index(found.last)
        }
        assert signature == report.cells[number].seen["script"], release
    for before, after in pairwise(sorted(ranges, key=lambda found: releases.index(found.first))):
        assert (before.until, before.last) == (after.first, after.after)
        assert (after.after, after.since) == (before.last, before.until)


def test_a_range_includes_releases_in_which_builds_disagree() -> None:
    intervals = [
        Interval(releases=("1", "2"), signatures=("a",)),
        Interval(releases=("3",), signatures=("a", "b")),
        Interval(releases=("4",), signatures=("b",)),
        Interval(releases=("5",), signatures=("a",)),
    ]
    found = {(r.signature, r.first, r.last, r.until) for r in timeline.ranges(intervals)}
    assert found == {("a", "1", "3", "4"), ("a", "5", "5", None), ("b", "3", "4", "5")}


def test_the_report_reads_back_from_its_json() -> None:
    report = synthetic()
    assert Report.model_validate_json(to_json(report)) == report


def test_texts_are_stored_once() -> None:
    frames = tuple(Frame(file="torch/x.py", line=n, function="f") for n in range(9))
    all_records = [record(f"2.{n}.0", {"script": raised("a message of its own", frames=frames)}) for n in range(9)]
    text = to_json(build_report(all_records))
    assert text.count('"torch/x.py"') == len(frames)
    assert text.count('"numpy"') == 1
    assert text.count('"message": "a message of its own"') == 1


def test_names_are_in_the_order_of_the_suite_without_tests_that_only_observe() -> None:
    passed, failed = model.Test(outcome="passed"), model.Test(outcome="failed", message="no")
    tested = record(
        "2.0.0",
        {
            "b": Observation(outcome="returned", test="test_b.py::test_b"),
            "a": Observation(outcome="returned", test="test_a.py::test_a"),
        },
        tests={"test_b.py::test_b": passed, "test_a.py::test_a": failed, "test_a.py::test_contract": passed},
    )
    names = build_report([tested], order=["test_b.py", "test_a.py"]).names
    assert [name.name for name in names] == ["b", "a", "test_a.py::test_a", "test_a.py::test_contract"]
    assert names[2].label == "test_a"


def test_a_change_links_to_release_notes_and_commits() -> None:
    (change,) = build_report(history("script", ".A")).changes
    assert change.notes == "https://github.com/pytorch/pytorch/releases/tag/v2.1.0"
    assert change.commits
    assert change.commits.startswith("https://github.com/pytorch/pytorch/compare/")


def test_a_change_between_unknown_commits_has_no_link_to_them() -> None:
    without_torch = [each.model_copy(update={"torch": None}) for each in history("script", ".A")]
    assert build_report(without_torch).changes[0].commits is None


@pytest.mark.parametrize(
    ("letters", "sentence"),
    [
        (".A", "script: 2.0.0 → 2.1.0, broken: returned → RuntimeError 'Failure A of the compiler.' when compiling"),
        (
            ". A",
            (
                "script: 2.0.0 → 2.2.0 (2.1.0 not recorded), broken: returned → "
                "RuntimeError 'Failure A of the compiler.' when compiling"
            ),
        ),
        (
            ".w",
            "script: 2.0.0 → 2.1.0, warning added: no warning → FutureWarning '`torch.jit.script` is deprecated…'",
        ),
    ],
)
def test_a_change_is_described_in_a_sentence(letters: str, sentence: str) -> None:
    report = build_report(history("script", letters), known=["2.0.0", "2.1.0", "2.2.0"])
    assert report.changes[0].sentence == sentence


def test_a_confounded_change_names_the_other_axes_and_the_cells_that_would_settle_it() -> None:
    all_records = [
        record("1.12.1", {"script": observed("A")}, python="3.9"),
        record("1.13.1", {"script": observed("B")}, python="3.11", build="cu117"),
    ]
    (change,) = build_report(all_records).changes
    assert change.blamed == "confounded"
    assert change.sentence.endswith(
        "; the build and the Python changed as well: 1.13.1-cpu-py3.9 or 1.12.1-cu117-py3.11 would settle it"
    )
    (unsettled,) = build_report(all_records, exists=lambda _: False).changes
    assert unsettled.sentence.endswith("no wheel exists that would settle it")


def test_releases_before_the_first_record_and_after_the_last_are_no_gaps() -> None:
    report = build_report(history("script", "..A"), known=["1.9.0", "2.0.0", "2.0.1", "2.1.0", "2.2.0", "2.3.0"])
    assert report.timelines[0].gaps == {"2.0.1": "not recorded"}


def test_a_fresh_record_is_reported_with_its_run() -> None:
    (cell,) = build_report([fresh(record("2.0.0", {"script": observed("A")}), requested="2.0.0-default-py3.11")]).cells
    assert (cell.origin, cell.asked, cell.log) == ("fresh", "2.0.0-default-py3.11", ".matrix/logs/2.0.0-cpu-py3.11.log")
    assert cell.timings
    assert cell.timings.total == 14.25


def synthetic() -> Report:
    """Return a report with gaps, changes back and forth, disagreements, drift and an unavailable cell."""
    old = history("script", "A..wA")
    now = [
        *old[:-1],
        record("2.4.0", {"script": observed("B")}),
        record("2.4.0", {"script": observed("A")}, python="3.9"),
    ]
    compared = drift.compare([fresh(each) for each in now], old)
    elsewhere = record("2.4.0", {"trace": returned()}, platform="plan9")
    all_records: list[Record] = [*(fresh(each) for each in now), unavailable("2.5.0"), elsewhere]
    return build_report(all_records, known=[f"2.{n}.0" for n in range(6)], compared=compared)


def test_the_report_contains_drift_disagreements_and_unrecorded_cells() -> None:
    report = synthetic()
    assert [(found.cell, found.kind) for found in report.drift] == [("2.4.0-cpu-py3.11", "different failure")]
    assert report.new == (f"{LINUX}/2.4.0-cpu-py3.9",)
    (disagreement,) = report.disagreements
    assert disagreement.sentence == (
        "script: 2.4.0 differs: RuntimeError 'Failure A of the compiler.' when compiling (cpu on Python 3.9); "
        "RuntimeError 'Failure B of the compiler.' when compiling (cpu on Python 3.11)"
    )
    assert [cell.id for cell in report.unrecorded] == ["2.5.0-cpu-py3.11"]


def test_the_json_has_the_keys_of_its_schema() -> None:
    data = json.loads(to_json(synthetic()))
    schema = json.loads((paths.SCHEMAS / "report.schema.json").read_text("utf-8"))
    assert data["schema"] == 1
    assert set(schema["required"]) <= set(data) <= set(schema["properties"])
