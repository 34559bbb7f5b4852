"""The views: their texts, and that everything recorded stays text in each of them."""

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

from scripts.core import layout
from scripts.core.console import make_console
from scripts.core.escaping import visible
from scripts.core.paths import SuitePaths
from scripts.history.build import build_report
from scripts.history.report import Report
from scripts.records import drift, model
from scripts.records.model import Record
from scripts.records.store import Store
from scripts.views import current, grouping, html, junit, markdown, page, svg, templates, terminal
from scripts.views.naming import Naming
from tests.support.hostile import TEXTS, hostile_records
from tests.support.records import blocked, fresh, history, observed, raised, record, returned, unavailable

ANY_TEXT: Final = st.text(st.characters(exclude_categories=["Cs"]), max_size=60) | st.sampled_from(TEXTS)
CONTROLS: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@pytest.fixture(scope="module")
def hostile() -> Report:
    return build_report(hostile_records())


def accepted() -> list[Record]:
    return Store(SuitePaths.of("parametrization").results).read(Record)


def with_message(text: str) -> Report:
    """Return a report of a failure with this message."""
    return build_report([record("2.0.0", {"script": returned()}), record("2.1.0", {"script": raised(text)})])


# --- texts ------------------------------------------------------------------------------------------------------


@given(ANY_TEXT)
def test_visible_replaces_control_characters_and_nothing_else(text: str) -> None:
    shown = visible(text)
    assert not CONTROLS.search(shown.replace("\r", ""))
    assert visible(shown) == shown
    if text.isascii() and text.isprintable():
        assert shown == text


# --- grouping ---------------------------------------------------------------------------------------------------

LETTERS: Final = st.text("AB.w", min_size=1, max_size=9)


@given(LETTERS)
def test_columns_are_split_where_an_observation_changes(letters: str) -> None:
    report = build_report(history("script", letters))
    (table,) = report.tables
    assert [release for releases in table.columns for release in releases] == list(report.releases)
    groups = re.findall(r"((.)\2*)", letters)
    assert [len(releases) for releases in table.columns] == [len(group) for group, _ in groups]


def test_equal_changes_of_several_observations_are_merged() -> None:
    before, after = (
        {"a": observed("A"), "b": observed("A"), "c": observed(".")},
        {"a": observed("."), "b": observed("."), "c": observed(".")},
    )
    (step,) = grouping.steps(Naming(report=build_report([record("2.0.0", before), record("2.1.0", after)])))
    assert [change.sentence for change in step.changes] == [
        "a, b: fixed: RuntimeError 'Failure A of the compiler.' when compiling → returned"
    ]


def test_a_change_names_the_builds_that_show_it() -> None:
    axes = [("cpu", "3.9"), ("cpu", "3.11"), ("cu118", "3.11")]
    old = [record("2.0.0", {"a": observed(".")}, build=build, python=python) for build, python in axes]
    new = [record("2.1.0", {"a": observed("A")}, build=build, python=python) for build, python in axes]
    (step,) = grouping.steps(Naming(report=build_report([*old, *new])))
    assert step.changes[0].text.endswith(", on all 3 builds and Pythons")
    new[0] = record("2.1.0", {"a": observed(".")}, build="cpu", python="3.9")
    (step,) = grouping.steps(Naming(report=build_report([*old, *new])))
    assert step.changes[0].text.endswith(", on cpu on Python 3.11, cu118 on Python 3.11 only")


@pytest.mark.parametrize(
    ("letters", "expected"),
    [
        ("A..", "returned, since 2.1.0"),
        ("A .", "returned, since 2.2.0 (2.1.0 not recorded)"),
        ("A.w", "returned, since 2.1.0"),
        ("..", "returned, since 2.0.0 at least, the first recorded"),
        (".A.A", "RuntimeError 'Failure A of the compiler.' when compiling, since 2.3.0"),
    ],
)
def test_current_behaviour_names_its_first_release(letters: str, expected: str) -> None:
    report = build_report(history("script", letters), known=[f"2.{n}.0" for n in range(4)])
    (behaviour,) = current.current_behaviour(report, report.platforms[0])
    assert behaviour.text == expected


