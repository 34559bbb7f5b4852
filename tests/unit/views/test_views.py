"""The views: what they say, and that nothing recorded is more than text in any of them."""

from __future__ import annotations

import html as stdlib_html
import io
import json
import re
from typing import Final
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts import paths
from scripts.core.console import make_console
from scripts.history.build import build_report
from scripts.history.report import Report
from scripts.results import drift
from scripts.results import records as model
from scripts.results.records import Record, Store
from scripts.texts import visible
from scripts.views import grouping, html, junit, markdown, page, standing, svg, templates, terminal, textwidth
from tests.support.hostile import TEXTS, hostile_records
from tests.support.records import blocked, fresh, history, observed, raised, record, returned, unavailable

ANY_TEXT: Final = st.text(st.characters(exclude_categories=["Cs"]), max_size=60) | st.sampled_from(TEXTS)
CONTROLS: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@pytest.fixture(scope="module")
def hostile() -> Report:
    return build_report(hostile_records())


def accepted() -> list[Record]:
    return Store(paths.RESULTS).read(Record)


def saying(text: str) -> Report:
    """A report in which a failure says a text."""
    return build_report([record("2.0.0", {"script": returned()}), record("2.1.0", {"script": raised(text)})])


# --- texts ------------------------------------------------------------------------------------------------------


@given(ANY_TEXT)
def test_visible_texts_have_no_controls_and_lose_nothing_else(text: str) -> None:
    shown = visible(text)
    assert not CONTROLS.search(shown.replace("\r", ""))
    assert visible(shown) == shown
    if text.isascii() and text.isprintable():
        assert shown == text


# --- grouping ---------------------------------------------------------------------------------------------------

LETTERS: Final = st.text("AB.w", min_size=1, max_size=9)


@given(LETTERS)
def test_bands_are_cut_where_something_changes(letters: str) -> None:
    report = build_report(history("script", letters))
    bands = grouping.bands(report, report.platforms[0])
    assert [release for band in bands for release in band.releases] == list(report.releases)
    groups = re.findall(r"((.)\2*)", letters)
    assert [len(band.releases) for band in bands] == [len(group) for group, _ in groups]


@given(LETTERS)
def test_rows_of_only_changes_stand_for_all_cells(letters: str) -> None:
    report = build_report(history("script", letters))
    rows = grouping.rows(report, only_changes=True)
    assert [cell for row in rows for cell in row.cells] == list(report.cells)
    assert len(rows) == len(re.findall(r"(.)\1*", letters))
    assert len(grouping.rows(report)) == len(letters)


def test_rows_say_what_they_stand_for() -> None:
    report = build_report(
        [
            record("2.0.0", {"a": returned()}),
            record("2.0.0", {"a": returned()}, build="cu118", python="3.9"),
            record("2.1.0", {"a": returned()}, platform="plan9"),
        ]
    )
    (row,) = grouping.rows(report, only_changes=True)
    assert (row.releases, row.builds, row.pythons) == ("2.0.0 – 2.1.0", "2 builds", "3.9, 3.11")
    assert row.platforms == "linux-x86_64, plan9"


def test_changes_that_tell_the_same_are_told_once() -> None:
    before, after = (
        {"a": observed("A"), "b": observed("A"), "c": observed(".")},
        {"a": observed("."), "b": observed("."), "c": observed(".")},
    )
    (step,) = grouping.steps(build_report([record("2.0.0", before), record("2.1.0", after)]))
    assert [one.sentence for one in step.told] == [
        "a, b: fixed: RuntimeError 'Failure A of the compiler.' when compiling → returned"
    ]


def test_a_change_says_which_builds_show_it() -> None:
    axes = [("cpu", "3.9"), ("cpu", "3.11"), ("cu118", "3.11")]
    old = [record("2.0.0", {"a": observed(".")}, build=build, python=python) for build, python in axes]
    new = [record("2.1.0", {"a": observed("A")}, build=build, python=python) for build, python in axes]
    (step,) = grouping.steps(build_report([*old, *new]))
    assert step.told[0].text.endswith(", on all 3 builds and Pythons")
    new[0] = record("2.1.0", {"a": observed(".")}, build="cpu", python="3.9")
    (step,) = grouping.steps(build_report([*old, *new]))
    assert step.told[0].text.endswith(", on cpu on Python 3.11, cu118 on Python 3.11 only")


