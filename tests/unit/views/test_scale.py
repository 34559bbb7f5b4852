"""Reports of many names: full names within the width, what is alike told once, and texts of bounded size."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Final

import pytest

from scripts.config import matrix_toml
from scripts.config import suite as suites
from scripts.core.console import make_console
from scripts.core.layout import flowed
from scripts.history.build import build_report
from scripts.history.report import Report
from scripts.records import drift, model
from scripts.records.model import Record
from scripts.views import findings, markdown, report_files, svg, terminal
from scripts.views.naming import Naming, cells_in_words
from tests.support.library import LONG, PASSED, failed, library_records, without_setuptools
from tests.support.records import fresh, history, observed, record, returned, unavailable

MATRIX: Final = matrix_toml.load()


def shown(report: Report, width: int, **options: bool) -> str:
    screen = make_console(width=width, file=io.StringIO())
    with screen.capture() as captured:
        terminal.show(report, screen, **options)
    return captured.get()


def library(tests: int, observations: int = 0) -> Report:
    records: list[Record] = [*library_records(tests, observations=observations)]
    return build_report([*records, without_setuptools("2.20.0"), without_setuptools("2.21.0")])


@pytest.mark.parametrize(
    ("tests", "observations", "width"),
    [(10, 0, 80), (0, 36, 80), (172, 0, 80), (172, 0, 120), (172, 43, 120), (5000, 0, 120)],
)
def test_a_suite_in_which_little_differs_takes_at_most_sixty_lines(tests: int, observations: int, width: int) -> None:
    report = library(tests, observations)
    lines = shown(report, width).splitlines()
    assert max(map(len, lines)) <= width
    assert len(lines) <= 60
    text = " ".join(" ".join(lines).split())
    hint = "(`--require setuptools` may help: torch imports it to compile C++, as torch.compile does, but"
    assert f"2.20.0, 2.21.0: collection failed: No module named 'setuptools' {hint}" in text
    if tests == 172:
        assert "149 tests" in text
        assert "TestRates::test_lr[…] (5 of 10 ✗A)" in text
        assert "test_behaviour_3: available since 2.6.0" in text
    if observations:
        assert "; blocks 6 observations" in text
        assert all(f"compiled-call-{k}" in text for k in range(6))


def test_all_names_are_listed_on_request_and_none_is_cut() -> None:
    report = library(172)
    text = shown(report, 80, every_name=True, every_cell=True)
    joined = re.sub(r"\s+", "", text)
    for label in report.labels.values():
        assert label in joined
    assert len(max(report.labels.values(), key=len)) > 300
    assert max(map(len, text.splitlines())) <= 80
    assert text.count("3.11") >= 12  # a row for each cell


@pytest.mark.parametrize("width", [40, 80, 120])
def test_no_word_is_broken_that_fits_a_line(width: int) -> None:
    report = library(0, 43)
    words = set(shown(report, width, every_name=True).replace(",", " ").replace(")", " ").replace("(", " ").split())
    assert set(report.labels.values()) <= words


def test_a_long_word_breaks_after_punctuation() -> None:
    lines = flowed(f"test_lr[{LONG}] and more", 40, hanging=2)
    assert max(map(len, lines)) <= 40
    assert "".join(line.strip() for line in lines[:-1]) + lines[-1].strip() == f"test_lr[{LONG}] and more".replace(
        "] and", "] and"
    )
    assert all(line.endswith(("-", "_", "=", "[", ".")) for line in lines[:-1])
    assert flowed("x" * 90, 40) == ["x" * 40, "x" * 40, "x" * 10]
    assert flowed("", 40) == [""]


def test_columns_that_do_not_fit_become_intervals_beside_full_names() -> None:
    report = build_report(history("a-name-of-an-observation", "AB.wABAB.wABAB.wA"))
    text = shown(report, 80)
    assert "a-name-of-an-observation\n    ✗A 2.0.0  ✗B 2.1.0  ✓ 2.2.0" in text
    assert max(map(len, text.splitlines())) <= 80


def test_the_table_of_cells_is_shown_where_some_differ_or_on_request() -> None:
    alike = build_report(history("a", ".A"))
    assert "build   Python" not in shown(alike, 80)
    assert "2.0.0     cpu     3.11     1" in shown(alike, 80, every_cell=True)
    two = [record("2.0.0", {"a": observed(".")}), record("2.0.0", {"a": observed("A")}, python="3.9")]
    text = shown(build_report(two), 80)
    assert "Cells of releases in which builds or Pythons differ" in text
    assert re.search(r"2\.0\.0 +cpu +3\.9 +1 +✗A a", text)


def test_disagreements_with_one_cause_are_one_sentence() -> None:
    (sentence,) = findings.disagreements(Naming(report=library(0, 12)))
    assert sentence == (
        "compile: 2.4.0 differs: returned (cpu on Python 3.10); RuntimeError 'refuses this Python' when compiling "
        "(cpu on Python 3.11); blocks 6 observations"
    )


def test_equal_drift_of_several_tests_and_cells_is_one_sentence() -> None:
    def records(verdict: str) -> list[Record]:
        test = PASSED if verdict == "passed" else failed("no")
        return [record(f"2.{n}.0", tests={"a.py::t": test, "b.py::t": test}) for n in range(2)]

    now = [fresh(each) for each in records("failed")]
    report = build_report(now, compared=drift.compare(now, records("passed")))
    assert findings.drift(Naming(report=report)) == [
        "2.0.0-cpu-py3.11, 2.1.0-cpu-py3.11 a.py::t, b.py::t: broken: passed → ValueError 'no'"
    ]


def test_many_cells_are_named_as_ranges_of_releases() -> None:
    report = build_report([record("2.0.0", {"a": returned()}), *(unavailable(f"2.{n}.0") for n in range(1, 30))])
    (reason,) = report.reasons
    assert cells_in_words(report, reason.cells) == "2.1.0 – 2.29.0"
    assert cells_in_words(report, reason.cells[:2]) == "2.1.0, 2.2.0"


def test_markdown_lists_fewer_names_or_ends_with_a_note_if_it_is_too_long() -> None:
    names = {f"step-{k}-{j}": observed("ABCDEFGH"[k]) for k in range(8) for j in range(40)}
    report = build_report([record("2.0.0", names)])
    whole = markdown.summary(report)
    assert "step-0-29" in whole
    assert "and 10 more (--all)" in whole
    assert "and 32 more (--all)" in whole
    fewer = markdown.summary(report, limit=len(whole) // 2)
    assert "and 38 more (--all)" in fewer
    cut = markdown.summary(report, every_name=True, limit=2000)
    assert len(cut.encode()) <= 2000
    assert cut.endswith("the rest was cut: `nox -s report -- --format html` shows all.\n")


def test_the_picture_of_many_tests_names_only_what_fails_or_changes() -> None:
    picture = svg.render(library(172))
    assert "149 tests" in picture
    assert "test_behaviour_12" not in picture


def test_a_pass_that_asserts_a_known_defect_is_shown_as_what_it_means() -> None:
    verdicts = [failed("nothing raised"), PASSED.model_copy(update={"known_defect": "saving fails as expected"})]
    report = build_report([record(f"2.{n}.0", tests={"t.py::t": verdict}) for n, verdict in enumerate(verdicts)])
    text = shown(report, 80)
    assert re.search(r"^t +✗A +✓\*$", text, re.MULTILINE)
    assert "✓*  t: saving fails as expected" in text
    assert "✓* t: saving fails as expected, since 2.1.0" in text
    assert "t: known defect: ValueError 'nothing raised' → saving fails as expected" in text
    assert "✓\\*" in markdown.summary(report)
    assert "✓* saving fails as expected" in svg.render(report)
    assert "saving fails as expected (passed)" in markdown.comparison(report, "2.0.0", "2.1.0")


def test_a_known_defect_is_also_taken_from_the_suite_for_records_that_do_not_say_it() -> None:
    tests = {"t.py::t[1]": PASSED, "t.py::other": PASSED}
    report = build_report([record("2.0.0", tests=tests)], defects={"t.py::t": "it fails"})
    assert report.defects == {"t.py::t[1]": "it fails"}


def test_platforms_that_behave_alike_share_a_table() -> None:
    def on(platform: str) -> list[Record]:
        cells = [(each, each.cell.model_copy(update={"platform": platform})) for each in history("a", ".A")]
        return [each.model_copy(update={"cell": cell}) for each, cell in cells]

    text = shown(build_report([*on("plan9"), *on("hurd")]), 80)
    assert text.count("hurd, plan9") == 2  # of the table, and of the behaviour now
    assert text.count("hurd") == 2
    assert "**hurd, plan9**" in markdown.summary(build_report([*on("plan9"), *on("hurd")]))


@pytest.mark.parametrize(
    ("suite", "key"),
    [
        (suites.named(MATRIX, "capture"), ", or `require` in [suites.capture],"),
        (suites.of_folder(MATRIX, Path("tests/x")), ""),
    ],
    ids=["named", "folder"],
)
def test_a_hint_names_the_key_of_the_suite(suite: suites.Suite, key: str) -> None:
    missing = model.Test(outcome="error", message="ModuleNotFoundError: No module named 'yaml'")
    records = [record("2.0.0", {"a": returned()}, tests={"test_x.py": missing})]
    found = report_files.report(MATRIX, suite, records)
    assert f"No module named 'yaml'' (`--require pyyaml`{key} may help)" in shown(found, 120)
    assert f"No module named 'yaml'' (`--require pyyaml`{key} may help)" in markdown.summary(found).replace("\\", "")