def test_current_behaviour_lists_failures_first_with_what_they_block_and_leaves_out_disagreements() -> None:
    shown = {"fine": returned(), "blocked": blocked("bad"), "bad": observed("A"), "divided": observed("A")}
    report = build_report([record("2.0.0", shown), record("2.0.0", {**shown, "divided": returned()}, python="3.9")])
    found = current.current_behaviour(report, report.platforms[0])
    assert [(behaviour.mark, behaviour.names, behaviour.blocks) for behaviour in found] == [
        ("✗", ("bad",), ("blocked",)),
        ("✓", ("fine",), ()),
    ]


def test_a_comparison_pairs_cells_of_the_same_platform() -> None:
    elsewhere = {"2.0.0": observed("A"), "2.1.0": observed("B")}
    report = build_report(
        [
            *history("a", ".."),
            *(record(torch, {"a": observation}, platform="plan9") for torch, observation in elsewhere.items()),
        ]
    )
    found = grouping.compare(report, "2.0.0", "2.1.0")
    assert [(row.axes, row.before == row.after) for row in found] == [
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
def test_the_terminal_view_fits_its_width_without_colour(width: int) -> None:
    report = build_report(accepted(), order=("test_trace.py", "test_script.py"))
    text = shown(report, width)
    assert max(map(len, text.splitlines())) <= width
    assert "\x1b" not in text
    assert "Now, in 2.15.0" in text


def test_a_terminal_without_unicode_shows_ascii() -> None:
    file = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    screen = make_console(width=80, file=file)
    terminal.show(build_report(history("script", ".AwA")), screen)
    file.flush()
    assert isinstance(file.buffer, io.BytesIO)
    text = file.buffer.getvalue().decode("ascii")
    assert "xA" in text
    assert "->" in text


def test_no_control_character_reaches_the_terminal(hostile: Report) -> None:
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
def test_a_code_span_ends_only_at_its_fence(text: str) -> None:
    span = templates.code(text)
    fence = re.match(r"`+", span)
    assert fence
    assert span.endswith(fence[0])
    assert fence[0] not in span[len(fence[0]) : -len(fence[0])]


def test_hostile_texts_add_no_rows_columns_or_markup_to_markdown(hostile: Report) -> None:
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


def test_markdown_links_each_step_and_folds_the_legend() -> None:
    text = markdown.summary(build_report(history("script", ".A")))
    assert "**[2.0.0 → 2.1.0](https://github.com/pytorch/pytorch/compare/" in text
    assert "<details><summary>Legend</summary>" in text


# --- JUnit ------------------------------------------------------------------------------------------------------


@given(ANY_TEXT)
def test_junit_is_well_formed_for_any_message(text: str) -> None:
    root = ET.fromstring(junit.render(with_message(text)))
    assert [suite.get("name") for suite in root] == ["linux-x86_64/2.0.0-cpu-py3.11", "linux-x86_64/2.1.0-cpu-py3.11"]


def test_junit_of_hostile_records_has_only_the_known_elements(hostile: Report) -> None:
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


def test_junit_distinguishes_drift_accepted_failures_and_unrecorded_cells() -> None:
    failed = model.Test(outcome="failed", exception="builtins.AssertionError", message="no")
    known = record("2.0.0", {"script": observed("A")}, tests={"t.py::test_contract": failed})
    changed = record("2.1.0", {"script": observed("B")})
    new = record("2.2.0", {}, tests={"t.py::test_contract": failed})
    crashed = unavailable("2.4.0").model_copy(update={"status": "crashed"})
    now = [fresh(each) for each in (known, changed, new)]
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
def test_the_picture_is_well_formed_for_any_message(text: str) -> None:
    root = ET.fromstring(svg.render(with_message(text)))
    tags = {"svg", "title", "desc", "style", "rect", "text", "g", "path"}
    assert {part.tag.removeprefix(SVG) for part in root.iter()} <= tags


def test_boxes_and_texts_stay_within_the_picture(hostile: Report) -> None:
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
                assert float(text.get("x", 0)) + layout.text_width(text.text or "", size, bold=bold) <= right


def test_the_picture_names_each_platform_and_has_a_description() -> None:
    report = build_report([*history("script", ".A"), record("2.0.0", {"script": observed("B")}, platform="plan9")])
    root = ET.fromstring(svg.render(report))
    texts = ["".join(element.itertext()) for element in root.iter(f"{SVG}text")]
    assert {"linux-x86_64", "plan9", "✗A RuntimeError", "✓ returned"} <= set(texts)
    assert "since 2.1.0" in (root.findtext(f"{SVG}desc") or "")


@given(ANY_TEXT, st.floats(10, 300))
def test_a_fitted_text_fits_and_is_marked_where_it_is_cut(text: str, room: float) -> None:
    fitted = layout.fitted(text, 13, room)
    assert layout.text_width(fitted, 13) <= room
    assert fitted in {text, ""} or fitted.endswith("…")


def embedded_data(text: str) -> dict[str, object]:
    """Return the data embedded in a page, as a browser finds it."""
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert found
    data: dict[str, object] = json.loads(found[1])
    return data


@given(ANY_TEXT)
def test_no_message_ends_the_embedded_data(text: str) -> None:
    report = with_message(text)
    rendered = html.render(report)
    assert embedded_data(rendered) == json.loads(json.dumps(page.data(report)))
    assert rendered.count("<script") == rendered.count("</script") == 2


def test_the_page_makes_no_request() -> None:
    rendered = html.render(build_report(history("script", ".A")))
    assert "default-src 'none'" in stdlib_html.unescape(rendered)
    assert not re.search(r"<(?:link|img|iframe)\b|@import|url\(", rendered)
    for name in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "fetch(", "XMLHttpRequest"):
        assert name not in rendered