@pytest.mark.parametrize(
    ("letters", "said"),
    [
        ("A..", "returned, since 2.1.0"),
        ("A .", "returned, since 2.2.0 (2.1.0 not recorded)"),
        ("A.w", "returned, since 2.1.0"),
        ("..", "returned, since 2.0.0 at least, the first recorded"),
        (".A.A", "RuntimeError 'Failure A of the compiler.' when compiling, since 2.3.0"),
    ],
)
def test_how_things_stand_now(letters: str, said: str) -> None:
    report = build_report(history("script", letters), known=[f"2.{n}.0" for n in range(4)])
    (one,) = standing.standings(report, report.platforms[0])
    assert one.text == said


def test_failures_come_first_in_how_things_stand_and_builds_that_disagree_are_left_out() -> None:
    shown = {"fine": returned(), "blocked": blocked("bad"), "bad": observed("A"), "torn": observed("A")}
    report = build_report([record("2.0.0", shown), record("2.0.0", {**shown, "torn": returned()}, python="3.9")])
    found = standing.standings(report, report.platforms[0])
    assert [(one.mark, one.names) for one in found] == [("✗", ("bad",)), ("·", ("blocked",)), ("✓", ("fine",))]


def test_comparing_keeps_platforms_apart() -> None:
    there = {"2.0.0": observed("A"), "2.1.0": observed("B")}
    report = build_report(
        [
            *history("a", ".."),
            *(record(torch, {"a": one}, platform="plan9") for torch, one in there.items()),
        ]
    )
    found = grouping.compare(report, "2.0.0", "2.1.0")
    assert [(one.axes, one.before == one.after) for one in found] == [
        ("cpu on Python 3.11, linux-x86_64", True),
        ("cpu on Python 3.11, plan9", False),
    ]


# --- terminal ---------------------------------------------------------------------------------------------------


def shown(report: Report, width: int, **options: bool) -> str:
    screen = make_console(width=width, file=io.StringIO())
    with screen.capture() as captured:
        terminal.show(report, screen, **options)
    return captured.get()


@pytest.mark.parametrize("width", [80, 120])
def test_the_terminal_keeps_to_its_width_without_colour(width: int) -> None:
    report = build_report(accepted(), order=("test_trace.py", "test_script.py"))
    text = shown(report, width)
    assert max(map(len, text.splitlines())) <= width
    assert "\x1b" not in text
    assert "Now, in 2.15.0" in text


def test_a_wide_terminal_has_the_names_in_the_table_and_a_narrow_one_numbers() -> None:
    report = build_report(accepted(), order=("test_trace.py", "test_script.py"))
    assert "trace-while-caching" not in shown(report, 120).partition("1.9.1")[0]
    assert "caching" in shown(report, 120).partition("1.9.1")[0]
    assert " 4 trace-while-caching" in shown(report, 80).partition("1.9.1")[0]


def test_a_terminal_without_unicode_gets_ascii() -> None:
    file = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    screen = make_console(width=80, file=file)
    terminal.show(build_report(history("script", ".AwA")), screen)
    file.flush()
    assert isinstance(file.buffer, io.BytesIO)
    text = file.buffer.getvalue().decode("ascii")
    assert "xA" in text
    assert "->" in text


def test_hostile_texts_reach_no_terminal(hostile: Report) -> None:
    for width in (80, 300):
        text = shown(hostile, width)
        assert not CONTROLS.search(text)
        assert "[bold red]markup[/bold red] [/]" in text or width == 80
    screen = make_console(width=100, no_color=True)
    with screen.capture() as captured:
        terminal.show_comparison(hostile, ("2.0.0", "2.1.0"), screen)
    assert not CONTROLS.search(captured.get())
    assert "markup" in captured.get()


# --- markdown ---------------------------------------------------------------------------------------------------


@given(ANY_TEXT)
def test_markdown_is_escaped_on_one_line(text: str) -> None:
    escaped = templates.escape_markdown(text)
    assert "\n" not in escaped
    assert not re.search(r"(?<!\\)(?:\\\\)*[`*_\[\]<>#|~&$@]", escaped)
    assert re.sub(r"\\([\\`*_\[\]<>#|~&$@])", r"\1", escaped) == visible(" ".join(text.split()))


@given(ANY_TEXT)
def test_code_spans_hold_what_they_hold(text: str) -> None:
    span = templates.code(text)
    fence = re.match(r"`+", span)
    assert fence
    assert span.endswith(fence[0])
    assert fence[0] not in span[len(fence[0]) : -len(fence[0])]


def test_hostile_texts_add_no_row_column_or_line_to_markdown(hostile: Report) -> None:
    for text in (
        markdown.summary(hostile),
        markdown.results_page(hostile, picture="matrix.svg"),
        markdown.comparison(hostile, "2.0.0", "2.1.0"),
    ):
        assert not re.search(r"(?<!\\)<(?!/?details>|/?summary>)", text)
        assert not re.search(r"(?<!\\)@\w", text)
        assert not CONTROLS.search(text)
        tables = re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE)
        assert tables
        for table in tables:
            columns = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}
            assert len(columns) == 1


def test_markdown_links_each_step_and_hides_the_legend() -> None:
    text = markdown.summary(build_report(history("script", ".A")))
    assert "**[2.0.0 → 2.1.0](https://github.com/pytorch/pytorch/compare/" in text
    assert "<details><summary>Legend</summary>" in text


# --- JUnit ------------------------------------------------------------------------------------------------------


@given(ANY_TEXT)
def test_junit_is_well_formed_whatever_is_said(text: str) -> None:
    root = ET.fromstring(junit.render(saying(text)))
    assert [suite.get("name") for suite in root] == ["linux-x86_64/2.0.0-cpu-py3.11", "linux-x86_64/2.1.0-cpu-py3.11"]


def test_junit_of_hostile_records(hostile: Report) -> None:
    root = ET.fromstring(junit.render(hostile))
    assert len(root) == len(hostile.cells)
    assert {case.tag for case in root.iter()} <= {
        "testsuites",
        "testsuite",
        "testcase",
        "system-out",
        "failure",
        "error",
        "skipped",
    }


def test_junit_tells_drift_accepted_failures_and_what_was_lost() -> None:
    failed = model.Test(outcome="failed", exception="builtins.AssertionError", message="no")
    known = record("2.0.0", {"script": observed("A")}, tests={"t.py::test_contract": failed})
    changed = record("2.1.0", {"script": observed("B")})
    new = record("2.2.0", {}, tests={"t.py::test_contract": failed})
    crashed = unavailable("2.4.0").model_copy(update={"status": "crashed"})
    now = [fresh(one) for one in (known, changed, new)]
    compared = drift.compare(now, [known, record("2.1.0", {"script": observed("A")})])
    root = ET.fromstring(junit.render(build_report([*now, unavailable("2.3.0"), crashed], compared=compared)))
    found = {
        suite.get("name", "").partition("/")[2]: {
            case.get("name"): [part.tag for part in case if part.tag != "system-out"] for case in suite
        }
        for suite in root
    }
    assert found == {
        "2.0.0-cpu-py3.11": {"script": [], "test_contract": ["skipped"]},
        "2.1.0-cpu-py3.11": {"script": ["failure"]},
        "2.2.0-cpu-py3.11": {"test_contract": ["failure"]},
        "2.3.0-cpu-py3.11": {"cell": ["skipped"]},
        "2.4.0-cpu-py3.11": {"cell": ["error"]},
    }
    assert {key: root.get(key) for key in ("tests", "failures", "errors", "skipped")} == {
        "tests": "6",
        "failures": "2",
        "errors": "1",
        "skipped": "2",
    }


# --- SVG and HTML -----------------------------------------------------------------------------------------------

SVG: Final = "{http://www.w3.org/2000/svg}"


@given(ANY_TEXT)
def test_the_picture_is_well_formed_whatever_is_said(text: str) -> None:
    root = ET.fromstring(svg.render(saying(text)))
    tags = {"svg", "title", "desc", "style", "rect", "text", "g", "path"}
    assert {part.tag.removeprefix(SVG) for part in root.iter()} <= tags