def test_the_page_holds_each_text_once() -> None:
    rendered = html.render(build_report(history("script", "A" * 30)))
    assert rendered.count('"message":"Failure A of the compiler."') == 1


def test_current_behaviour_names_the_axes_that_changed_as_well() -> None:
    records = [
        record("2.0.0", {"a": observed("A")}, python="3.9"),
        record("2.1.0", {"a": observed(".")}, python="3.11"),
    ]
    report = build_report(records)
    (statement,) = current.statements(Naming(report=report), "linux-x86_64")
    assert str(statement) == "a: returned, since 2.1.0, where the Python changed as well"


def test_current_behaviour_leaves_out_observations_that_the_last_release_lacks() -> None:
    report = build_report([record("2.0.0", {"a": observed("A"), "b": returned()}), record("2.1.0", {"b": returned()})])
    assert [behaviour.names for behaviour in current.current_behaviour(report, "linux-x86_64")] == [("b",)]


def test_a_change_on_all_platforms_is_listed_once() -> None:
    def both(letter: str, elsewhere: str) -> list[Record]:
        here = [record("2.0.0", {"a": observed(".")}), record("2.1.0", {"a": observed(letter)})]
        there = [
            record("2.0.0", {"a": observed(".")}, platform="x"),
            record("2.1.0", {"a": observed(elsewhere)}, platform="x"),
        ]
        return [*here, *there]

    (step,) = grouping.steps(Naming(report=build_report(both("A", "A"))))
    assert [change.text.partition(" (")[2] for change in step.changes] == ["on all 2 platforms)"]
    (step,) = grouping.steps(Naming(report=build_report(both("A", "B"))))
    assert [change.text.partition(" (")[2] for change in step.changes] == ["on linux-x86_64)", "on x)"]