def test_the_picture_stays_within_its_frame(hostile: Report) -> None:
    many = build_report([*history("script", "AB.wABAB.wA"), *history("trace", "AB.wABAB.wA", python="3.9")])
    for report in (hostile, many, build_report(accepted(), order=("test_trace.py", "test_script.py"))):
        root = ET.fromstring(svg.render(report))
        width, height = float(root.get("width", 0)), float(root.get("height", 0))
        for box in root.iter(f"{SVG}rect"):
            assert float(box.get("x", 0)) + float(box.get("width", 0)) <= width
            assert float(box.get("y", 0)) + float(box.get("height", 0)) <= height
        for group in root.iter(f"{SVG}g"):
            right = float(group.find(f"{SVG}rect").get("x")) + float(group.find(f"{SVG}rect").get("width"))  # type: ignore[union-attr, arg-type]
            for text in group.findall(f"{SVG}text"):
                bold, size = text.get("class") == "what", 11.5 if text.get("class") == "more" else 13
                assert float(text.get("x", 0)) + textwidth.width(text.text or "", size, bold=bold) <= right


def test_the_picture_has_each_platform_and_says_what_it_shows() -> None:
    report = build_report([*history("script", ".A"), record("2.0.0", {"script": observed("B")}, platform="plan9")])
    root = ET.fromstring(svg.render(report))
    texts = ["".join(one.itertext()) for one in root.iter(f"{SVG}text")]
    assert {"linux-x86_64", "plan9", "✗A RuntimeError", "✓ returned"} <= set(texts)
    assert "since 2.1.0" in (root.findtext(f"{SVG}desc") or "")


@given(ANY_TEXT, st.floats(10, 300))
def test_fitted_texts_fit(text: str, room: float) -> None:
    fitted = textwidth.fitted(text, 13, room)
    assert textwidth.width(fitted, 13) <= room
    assert fitted in {text, ""} or fitted.endswith("…")


def island(text: str) -> dict[str, object]:
    """The data that a page holds, as a browser would find it."""
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert found
    data: dict[str, object] = json.loads(found[1])
    return data


@given(ANY_TEXT)
def test_the_island_of_data_cannot_be_left(text: str) -> None:
    report = saying(text)
    rendered = html.render(report)
    assert island(rendered) == json.loads(json.dumps(page.data(report)))
    assert rendered.count("<script") == rendered.count("</script") == 2


def test_the_page_loads_nothing() -> None:
    rendered = html.render(build_report(history("script", ".A")))
    assert "default-src 'none'" in stdlib_html.unescape(rendered)
    assert not re.search(r"<(?:link|img|iframe)\b|@import|url\(", rendered)
    for name in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "fetch(", "XMLHttpRequest"):
        assert name not in rendered


def test_the_page_holds_each_text_once() -> None:
    rendered = html.render(build_report(history("script", "A" * 30)))
    assert rendered.count('"message":"Failure A of the compiler."') == 1


def test_since_when_says_what_else_changed() -> None:
    records = [
        record("2.0.0", {"a": observed("A")}, python="3.9"),
        record("2.1.0", {"a": observed(".")}, python="3.11"),
    ]
    (one,) = standing.standings(build_report(records), "linux-x86_64")
    assert one.sentence == "a: returned, since 2.1.0, where the Python changed as well"


def test_what_the_last_release_does_not_show_is_not_told_as_its() -> None:
    report = build_report([record("2.0.0", {"a": observed("A"), "b": returned()}), record("2.1.0", {"b": returned()})])
    assert [one.names for one in standing.standings(report, "linux-x86_64")] == [("b",)]


def test_what_all_platforms_agree_on_is_told_once() -> None:
    def both(letter: str, elsewhere: str) -> list[Record]:
        here = [record("2.0.0", {"a": observed(".")}), record("2.1.0", {"a": observed(letter)})]
        there = [
            record("2.0.0", {"a": observed(".")}, platform="x"),
            record("2.1.0", {"a": observed(elsewhere)}, platform="x"),
        ]
        return [*here, *there]

    (step,) = grouping.steps(build_report(both("A", "A")))
    assert [one.text.partition(" (")[2] for one in step.told] == ["on all 2 platforms)"]
    (step,) = grouping.steps(build_report(both("A", "B")))
    assert [one.text.partition(" (")[2] for one in step.told] == ["on linux-x86_64)", "on x)"]
